"""Fourier transforms in machine code: each lane of the vectors has a line of its own.

An item brings some lines into scratch, where a point of all of them is a vector of real and one of imaginary parts, goes over it
once for each factor of the length (Stockham's transform of mixed radix, which needs no reordering), and writes it out.
A transform of an even number of real points is one of half as many complex points, and a last step that takes the two halves apart.
"""

from __future__ import annotations

import functools
import math
from array import array
from typing import NamedTuple

import numpy as np

from flambeau.compiler.targets.cpu.builder import Builder, Value, vector
from flambeau.compiler.targets.cpu.dot_layout import TASK_PARAMETERS, module
from flambeau.compiler.targets.cpu.native import Fields
from flambeau.runtime import jit
from flambeau.runtime.threads import get_num_threads, parallel_call

_FIELDS = Fields(
    "source result scratch scratch_bytes stages stage_count twiddles turns points lines source_line result_line inner count "
    "real imaginary scale blocks chunk"
)
_POINTERS = frozenset(["source", "result", "scratch", "stages", "twiddles", "turns"])
_USUAL = (4, 2, 3, 5)  # every task has these radices, and larger ones if the length asks for them
_RADICES = (*_USUAL, 7, 11, 13, 17, 19, 23, 29, 31)
_MOST_POINTS = 1 << 14
_LEAST_ELEMENTS = 4096  # NumPy is through with fewer before an item has started
_ITEM_ELEMENTS = 1 << 14
_SCALARS = {"c": {8: "float", 16: "double"}, "f": {4: "float", 8: "double"}}

Pair = tuple[Value, Value]  # real and imaginary parts


