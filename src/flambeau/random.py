"""The default random generator, and blocks that leave it as they found it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .ops.random import default_generator, get_rng_state, initial_seed, manual_seed, seed, set_rng_state

__all__ = ["set_rng_state", "get_rng_state", "manual_seed", "seed", "initial_seed", "fork_rng", "default_generator"]


@contextmanager
def fork_rng(
    devices=None,
    enabled: bool = True,
    _caller: str = "fork_rng",
    _devices_kw: str = "devices",
    device_type: str = "cuda",
) -> Iterator[None]:
    """Give the default generator back its state at the end of the block.

    ``devices`` names accelerators whose generators are kept too; there is none here.
    """
    if not enabled:
        yield
        return
    if devices:
        raise NotImplementedError(f"flambeau: fork_rng: there is no {device_type} device, got devices={devices!r}")
    state = get_rng_state()
    try:
        yield
    finally:
        set_rng_state(state)
