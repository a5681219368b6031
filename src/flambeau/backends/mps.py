"""``torch.backends.mps``: there is no such device."""

from __future__ import annotations

from .settings import declare

declare(globals())


def is_macos_or_newer(major: int, minor: int) -> bool:
    """Raises RuntimeError, as PyTorch does where there is no such device."""
    raise RuntimeError("torch.backends.mps: there is no MPS backend")


def is_macos13_or_newer(minor: int = 0) -> bool:
    """Raises RuntimeError, as PyTorch does where there is no such device."""
    return is_macos_or_newer(13, minor)
