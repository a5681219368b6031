"""The transformations that code is running in."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field

from ..ops.transformed import active, new_level


@dataclass(frozen=True)
class Level:
    """One running transformation: ``kind`` is "vmap" or "jvp"; ``size`` and ``randomness`` are those of a vmap."""

    kind: str
    size: int = 0
    randomness: str = "error"
    number: int = field(default_factory=new_level)


@contextmanager
def running(level: Level):
    """Within the block, ``level`` is the innermost transformation."""
    previous = active.levels
    active.levels = (*previous, level)
    try:
        yield level
    finally:
        active.levels = previous
