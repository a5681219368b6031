"""Operations one at a time, for windows that are not compiled (yet).

A result must not depend on how often its window was seen. Most primitives give the same bits by NumPy as by a kernel; those that
do not (elementary functions, sums, matrix products) run here by the kernels that a compiled window would use.
"""

from __future__ import annotations

from math import prod as count

from ...fusion import fusible
from ...graph import Graph, Operation, View
from ...meanings import MEANINGS
from ...plans import Dot, Map, Reduce
from . import sparse  # noqa: F401  (registers lowerings)
from .elementwise import supports
from .math import NAMES
from .native import has_lowering
from .program import Compiled

_EXACT = frozenset(["sqrt"])
MAX_CACHED = 8192
_compiled: dict = {}


def wants_kernel(operation: Operation) -> bool:
    """Whether NumPy's result could differ from a kernel's in the last bits."""
    plan = operation.code.extra
    kind = plan.__class__
    if kind is Map:
        return (plan.op in NAMES or plan.op in MEANINGS) and plan.op not in _EXACT and plan.compute.is_floating_point and _sized(operation)
    if kind is Reduce:
        return plan.kind in ("sum", "prod") and plan.compute.is_floating_point and _sized(operation)
    return kind is Dot and plan.dtype.name in ("float32", "float64") or has_lowering(operation)


def _sized(operation: Operation) -> bool:
    return all(count(v.spec.shape) for v in operation.inputs) and fusible(operation, supports)


def run(operation: Operation, buffers, bases, scalars) -> None:
    """Execute one operation by its kernel."""
    values = list(dict.fromkeys(v.value for v in operation.inputs))
    local = {value: i for i, value in enumerate(values)}
    views = [View(local[v.value], v.offset, v.spec) for v in operation.inputs]
    key = (operation.code, tuple([(v.value, v.offset) for v in views]))
    program = _compiled.get(key)
    if program is None:
        if len(_compiled) >= MAX_CACHED:
            _compiled.clear()
        program = _compiled[key] = Compiled(_graph(operation, views, len(values)))
    inputs = [_Memory(buffers[v], bases[v]) for v in values]
    outputs = [_Memory(buffers[v], 0) for v in operation.outputs]
    numbers = [scalars[s] if kind == "run" else s for kind, s in operation.scalars]
    program.run(inputs, outputs, numbers, {})


def _graph(operation: Operation, views: list[View], inputs: int) -> Graph:
    graph = Graph(inputs)
    made = [graph.new_value(spec.nbytes) for spec in operation.code.outputs]
    graph.results = list(made)
    scalars = [("run", i) for i in range(len(operation.scalars))]
    graph.operations.append(Operation(operation.code, views, made, scalars, None))
    return graph


class _Memory:
    """A buffer in the place of a storage."""

    __slots__ = ("buffer", "base", "failure")

    def __init__(self, buffer, base):
        self.buffer = buffer
        self.base = base
