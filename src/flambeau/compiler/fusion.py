"""Fusion: a graph's primitives are gathered into steps, most of them loop nests that become one kernel each.

A *group* is a loop nest over a domain (a shape). Elementwise operations of that shape join it, and reductions over one set of
its dims; what is computed from the reductions' results (one number a row) and what broadcasts these again joins too: a softmax,
a layer norm or a loss with its gradient is one pass over rows that stay in cache. A value is stored only if somebody outside reads it.
"""

from __future__ import annotations

from math import prod as count

from .access import Pool, covers, overlap
from .graph import Graph, Operation, View
from .kernel import DTYPES, NARROW_FLOATS
from .plans import TAKE_AS_IS, Dot, Flip, Gather, Index, Map, Positions, Reduce

LOOP_DTYPES = DTYPES
MAX_NODES = 96
MAX_ARGS = 20
SPLIT_ELEMENTS = 32768  # a reduction of everything to one number is split into partial ones from this size on
CANDIDATES = 6


class Loaded:
    """Where a value lies that a group reads or writes: ``strides`` in elements over the group's domain.

    ``view`` is what a group writes to.
    """

    __slots__ = ("value", "offset", "strides", "dtype", "level", "node", "view")

    def __init__(self, value, offset, strides, dtype, level, node, view=None):
        self.value = value
        self.offset = offset
        self.strides = strides
        self.dtype = dtype
        self.level = level
        self.node = node
        self.view = view

    def same_place(self, other) -> bool:
        """Whether each element of the domain finds its element at the same address."""
        return self.offset == other.offset and self.strides == other.strides and self.dtype == other.dtype


