"""Finding what a mask selects, on NumPy arrays: how many there are decides the shape of a result, so that these run when they are called.

Each item counts the True elements of its part; then it knows where to put its own. Parts are made by sizes alone.
"""

from __future__ import annotations

import functools
from array import array
from math import prod

import numpy as np

from flambeau.compiler.targets.cpu.builder import Builder, Value, vector
from flambeau.compiler.targets.cpu.dot_layout import TASK_PARAMETERS, module, offset
from flambeau.compiler.targets.cpu.native import Fields
from flambeau.runtime import jit
from flambeau.runtime.threads import parallel_call

_SEGMENT = 4096  # bytes of a line that are looked at together
_ITEM_BYTES = 32768
_BLOCK = 64
_MOST_DIMS = 8
_SIZES = " ".join(f"size_{d}" for d in range(_MOST_DIMS))
_FIELDS = Fields(f"mask counts result source length segments units chunk result_step dim_step {_SIZES}")
_POINTERS = frozenset(["mask", "counts", "result", "source"])


def takes(mask: np.ndarray) -> bool:
    """Whether it is worth while, and possible."""
    return mask.dtype == np.bool_ and mask.size >= _ITEM_BYTES and mask.ndim <= _MOST_DIMS and mask.flags.c_contiguous


def positions(mask: np.ndarray, by_dim: bool) -> np.ndarray:
    """The positions of the True elements, a row of int64 for each; or ``by_dim`` a row for each dimension."""

    def make(count: int) -> tuple[np.ndarray, dict[str, int]]:
        made = np.empty((mask.ndim, count) if by_dim else (count, mask.ndim), np.int64)
        steps = dict(result_step=8, dim_step=8 * count) if by_dim else dict(result_step=8 * mask.ndim, dim_step=8)
        return made, steps

    return _run(mask, f"positions_{mask.ndim}", make, 0)


def selected(mask: np.ndarray, source: np.ndarray) -> np.ndarray | None:
    """The elements of ``source`` (contiguous, of the mask's shape) where the mask is True; None for elements of more than 8 bytes."""
    if source.itemsize not in (1, 2, 4, 8):
        return None

    def make(count: int) -> tuple[np.ndarray, dict[str, int]]:
        return np.empty(count, source.dtype), dict(result_step=source.itemsize, dim_step=0)

    return _run(mask, f"elements_{8 * source.itemsize}", make, source.ctypes.data)


def _run(mask: np.ndarray, kind: str, make, source: int) -> np.ndarray:
    length = mask.shape[-1]
    segments = -(-length // _SEGMENT)
    units = prod(mask.shape[:-1]) * segments
    chunk = max(1, _ITEM_BYTES // min(length, _SEGMENT))
    items = -(-units // chunk)
    counts = np.zeros(items + 1, np.int64)
    values = dict(mask=mask.ctypes.data, counts=counts.ctypes.data + 8, result=0, source=source, length=length, segments=segments,
                  units=units, chunk=chunk, result_step=0, dim_step=0)
    values |= {f"size_{d}": (mask.shape[d] if d < mask.ndim else 1) for d in range(_MOST_DIMS)}
    _call("count", values, items)
    np.cumsum(counts, out=counts)
    made, steps = make(int(counts[-1]))
    _call(kind, values | steps | dict(counts=counts.ctypes.data, result=made.ctypes.data), items)
    return made


def _call(kind: str, values: dict[str, int], items: int) -> None:
    cells = array("q", _FIELDS.cells(**values))
    parallel_call(_task(kind), cells.buffer_info()[0], items)


@functools.cache
def _task(kind: str) -> int:
    name = f"select_{kind}"
    b = Builder()
    cell = {field: _FIELDS.read(b, field, "ptr" if field in _POINTERS else "i64") for field in _FIELDS.names}
    place = offset(b, cell["counts"], (TASK_PARAMETERS[1], b.i64(8)))
    total = b.alloca("i64")
    b.store(b.i64(0) if kind == "count" else b.load("i64", place), total)
    low = b.mul(TASK_PARAMETERS[1], cell["chunk"])
    with b.loop(low, b.smin(b.add(low, cell["chunk"]), cell["units"])) as unit:
        row, first = b.udiv(unit, cell["segments"]), b.mul(b.urem(unit, cell["segments"]), b.i64(_SEGMENT))
        end = b.smin(b.add(first, b.i64(_SEGMENT)), cell["length"])
        line = b.mul(row, cell["length"])
        leading = _coordinates(b, cell, row, int(kind.split("_")[1]) - 1) if kind.startswith("positions") else []
        with b.loop(first, end, _BLOCK) as at:
            bits = _bits(b, offset(b, cell["mask"], (b.add(line, at), b.i64(1))), b.sub(end, at))
            if kind == "count":
                b.store(b.add(b.load("i64", total), b.intrinsic("llvm.ctpop", bits)), total)
            else:
                _each(b, bits, lambda bit: _put(b, cell, kind, total, leading, line, b.add(at, bit)))
    if kind == "count":
        b.store(b.load("i64", total), place)
    return jit.compile_ir(module([b.finish(name, TASK_PARAMETERS)], [b]), [name])[name]


def _bits(b: Builder, start: Value, left: Value) -> Value:
    """A bit for each of 64 bytes (of ``left`` that there are) that is not zero."""
    exists = b.icmp("slt", b.iota(_BLOCK, "i8"), b.splat(b.convert(b.smin(left, b.i64(_BLOCK)), "i8"), _BLOCK))
    found = b.load(vector("i8", _BLOCK), start, mask=exists)
    return b.bitcast(b.icmp("ne", found, b.constant(found.type, 0)), "i64")


def _coordinates(b: Builder, cell: dict[str, Value], row: Value, count: int) -> list[Value]:
    """The place of a line along the dimensions before the last."""
    found: list[Value] = []
    for d in reversed(range(count)):
        found.insert(0, b.urem(row, cell[f"size_{d}"]))
        row = b.udiv(row, cell[f"size_{d}"])
    return found


def _each(b: Builder, bits: Value, take) -> None:
    """``take(position)`` for each bit that is set."""
    rest = b.alloca("i64")
    b.store(bits, rest)
    check, turn, end = (b.new_label(name) for name in ("check", "turn", "done"))
    b.branch(check)
    b.label(check)
    left = b.load("i64", rest)
    b.branch(turn, b.icmp("ne", left, b.i64(0)), end)
    b.label(turn)
    take(b.call("llvm.cttz.i64", "i64", left, Value("true", "i1")))
    b.store(b.and_(left, b.sub(left, b.i64(1))), rest)
    b.branch(check)
    b.label(end)


def _put(b: Builder, cell: dict[str, Value], kind: str, total: Value, leading: list[Value], line: Value, at: Value) -> None:
    """Store what is found at place ``at`` of a line."""
    number = b.load("i64", total)
    target = offset(b, cell["result"], (number, cell["result_step"]))
    if kind.startswith("positions"):
        for d, coordinate in enumerate([*leading, at]):
            b.store(coordinate, offset(b, target, (b.i64(d), cell["dim_step"])))
    else:
        scalar = f"i{kind.split('_')[1]}"
        b.store(b.load(scalar, offset(b, cell["source"], (b.add(line, at), cell["result_step"]))), target)
    b.store(b.add(number, b.i64(1)), total)
