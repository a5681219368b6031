"""The tasks of :mod:`writing`: elements written at positions, and positions made of several index tensors."""

from __future__ import annotations

import contextlib
import functools

from flambeau.compiler.targets.cpu.builder import Builder, Value, is_float, vector
from flambeau.compiler.targets.cpu.dot_layout import TASK_PARAMETERS, module, offset
from flambeau.compiler.targets.cpu.native import Fields
from flambeau.runtime import jit

# A position counts ``step`` bytes of the target. It is out of range from ``extent`` on, and ``wrap`` is added to a negative one.
FIELDS = Fields(
    "target positions source error step extent wrap p s j target_p target_s target_j positions_p positions_s positions_j source_p source_s "
    "source_j chunk_p chunk_s shares"
)
_POINTERS = frozenset(["target", "positions", "source", "error", "offsets"])
MOST_LEVELS = 3
_TOGETHER = 8
_SPREAD = 0x9E3779B97F4A7C15 - (1 << 64)  # a multiple of it has well mixed high bits

Cells = dict[str, Value]


@functools.cache
def task(form: str, scalar: str, combination: str) -> int:
    """The task that writes elements of the LLVM type ``scalar``.

    ``form``: "elements" in any layout, "lines" where there is one ``s``, "rows" and "fill" where all ``s`` are neighbours in the target
    (and in the source; or are filled with one element).
    """
    name = f"write_{form}_{scalar}_{combination}"
    b = Builder()
    cell = _read(b, FIELDS)
    if form in ("rows", "fill"):
        _rows(b, cell, scalar, combination, form == "fill")
    else:
        _elements(b, cell, scalar, combination, form == "lines")
    return jit.compile_ir(module([b.finish(name, TASK_PARAMETERS)], [b]), [name])[name]


def _read(b: Builder, fields: Fields) -> Cells:
    return {name: fields.read(b, name, "ptr" if name in _POINTERS or name.startswith("index") else "i64") for name in fields.names}


def _at(b: Builder, cell: Cells, name: str, **indices: Value) -> Value:
    return offset(b, cell[name], *[(index, cell[f"{name}_{loop}"]) for loop, index in indices.items()])


def _counted(b: Builder, index: Value, extent: Value, wrap: Value) -> tuple[Value, Value]:
    position = b.add(index, b.and_(b.ashr(index, b.i64(63)), wrap))
    return position, b.icmp("ult", position, extent)


def _position(b: Builder, index: Value, extent: Value, wrap: Value, error: Value) -> tuple[Value, Value]:
    """An index counted from the front, and whether it is in range; one that is not is reported."""
    position, inside = _counted(b, index, extent, wrap)
    with b.if_(b.not_(inside)):
        b.store(index, error)
        b.store(b.i64(1), b.gep(error, 8))
    return position, inside


def _elements(b: Builder, cell: Cells, scalar: str, combination: str, lines: bool) -> None:
    """An item has some ``p`` and some ``s``, and of these all positions; ``lines``: there is one ``s``."""
    item = TASK_PARAMETERS[1]
    pieces = b.udiv(b.add(cell["s"], b.sub(cell["chunk_s"], b.i64(1))), cell["chunk_s"])
    low_p, low_s = b.mul(b.udiv(item, pieces), cell["chunk_p"]), b.mul(b.urem(item, pieces), cell["chunk_s"])
    high_p, high_s = b.smin(b.add(low_p, cell["chunk_p"]), cell["p"]), b.smin(b.add(low_s, cell["chunk_s"]), cell["s"])
    with b.loop(low_p, high_p) as p:
        at = {name: _at(b, cell, name, p=p) for name in ("target", "positions", "source")}
        if lines:
            _line(b, cell, scalar, combination, at, "j", b.i64(0), cell["j"])
        else:
            with b.loop(0, cell["j"]) as j:
                moved = {name: offset(b, pointer, (j, cell[f"{name}_j"])) for name, pointer in at.items()}
                _line(b, cell, scalar, combination, moved, "s", low_s, high_s)


