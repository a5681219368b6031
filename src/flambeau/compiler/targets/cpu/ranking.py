"""Sorting short lines, and picking from them by rank, as tasks.

The rank of an element is how many come before it: of a short line, vectors of elements are quickly compared with all of them. Long lines
are left to NumPy, which sorts them by division.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from math import prod

from flambeau.compiler.plans import Ranked
from flambeau.compiler.targets.cpu.builder import Builder, Value, like, vector
from flambeau.compiler.targets.cpu.cast import cast
from flambeau.compiler.targets.cpu.dot_layout import TASK_PARAMETERS, module, offset
from flambeau.compiler.targets.cpu.native import (
    SCRATCH,
    SCRATCH_BYTES,
    Fields,
    Lowered,
    Operand,
    Result,
    Task,
    lowering,
)
from flambeau.runtime import jit

_LONGEST = 256
_SHORT = 64
_ITEM_COMPARISONS = 1 << 20
_MAX_ITEMS = 64
_FIELDS = Fields(
    "source values indices lines inner source_outer source_inner source_step length first count chunk scratch scratch_bytes"
)
_POINTERS = frozenset(["source", "values", "indices", "scratch"])
_MEMORY = {
    "bool": "i8", "uint8": "i8", "int8": "i8", "int16": "i16", "int32": "i32", "int64": "i64", "float16": "half", "bfloat16": "i16",
    "float32": "float", "float64": "double",
}  # fmt: skip
_UNSIGNED = frozenset(["bool", "uint8"])
_FIRST = {"median": 0, "nanmedian": 0}  # depends on the line


@lowering(Ranked)
def lower(operation) -> Lowered | None:
    """The task that ranks lines of at most 256 elements."""
    plan, source = operation.code.extra, operation.inputs[0].spec
    dtype, size = source.dtype.name, source.dtype.itemsize
    if dtype not in _MEMORY or not source.numel or not operation.code.outputs[0].numel or source.shape[plan.dim] > _LONGEST:
        return None
    length, lines = source.shape[plan.dim], source.numel // source.shape[plan.dim]
    outer, inner = (_joined(source.shape[part], source.stride[part]) for part in (slice(0, plan.dim), slice(plan.dim + 1, None)))
    if outer is None or inner is None:
        return None
    count = operation.code.outputs[0].numel // lines
    if plan.first == 0 and length > _SHORT and count * 8 < length:
        return None  # a few extrema of many are found by looking for each
    wide = 8 if size == 8 else 4
    chunk = max(1, _ITEM_COMPARISONS // (length * max(length, 64)), -(-lines // _MAX_ITEMS))
    cells = _FIELDS.cells(
        source=Operand(0), values=Result(0), indices=Result(1), lines=lines, inner=prod(source.shape[plan.dim + 1:]),
        source_outer=outer * size, source_inner=inner * size, source_step=source.stride[plan.dim] * size, length=length,
        first=_FIRST.get(plan.first, plan.first), count=count, chunk=chunk, scratch=SCRATCH, scratch_bytes=SCRATCH_BYTES,
    )  # fmt: skip
    kind = plan.first if plan.first in _FIRST else "ranks"
    scratch = (length + jit.target().vector_bytes) * wide
    return Lowered([Task(_task(dtype, kind, plan.descending), cells, -(-lines // chunk))], scratch_bytes=scratch)


def _joined(shape: Sequence[int], strides: Sequence[int]) -> int | None:
    """The stride of several dimensions walked as one; None where there is none."""
    kept = [(size, step) for size, step in zip(shape, strides) if size != 1]
    if any(step != after * size for (_, step), (size, after) in zip(kept, kept[1:])):
        return None
    return kept[-1][1] if kept else 0


@functools.cache
def _task(dtype: str, kind: str, descending: bool) -> int:
    name = f"rank_{kind}_{'down' if descending else 'up'}_{dtype}"
    return jit.compile_ir(_Ranking(dtype, kind, descending).text(name), [name])[name]


class _Ranking:
    """Writes the task."""

    def __init__(self, dtype: str, kind: str, descending: bool) -> None:
        self.b = b = Builder()
        self.cell = {name: _FIELDS.read(b, name, "ptr" if name in _POINTERS else "i64") for name in _FIELDS.names}
        self.dtype, self.kind, self.descending = dtype, kind, descending
        self.floats = dtype in ("float16", "bfloat16", "float32", "float64")
        self.wide = 8 if dtype in ("int64", "float64") else 4
        self.count = jit.target().vector_bytes // self.wide
        self.key = f"i{8 * self.wide}"
        self.keys, self.stored = vector(self.key, self.count), vector(_MEMORY[dtype], self.count)
        self.size = {"i8": 1, "i16": 2, "half": 2, "i32": 4, "float": 4}.get(_MEMORY[dtype], 8)
        self.nan = (1 << (8 * self.wide - 1)) - 1
        self.line = offset(b, self.cell["scratch"], (TASK_PARAMETERS[2], self.cell["scratch_bytes"]))
        self.total = b.alloca(self.keys)

    def text(self, name: str) -> str:
        b, cell = self.b, self.cell
        low = b.mul(TASK_PARAMETERS[1], cell["chunk"])
        with b.loop(low, b.smin(b.add(low, cell["chunk"]), cell["lines"])) as line:
            outer, inner = b.udiv(line, cell["inner"]), b.urem(line, cell["inner"])
            source = offset(b, cell["source"], (outer, cell["source_outer"]), (inner, cell["source_inner"]))
            with b.loop(0, cell["length"], self.count) as at:
                b.store(self._keys_of(self._elements(source, at)), self._key_at(at))
            first = self._first()
            target = b.add(b.mul(b.mul(outer, cell["count"]), cell["inner"]), inner)
            with b.loop(0, cell["length"], self.count) as at:
                self._place(self._elements(source, at), self._ranks(at), at, first, target)
        return module([b.finish(name, TASK_PARAMETERS)], [b])

    def _key_at(self, at: Value) -> Value:
        return offset(self.b, self.line, (at, self.b.i64(self.wide)))

    def _mask(self, at: Value) -> Value:
        return self.b.icmp("slt", self.b.iota(self.count), self.b.splat(self.b.sub(self.cell["length"], at), self.count))

    def _elements(self, source: Value, at: Value) -> Value:
        b, step = self.b, self.cell["source_step"]
        moved = b.mul(b.iota(self.count), b.splat(step, self.count))
        return b.gather(self.stored, b.pointers(offset(b, source, (at, step)), moved), self._mask(at))

    def _keys_of(self, x: Value) -> Value:
        """Signed integers in the order of the numbers: NaN last, both zeros the same."""
        b = self.b
        if self.floats:
            wide = "float32" if self.wide == 4 else "float64"
            number = b.fadd(cast(b, x, self.dtype, wide), b.constant(like(self.keys, "float" if self.wide == 4 else "double"), 0.0))
            bits = b.bitcast(number, self.key)
            flipped = b.and_(b.ashr(bits, b.constant(bits.type, 8 * self.wide - 1)), b.constant(bits.type, self.nan))
            key = b.select(b.fcmp("uno", number, number), b.constant(bits.type, self.nan), b.xor(bits, flipped))
        else:
            key = b.convert(x, self.key, signed=self.dtype not in _UNSIGNED)
        return b.not_(key) if self.descending else key

    def _first(self) -> Value:
        """The rank of the first element that is wanted."""
        b, cell = self.b, self.cell
        if self.kind == "ranks":
            return cell["first"]
        b.store(b.constant(self.keys, 0), self.total)
        if self.floats:
            with b.loop(0, cell["length"], self.count) as at:
                nan = b.and_(b.icmp("eq", b.load(self.keys, self._key_at(at)), b.constant(self.keys, self.nan)), self._mask(at))
                self._count(nan)
        nans = b.convert(b.reduce("add", b.load(self.keys, self.total)), "i64")
        left = b.sub(cell["length"], nans)
        if self.kind == "nanmedian":
            return b.ashr(b.smax(b.sub(left, b.i64(1)), b.i64(0)), b.i64(1))
        middle = b.ashr(b.sub(cell["length"], b.i64(1)), b.i64(1))
        return b.select(b.icmp("sgt", nans, b.i64(0)), left, middle)

    def _count(self, condition: Value) -> None:
        b = self.b
        b.store(b.add(b.load(self.keys, self.total), b.convert(condition, self.key, signed=False)), self.total)

    def _ranks(self, at: Value) -> Value:
        """How many elements come before each of a vector: of equal ones those that stand before it."""
        b, cell = self.b, self.cell
        own, end = b.load(self.keys, self._key_at(at)), b.smin(b.add(at, b.i64(self.count)), cell["length"])
        b.store(b.constant(self.keys, 0), self.total)

        def each(low: Value, high: Value, before) -> None:
            with b.loop(low, high) as other:
                self._count(before(b.splat(b.load(self.key, self._key_at(other)), self.count), other))

        each(b.i64(0), at, lambda key, _: b.icmp("sle", key, own))
        each(at, end, lambda key, other: b.or_(b.icmp("slt", key, own), b.and_(b.icmp("eq", key, own), self._later(at, other))))
        each(end, cell["length"], lambda key, _: b.icmp("slt", key, own))
        return b.load(self.keys, self.total)

    def _later(self, at: Value, other: Value) -> Value:
        """The lanes of the vector at ``at`` that stand after an element."""
        b = self.b
        return b.icmp("sgt", b.iota(self.count), b.splat(b.sub(other, at), self.count))

    def _place(self, x: Value, ranks: Value, at: Value, first: Value, target: Value) -> None:
        """Store the elements that are wanted where their rank says."""
        b, cell = self.b, self.cell
        place = b.sub(b.convert(ranks, "i64"), b.splat(first, self.count))
        wanted = b.and_(b.icmp("ult", place, b.splat(cell["count"], self.count)), self._mask(at))
        moved = b.add(b.mul(place, b.splat(cell["inner"], self.count)), b.splat(target, self.count))
        for value, name, size in ((x, "values", self.size), (b.add(b.iota(self.count), b.splat(at, self.count)), "indices", 8)):
            b.scatter(value, b.pointers(cell[name], b.mul(moved, b.constant(moved.type, size))), wanted)
