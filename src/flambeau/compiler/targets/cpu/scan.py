"""Running sums, products and extrema as tasks: each item walks along some lines, or along vectors of neighbouring lines."""

from __future__ import annotations

import functools
from math import prod

from flambeau.compiler.plans import Scan
from flambeau.compiler.targets.cpu.builder import Builder, Value, lanes, like, vector
from flambeau.compiler.targets.cpu.cast import cast
from flambeau.compiler.targets.cpu.dot_layout import TASK_PARAMETERS, module, offset
from flambeau.compiler.targets.cpu.native import Fields, Lowered, Operand, Result, Task, lowering
from flambeau.runtime import jit

_ITEM_ELEMENTS = 16384
_MAX_ITEMS = 64
_LINES = 8  # whole lines walked together: the steps of one wait for each other
_MEMORY = {"float32": "float", "float64": "double", "int64": "i64", "bfloat16": "i16", "float16": "half"}
_COMPUTE = {"bfloat16": "float32", "float16": "float32"}  # the others compute as they are
_ITEMSIZE = {"float32": 4, "float64": 8, "int64": 8, "bfloat16": 2, "float16": 2}
_CELLS = Fields("source values indices outer length inner chunk blocks")


@lowering(Scan)
def lower(operation) -> Lowered | None:
    """The task of a scan over dense memory of floats, or a sum or product of int64 (seen as ``(outer, length, inner)``)."""
    kind, dim = operation.code.extra
    source, result = operation.inputs[0].spec, operation.code.outputs[0]
    dtype = source.dtype.name
    if dtype not in _MEMORY or result.dtype is not source.dtype or not prod(source.shape) or not source.ndim:
        return None
    if dtype == "int64" and kind in ("max", "min"):
        return None
    if tuple(source.stride) != tuple(result.stride):
        return None
    outer, length, inner = prod(source.shape[:dim]), source.shape[dim], prod(source.shape[dim + 1:])
    if inner == 1:
        lines = _LINES if outer >= _LINES and dtype != "int64" else 1  # integers hardly wait
        chunk = max(1, _ITEM_ELEMENTS // length, -(-outer // _MAX_ITEMS))
        chunk, blocks = -(-chunk // lines) * lines, 1
        items = -(-outer // chunk)
    else:
        lines = 0
        chunk = -(-max(_ITEM_ELEMENTS // length, 1) // 64) * 64
        blocks = -(-inner // chunk)
        items = outer * blocks
    cells = _CELLS.cells(source=Operand(0), values=Result(), indices=Result(len(operation.outputs) - 1), outer=outer, length=length,
                         inner=inner, chunk=chunk, blocks=blocks)
    return Lowered([Task(_task(kind, dtype, lines), cells, items)])


@functools.cache
def _task(kind: str, dtype: str, lines: int) -> int:
    """``lines`` are walked together, each by itself; 0: vectors of neighbouring ones."""
    name = f"scan_{kind}_{f'lines{lines}' if lines else 'vectors'}_{dtype}"
    return jit.compile_ir(_ir(name, kind, dtype, lines), [name])[name]


def _ir(name: str, kind: str, dtype: str, lines: int) -> str:
    b = Builder()
    cell = {field: _CELLS.read(b, field, "ptr" if field in ("source", "values", "indices") else "i64") for field in _CELLS.names}
    item = TASK_PARAMETERS[1]
    if lines:
        low = b.mul(item, cell["chunk"])
        high = b.smin(b.add(low, cell["chunk"]), cell["outer"])
        with b.loop(low, high, lines) as first:
            # The last lines may be walked more than once, to the same end.
            bottom = b.sub(cell["outer"], b.i64(1))
            starts = [b.mul(b.smin(b.add(first, b.i64(i)), bottom), cell["length"]) for i in range(lines)]
            _walk(b, cell, kind, dtype, _MEMORY[_COMPUTE.get(dtype, dtype)], starts, None)
    else:
        compute = _COMPUTE.get(dtype, dtype)
        count = jit.target().vector_bytes // _ITEMSIZE[compute]
        start = b.mul(b.mul(b.udiv(item, cell["blocks"]), cell["length"]), cell["inner"])
        low = b.mul(b.urem(item, cell["blocks"]), cell["chunk"])
        high = b.smin(b.add(low, cell["chunk"]), cell["inner"])
        with b.loop(low, high, count) as across:
            mask = b.icmp("slt", b.iota(count), b.splat(b.sub(high, across), count))
            _walk(b, cell, kind, dtype, vector(_MEMORY[compute], count), [b.add(start, across)], mask)
    return module([b.finish(name, TASK_PARAMETERS)], [b])


def _walk(b: Builder, cell, kind: str, dtype: str, type: str, starts: list[Value], mask: Value | None) -> None:
    """Scan from each of ``starts`` (in elements) along the length, in vectors or scalars of ``type``."""
    size, compute = b.i64(_ITEMSIZE[dtype]), _COMPUTE.get(dtype, dtype)

    def read(at: Value) -> Value:
        return cast(b, b.load(like(type, _MEMORY[dtype]), offset(b, cell["source"], (at, size)), mask=mask), dtype, compute)

    where_type = like(type, "i64")
    totals, places = [b.alloca(type) for _ in starts], [b.alloca(where_type) for _ in starts]
    extremum, whole = kind in ("max", "min"), dtype == "int64"
    combine = {"sum": b.add if whole else b.fadd, "prod": b.mul if whole else b.fmul}.get(kind)
    for start, total, place in zip(starts, totals, places):
        neutral = 1 if kind == "prod" else 0 if whole else -0.0  # -0.0 + x is x, 0.0 too
        b.store(read(start) if extremum else b.constant(type, neutral), total)
        b.store(b.constant(where_type, 0), place)
    with b.loop(0, cell["length"]) as step:
        moved = b.mul(step, cell["inner"])
        for start, total, place in zip(starts, totals, places):
            at = b.add(start, moved)
            element, known = read(at), b.load(type, total)
            if extremum:
                # Of equal ones the last; NaN from the first one on.
                better = b.or_(b.fcmp("oge" if kind == "max" else "ole", element, known), b.fcmp("uno", element, element))
                index = b.select(better, b.splat(step, lanes(type)), b.load(where_type, place))
                b.store(index, place)
                b.store(index, offset(b, cell["indices"], (at, b.i64(8))), mask=mask)
                known = b.select(better, element, known)
            else:
                known = combine(known, element)
            b.store(known, total)
            b.store(cast(b, known, compute, dtype), offset(b, cell["values"], (at, size)), mask=mask)