class Group:
    """A loop nest in the making. ``nodes`` are ``(op, dtype, inputs, attr)``, as in ``kernel.Node``."""

    def __init__(self, domain: tuple[int, ...], virtual: set[int]):
        self.domain = domain
        self.virtual = virtual  # values that are positions: known without memory
        self.reduced: tuple[int, ...] | None = None
        self.nodes: list[tuple] = []
        self.levels: list[str] = []
        self.memo: dict[tuple, int] = {}
        self.scalars: dict[tuple, int] = {}
        self.loads: list[Loaded] = []
        self.produced: dict[int, Loaded] = {}
        self.writes: list[Loaded] = []
        self.operations: list[Operation] = []
        self.gathers: list[tuple] = []
        self.closed = False

    def copy(self) -> Group:
        """A group that can grow without changing this one."""
        made = Group(self.domain, self.virtual)
        for name, value in vars(self).items():
            setattr(made, name, value.copy() if isinstance(value, (list, dict)) else value)
        return made

    # -- nodes -------------------------------------------------------------------------------------------------------

    def node(self, op: str, dtype: str, inputs: tuple = (), attr=None, level: str | None = None) -> int:
        key = (op, dtype, inputs, attr)
        found = self.memo.get(key)
        if found is None:
            if level is None:
                level = "element" if any(self.levels[i] == "element" for i in inputs) else "row"
            found = self.memo[key] = len(self.nodes)
            self.nodes.append(key)
            self.levels.append(level)
        return found

    def cast(self, node: int, dtype: str) -> int:
        return node if self.nodes[node][1] == dtype else self.node("cast", dtype, (node,))

    def scalar(self, scalar: tuple, dtype: str) -> int:
        index = self.scalars.setdefault((scalar, dtype), len(self.scalars))
        return self.node("scalar", dtype, (), index, "row")

    # -- addresses ---------------------------------------------------------------------------------------------------

    def row_shape(self, shape) -> bool:
        """Whether ``shape`` is that of the reductions' results, with or without the reduced dims."""
        if self.reduced is None:
            return False
        kept = tuple(s for d, s in enumerate(self.domain) if d not in self.reduced)
        ones = tuple(1 if d in self.reduced else s for d, s in enumerate(self.domain))
        return tuple(shape) in (kept, ones)

    def domain_strides(self, spec, shape, level: str) -> tuple[int, ...]:
        """The strides of ``spec``, broadcast to an operation's ``shape``, over the domain."""
        lead = len(shape) - spec.ndim
        own = [0] * lead + [0 if size == 1 else step for size, step in zip(spec.shape, spec.stride)]
        if level == "row" and len(own) != len(self.domain):
            rest = iter(own)
            own = [0 if d in self.reduced else next(rest) for d in range(len(self.domain))]
        return tuple([0 if size == 1 else step for size, step in zip(self.domain, own)])

    def resolve(self, view: View, shape, level: str) -> int | None:
        """The node of what ``view`` shows, loaded if need be; None where the group cannot know it."""
        dtype = view.spec.dtype.name
        strides = self.domain_strides(view.spec, shape, level)
        place = Loaded(view.value, view.offset, strides, dtype, level, -1)
        if view.value in self.virtual:
            return self.node("positions", "int64", (), (strides, view.offset // 8), level)
        made = self.produced.get(view.value)
        if made is not None:
            return made.node if made.same_place(place) and self._visible(made.node, level) else None
        written = [write for write in self.writes if write.value == view.value]
        if written:
            write = next((write for write in written if write.same_place(place)), None)
            return write.node if write is not None and self._visible(write.node, level) else None
        node = self.node("load", dtype, (), ("at", view.value, view.offset, strides, level), level)
        place.node = node
        self.loads.append(place)
        return node

    def _visible(self, node: int, level: str) -> bool:
        return level == "element" or self.levels[node] == "row"

    # -- operations --------------------------------------------------------------------------------------------------

    def add(self, operation: Operation) -> bool:
        """Take the operation into the nest; False (and no change) where it does not fit."""
        if self.closed or len(self.nodes) > MAX_NODES or len(self.loads) + len(self.writes) > MAX_ARGS:
            return False
        mark = (len(self.nodes), len(self.loads), self.reduced, len(self.gathers), dict(self.scalars))
        if self._add(operation):
            self.operations.append(operation)
            return True
        self._rewind(mark)
        return False

    def _rewind(self, mark) -> None:
        nodes, loads, self.reduced, gathers, self.scalars = mark
        for key in self.nodes[nodes:]:
            del self.memo[key]
        del self.nodes[nodes:], self.levels[nodes:], self.loads[loads:], self.gathers[gathers:]

    def _add(self, operation: Operation) -> bool:
        plan = operation.code.extra
        if plan.__class__ is Map:
            return self._add_map(operation, plan)
        if plan.__class__ is Reduce:
            return self._add_reduce(operation, plan)
        if plan.__class__ is Positions:
            return self._add_positions(operation)
        if plan.__class__ is Flip:
            return self._add_flip(operation, plan)
        return self._add_gather(operation, plan)

    def _level(self, shape) -> str | None:
        if tuple(shape) == self.domain:
            return "element"
        return "row" if self.row_shape(shape) else None

    def _add_map(self, operation: Operation, plan: Map) -> bool:
        code = operation.code
        target = None if code.outputs else operation.inputs[code.mutates[0]]
        shape = code.outputs[0].shape if code.outputs else target.spec.shape
        level = self._level(shape)
        if level is None:
            return False
        compute = plan.compute.name if plan.compute.name not in NARROW_FLOATS or plan.op == "identity" else "float32"
        rounded = plan.compute.name if plan.compute.name in NARROW_FLOATS and plan.op not in TAKE_AS_IS else compute
        operands = []
        for where, i in plan.operands:
            if where == "n":
                number = self.scalar(operation.scalars[i], "float32" if compute in NARROW_FLOATS else compute)
                operands.append(self.cast(self.cast(number, rounded), compute) if rounded != compute else number)
                continue
            node = self.resolve(operation.inputs[i], shape, level)
            if node is None:
                return False
            operands.append(self.cast(self.cast(node, rounded) if rounded != compute else node, compute))
        result = self._compute(plan, compute, tuple(operands))
        result = self.cast(result, plan.out.name)
        if target is None:
            strides = self.domain_strides(code.outputs[0], shape, level)
            self.produced[operation.outputs[0]] = Loaded(operation.outputs[0], 0, strides, plan.out.name, level, result)
            return True
        return self._add_write(target, shape, level, plan.out.name, result)

    def _compute(self, plan: Map, compute: str, operands: tuple) -> int:
        if plan.op == "identity":
            return operands[0]
        dtype = compute
        if plan.out.name == "bool" and plan.op in PREDICATES:
            dtype = "bool"
        if plan.op == "where":
            operands = (self.cast(operands[0], "bool"), *operands[1:])
        return self.node(plan.op, dtype, operands)

    def _add_write(self, target: View, shape, level: str, dtype: str, node: int) -> bool:
        strides = self.domain_strides(target.spec, shape, level)
        place = Loaded(target.value, target.offset, strides, dtype, level, node, target)
        if target.value in self.produced:
            return False
        if level == "row" and self.reduced is None:
            return False
        if any(load.value == target.value and not (load.same_place(place) and load.level == level) for load in self.loads):
            return False
        if any(g[1] == target.value for g in self.gathers):
            return False
        for write in self.writes:  # the pieces of a concatenation lie apart
            if write.value == target.value and not write.same_place(place) and overlap(write.view, target):
                return False
        self.writes = [w for w in self.writes if not (w.value == target.value and w.same_place(place))] + [place]
        return True

    def _add_reduce(self, operation: Operation, plan: Reduce) -> bool:
        view = operation.inputs[0]
        if tuple(view.spec.shape) != self.domain or (self.reduced is not None and self.reduced != plan.dims):
            return False
        node = self.resolve(view, view.spec.shape, "element")
        if node is None:
            return False
        self.reduced = plan.dims
        compute = "float32" if plan.compute.name in NARROW_FLOATS else plan.compute.name
        dtype = {"any": "bool", "all": "bool", "argmax": "int64", "argmin": "int64"}.get(plan.kind, compute)
        value = self.cast(node, "bool" if plan.kind in ("any", "all") else compute)
        result = self.node("reduce", dtype, (value,), plan.kind, "row")
        result = self.cast(result, plan.out.name)
        strides = self.domain_strides(operation.code.outputs[0], operation.code.outputs[0].shape, "row")
        self.produced[operation.outputs[0]] = Loaded(operation.outputs[0], 0, strides, plan.out.name, "row", result)
        kept = [s for d, s in enumerate(self.domain) if d not in plan.dims]
        if count(kept) == 1 and count(self.domain) >= SPLIT_ELEMENTS:
            self.closed = True  # partial results come first, so that nothing of this nest can use the whole one
        return True

    def _add_positions(self, operation: Operation) -> bool:
        if self.domain != tuple(operation.code.outputs[0].shape):
            return False
        node = self.node("positions", "int64", (), ((1,) if self.domain != (1,) else (0,), 0), "element")
        strides = self.domain_strides(operation.code.outputs[0], self.domain, "element")
        self.produced[operation.outputs[0]] = Loaded(operation.outputs[0], 0, strides, "int64", "element", node)
        return True

    def _add_flip(self, operation: Operation, plan: Flip) -> bool:
        (view,), (result,) = operation.inputs, operation.code.outputs
        level = self._level(result.shape)
        if level is None:
            return False
        shape, strides, itemsize = view.spec.shape, view.spec.stride, view.spec.dtype.itemsize
        last = sum((shape[d] - 1) * strides[d] for d in plan.dims)
        backwards = tuple(-step if d in plan.dims else step for d, step in enumerate(strides))
        source = View(view.value, view.offset + last * itemsize, _Spread(shape, backwards, view.spec.dtype))
        node = self.resolve(source, shape, level)
        if node is None:
            return False
        made = self.domain_strides(result, shape, level)
        self.produced[operation.outputs[0]] = Loaded(operation.outputs[0], 0, made, result.dtype.name, level, node)
        return True

    def _add_gather(self, operation: Operation, plan: Gather | Index) -> bool:
        source, *indices = operation.inputs
        shape = operation.code.outputs[0].shape
        level = self._level(shape)
        if level is None or source.value in self.produced or any(w.value == source.value for w in self.writes):
            return False
        strides, axes, places = _gather_geometry(plan, source.spec, indices, shape)
        positions = []
        for view, place in zip(indices, places):
            node = self.resolve(View(view.value, view.offset, _Spread(shape, place, view.spec.dtype)), shape, level)
            if node is None:
                return False
            positions.append(self._position(self.cast(node, "int64"), plan))
        over = self.domain_strides(_Spread(shape, strides, source.spec.dtype), shape, level)
        size = source.spec.dtype.itemsize
        axes = tuple((n, step * size) for n, step in axes)
        dims = (plan.dim,) if plan.__class__ is Gather else plan.dims
        bounds = tuple((d, source.spec.shape[d]) for d in dims)
        if plan.__class__ is Gather and plan.complaint:
            bounds = ((plan.complaint, 1),)
        key = ("gather", source.value, source.offset, over, level, axes, (operation.site, bounds))
        self.gathers.append(key)
        node = self.node("gather", source.spec.dtype.name, tuple(positions), key, level)
        made = self.domain_strides(operation.code.outputs[0], shape, level)
        self.produced[operation.outputs[0]] = Loaded(operation.outputs[0], 0, made, source.spec.dtype.name, level, node)
        return True

    def _position(self, node: int, plan) -> int:
        """An index as the kernel takes it: it counts negative ones from the end, so where that is not meant they are moved far out."""
        if plan.__class__ is Index and plan.wrap:
            return node
        zero = self.scalar(("const", 0), "int64")
        far = self.node("sub", "int64", (node, self.scalar(("const", FAR), "int64")))
        return self.node("where", "int64", (self.node("lt", "bool", (node, zero)), far, node))


FAR = 1 << 40  # see Group._position; the message of an index error adds it again


def _gather_geometry(plan, source, indices, shape):
    """``(strides of the source over the result, (size, stride) of each indexed axis, strides of each index over the result)``."""
    if plan.__class__ is Gather:
        strides = tuple(0 if d == plan.dim else s for d, s in enumerate(source.stride))
        return strides, [(source.shape[plan.dim], source.stride[plan.dim])], [_stretched(indices[0].spec, len(shape), 0)]
    rest = [source.stride[d] for d in range(source.ndim) if d not in plan.dims]
    block = len(shape) - len(rest)
    strides = (*rest[:plan.at], *[0] * block, *rest[plan.at:])
    places = [_stretched(v.spec, block, plan.at, len(shape)) for v in indices]
    return strides, [(source.shape[d], source.stride[d]) for d in plan.dims], places


def _stretched(spec, block: int, at: int, ndim: int | None = None) -> tuple[int, ...]:
    """The strides of an index over ``block`` dims of the result, which begin at ``at``."""
    own = [0] * (block - spec.ndim) + [0 if size == 1 else step for size, step in zip(spec.shape, spec.stride)]
    return tuple([0] * at + own + [0] * ((ndim or block) - at - block))


class _Spread:
    """A geometry for ``domain_strides``: any strides over a shape."""

    def __init__(self, shape, stride, dtype):
        self.shape, self.stride, self.ndim, self.dtype = tuple(shape), tuple(stride), len(shape), dtype


PREDICATES = frozenset(["eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or", "logical_xor", "logical_not", "isnan", "isinf",
                        "isposinf", "isneginf", "isfinite", "signbit"])


def fusible(operation: Operation, supported) -> bool:
    """Whether a loop nest can compute the operation; ``supported(op, dtype)`` asks the target."""
    code = operation.code
    plan = code.extra
    if plan.__class__ not in (Map, Reduce, Gather, Index, Flip):
        return False
    if any(v.spec.dtype.name not in LOOP_DTYPES for v in operation.inputs) or any(s.dtype.name not in LOOP_DTYPES for s in code.outputs):
        return False
    if plan.__class__ is Map:
        return plan.compute.name in LOOP_DTYPES and (plan.op == "identity" or supported(plan.op, plan.compute.name))
    if plan.__class__ is Reduce:
        return bool(plan.dims) or not operation.inputs[0].spec.ndim
    if plan.__class__ is Flip:
        return operation.inputs[0].spec.numel > 0
    return all(v.spec.dtype.name in ("int64", "int32") and v.spec.numel for v in operation.inputs[1:])


class Nothing:
    """The place of a step that was united with an earlier one."""

    operations: tuple = ()


class Single:
    """A step of one operation that is no loop nest: a matrix product, or what only the reference backend can do."""

    def __init__(self, operation: Operation):
        self.operations = [operation]
        self.operation = operation
        self.is_dot = operation.code.extra.__class__ is Dot and operation.code.extra.dtype.name in ("float32", "float64")


class Fused:
    """The steps of a graph in an order that respects every hazard; ``needs[i]`` are the steps that must end before step i."""

    def __init__(self):
        self.steps: list = []
        self.needs: list[set[int]] = []
        self.virtual: set[int] = set()
        self._reads: dict[int, Pool] = {}  # of each value
        self._writes: dict[int, Pool] = {}
        self._became: dict[int, int] = {}  # steps that are part of earlier ones now; others may know them by their old number

    def place(self, operation: Operation, supported) -> None:
        """Put an operation into a step."""
        reads, writes = _footprint(operation)
        needed = self._needed(reads, writes)
        step = self._join(operation, needed, supported)
        for view in reads:
            self._reads.setdefault(view.value, Pool()).add(step, view)
        for view in writes:
            self._note_write(view, step)
        self.needs[step].update(n for n in needed if n != step)

    def finish(self) -> None:
        """Call the steps that others need by their present numbers."""
        self.needs = [{self._now(n) for n in needs} for needs in self.needs]

    def _now(self, step: int) -> int:
        """The present number of a step."""
        while step in self._became:
            step = self._became[step]
        return step

    def _needed(self, reads, writes) -> set[int]:
        found = set()
        for view in reads:
            found.update(self._touching(self._writes, view))
        for view in writes:
            found.update(self._touching(self._writes, view))
            found.update(self._touching(self._reads, view))
        return found

    def _touching(self, pools: dict[int, Pool], view: View) -> set[int]:
        pool = pools.get(view.value)
        return {self._now(a.step) for a in pool.overlapping(view)} if pool is not None else set()

    def _note_write(self, view: View, step: int) -> None:
        # Who touches what is wholly overwritten needs to know the last writer only.
        for pools in (self._reads, self._writes):
            pool = pools.get(view.value)
            for access in pool.overlapping(view) if pool is not None else ():
                if covers(view, access.view):
                    pool.remove(access)
        self._writes.setdefault(view.value, Pool()).add(step, view)

    def _join(self, operation: Operation, needed: set[int], supported) -> int:
        if not fusible(operation, supported):
            return self._append(Single(operation))
        domain = _domain(operation)
        self._unite(sorted(n for n in needed if self.steps[n].__class__ is Group and self.steps[n].domain == domain))
        needed.clear()
        reads, writes = _footprint(operation)
        needed.update(self._needed(reads, writes))
        last = max(needed, default=-1)
        shared = {v.value for v in operation.inputs}
        candidates = [last] if last >= 0 else []
        candidates += range(len(self.steps) - 1, max(last, len(self.steps) - 1 - CANDIDATES), -1)
        for i in candidates:
            group = self.steps[i]
            if group.__class__ is Group and self._related(group, shared) and group.add(operation):
                return i
        group = Group(domain, self.virtual)
        if not group.add(operation):
            return self._append(Single(operation))
        return self._append(group)

    def _unite(self, groups: list[int]) -> None:
        """Move later groups into the first one, where nothing that they need comes after it."""
        if len(groups) < 2:
            return
        first = groups[0]
        for i in groups[1:]:
            needs = {self._now(n) for n in self.needs[i]}
            if any(n > first for n in needs):
                continue
            united = self.steps[first].copy()
            if all(united.add(operation) for operation in self.steps[i].operations):
                self.steps[first] = united
                self.needs[first] |= needs - {first}
                self.steps[i] = Nothing()
                self.needs[i] = set()
                self._became[i] = first

    def _related(self, group: Group, shared: set[int]) -> bool:
        return any(v in group.produced for v in shared) or any(load.value in shared for load in group.loads) \
            or any(w.value in shared for w in group.writes)

    def _append(self, step) -> int:
        self.steps.append(step)
        self.needs.append(set())
        return len(self.steps) - 1


def _footprint(operation: Operation) -> tuple[list[View], list[View]]:
    mutated = operation.code.mutates
    reads = [v for i, v in enumerate(operation.inputs) if i not in mutated or operation.code.extra.__class__ is not Map]
    writes = [operation.inputs[i] for i in mutated]
    writes += [View(value, 0, spec) for value, spec in zip(operation.outputs, operation.code.outputs)]
    return reads, writes


def _domain(operation: Operation) -> tuple[int, ...]:
    code = operation.code
    if code.extra.__class__ is Reduce:
        return tuple(operation.inputs[0].spec.shape)
    if code.outputs:
        return tuple(code.outputs[0].shape)
    return tuple(operation.inputs[code.mutates[0]].spec.shape)


def _stored(graph: Graph, supported) -> set[int]:
    """The values that must be in memory: results, and what others than loop nests read."""
    found = {value for value in graph.results if value is not None}
    for operation in graph.operations:
        if not fusible(operation, supported):
            found.update(v.value for v in operation.inputs)
    return found


def fuse(graph: Graph, supported) -> Fused:
    """Gather the operations of ``graph`` into steps."""
    fused = Fused()
    stored = _stored(graph, supported)
    for operation in graph.operations:
        if operation.code.extra.__class__ is Positions and operation.outputs[0] not in stored:
            fused.virtual.add(operation.outputs[0])
            continue
        if operation.code.operator.lowering == "empty":
            continue
        if all(count(s.shape) == 0 for s in operation.code.outputs) and not operation.code.mutates:
            continue
        fused.place(operation, supported)
    fused.finish()
    return fused