def _line(b: Builder, cell: Cells, scalar: str, combination: str, at: Cells, loop: str, low: Value, high: Value) -> None:
    """Write along one loop; several positions are checked by one jump."""

    def write(i: Value, position: Value) -> None:
        place = offset(b, at["target"], (position, cell["step"]), (i, cell[f"target_{loop}"]))
        b.store(_combined(b, place, b.load(scalar, offset(b, at["source"], (i, cell[f"source_{loop}"]))), combination), place)

    def index(i: Value) -> Value:
        return b.load("i64", offset(b, at["positions"], (i, cell[f"positions_{loop}"])))

    def one_by_one(low: Value, high: Value) -> None:
        with b.loop(low, high) as i:
            position, inside = _position(b, index(i), cell["extent"], cell["wrap"], cell["error"])
            with b.if_(inside):
                write(i, position)

    together = b.i64(_TOGETHER)
    whole = b.add(low, b.mul(b.udiv(b.sub(high, low), together), together))
    with b.loop(low, whole, together) as first:
        places = [b.add(first, b.i64(i)) for i in range(_TOGETHER)]
        found = [_counted(b, index(i), cell["extent"], cell["wrap"]) for i in places]
        known = functools.reduce(b.and_, [inside for _, inside in found])
        with b.if_(known):
            for i, (position, _) in zip(places, found):
                write(i, position)
        with b.if_(b.not_(known)):
            one_by_one(first, b.add(first, together))
    one_by_one(whole, high)


def _rows(b: Builder, cell: Cells, scalar: str, combination: str, fill: bool) -> None:
    """Neighbouring elements go to neighbouring places; an item has the positions that fall to it."""
    count = jit.target().vector_bytes // max(1, _bytes(scalar))
    type = vector(scalar, count)
    with b.loop(0, cell["p"]) as p, b.loop(0, cell["j"]) as j:
        index = b.load("i64", _at(b, cell, "positions", p=p, j=j))
        position, inside = _position(b, index, cell["extent"], cell["wrap"], cell["error"])
        with b.if_(b.and_(inside, b.icmp("eq", _share(b, position, cell["shares"]), TASK_PARAMETERS[1]))):
            row = offset(b, _at(b, cell, "target", p=p), (position, cell["step"]))
            values = _at(b, cell, "source", p=p, j=j)
            with b.loop(0, cell["s"], count) as s:
                mask = b.icmp("slt", b.iota(count), b.splat(b.sub(cell["s"], s), count))
                moved = b.mul(s, b.i64(_bytes(scalar)))
                value = b.splat(b.load(scalar, values), count) if fill else b.load(type, b.gep(values, moved), mask=mask)
                place = b.gep(row, moved)
                b.store(_combined(b, place, value, combination, mask), place, mask=mask)


def _share(b: Builder, position: Value, shares: Value) -> Value:
    """The item that a position falls to: evenly, wherever the positions lie."""
    mixed = b.lshr(b.mul(position, b.i64(_SPREAD)), b.i64(32))
    return b.lshr(b.mul(mixed, shares), b.i64(32))


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


# -- positions of several index tensors -------------------------------------------------------------------------------------------


def position_fields(tensors: int, levels: int) -> Fields:
    """The cells of ``position_task``: of each index tensor its place, strides, extent, wrap and the bytes that one step means."""
    names = ["offsets error chunk", *[f"size_{n}" for n in range(levels)]]
    names += [f"index_{k} extent_{k} wrap_{k} step_{k}" for k in range(tensors)]
    names += [f"stride_{k}_{n}" for k in range(tensors) for n in range(levels)]
    return Fields(" ".join(names))


@functools.cache
def position_task(dtypes: tuple[str, ...], levels: int) -> int:
    """The task that stores the bytes that index tensors of these dtypes stand for together, -1 where one is out of range."""
    name = f"positions_{'_'.join(dtypes)}_{levels}"
    b = Builder()
    cell = _read(b, position_fields(len(dtypes), levels))
    low = b.mul(TASK_PARAMETERS[1], cell["chunk"])
    with contextlib.ExitStack() as loops:
        counters = [loops.enter_context(b.loop(low, b.smin(b.add(low, cell["chunk"]), cell["size_0"])))]
        counters += [loops.enter_context(b.loop(0, cell[f"size_{n}"])) for n in range(1, levels)]
        total, known, flat = b.i64(0), b.constant("i1", 1), counters[0]
        for n, counter in enumerate(counters[1:], 1):
            flat = b.add(b.mul(flat, cell[f"size_{n}"]), counter)
        for k, dtype in enumerate(dtypes):
            place = offset(b, cell[f"index_{k}"], *[(counter, cell[f"stride_{k}_{n}"]) for n, counter in enumerate(counters)])
            index = b.convert(b.load("i64" if dtype == "int64" else "i32", place), "i64")
            position, inside = _position(b, index, cell[f"extent_{k}"], cell[f"wrap_{k}"], cell["error"])
            total, known = b.add(total, b.mul(position, cell[f"step_{k}"])), b.and_(known, inside)
        b.store(b.select(known, total, b.i64(-1)), offset(b, cell["offsets"], (flat, b.i64(8))))
    return jit.compile_ir(module([b.finish(name, TASK_PARAMETERS)], [b]), [name])[name]
