"""Storages: the memory of tensors, which may still have to be computed."""

from __future__ import annotations

import weakref

from ..runtime.memory import Buffer


class Storage:
    """A block of memory shared by a tensor and its views.

    ``buffer`` is None while the content is still to be computed by the pending window (or on ``meta``).
    ``version`` counts in-place writes. ``epoch`` and ``slot`` say which window knows this storage and under which
    number (negative: it existed before the window; else it is the window's output number). ``base`` is the byte
    offset of the first view that the window saw: offsets within a window are relative to it.
    ``external`` is not None while memory is visible to somebody else (NumPy, DLPack): a weak reference to the
    visible object, or True for good. ``failure`` is the error of the operation that should have computed the content.
    """

    __slots__ = ("buffer", "nbytes", "version", "epoch", "slot", "base", "external", "failure", "__weakref__")

    def __init__(self, buffer: Buffer | None, nbytes: int):
        self.buffer = buffer
        self.nbytes = nbytes
        self.version = 0
        self.epoch = 0
        self.slot = 0
        self.base = 0
        self.external: weakref.ref | bool | None = None
        self.failure: Exception | None = None

    def is_external(self) -> bool:
        """Whether somebody outside can see this memory now."""
        seen = self.external
        if seen is None or seen is True:
            return bool(seen)
        if seen() is not None:
            return True
        self.external = None
        return False
