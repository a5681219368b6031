"""Primitives that are no loop nests, lowered to tasks of the thread pool: a registry from plan class to lowering function.

A lowering function takes an operation and returns a :class:`Lowered`, or None where no kernel takes its operands: the
reference backend then computes it. What tasks are made of may depend on sizes only, so that the number of threads does not
change a bit.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from flambeau.compiler.graph import Operation
from flambeau.compiler.targets.cpu.builder import Builder, Value
from flambeau.compiler.targets.cpu.dot_layout import TASK_PARAMETERS


class Operand(NamedTuple):
    """A cell with the address of an input."""

    index: int


class Result(NamedTuple):
    """A cell with the address of an output."""

    index: int = 0


class Shared(NamedTuple):
    """A cell with an address in memory that all tasks of the operation share."""

    offset: int = 0


SCRATCH = object()  # a cell with the address of the threads' scratch ...
SCRATCH_BYTES = object()  # ... and one with what each thread has of it
ERROR = object()  # a cell with the address of two i64: an index that is out of range, and 1


class Task(NamedTuple):
    """Items ``0 .. items - 1`` of the task function at an address; ``cells`` are ints or the markers above."""

    function: int
    cells: list[Any]
    items: int


@dataclass
class Lowered:
    """An operation as tasks: ``then`` starts when all of ``tasks`` have ended. ``tables`` are arrays whose addresses cells hold.

    ``bounds``: ``(dim, size)`` of what its indices, if it has any, must lie in; the tasks report one that does not by ``ERROR``.
    """

    tasks: list[Task]
    then: list[Task] = field(default_factory=list)
    scratch_bytes: int = 0
    shared_bytes: int = 0
    tables: list = field(default_factory=list)
    bounds: tuple[tuple[int, int], ...] = ()


_LOWERINGS: dict[type, Callable[[Operation], Lowered | None]] = {}


def lowering(plan: type):
    """Register a lowering function for operations whose ``extra`` is a ``plan``."""

    def register(function):
        _LOWERINGS[plan] = function
        return function

    return register


@functools.cache
def _load() -> None:
    """Import the modules that nobody else imports for what they register."""
    for name in ("folding", "integer_dot", "ranking", "resampling", "writing"):
        importlib.import_module(f"flambeau.compiler.targets.cpu.{name}")


def has_lowering(operation: Operation) -> bool:
    """Whether the operation is of a kind that may run natively."""
    _load()
    return operation.code.extra.__class__ in _LOWERINGS


def lower_single(operation: Operation) -> Lowered | None:
    """The tasks of an operation, None where the reference backend must compute it."""
    _load()
    function = _LOWERINGS.get(operation.code.extra.__class__)
    return function(operation) if function else None


class Fields:
    """Names of the cells of a kind of task."""

    def __init__(self, names: str) -> None:
        self.names = tuple(names.split())
        self._index = {name: i for i, name in enumerate(self.names)}

    def cells(self, **values: Any) -> list[Any]:
        """The cells in order; raises KeyError for one that is missing."""
        return [values[name] for name in self.names]

    def read(self, b: Builder, name: str, type: str = "i64") -> Value:
        """The cell inside a task."""
        return b.load(type, b.gep(TASK_PARAMETERS[0], 8 * self._index[name]))