def complex_lines(x: np.ndarray, axis: int, forward: bool, scale: float) -> np.ndarray | None:
    """The transform of complex ``x`` along ``axis``, times ``scale``; None where NumPy must do it."""
    axis %= x.ndim
    points, inner = x.shape[axis], math.prod(x.shape[axis + 1 :])
    if not _takes(x, "c", points, x.size // max(points, 1)):
        return None
    x = np.ascontiguousarray(x)
    result = np.empty_like(x)
    _run("rows" if inner == 1 else "columns", x, result, points, inner, points, forward, scale)
    return result


def real_lines(x: np.ndarray, onesided: bool, scale: float) -> np.ndarray | None:
    """The forward transform of real ``x`` along its last dimension, its first half only if ``onesided``, times ``scale``."""
    n = x.shape[-1]
    if n % 2 or not _takes(x, "f", n // 2, x.size // max(n, 1)):
        return None
    count = n // 2 + 1 if onesided else n
    result = np.empty((*x.shape[:-1], count), np.complex64 if x.itemsize == 4 else np.complex128)
    _run("real", np.ascontiguousarray(x), result, n // 2, 1, count, True, scale / 2)
    return result


def hermitian_lines(x: np.ndarray, n: int, scale: float) -> np.ndarray | None:
    """The inverse transform, to ``n`` real points and times ``scale``, of lines that hold the first half of a Hermitian spectrum."""
    if n % 2 or x.shape[-1] != n // 2 + 1 or not _takes(x, "c", n // 2, x.size // x.shape[-1]):
        return None
    result = np.empty((*x.shape[:-1], n // 2), x.dtype)
    _run("hermitian", np.ascontiguousarray(x), result, n // 2, 1, n // 2, False, scale)
    return result.view(np.float32 if x.itemsize == 8 else np.float64)


def _takes(x: np.ndarray, kind: str, points: int, lines: int) -> bool:
    known = x.dtype.kind == kind and x.dtype.isnative and x.itemsize in _SCALARS[kind]
    return known and x.size >= _LEAST_ELEMENTS and 1 < points <= _MOST_POINTS and lines >= 4 and _stages(points) is not None


class _Stages(NamedTuple):
    """``table`` has radix, groups, distance and the place of the twiddle factors of each stage."""

    table: np.ndarray
    twiddles: np.ndarray


@functools.lru_cache(256)
def _stages(points: int) -> _Stages | None:
    table, twiddles, rest, distance, place = [], [np.zeros(0, complex)], points, 1, 0
    for radix in _RADICES:
        while rest % radix == 0:
            groups = rest // radix
            table.append((radix, groups, distance, place))
            factors = _roots(rest)[np.outer(np.arange(groups), np.arange(1, radix)) % rest].ravel()
            twiddles.append(factors)
            rest, distance, place = groups, distance * radix, place + len(factors)
    return _Stages(np.array(table, np.int64), np.concatenate(twiddles)) if rest == 1 else None


@functools.lru_cache(64)
def _roots(n: int) -> np.ndarray:
    """``exp(-2 pi i k / n)``; those of ``k`` and ``n - k`` are conjugates of each other to the last bit."""
    half = np.exp(-2j * np.pi * np.arange(n // 2 + 1) / n)
    if n % 2 == 0:
        half[-1] = -1
    return np.concatenate([half, half[1 : (n + 1) // 2][::-1].conj()])


def _run(form: str, x: np.ndarray, result: np.ndarray, points: int, inner: int, count: int, forward: bool, scale: float) -> None:
    scalar = _SCALARS[x.dtype.kind][x.itemsize]
    size = result.itemsize // 2
    block = _width(scalar)
    lanes = 2 * block
    plan = _stages(points)
    assert plan is not None
    twiddles = plan.twiddles.astype(result.dtype)
    turns = np.resize(_roots(2 * points), 2 * points + block).astype(result.dtype)
    lines = result.size // (count * inner)
    blocks = -(-lines // lanes) if inner == 1 else lines * -(-inner // lanes)
    chunk = max(1, _ITEM_ELEMENTS // (points * lanes))
    scratch_bytes = 2 * (points + block) * 2 * lanes * size
    scratch = np.empty((get_num_threads() + 1) * scratch_bytes, np.uint8)
    real, imaginary = (0, lanes * size) if forward else (lanes * size, 0)
    factor = int(np.array([scale], np.float64).view(np.int64)[0])
    values = dict(source=x.ctypes.data, result=result.ctypes.data, scratch=scratch.ctypes.data, scratch_bytes=scratch_bytes,
                  stages=plan.table.ctypes.data, stage_count=len(plan.table), twiddles=twiddles.ctypes.data, turns=turns.ctypes.data,
                  points=points, lines=lines, source_line=x.size // lines * x.itemsize, result_line=count * inner * 2 * size, inner=inner,
                  count=count, real=real, imaginary=imaginary, scale=factor, blocks=blocks, chunk=chunk)
    cells = array("q", [values[name] for name in _FIELDS.names])
    larger = tuple(sorted(set(plan.table[:, 0].tolist()) - set(_USUAL)))
    parallel_call(_task(form, scalar, larger), cells.buffer_info()[0], -(-blocks // chunk))


def _width(scalar: str) -> int:
    """Complex numbers in a register."""
    return jit.target().vector_bytes // (8 if scalar == "float" else 16)


@functools.cache
def _task(form: str, scalar: str, larger: tuple[int, ...]) -> int:
    name = "_".join(["fourier", form, scalar, *map(str, larger)])
    return jit.compile_ir(_Writer(form, scalar, (*_USUAL, *larger)).text(name), [name])[name]


class _Writer:
    """Writes the task of a form: ``rows`` and ``columns`` of complex numbers, ``real`` rows to complex ones, ``hermitian`` ones to real."""

    def __init__(self, form: str, scalar: str, radices: tuple[int, ...]) -> None:
        self.b = Builder()
        self.form, self.scalar, self.radices = form, scalar, radices
        self.width = _width(scalar)
        self.lanes = 2 * self.width
        self.size = 4 if scalar == "float" else 8
        self.point = 2 * self.lanes * self.size  # bytes in scratch
        self.half = vector(scalar, self.width)
        self.full = vector(scalar, self.lanes)

    def text(self, name: str) -> str:
        b = self.b
        self.cell = {field: _FIELDS.read(b, field, "ptr" if field in _POINTERS else "i64") for field in _FIELDS.names}
        self.scale = b.convert(b.bitcast(self.cell["scale"], "double"), self.scalar)
        here = b.gep(self.cell["scratch"], b.mul(TASK_PARAMETERS[2], self.cell["scratch_bytes"]))
        there = b.gep(here, b.udiv(self.cell["scratch_bytes"], b.i64(2)))
        low = b.mul(TASK_PARAMETERS[1], self.cell["chunk"])
        high = b.smin(b.add(low, self.cell["chunk"]), self.cell["blocks"])
        columns = self.form == "columns"
        with b.loop(low, high) as block:
            if self.form == "hermitian":
                self._load_rows(there, block, b.add(self.cell["points"], b.i64(1)))
                self._put_together(there, here)
            else:
                (self._load_columns if columns else self._load_rows)(here, block, self.cell["points"])
            done = self._transform(here, there)
            (self._store_columns if columns else self._store_rows)(done, block)
        return module([b.finish(name, TASK_PARAMETERS)], [b])

    def _moved(self, pointer: Value, count: Value, step: int) -> Value:
        return self.b.gep(pointer, self.b.mul(count, self.b.i64(step)))

    def _parts(self, place: Value) -> Pair:
        """Where the real and the imaginary parts of a point lie; an inverse transform is a forward one with both exchanged."""
        return self.b.gep(place, self.cell["real"]), self.b.gep(place, self.cell["imaginary"])

    # -- rows: lines of neighbouring points ------------------------------------------------------------------

    def _starts(self, name: str, block: Value, part: int) -> list[Value]:
        """The lines of half a vector of lanes; after the last one that one again."""
        b = self.b
        first = b.add(b.mul(block, b.i64(self.lanes)), b.i64(part * self.width))
        last = b.sub(self.cell["lines"], b.i64(1))
        numbers = [b.smin(b.add(first, b.i64(i)), last) for i in range(self.width)]
        return [b.gep(self.cell[name], b.mul(n, self.cell[f"{name}_line"])) for n in numbers]

    def _mask(self, limit: Value, at: Value) -> Value:
        left = self.b.mul(self.b.sub(limit, at), self.b.i64(2))
        return self.b.icmp("slt", self.b.iota(self.lanes), self.b.splat(left, self.lanes))

    def _load_rows(self, scratch: Value, block: Value, count: Value) -> None:
        b = self.b
        for part in range(2):
            starts = self._starts("source", block, part)
            with b.loop(0, count, self.width) as at:
                mask = self._mask(count, at)
                rows = [b.load(self.full, self._moved(start, at, 2 * self.size), mask=mask) for start in starts]
                for i, point in enumerate(self._transposed(rows)):
                    places = self._parts(self._moved(scratch, b.add(at, b.i64(i)), self.point))
                    for odd, place in enumerate(places):
                        values = b.shuffle(point, None, range(odd, self.lanes, 2))
                        b.store(values, b.gep(place, part * self.width * self.size))

    def _store_rows(self, scratch: Value, block: Value) -> None:
        b = self.b
        scale = b.splat(self.scale, self.width)
        for part in range(2):
            starts = self._starts("result", block, part)
            with b.loop(0, self.cell["count"], self.width) as at:
                read = self._taken_apart if self.form == "real" else self._half_point
                points = []
                for i in range(self.width):
                    real, imaginary = read(scratch, b.add(at, b.i64(i)), part)
                    order = [c // 2 + self.width * (c % 2) for c in range(self.lanes)]
                    points.append(b.shuffle(b.fmul(real, scale), b.fmul(imaginary, scale), order))
                mask = self._mask(self.cell["count"], at)
                for start, row in zip(starts, self._transposed(points)):
                    b.store(row, self._moved(start, at, 2 * self.size), mask=mask)

    def _half_point(self, scratch: Value, at: Value, part: int) -> Pair:
        b = self.b
        real, imaginary = self._parts(b.gep(self._moved(scratch, at, self.point), part * self.width * self.size))
        return b.load(self.half, real), b.load(self.half, imaginary)

    def _taken_apart(self, scratch: Value, at: Value, part: int) -> Pair:
        """Twice the point of the real transform: of even elements, and of odd ones turned."""
        b, points = self.b, self.cell["points"]
        zero = b.i64(0)
        here = b.select(b.icmp("sge", at, points), b.sub(at, points), at)
        here = b.select(b.icmp("sge", here, points), zero, here)
        mirror = b.select(b.icmp("eq", here, zero), zero, b.sub(points, here))
        (x, y), (u, v) = self._half_point(scratch, here, part), self._half_point(scratch, mirror, part)
        turn = self._factor(self.cell["turns"], at, self.width)
        odd = self._times((b.fadd(y, v), b.fsub(u, x)), turn)
        return b.fadd(b.fadd(x, u), odd[0]), b.fadd(b.fsub(y, v), odd[1])

    def _put_together(self, source: Value, target: Value) -> None:
        """Twice the transform of the complex points that hold neighbours of a real line; the ends' imaginary parts count for nothing."""
        b, points = self.b, self.cell["points"]
        nothing = b.constant(self.full, 0.0)
        with b.loop(0, points) as at:
            end = b.icmp("eq", at, b.i64(0))
            places = [self._parts(self._moved(source, k, self.point)) for k in (at, b.sub(points, at))]
            (x, y), (u, v) = ([b.load(self.full, place) for place in pair] for pair in places)
            y, v = b.select(end, nothing, y), b.select(end, nothing, v)
            cosine, sine = self._factor(self.cell["turns"], at, self.lanes)
            odd = self._times((b.fsub(x, u), b.fadd(y, v)), (sine, cosine))
            real, imaginary = self._parts(self._moved(target, at, self.point))
            b.store(b.fadd(b.fadd(x, u), odd[0]), real)
            b.store(b.fadd(b.fsub(y, v), odd[1]), imaginary)

    def _transposed(self, rows: list[Value]) -> list[Value]:
        """As many vectors of complex numbers as each has."""
        rows, count = list(rows), len(rows)
        distance = 1
        while distance < count:
            kept = [c if not c & distance else count + c - distance for c in range(count)]
            other = [c + distance if not c & distance else count + c for c in range(count)]
            for i in range(count):
                if not i & distance:
                    a, b = rows[i], rows[i + distance]
                    rows[i], rows[i + distance] = (self.b.shuffle(a, b, [2 * c + k for c in order for k in (0, 1)])
                                                   for order in (kept, other))
            distance *= 2
        return rows

    # -- columns: the same point of neighbouring lines ---------------------------------------------------------

    def _column_places(self, name: str, block: Value) -> tuple[Value, Value, list[Value]]:
        """Where the first points lie, how far away the next ones are, the masks of the two halves of a vector of points."""
        b, inner = self.b, self.cell["inner"]
        pieces = b.udiv(b.add(inner, b.i64(self.lanes - 1)), b.i64(self.lanes))
        column = b.mul(b.urem(block, pieces), b.i64(self.lanes))
        start = b.gep(self.cell[name], b.mul(b.udiv(block, pieces), self.cell[f"{name}_line"]))
        start = self._moved(start, column, 2 * self.size)
        masks = [self._mask(inner, b.add(column, b.i64(part * self.width))) for part in range(2)]
        return start, b.mul(inner, b.i64(2 * self.size)), masks

    def _load_columns(self, scratch: Value, block: Value, count: Value) -> None:
        b = self.b
        start, step, masks = self._column_places("source", block)
        with b.loop(0, count) as at:
            place = b.gep(start, b.mul(at, step))
            low, high = (b.load(self.full, b.gep(place, part * self.lanes * self.size), mask=masks[part]) for part in range(2))
            for odd, part_place in enumerate(self._parts(self._moved(scratch, at, self.point))):
                b.store(b.shuffle(low, high, range(odd, 2 * self.lanes, 2)), part_place)

    def _store_columns(self, scratch: Value, block: Value) -> None:
        b = self.b
        start, step, masks = self._column_places("result", block)
        scale = b.splat(self.scale, self.lanes)
        with b.loop(0, self.cell["points"]) as at:
            place = b.gep(start, b.mul(at, step))
            real, imaginary = (b.fmul(b.load(self.full, part), scale) for part in self._parts(self._moved(scratch, at, self.point)))
            for part in range(2):
                order = [part * self.width + c // 2 + self.lanes * (c % 2) for c in range(self.lanes)]
                b.store(b.shuffle(real, imaginary, order), b.gep(place, part * self.lanes * self.size), mask=masks[part])

    # -- the transform in scratch ------------------------------------------------------------------------------

    def _transform(self, here: Value, there: Value) -> Value:
        """Go through the stages from one half of the scratch to the other and back; where the result lies."""
        b = self.b
        source, target = b.alloca("ptr"), b.alloca("ptr")
        b.store(here, source)
        b.store(there, target)
        with b.loop(0, self.cell["stage_count"]) as stage:
            row = self._moved(self.cell["stages"], stage, 32)
            radix, groups, distance, place = (b.load("i64", b.gep(row, 8 * i)) for i in range(4))
            x, y = b.load("ptr", source), b.load("ptr", target)
            twiddles = self._moved(self.cell["twiddles"], place, 2 * self.size)
            for kind in self.radices:
                with b.if_(b.icmp("eq", radix, b.i64(kind))):
                    self._stage(kind, x, y, groups, distance, twiddles)
            b.store(y, source)
            b.store(x, target)
        return b.load("ptr", source)

    def _stage(self, radix: int, x: Value, y: Value, groups: Value, distance: Value, twiddles: Value) -> None:
        b = self.b
        step = b.mul(distance, b.i64(self.point))
        far = b.mul(step, groups)
        with b.loop(0, groups) as group:
            first = b.mul(group, b.i64(radix - 1))
            factors = [self._factor(twiddles, b.add(first, b.i64(k)), self.lanes) for k in range(radix - 1)]
            source = b.gep(x, b.mul(group, step))
            target = b.gep(y, b.mul(group, b.mul(step, b.i64(radix))))
            with b.loop(0, step, self.point) as at:
                points = [self._point(b.gep(source, b.add(at, b.mul(far, b.i64(k))))) for k in range(radix)]
                for k, value in enumerate(self._butterfly(points)):
                    turned = self._times(value, factors[k - 1]) if k else value
                    place = b.gep(target, b.add(at, b.mul(step, b.i64(k))))
                    b.store(turned[0], place)
                    b.store(turned[1], b.gep(place, self.lanes * self.size))

    def _point(self, place: Value) -> Pair:
        return self.b.load(self.full, place), self.b.load(self.full, self.b.gep(place, self.lanes * self.size))

    def _factor(self, table: Value, at: Value, count: int) -> Pair:
        """A complex number of a table, in all lanes."""
        b = self.b
        place = self._moved(table, at, 2 * self.size)
        return b.splat(b.load(self.scalar, place), count), b.splat(b.load(self.scalar, b.gep(place, self.size)), count)

    def _times(self, a: Pair, w: Pair) -> Pair:
        b = self.b
        return b.fma(a[0], w[0], b.fneg(b.fmul(a[1], w[1]))), b.fma(a[0], w[1], b.fmul(a[1], w[0]))

    def _plus(self, x: Pair, y: Pair) -> Pair:
        return self.b.fadd(x[0], y[0]), self.b.fadd(x[1], y[1])

    def _minus(self, x: Pair, y: Pair) -> Pair:
        return self.b.fsub(x[0], y[0]), self.b.fsub(x[1], y[1])

    def _minus_i(self, x: Pair) -> Pair:
        return x[1], self.b.fneg(x[0])

    def _butterfly(self, a: list[Pair]) -> list[Pair]:
        """The transform of a few points."""
        if len(a) == 2:
            return [self._plus(a[0], a[1]), self._minus(a[0], a[1])]
        if len(a) == 4:
            even, odd = self._butterfly([a[0], a[2]]), self._butterfly([a[1], a[3]])
            turned = self._minus_i(odd[1])
            return [self._plus(even[0], odd[0]), self._plus(even[1], turned),
                    self._minus(even[0], odd[0]), self._minus(even[1], turned)]
        return self._odd_butterfly(a)

    def _odd_butterfly(self, a: list[Pair]) -> list[Pair]:
        """Pairs ``j`` and ``n - j`` have the same cosines, and opposite sines."""
        b, n = self.b, len(a)
        pairs = range(1, n // 2 + 1)
        sums, differences = ([act(a[j], a[n - j]) for j in pairs] for act in (self._plus, self._minus))
        total = functools.reduce(self._plus, sums, a[0])
        found = [total] * n
        for k in pairs:
            even, odd = a[0], (b.constant(self.full, 0.0),) * 2
            for j, both, apart in zip(pairs, sums, differences):
                cosine, sine = (b.constant(self.full, f(2 * math.pi * (j * k % n) / n)) for f in (math.cos, math.sin))
                even = b.fma(both[0], cosine, even[0]), b.fma(both[1], cosine, even[1])
                odd = b.fma(apart[0], sine, odd[0]), b.fma(apart[1], sine, odd[1])
            turned = self._minus_i(odd)
            found[k], found[n - k] = self._plus(even, turned), self._minus(even, turned)
        return found
