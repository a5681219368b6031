"""Graphs: a window's instructions expanded to primitives, over numbered values.

A value is a block of memory: a storage that existed before, one that the window makes, or a temporary of a composite's
body. An operation reads and writes views of values; program order is the meaning.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class TraceError(RuntimeError):
    """An operator's body looked at a value while it was traced."""


class View(NamedTuple):
    """A strided view of a value, ``offset`` bytes after its start."""

    value: int
    offset: int
    spec: Any


class Operation:
    """A primitive applied to views; ``outputs`` are the values it makes, ``site`` is the position of the instruction."""

    __slots__ = ("code", "inputs", "outputs", "scalars", "site")

    def __init__(self, code, inputs, outputs, scalars, site):
        self.code = code
        self.inputs = inputs
        self.outputs = outputs
        self.scalars = scalars
        self.site = site

    def __repr__(self) -> str:
        views = ", ".join(f"%{v.value}{list(v.spec.shape)}" for v in self.inputs)
        return f"{', '.join(f'%{o}' for o in self.outputs) or '-'} = {self.code.operator.name}({views})"


class Graph:
    """``sizes[v]`` is the bytes of value v. The first ``inputs`` values existed before; ``results`` maps the window's
    output numbers to values, None where nobody can reach the result any more."""

    __slots__ = ("operations", "sizes", "inputs", "results", "_last_uses")

    def __init__(self, inputs: int):
        self.operations: list[Operation] = []
        self.sizes: list[int] = [0] * inputs
        self.inputs = inputs
        self.results: list[int | None] = []
        self._last_uses: list[list[int]] | None = None

    def last_uses(self) -> list[list[int]]:
        """For each operation, the values (made here) that no later one touches."""
        if self._last_uses is None:
            last: dict[int, int] = {}
            for position, operation in enumerate(self.operations):
                for value in [*(v.value for v in operation.inputs), *operation.outputs]:
                    last[value] = position
            self._last_uses = [[] for _ in self.operations]
            for value, position in last.items():
                if value >= self.inputs:
                    self._last_uses[position].append(value)
        return self._last_uses

    def new_value(self, nbytes: int) -> int:
        self.sizes.append(nbytes)
        return len(self.sizes) - 1

    def __repr__(self) -> str:
        return "\n".join(map(repr, self.operations))


class Param:
    """Stands for the k-th run-time scalar of an instruction while its operator's body is traced."""

    __slots__ = ("index", "kind")

    def __init__(self, index: int, kind: type):
        self.index = index
        self.kind = kind

    def _refuse(self, *_):
        raise TraceError("an operator's body computes with a run-time number while it is traced")

    __bool__ = __int__ = __float__ = __index__ = __neg__ = __abs__ = _refuse
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __hash__ = object.__hash__


class Trace:
    """The recorded body of a composite: instructions over its inputs (negative slots) and fresh storages.

    ``outputs`` are the slots that the composite's code declares as its outputs.
    """

    __slots__ = ("code", "outputs", "scalars")

    def __init__(self, code: list[tuple], outputs: list[int], scalars: list):
        self.code = code
        self.outputs = outputs
        self.scalars = scalars


def expand(instructions: list[tuple], inputs: int, alive: tuple[bool, ...]) -> Graph:
    """The graph of a window's instructions. Scalars become indices into the window's scalars, or constants."""
    graph = Graph(inputs)
    outputs: list[int] = []
    for instruction in instructions:
        outputs.extend(graph.new_value(spec.nbytes) for spec in instruction[0].outputs)
    graph.results = [value if live else None for value, live in zip(outputs, alive)]
    next_output, next_scalar = 0, 0
    for position, instruction in enumerate(instructions):
        code = instruction[0]
        views = [_view(operand, spec, inputs, outputs) for operand, spec in zip(instruction[1:], code.inputs)]
        made = outputs[next_output:next_output + len(code.outputs)]
        scalars = list(range(next_scalar, next_scalar + code.scalars))
        _expand(graph, code, views, made, [("run", s) for s in scalars], position)
        next_output += len(made)
        next_scalar += code.scalars
    drop_dead(graph)
    return graph


def _view(operand, spec, inputs: int, outputs: list[int]) -> View:
    slot, offset = operand if operand.__class__ is tuple else (operand, 0)
    return View(-slot - 1 if slot < 0 else outputs[slot], offset, spec)


def _expand(graph: Graph, code, views: list[View], made: list[int], scalars: list, site) -> None:
    trace = code.trace
    if trace is None:
        graph.operations.append(Operation(code, views, made, scalars, site))
        return
    slots = dict(zip(trace.outputs, made))
    fresh, used = 0, 0
    for instruction in trace.code:
        inner = instruction[0]
        inner_views = [_inner_view(o, s, views, slots) for o, s in zip(instruction[1:], inner.inputs)]
        inner_made = []
        for spec in inner.outputs:
            if fresh not in slots:
                slots[fresh] = graph.new_value(spec.nbytes)
            inner_made.append(slots[fresh])
            fresh += 1
        inner_scalars = []
        for scalar in trace.scalars[used:used + inner.scalars]:
            inner_scalars.append(scalars[scalar.index] if scalar.__class__ is Param else ("const", scalar))
        used += inner.scalars
        _expand(graph, inner, inner_views, inner_made, inner_scalars, site)


def _inner_view(operand, spec, views: list[View], slots: dict[int, int]) -> View:
    slot, offset = operand if operand.__class__ is tuple else (operand, 0)
    if slot >= 0:
        return View(slots[slot], offset, spec)
    outer = views[-slot - 1]
    return View(outer.value, outer.offset + offset, spec)


def drop_dead(graph: Graph) -> None:
    """Remove operations whose results and writes nobody can see."""
    needed = {value for value in graph.results if value is not None}
    needed.update(range(graph.inputs))
    kept = []
    for operation in reversed(graph.operations):
        written = [operation.inputs[i].value for i in operation.code.mutates]
        if not (needed.intersection(operation.outputs) or needed.intersection(written)):
            continue
        kept.append(operation)
        needed.update(view.value for view in operation.inputs)
    kept.reverse()
    graph.operations = kept
