"""The transformations that code is running in."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field

from ..autograd.mode import inference_mode, no_grad
from ..lazy.storage import thread
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


@contextmanager
def out_of_inference():
    """Within the block inference mode is off, and what it made may be saved for backward: a transformation differentiates in any
    mode, and nothing of its graph outlives the call."""
    if not thread.inference:
        yield
        return
    previous, thread.differentiating = thread.differentiating, True
    try:
        with inference_mode(False), no_grad():
            yield
    finally:
        thread.differentiating = previous
