"""Storages: the memory of tensors, which may still have to be computed."""

from __future__ import annotations

import threading
import weakref

from ..runtime.memory import Buffer


class Storage:
    """A block of memory shared by a tensor and its views.

    ``buffer`` is None while the content is still to be computed by the pending window (or on ``meta``).
    ``version`` counts in-place writes. ``epoch`` and ``slot`` say which window knows this storage and under which
    number (negative: it existed before the window; else it is the window's output number). ``base`` is the byte
    offset of the first view that the window saw: offsets within a window are relative to it. ``written`` is the last window that
    has an instruction which writes it.
    ``external`` is not None while memory is visible to somebody else (NumPy, DLPack): a weak reference to the
    visible object, or True for good. ``failure`` is the error of the operation that should have computed the content.
    """

    __slots__ = ("buffer", "nbytes", "version", "epoch", "slot", "base", "written", "external", "failure", "__weakref__")
    inference = False

    def __init__(self, buffer: Buffer | None, nbytes: int, epoch: int = 0, slot: int = 0):
        self.buffer = buffer
        self.nbytes = nbytes
        self.version = 0
        self.epoch = epoch
        self.slot = slot
        self.base = 0
        self.written = 0
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


class _Thread(threading.local):
    inference = False
    differentiating = False  # inside a transformation of functions that was called in inference mode


thread = _Thread()


class InferenceStorage(Storage):
    """Memory made in inference mode: it has no versions, so that it can be neither saved for backward nor written outside."""

    __slots__ = ()
    inference = True

    @property
    def version(self) -> int:
        if thread.differentiating:
            return 0
        raise RuntimeError("Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in "
                           "computation tracked by autograd. To work around this, you can make a clone to get a normal tensor and use it "
                           "in autograd, or use `torch.no_grad()` instead of `torch.inference_mode()`.")

    @version.setter
    def version(self, value: int) -> None:
        pass  # every storage is made with version 0


def new_storage(buffer: Buffer | None, nbytes: int, epoch: int = 0, slot: int = 0) -> Storage:
    """A storage of the kind that this thread makes."""
    return (InferenceStorage if thread.inference else Storage)(buffer, nbytes, epoch, slot)


def check_inference(storage: Storage) -> None:
    """Refuse to write memory of inference mode outside of it."""
    if storage.inference and not thread.inference:
        raise RuntimeError("Inplace update to inference tensor outside InferenceMode is not allowed.You can make a clone to get a "
                           "normal tensor before doing inplace update.")


def note_write(storage: Storage) -> None:
    """Count a write that no instruction makes."""
    if storage.inference:
        check_inference(storage)
    else:
        storage.version += 1
