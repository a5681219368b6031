"""``torch.xpu``: there is no such device."""

from __future__ import annotations


def is_available() -> bool:
    """False."""
    return False


def device_count() -> int:
    """0."""
    return 0


def manual_seed(seed: int) -> None:
    """Nothing: there is no device to seed."""


def empty_cache() -> None:
    """Nothing: no memory is cached on a device."""
