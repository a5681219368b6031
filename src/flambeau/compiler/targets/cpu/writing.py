"""Writing elements at positions, in machine code: what ``scatter`` and ``index_put`` do to memory.

One loop nest does it all: for ``p`` over the dimensions before the indexed ones, for ``j`` over the positions, for ``s`` over the
dimensions after, ``target[p, position, s]`` becomes, or is combined with, ``source[p, j, s]``. Of several writes to one place the
one with the highest ``j`` comes last. Items own places of the target, never a part of the writes to one place, so the result does
not depend on the number of threads.
"""

from __future__ import annotations

import functools
from array import array
from collections.abc import Sequence
from math import prod
from typing import NamedTuple

import numpy as np

from flambeau.compiler.targets.cpu.builder import Builder, Value, is_float, vector
from flambeau.compiler.targets.cpu.dot_layout import TASK_PARAMETERS, module, offset
from flambeau.compiler.targets.cpu.native import Fields
from flambeau.runtime import jit
from flambeau.runtime.threads import parallel_call

_FIELDS = Fields(
    "target positions source step p s j target_p target_s positions_p positions_s positions_j source_p source_s source_j "
    "chunk_p chunk_s chunk_reach"
)
_POINTERS = frozenset(["target", "positions", "source"])
_PARALLEL_ELEMENTS = 32768  # fewer are written by one item
_MOST_ITEMS = 16
_SCALAR = {"f4": "float", "f8": "double", "b1": "i8", **{f"{kind}{size}": f"i{8 * size}" for kind in "iu" for size in (1, 2, 4, 8)}}


class _Loop(NamedTuple):
    """A size, and the bytes that a step moves in the target, the positions and the source."""

    size: int
    target: int
    positions: int
    source: int


def scatter(target: np.ndarray, dim: int, positions: np.ndarray, source: np.ndarray, reduce: str) -> bool:
    """``target[.., positions[.., j, ..], ..]`` along ``dim`` becomes, or is combined with, ``source[.., j, ..]``.

    The positions are in range; source has their shape. False, and nothing is done, where no kernel takes the operands.
    """
    loops = _scatter_loops(target, dim, positions, source)
    if loops is None:
        # Positions that are the same along some dimensions (expanded ones) are repeated.
        positions, source = np.ascontiguousarray(positions), np.ascontiguousarray(source)
        loops = _scatter_loops(target, dim, positions, source)
    return loops is not None and _run(target, positions, source, target.strides[dim], loops, reduce)


def _scatter_loops(target: np.ndarray, dim: int, positions: np.ndarray, source: np.ndarray):
    before, after = (_joined(positions.shape[part], [x.strides[part] for x in (target, positions, source)])
                     for part in (slice(0, dim), slice(dim + 1, None)))
    along = _Loop(positions.shape[dim], 0, positions.strides[dim], source.strides[dim])
    return None if None in (before, after) else (before, after, along)


def write(target: np.ndarray, dims: Sequence[int], at: int, positions: Sequence[np.ndarray], source: np.ndarray, reduce: str) -> bool:
    """The places of ``target`` at ``positions`` of ``dims`` (broadcast, in range; their shape lies at ``at`` in the source's) likewise."""
    shape = np.broadcast_shapes(*[p.shape for p in positions])
    if len(positions) == 1:
        (places,), step = positions, target.strides[dims[0]]
    else:
        places, step = sum(p.astype(np.int64) * target.strides[d] for p, d in zip(positions, dims)), 1
    places = np.ascontiguousarray(places, np.int64)
    others = [d for d in range(target.ndim) if d not in dims]
    steps = [target.strides[d] for d in others]
    source = np.broadcast_to(source, (*[target.shape[d] for d in others[:at]], *shape, *[target.shape[d] for d in others[at:]]))
    end = at + len(shape)
    loops = _write_loops(source, steps, at, end) or _write_loops(source := np.ascontiguousarray(source), steps, at, end)
    return loops is not None and _run(target, places, source, step, loops, reduce)


