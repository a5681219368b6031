"""Tensors that a transformation of functions looks through: batched ones (``vmap``) and dual ones (forward mode).

They are subclasses of Tensor that take over operators. Transformations nest; each has a level, and an operator is
handled by the highest level among its arguments, whose rule calls operators on what lies beneath.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from typing import Any

from ..compiler.graph import TraceError
from ..lazy.spec import Spec
from ..lazy.storage import Storage
from ..tensor import Tensor
from .operator import Operator
from .overrides import OPERATORS, plain

_levels = itertools.count(1)


class _Active(threading.local):
    levels: tuple = ()


active = _Active()  # the transformations that user code is running in, the outermost first


def new_level() -> int:
    """The number of a new innermost transformation."""
    return next(_levels)


class DataDependent(TraceError):
    """A value was looked at that differs from sample to sample."""


class Transformed(Tensor):
    """A tensor of a transformation; ``_level`` is its number."""

    _level: int
    _asks = False

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        func, kwargs = plain(func), kwargs or {}
        top = max((t for t in tensors_in((args, kwargs)) if isinstance(t, Transformed)), key=lambda t: t._level)
        return top._handle(func, args, kwargs)

    def _handle(self, func, args, kwargs):
        """The result of ``func`` by the rules of this tensor's transformation."""
        raise NotImplementedError

    @property
    def grad_fn(self):
        """None: the graph knows the tensors beneath."""
        return None

    is_leaf = property(lambda self: True)


def tensors_in(value: Any) -> Iterator[Tensor]:
    """All tensors in nested tuples, lists and dictionaries."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for v in value:
            yield from tensors_in(v)
    elif isinstance(value, dict):
        for v in value.values():
            yield from tensors_in(v)


def map_tensors(function: Callable[[Tensor], Any], value: Any) -> Any:
    """Nested tuples, lists and dictionaries with ``function`` applied to every tensor."""
    if isinstance(value, Tensor):
        return function(value)
    if isinstance(value, (tuple, list)):
        mapped = [map_tensors(function, v) for v in value]
        return type(value)(*mapped) if hasattr(value, "_fields") else type(value)(mapped)
    if isinstance(value, dict):
        return type(value)((k, map_tensors(function, v)) for k, v in value.items())
    return value


_by_function: dict = {}


def operator_of(function) -> Operator | None:
    """The operator behind a public function; None for plain Python functions."""
    if isinstance(function, Operator):  # without a public function
        return function
    found = getattr(function, "operator", None)
    if found is None and function not in _by_function:
        _by_function.update({op.function: op for op in OPERATORS.values() if op.function is not None})
        _by_function.setdefault(function, None)
    return found or _by_function[function]


def name_of(function) -> str:
    """The name of a public function, for messages."""
    return function.name if isinstance(function, Operator) else function.__name__


def arguments_of(op: Operator, args, kwargs) -> tuple:
    """All arguments of an operator's call, in the order of its schema."""
    values = list(args)
    for p in op.parameters[len(values) :]:
        values.append(kwargs.get(p.name, p.default))
    return op.normalized(tuple(values))


def body_of(function):
    """The Python function that a public function runs for plain tensors."""
    return getattr(function, "__wrapped__", function)


__all__ = [
    "DataDependent", "arguments_of", "Spec", "Storage", "Transformed", "active", "body_of", "map_tensors",
    "new_level", "operator_of", "tensors_in",
]  # fmt: skip
