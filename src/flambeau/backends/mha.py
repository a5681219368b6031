"""``torch.backends.mha``: the quick path of attention layers in evaluation."""

from __future__ import annotations

__all__ = ["get_fastpath_enabled", "set_fastpath_enabled"]

_enabled = True


def get_fastpath_enabled() -> bool:
    """What :func:`set_fastpath_enabled` set."""
    return _enabled


def set_fastpath_enabled(value: bool) -> None:
    """Kept, and changes nothing: attention layers have one path."""
    global _enabled
    _enabled = value