def _write_loops(source: np.ndarray, steps: Sequence[int], at: int, end: int):
    shape, strides = source.shape, source.strides
    before = _joined(shape[:at], [steps[:at], [0] * at, strides[:at]])
    after = _joined(shape[end:], [steps[at:], [0] * (len(shape) - end), strides[end:]])
    along = _joined(shape[at:end], [[0] * (end - at), _dense_strides(shape[at:end]), strides[at:end]])
    return None if None in (before, after, along) else (before, after, along)


def _dense_strides(shape: Sequence[int]) -> list[int]:
    return [8 * prod(shape[d + 1 :]) for d in range(len(shape))]


def _joined(shape: Sequence[int], strides: Sequence[Sequence[int]]) -> _Loop | None:
    """Several dimensions as one loop; None where steps differ."""
    kept = [(size, *steps) for size, *steps in zip(shape, *strides) if size != 1]
    if not kept:
        return _Loop(1, 0, 0, 0)
    for (_, *outer), (size, *inner) in zip(kept, kept[1:]):
        if any(o != i * size for o, i in zip(outer, inner)):
            return None
    return _Loop(prod(size for size, *_ in kept), *kept[-1][1:])


def _run(target: np.ndarray, positions: np.ndarray, source: np.ndarray, step: int, loops: Sequence[_Loop], reduce: str) -> bool:
    before, after, along = loops
    scalar = _element(target.dtype, reduce)
    if scalar is None or not positions.flags.aligned or positions.dtype != np.int64:
        return False
    if not source.size:
        return True
    size = target.itemsize
    rows = not after.positions and after.size > 1 and after.target == size and after.source in (0, size)
    work = before.size * after.size * along.size
    pieces = 1 if work < _PARALLEL_ELEMENTS else _MOST_ITEMS
    chunk_p, chunk_s, reach, items = before.size, after.size, 1 << 62, 1
    if rows and pieces > 1:
        # An item looks at all positions, and writes the rows that lie in its part of the target.
        items = min(pieces, max(1, after.size * size // 128))
        extent = int(positions.max()) + 1
        reach = -(-extent // items)
    elif pieces > 1 and before.size >= pieces:
        chunk_p = -(-before.size // pieces)
        items = -(-before.size // chunk_p)
    elif pieces > 1:
        chunk_s = -(-after.size // pieces // 16) * 16 or after.size
        items = -(-after.size // chunk_s)
    values = dict(target=target.ctypes.data, positions=positions.ctypes.data, source=source.ctypes.data, step=step,
                  chunk_p=chunk_p, chunk_s=chunk_s, chunk_reach=reach)
    for name, loop in zip("psj", (before, after, along)):
        values |= {name: loop.size, f"target_{name}": loop.target, f"positions_{name}": loop.positions, f"source_{name}": loop.source}
    cells = array("q", [values[name] for name in _FIELDS.names])
    form = "elements" if not rows else "rows" if after.source else "fill"
    parallel_call(_task(form, scalar, _combination(target.dtype, reduce)), cells.buffer_info()[0], items)
    return True


def _element(dtype: np.dtype, reduce: str) -> str | None:
    """The LLVM type that elements are moved or combined as."""
    if reduce == "set":
        return {1: "i8", 2: "i16", 4: "i32", 8: "i64"}.get(dtype.itemsize)
    return _SCALAR.get(dtype.str[1:])


def _combination(dtype: np.dtype, reduce: str) -> str:
    if dtype == np.bool_ and reduce != "set":
        return {"add": "or", "amax": "or", "multiply": "and", "amin": "and"}[reduce]
    return f"u{reduce}" if dtype.kind == "u" and reduce[0] == "a" and reduce != "add" else reduce


@functools.cache
def _task(form: str, scalar: str, combination: str) -> int:
    name = f"write_{form}_{scalar}_{combination}"
    return jit.compile_ir(_ir(name, form, scalar, combination), [name])[name]


def _ir(name: str, form: str, scalar: str, combination: str) -> str:
    b = Builder()
    cell = {field: _FIELDS.read(b, field, "ptr" if field in _POINTERS else "i64") for field in _FIELDS.names}
    item = TASK_PARAMETERS[1]
    if form == "elements":
        _elements(b, cell, item, scalar, combination)
    else:
        _rows(b, cell, item, scalar, combination, form == "fill")
    return module([b.finish(name, TASK_PARAMETERS)], [b])


def _at(b: Builder, cell: dict[str, Value], name: str, **indices: Value) -> Value:
    return offset(b, cell[name], *[(index, cell[f"{name}_{loop}"]) for loop, index in indices.items()])


def _elements(b: Builder, cell: dict[str, Value], item: Value, scalar: str, combination: str) -> None:
    """An item has some ``p`` and some ``s``, and of these all positions."""
    pieces = b.udiv(b.add(cell["s"], b.sub(cell["chunk_s"], b.i64(1))), cell["chunk_s"])
    low_p, low_s = b.mul(b.udiv(item, pieces), cell["chunk_p"]), b.mul(b.urem(item, pieces), cell["chunk_s"])
    high_p, high_s = b.smin(b.add(low_p, cell["chunk_p"]), cell["p"]), b.smin(b.add(low_s, cell["chunk_s"]), cell["s"])
    with b.loop(low_p, high_p) as p:
        target, positions, source = (_at(b, cell, name, p=p) for name in ("target", "positions", "source"))
        with b.loop(0, cell["j"]) as j:
            line = offset(b, positions, (j, cell["positions_j"]))
            values = offset(b, source, (j, cell["source_j"]))
            with b.loop(low_s, high_s) as s:
                position = b.load("i64", offset(b, line, (s, cell["positions_s"])))
                place = offset(b, target, (position, cell["step"]), (s, cell["target_s"]))
                value = b.load(scalar, offset(b, values, (s, cell["source_s"])))
                b.store(_combined(b, place, value, combination), place)


def _rows(b: Builder, cell: dict[str, Value], item: Value, scalar: str, combination: str, fill: bool) -> None:
    """Neighbouring elements go to neighbouring places; an item has the positions in its part of the target."""
    count = jit.target().vector_bytes // max(1, _bytes(scalar))
    type = vector(scalar, count)
    low = b.mul(item, cell["chunk_reach"])
    with b.loop(0, cell["p"]) as p, b.loop(0, cell["j"]) as j:
        position = b.load("i64", _at(b, cell, "positions", p=p, j=j))
        with b.if_(b.icmp("ult", b.sub(position, low), cell["chunk_reach"])):
            row = offset(b, _at(b, cell, "target", p=p), (position, cell["step"]))
            values = _at(b, cell, "source", p=p, j=j)
            with b.loop(0, cell["s"], count) as s:
                mask = b.icmp("slt", b.iota(count), b.splat(b.sub(cell["s"], s), count))
                moved = b.mul(s, b.i64(_bytes(scalar)))
                value = b.splat(b.load(scalar, values), count) if fill else b.load(type, b.gep(values, moved), mask=mask)
                place = b.gep(row, moved)
                b.store(_combined(b, place, value, combination, mask), place, mask=mask)


def _bytes(scalar: str) -> int:
    return {"float": 4, "double": 8}.get(scalar) or int(scalar[1:]) // 8


def _combined(b: Builder, place: Value, value: Value, combination: str, mask: Value | None = None) -> Value:
    """What the place holds after ``value`` came."""
    if combination == "set":
        return value
    known = b.load(value.type, place, mask=mask)
    floats = is_float(value.type)
    if combination == "add":
        return b.fadd(known, value) if floats else b.add(known, value)
    if combination == "multiply":
        return b.fmul(known, value) if floats else b.mul(known, value)
    if combination in ("or", "and"):
        return b.or_(known, value) if combination == "or" else b.and_(known, value)
    kind = {"amax": "maximum" if floats else "smax", "amin": "minimum" if floats else "smin", "uamax": "umax", "uamin": "umin"}
    return b.intrinsic(f"llvm.{kind[combination]}", known, value)
