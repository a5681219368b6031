"""Kernels to LLVM IR: the loops.

    row mode:     rows > passes > middle dims > inner blocks
    column mode:  rows > inner strips > passes > middle dims

A value is computed at the outermost place it can be: on entry, once a row, once a strip, or in the innermost
body. Values that differ between inner positions are vectors, all others are scalars, repeated in every lane
where a vector needs them. A body handles several vectors at once (*copies*): it does every operation for each
copy before the next operation, so all its loads come before its stores, which makes in-place kernels right.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from flambeau.compiler.kernel import COSTLY, INNER, MIDDLE, SMALL_FLOATS, Kernel, Node, Pass, plan
from flambeau.compiler.meanings import MEANINGS
from flambeau.compiler.small_floats import encode
from flambeau.compiler.targets.cpu.builder import Builder, Value, vector
from flambeau.compiler.targets.cpu.elementwise import lower
from flambeau.compiler.targets.cpu.frame import Block, Frame, new_block
from flambeau.compiler.targets.cpu.layout import Layout, layout, scratch_bytes
from flambeau.compiler.targets.cpu.memory import Memory
from flambeau.compiler.targets.cpu.reduce import Accumulator
from flambeau.compiler.targets.cpu.types import is_signed, register_type, size_of

__all__ = ["Fragment", "Layout", "emit_kernel", "join_module", "lane_count", "layout", "scratch_bytes"]


class Target(Protocol):
    """What code generation asks of a processor."""

    vector_bytes: int


@dataclass(frozen=True)
class Fragment:
    """The text of one function, and the declarations its module needs."""

    name: str
    text: str
    declarations: frozenset[str]


def join_module(fragments: Iterable[Fragment]) -> str:
    """One module of several functions."""
    fragments = list(fragments)
    declarations = sorted(frozenset().union(*(fragment.declarations for fragment in fragments)))
    return "\n".join([*declarations, "", *(fragment.text for fragment in fragments)])


def emit_kernel(kernel: Kernel, name: str, target: Target) -> Fragment:
    """The function ``void name(ptr args, i64 item, i64 thread)`` that runs one item of ``kernel``.

    ``args`` points to the cells that `layout` describes.

    Raises:
        ValueError: the kernel is malformed.
        NotImplementedError: it holds an operation that is not known for its dtype.
    """
    b = Builder()
    _Emitter(b, kernel, lane_count(kernel, target)).emit()
    text = b.finish(name, [_ARGS, _ITEM, _THREAD])
    return Fragment(name, text, frozenset(b.declarations))


def lane_count(kernel: Kernel, target: Target) -> int:
    """The lanes of every vector in ``kernel``: as many as its 4-byte numbers, if any, fill a register."""
    dtypes = {arg.dtype for arg in kernel.args} | {node.dtype for node in kernel.nodes if node.op != "const"}
    narrow = any(size_of(dtype) < 8 for dtype in dtypes)
    return target.vector_bytes // (4 if narrow else 8)


# A tile is one vector wide: its cache lines are few enough to stay in the first cache, whatever their stride.
_TILE_ROWS = 64
# A sum of a long column adds up the sums of pieces this long, so that its error grows slowly.
_FOLD = 64
_ARGS, _ITEM, _THREAD = Value("%args", "ptr"), Value("%item", "i64"), Value("%thread", "i64")


@dataclass(frozen=True)
class _Sweep:
    """A pass as it is being written, over the inner positions low..high in row mode."""

    part: Pass
    low: Value
    high: Value
    widths: tuple[int, ...]
    accumulators: dict[int, Accumulator]
    args: set[int]


class _Emitter:
    """Writes the loops of one kernel. A `Frame` holds the values in reach at the place being written."""

    def __init__(self, b: Builder, kernel: Kernel, count: int) -> None:
        self.b = b
        self.kernel = kernel
        self.nodes = kernel.nodes
        self.plan = plan(kernel)
        self.layout = layout(kernel)
        self.count = count
        self.by_row = kernel.mode == "row"
        self.tiled = _wants_tiles(kernel)
        self.strip_widths = _widths(kernel, range(len(kernel.nodes)))
        self.memory = Memory(b, kernel, self.layout, _ARGS, count)
        self.inner = self.memory.cell(self.layout.inner)
        self.outer_sizes = [self.memory.cell(i) for i in self.layout.outer]
        self.middle_sizes = [self.memory.cell(i) for i in self.layout.middle]
        self.memory.cell(self.layout.error, "ptr")
        self.slots = self._scratch_slots()
        self.low, self.high = self._item_range()
        self.widened = self._widened()
        self.gathers_on: dict[int, list[int]] = {}
        for n, node in enumerate(self.nodes):
            for i in node.inputs if node.op == "gather" else ():
                self.gathers_on.setdefault(i, []).append(n)

    # -- the whole function ----------------------------------------------------------------------

    def emit(self) -> None:
        top = Frame()
        self._evaluate_hoisted(top, depth=0, loops=lambda loops: loops == 0)
        if self.kernel.split == "inner":
            return self._row(top, (), self.low, self.high)
        if not self.kernel.outer:
            with self.b.if_(self.b.icmp("slt", self.low, self.high)):
                self._row(top, (), self.b.i64(0), self.inner)
            return
        self._slices(top)

    def _slices(self, top: Frame) -> None:
        """The rows low..high, slice by slice: the rows of a slice differ in the last outer dim alone."""
        b = self.b
        size = b.smax(self.outer_sizes[-1], b.i64(1))
        first, last = b.udiv(self.low, size), b.udiv(b.add(self.high, b.sub(size, b.i64(1))), size)
        coordinates = self._first_coordinates(first)
        run = self._tiles if self.tiled else self._rows
        with b.loop(first, last) as s:
            outer = tuple(b.load("i64", c) for c in coordinates)
            before = b.mul(s, size)
            low = b.smax(b.sub(self.low, before), b.i64(0))
            run(top, outer, low, b.smin(b.sub(self.high, before), size))
            self._advance(coordinates)

    def _rows(self, top: Frame, outer: tuple[Value, ...], low: Value, high: Value) -> None:
        with self.b.loop(low, high) as r:
            self._row(top, (*outer, r), self.b.i64(0), self.inner)

    def _tiles(self, top: Frame, outer: tuple[Value, ...], low: Value, high: Value) -> None:
        """The rows of a slice in tiles: a cache line that holds several rows of a transposed argument is then
        still in the cache when the next row needs it."""
        b = self.b
        with b.loop(low, high, _TILE_ROWS) as r0, b.loop(0, self.inner, self.count) as i0:
            i1 = b.smin(b.add(i0, b.i64(self.count)), self.inner)
            with b.loop(r0, b.smin(b.add(r0, b.i64(_TILE_ROWS)), high)) as r:
                self._row(top, (*outer, r), i0, i1)

    def _item_range(self) -> tuple[Value, Value]:
        """The rows, or the inner positions, of this item."""
        b = self.b
        chunk = self.memory.cell(self.layout.chunk)
        total = self.inner if self.kernel.split == "inner" else self.memory.cell(self.layout.rows)
        low = b.mul(_ITEM, chunk)
        return low, b.smin(b.add(low, chunk), total)

    def _first_coordinates(self, first: Value) -> list[Value]:
        """Variables with the position of slice ``first`` in all outer dims but the last."""
        coordinates: list[Value] = []
        rest = first
        for size in reversed(self.outer_sizes[:-1]):
            variable = self.b.alloca("i64")
            size = self.b.smax(size, self.b.i64(1))
            self.b.store(self.b.urem(rest, size), variable)
            rest = self.b.udiv(rest, size)
            coordinates.insert(0, variable)
        return coordinates

    def _advance(self, coordinates: list[Value]) -> None:
        """Count to the next slice: the last coordinate first, the one before it when that wraps."""
        carry = self.b.i64(1)
        for variable, size in zip(reversed(coordinates), reversed(self.outer_sizes[:-1]), strict=True):
            value = self.b.add(self.b.load("i64", variable), carry)
            full = self.b.icmp("eq", value, size)
            self.b.store(self.b.select(full, self.b.i64(0), value), variable)
            carry = self.b.convert(full, "i64")

    def _scratch_slots(self) -> dict[int, Value]:
        """Where each saved node keeps its values."""
        if not self.plan.saved:
            return {}
        b = self.b
        own = b.mul(_THREAD, self.memory.cell(self.layout.scratch_bytes))
        pointer = b.gep(self.memory.cell(self.layout.scratch, "ptr"), own)
        elements = self.inner
        for size in self.middle_sizes:
            elements = b.mul(elements, size)
        slots = {}
        for n in self.plan.saved:
            slots[n] = pointer
            used = b.mul(elements, b.i64(size_of(self.nodes[n].dtype)))
            pointer = b.gep(pointer, b.and_(b.add(used, b.i64(63)), b.i64(-64)))
        return slots

    # -- one row ---------------------------------------------------------------------------------

    def _row(self, top: Frame, outer: tuple[Value, ...], low: Value, high: Value) -> None:
        """Everything for one combination of the outer dims, over the inner positions low..high."""
        frame = top.child(outer=outer, flat=self.b.i64(0))
        for position in range(len(self.kernel.args)):
            frame.pointers[position] = self.memory.row_pointer(position, outer, _ITEM)
        self._evaluate_hoisted(frame, depth=0, loops=lambda loops: loops and not loops & (MIDDLE | INNER))
        if self.by_row:
            self._passes(frame, low, high)
            return self._row_stores(frame)
        self._blocks(frame, low, high, self.strip_widths, self._strip)

    def _strip(self, frame: Frame) -> None:
        """Column mode: everything for one block of inner positions."""
        self._evaluate_hoisted(frame, depth=0, loops=lambda loops: loops & INNER and not loops & MIDDLE)
        self._passes(frame, frame.block.start, self.high)
        self._row_stores(frame)

    def _passes(self, frame: Frame, low: Value, high: Value) -> None:
        """Every sweep over the elements of a row, or of a strip of columns."""
        for depth, part in enumerate(self.plan.passes, start=1):
            widths = (1,) if self.tiled else _widths(self.kernel, (*part.nodes, *part.reduces))
            copies = widths[0] if self.by_row else frame.block.copies
            sweep = _Sweep(part, low, high, widths, self._accumulators(part, copies), self._args_of(part))
            for state in sweep.accumulators.values():
                state.reset(low if self.by_row else self.b.i64(0))
            self._middle_loops(frame, 0, sweep)
            for n in part.reduces:
                self._finish_reduction(frame, n, sweep.accumulators[n])
            self._evaluate_hoisted(frame, depth, loops=lambda loops: loops)

    def _row_stores(self, frame: Frame) -> None:
        """Stores of one number for each result of a reduction."""
        for n, node in enumerate(self.nodes):
            if node.op == "store" and self.kernel.args[node.attr].level == "row":
                self._store(frame, n)

    # -- loops -----------------------------------------------------------------------------------

    def _middle_loops(self, frame: Frame, k: int, sweep: _Sweep) -> None:
        """Loop over the middle dims from the k-th on."""
        if k == self.kernel.middle:
            return self._innermost(frame.child(), sweep)
        size = self.middle_sizes[k]
        folding = [state for state in sweep.accumulators.values() if state.folds]
        if not folding or k < self.kernel.middle - 1:
            with self.b.loop(0, size) as m:
                return self._middle_step(frame, k, m, sweep)
        with self.b.loop(0, size, _FOLD) as first:
            with self.b.loop(first, self.b.smin(self.b.add(first, self.b.i64(_FOLD)), size)) as m:
                self._middle_step(frame, k, m, sweep)
            for state in folding:
                state.fold()

    def _middle_step(self, frame: Frame, k: int, m: Value, sweep: _Sweep) -> None:
        """Go to position ``m`` of the k-th middle dim, and loop over those after it."""
        inside = frame.child(middle=(*frame.middle, m))
        inside.flat = self.b.add(self.b.mul(frame.flat, self.middle_sizes[k]), m) if k else m
        for position in sweep.args:
            stride = self.layout.args[position].middle
            if stride:
                inside.pointers[position] = self.memory.move(inside.pointers[position], m, stride[k])
        self._middle_loops(inside, k + 1, sweep)

    def _innermost(self, frame: Frame, sweep: _Sweep) -> None:
        """Column mode is at its body here; row mode has a loop over inner positions to go."""
        if not self.by_row:
            return self._body(frame, sweep)
        for n in sweep.part.nodes:
            if not self._is_vector(n):
                self._evaluate(frame, n)
        self._blocks(frame, sweep.low, sweep.high, sweep.widths, lambda inside: self._body(inside, sweep))

    def _blocks(
        self,
        frame: Frame,
        low: Value,
        high: Value,
        widths: tuple[int, ...],
        body: Callable[[Frame], None],
    ) -> None:
        """Loop over inner positions: several vectors at a time, then one masked vector at a time."""
        b = self.b
        for copies in widths:
            whole = copies * self.count
            end = b.add(low, b.and_(b.sub(high, low), b.i64(-whole)))
            with b.loop(low, end, whole) as start:
                body(frame.child(block=new_block(b, start, self.count, copies)))
            low = end
        with b.loop(low, high, self.count) as start:
            left = b.smin(b.sub(high, start), b.i64(self.count))
            left = b.splat(b.convert(left, "i32"), self.count)
            mask = b.icmp("slt", b.iota(self.count, "i32"), left)
            body(frame.child(block=new_block(b, start, self.count, 1, mask)))

    def _body(self, frame: Frame, sweep: _Sweep) -> None:
        """The innermost code of a pass, for one block."""
        for n in sweep.part.reloads:
            frame.values[n] = [self._reload(frame, n, copy) for copy in range(frame.block.copies)]
        for n in sweep.part.nodes:
            if self._is_vector(n) or not self.by_row:
                self._evaluate(frame, n)
        for n in sweep.part.saves:
            for copy in range(frame.block.copies):
                index = self._scratch_index(frame, copy)
                self.memory.scratch_store(frame.values[n][copy], self.slots[n], index, frame.block.mask)
        for n in sweep.part.reduces:
            self._accumulate(frame, n, sweep.accumulators[n])
        for n in sweep.part.stores:
            self._store(frame, n)

    # -- nodes -----------------------------------------------------------------------------------

    def _is_vector(self, n: int) -> bool:
        return bool(self.plan.loops[n] & INNER)

    def _widened(self) -> set[int]:
        """The scalar nodes that a vector is computed from."""
        widened: set[int] = set()
        for n, node in enumerate(self.nodes):
            if (
                node.op == "reduce"
                or self._is_vector(n)
                or node.op == "store"
                and self.memory.is_wide(node.attr)
            ):
                widened.update(i for i in node.inputs if not self._is_vector(i))
        return widened

    def _evaluate_hoisted(self, frame: Frame, depth: int, loops: Callable[[int], object]) -> None:
        """The nodes outside of the passes that become known at this place."""
        for n, node in enumerate(self.nodes):
            if node.op in ("store", "reduce") or self.plan.in_pass(self.kernel, n):
                continue
            if self.plan.depth[n] == depth and loops(self.plan.loops[n]):
                self._evaluate(frame, n)

    def _evaluate(self, frame: Frame, n: int) -> None:
        """Compute a node, for each copy of the block if it is a vector."""
        node = self.nodes[n]
        if node.op == "const":
            return
        if node.op == "load":
            values = self.memory.load(node.attr, frame.pointers[node.attr], frame.block)
        elif node.op == "gather":
            values = self._gather(frame, n)
        elif node.op == "index":
            values = self._index(frame, n)
        elif node.op == "scalar":
            cell = self.layout.scalars[node.attr]
            values = [self.memory.load_scalar(cell, node.dtype)]
        else:
            copies = frame.block.copies if self._is_vector(n) else 1
            input_dtype = self.nodes[node.inputs[-1]].dtype
            wide = self._is_vector(n)
            values = []
            for copy in range(copies):
                inputs = [self._operand(frame, i, copy, wide) for i in node.inputs]
                values.append(lower(self.b, node, inputs, input_dtype))
        self._define(frame, n, values)

    def _define(self, frame: Frame, n: int, values: list[Value]) -> None:
        frame.values[n] = values
        if n in self.widened:
            frame.wide[n] = self.b.splat(values[0], self.count)
        if self._is_vector(n):
            return
        for gather in self.gathers_on.get(n, ()):
            self._resolve(frame, gather)

    def _operand(self, frame: Frame, n: int, copy: int, wide: bool) -> Value:
        """A node's value for a copy: as a vector, or as the scalar it is."""
        node = self.nodes[n]
        if node.op == "const":
            return _constant(self.b, node.dtype, node.attr, self.count if wide else 0)
        if self._is_vector(n):
            return frame.values[n][copy]
        return frame.wide[n] if wide else frame.values[n][0]

    def _index(self, frame: Frame, n: int) -> list[Value]:
        """A position as int64."""
        which = self.nodes[n].attr
        if which[0] == "outer":
            return [frame.outer[which[1]]]
        if which[0] == "middle":
            return [frame.middle[which[1]]]
        return [self._inner_positions(frame.block, copy) for copy in range(frame.block.copies)]

    def _inner_positions(self, block: Block, copy: int, base: Value | None = None) -> Value:
        """The inner positions of a copy's lanes, counted from ``base``."""
        first = self.b.add(base, block.start) if base else block.start
        lanes = range(copy * self.count, (copy + 1) * self.count)
        return self.b.add(self.b.splat(first, self.count), self.b.vector_constant("i64", lanes))

    def _gather(self, frame: Frame, n: int) -> list[Value]:
        node = self.nodes[n]
        position = node.attr[0]
        if not any(self._is_vector(i) for i in node.inputs):
            if n not in frame.resolved:
                self._resolve(frame, n)
            return self.memory.gather(position, frame.resolved[n], frame)
        values = []
        for copy in range(frame.block.copies):
            indices = [self._operand(frame, i, copy, True) for i in node.inputs]
            offset = self.memory.resolve(position, indices, frame.block.mask)
            values.append(self.memory.gather_lanes(position, offset, frame, copy))
        return values

    def _resolve(self, frame: Frame, gather: int) -> None:
        """Find where a gather reads as soon as its indices are known, if they are all scalars."""
        node = self.nodes[gather]
        known = all(i in frame.values or self.nodes[i].op == "const" for i in node.inputs)
        if known and not any(self._is_vector(i) for i in node.inputs):
            indices = [self._operand(frame, i, 0, False) for i in node.inputs]
            frame.resolved[gather] = self.memory.resolve(node.attr[0], indices, None)

    def _store(self, frame: Frame, n: int) -> None:
        node = self.nodes[n]
        wide = self.memory.is_wide(node.attr)
        for copy in range(frame.block.copies if wide else 1):
            value = self._operand(frame, node.inputs[0], copy, wide)
            self.memory.store(node.attr, frame.pointers[node.attr], frame.block, copy, value)

    # -- reductions ------------------------------------------------------------------------------

    def _accumulators(self, part: Pass, copies: int) -> dict[int, Accumulator]:
        """Accumulators for the reductions of a pass."""
        states = {}
        in_pieces = not self.by_row and self.kernel.middle > 0
        for n in part.reduces:
            dtype = self.nodes[self.nodes[n].inputs[0]].dtype
            type = vector(register_type(dtype), self.count)
            kind = self.nodes[n].attr
            states[n] = Accumulator(self.b, kind, type, copies, is_signed(dtype), in_pieces=in_pieces)
        return states

    def _accumulate(self, frame: Frame, n: int, state: Accumulator) -> None:
        # Columns off the mask are never stored, so only a row must leave them out.
        mask = frame.block.mask if self.by_row else None
        for copy in range(frame.block.copies):
            value = self._operand(frame, self.nodes[n].inputs[0], copy, True)
            position = self._reduced_position(frame, copy) if state.finds_position else None
            state.step(copy, value, mask, position)

    def _reduced_position(self, frame: Frame, copy: int) -> Value:
        """The positions of a copy's lanes in the space that is reduced."""
        if not self.by_row:
            return self.b.splat(frame.flat, self.count)
        base = self.b.mul(frame.flat, self.inner) if self.kernel.middle else None
        return self._inner_positions(frame.block, copy, base)

    def _finish_reduction(self, frame: Frame, n: int, state: Accumulator) -> None:
        if self.by_row:
            values = [state.total()]
        else:
            values = [state.result(copy) for copy in range(frame.block.copies)]
        self._define(frame, n, values)

    # -- scratch ---------------------------------------------------------------------------------

    def _scratch_index(self, frame: Frame, copy: int) -> Value:
        """The element of a slot that belongs to a copy: a whole row, or one strip of columns, is kept."""
        b = self.b
        offset = b.i64(copy * self.count)
        if self.by_row:
            first = frame.block.start
            if self.kernel.middle:
                first = b.add(b.mul(frame.flat, self.inner), first)
            return b.add(first, offset)
        width = b.smin(self.inner, b.i64(self.strip_widths[0] * self.count))
        return b.add(b.mul(frame.flat, width), offset)

    def _reload(self, frame: Frame, n: int, copy: int) -> Value:
        index = self._scratch_index(frame, copy)
        return self.memory.scratch_load(self.nodes[n].dtype, self.slots[n], index, frame.block.mask)

    def _args_of(self, part: Pass) -> set[int]:
        """The arguments whose pointers a pass moves."""
        nodes = [self.nodes[n] for n in (*part.nodes, *part.stores)]
        plain = {node.attr for node in nodes if node.op in ("load", "store")}
        return plain | {node.attr[0] for node in nodes if node.op == "gather"}


