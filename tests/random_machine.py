"""The machine that runs random programs: the pool of tensors, how operands are picked, and what is observed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

MOST_ELEMENTS = 40_000  # actions that would make more are left out ...
MOST_DIMS = 4  # ... as are those that would make more dimensions
MOST_TENSORS = 10
SHAPES = [(), (1,), (3,), (4,), (2, 3), (3, 4), (4, 4), (3, 1), (1, 4), (2, 3, 4), (0,), (2, 0), (5,), (2, 1, 3)]
LARGE = [(70, 130), (33, 65, 7), (9001,)]
DTYPES = ["float32", "float64", "float32", "float64", "int64", "float32", "bool", "int32", "uint8"]


class Step(NamedTuple):
    """``action`` with small integers that it may use."""

    action: str
    a: int = 0
    b: int = 0
    c: int = 0
    d: int = 0

    def __repr__(self) -> str:
        return f"Step({self.action!r}, {self.a}, {self.b}, {self.c}, {self.d})"


class Observation(NamedTuple):
    """What step number ``step`` let the program see: ``kind`` is shape-like, error or value."""

    step: int
    kind: str
    seen: Any


UNSAVED = "RuntimeError: a tensor that backward needs was overwritten or freed"
Action = Callable[["Machine", Step], Any]
ACTIONS: dict[str, Action] = {}


def action(function: Action) -> Action:
    """Decorator: an action is known by its function's name."""
    ACTIONS[function.__name__.strip("_")] = function
    return function


class Skip(Exception):
    """The step has no meaning for the present tensors."""