def _wants_tiles(kernel: Kernel) -> bool:
    """Whether an elementwise kernel reads or writes along the wrong dim."""
    strided = any(arg.level == "element" and arg.inner == "strided" for arg in kernel.args)
    plain = not kernel.middle and all(node.op != "reduce" for node in kernel.nodes)
    return strided and plain and kernel.outer > 0


def _widths(kernel: Kernel, members: Iterable[int]) -> tuple[int, ...]:
    """How many vectors a body that evaluates ``members`` handles at once.

    Many for light bodies, whose loop would cost as much as they do, and to hide the latency of sums; few for
    heavy ones, which would run out of registers. Columns are read in wide strips, since the next strip starts
    at the top again.
    """
    nodes = [
        kernel.nodes[n] for n in members if kernel.nodes[n].op not in ("const", "scalar", "store", "load")
    ]
    weight = sum(16 if node.op in COSTLY else 64 if node.op in MEANINGS else 1 for node in nodes)
    if kernel.mode == "row" and any(_rounds(node) for node in nodes):
        return (4,)  # whatever else the pass does: the order of a sum must not depend on what it is fused with
    if weight > 12:
        return (2,) if weight <= 48 else (1,)
    reductions = sum(node.op == "reduce" for node in nodes)
    if kernel.mode == "column" and reductions < 2 and weight < 5:
        return (8, 4)
    return (4,)


def _rounds(node: Node) -> bool:
    """Whether the result of a reduction depends on its order."""
    return node.op == "reduce" and node.attr in ("sum", "prod") and node.dtype.startswith("float")


def _constant(b: Builder, dtype: str, attr: float | str, count: int) -> Value:
    """A constant of ``dtype``; that of a bfloat16 or an 8-bit float is its bits."""
    number = float(attr) if isinstance(attr, str) else attr
    if dtype == "bfloat16":
        pattern = struct.unpack("<I", struct.pack("<f", number))[0]
        number = (pattern + 0x7FFF + (pattern >> 16 & 1)) >> 16
    if dtype in SMALL_FLOATS:
        number = int(encode(np.asarray(number), dtype))
    return b.constant(vector(register_type(dtype), count), number)