class Machine:
    """Runs steps with one library (``lib`` is ``torch`` or ``flambeau``)."""

    def __init__(self, lib: Any, nudge: float = 0.0) -> None:
        self.lib = lib
        self.nudge = nudge
        self.tensors: list[Any] = []
        self.arrays: list[np.ndarray] = []
        self.observations: list[Observation] = []

    # -- running -----------------------------------------------------------------------------------------------

    def run(self, program: list[Step]) -> list[Observation]:
        for number, step in enumerate(program):
            self.number = number
            try:
                made = ACTIONS[step.action](self, step)
            except Skip:
                continue
            except Exception as error:
                self.see("error", kind_of(error))
                continue
            self.keep(made)
        self.number = len(program)
        self.final_look()
        return self.observations

    def keep(self, made: Any) -> None:
        """Put new tensors into the pool; what does not fit any more is forgotten from the front."""
        for tensor in made if isinstance(made, (tuple, list)) else [made]:
            if tensor is None:
                continue
            self.see("form", form(tensor))
            if not any(tensor is t for t in self.tensors):
                self.tensors.append(tensor)
        del self.tensors[:-MOST_TENSORS]

    def see(self, kind: str, seen: Any) -> None:
        self.observations.append(Observation(self.number, kind, seen))

    def final_look(self) -> None:
        for tensor in self.tensors:
            self.see("form", form(tensor))
            self.see("value", value(tensor))
            if tensor.requires_grad and is_leaf(tensor):
                self.see("grad", None if tensor.grad is None else value(tensor.grad))
        for array in self.arrays:
            self.see("value", array.copy())

    # -- operands ----------------------------------------------------------------------------------------------

    def pick(self, n: int, allowed: Callable[[Any], bool] | None = None) -> Any:
        """The n-th tensor counted from the newest, of those allowed."""
        found = [t for t in reversed(self.tensors) if history(t) is not None and (allowed is None or allowed(t))]
        if not found:
            raise Skip
        return found[n % len(found)]

    def floating(self, n: int) -> Any:
        return self.pick(n, lambda t: t.dtype.is_floating_point)

    def partner(self, tensor: Any, n: int) -> Any:
        """A tensor that can be broadcast with ``tensor``; one time in sixteen any tensor."""
        if n % 16 == 15:
            return self.pick(n // 16)
        return self.pick(n, lambda t: fits(broadcast(t.shape, tensor.shape)))

    def smaller(self, tensor: Any, n: int) -> Any:
        """A tensor that can be broadcast to the shape of ``tensor``.

        It shares no memory with it, unless it is the same tensor: what PyTorch makes of that depends on its loops.
        """
        if n % 16 == 15:
            found = self.pick(n // 16)
        else:
            found = self.pick(n, lambda t: broadcast(t.shape, tensor.shape) == tuple(tensor.shape))
        return found.clone() if found is not tensor and share_memory(found, tensor) else found

    def dtype(self, n: int) -> Any:
        return getattr(self.lib, DTYPES[n % len(DTYPES)])

    def fresh(self, shape: tuple[int, ...], dtype: Any, seed: int) -> Any:
        """Small multiples of a quarter, so that most arithmetic on them is exact."""
        numbers = (np.arange(int(np.prod(shape)), dtype=np.int64) * 7 + seed) % 17 - 8
        numbers = numbers.reshape(shape)
        if dtype.is_floating_point:
            made = self.lib.tensor((numbers / 4).tolist(), dtype=dtype)
            return made * (1 + self.nudge) if self.nudge else made
        return self.lib.tensor(np.abs(numbers).tolist() if dtype is self.lib.uint8 else numbers.tolist(), dtype=dtype)


def kind_of(error: Exception) -> str:
    """The exception's type; what backward says of saved tensors is set apart, see ``difference``."""
    if "modified by an inplace operation" in str(error) or "through the graph a second time" in str(error):
        return UNSAVED
    return "RuntimeError" if isinstance(error, NotImplementedError) else type(error).__name__


def form(tensor: Any) -> tuple:
    """Everything about a tensor that can be seen without its values."""
    # Strides mean something where a dimension has neighbours.
    strides = [n for n, size in zip(tensor.stride(), tensor.shape) if size > 1] if tensor.numel() else None
    return (str(tensor.dtype).partition(".")[2], tuple(tensor.shape), strides,
            tensor.storage_offset() if tensor.numel() else None, tensor.requires_grad, history(tensor), tensor._version, tensor._is_view())


def history(tensor: Any) -> tuple[bool, bool] | None:
    """Whether the tensor has a ``grad_fn`` and is a leaf; None for views that may not be used any more.

    Those are views that one operator gave at once, or that were taken without grad mode, when memory was written.
    """
    try:
        return tensor.grad_fn is not None, tensor.is_leaf
    except RuntimeError:
        return None


def is_leaf(tensor: Any) -> bool:
    """A leaf, and no view that was taken of one without grad mode: where gradients end."""
    return history(tensor) == (False, True) and not tensor._is_view()


def can_be_asked(tensor: Any) -> bool:
    """Whether gradients can be taken with respect to the tensor."""
    return tensor.requires_grad and (is_leaf(tensor) or history(tensor) == (True, False))


def value(tensor: Any) -> np.ndarray:
    """The values, in a copy that shares no memory (bfloat16 as float32, which holds the same numbers)."""
    name = str(tensor.dtype).partition(".")[2]
    numbers = np.array(tensor.detach().tolist(), dtype="float32" if name == "bfloat16" else name)
    return numbers.reshape(tuple(tensor.shape))


def share_memory(a: Any, b: Any) -> bool:
    """Whether two tensors have one storage. (To ask flambeau for an address would run the window.)"""
    if hasattr(a, "_storage") and not callable(a._storage):
        return a._storage is b._storage
    return a.numel() > 0 and a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr()


def repeats(tensor: Any) -> bool:
    """Whether elements share their place, as in expanded tensors."""
    return tensor.numel() > 0 and any(step == 0 and size > 1 for step, size in zip(tensor.stride(), tensor.shape))


def fits(shape: tuple[int, ...] | None) -> bool:
    return shape is not None and int(np.prod(shape)) <= MOST_ELEMENTS and len(shape) <= MOST_DIMS


def broadcast(*shapes: tuple[int, ...]) -> tuple[int, ...] | None:
    try:
        return np.broadcast_shapes(*[tuple(s) for s in shapes])
    except ValueError:
        return None


def dim_of(tensor: Any, n: int) -> int:
    """A dimension, counted from either end; now and then one that does not exist."""
    ndim = tensor.dim()
    if n % 32 == 31:
        return ndim
    return n % (2 * ndim) - ndim if ndim else (-1, 0)[n % 2]
