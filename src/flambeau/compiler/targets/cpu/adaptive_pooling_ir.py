"""The kernels of adaptive pooling: vectors of neighbouring inputs, region by region."""

from __future__ import annotations

import functools
from collections.abc import Callable

from flambeau.compiler.targets.cpu.builder import Builder, Value, vector
from flambeau.compiler.targets.cpu.convolution_ir import ITEMSIZE, SCALAR, lanes
from flambeau.compiler.targets.cpu.dot_layout import TASK_PARAMETERS, module, offset
from flambeau.compiler.targets.cpu.native import Fields
from flambeau.runtime import jit

REGIONS = Fields(
    "source source_n source_c source_x source_y source_z size_x size_y size_z out_x out_y out_z values indices planes channels chunk"
)
_POINTERS = frozenset(["source", "values", "indices"])


@functools.cache
def task(kind: str, dtype: str, dense: bool) -> int:
    """The address of the task "max", "average" or "average gradient"; ``dense``: the source's lines have no gaps."""
    name = f"adaptive_{kind.replace(' ', '_')}_{dense:d}_{dtype}"
    return jit.compile_ir(_Regions(kind, dtype, dense).text(name), [name])[name]


class _Regions:
    """Writes one of the tasks."""

    def __init__(self, kind: str, dtype: str, dense: bool) -> None:
        self.b = b = Builder()
        self.kind, self.dense = kind, dense
        self.cell = {name: REGIONS.read(b, name, "ptr" if name in _POINTERS else "i64") for name in REGIONS.names}
        self.scalar, self.count, self.size = SCALAR[dtype], lanes(dtype), b.i64(ITEMSIZE[dtype])
        self.type, self.positions = vector(self.scalar, self.count), vector("i32", self.count)
        self.total, self.where = b.alloca(self.type), b.alloca(self.positions)

    def text(self, name: str) -> str:
        b, cell = self.b, self.cell
        low = b.mul(TASK_PARAMETERS[1], cell["chunk"])
        plane_size = b.mul(b.mul(cell["size_x"], cell["size_y"]), cell["size_z"])
        with b.loop(low, b.smin(b.add(low, cell["chunk"]), cell["planes"])) as plane:
            n, c = b.udiv(plane, cell["channels"]), b.urem(plane, cell["channels"])
            source = offset(b, cell["source"], (n, cell["source_n"]), (c, cell["source_c"]))
            target = offset(b, cell["values"], (b.mul(plane, plane_size), self.size))
            if self.kind == "average gradient":
                nbytes = b.mul(plane_size, self.size)
                b.call("llvm.memset.p0.i64", "void", target, b.constant("i8", 0), nbytes, b.constant("i1", 0))
            with b.loop(0, cell["out_x"]) as x, b.loop(0, cell["out_y"]) as y, b.loop(0, cell["out_z"]) as z:
                ranges = [self._range(dim, index) for dim, index in zip("xyz", (x, y, z))]
                if self.kind == "average gradient":
                    place = offset(b, source, (x, cell["source_x"]), (y, cell["source_y"]), (z, cell["source_z"]))
                    self._spread(b.load(self.scalar, place), target, ranges)
                else:
                    row = b.add(b.mul(b.add(b.mul(plane, cell["out_x"]), x), cell["out_y"]), y)
                    at = b.add(b.mul(row, cell["out_z"]), z)
                    (self._largest if self.kind == "max" else self._mean)(source, ranges, at)
        return module([b.finish(name, TASK_PARAMETERS)], [b])

    def _range(self, dim: str, index: Value) -> tuple[Value, Value]:
        """Where a region begins and ends."""
        b, n, m = self.b, self.cell[f"size_{dim}"], self.cell[f"out_{dim}"]
        end = b.mul(b.add(index, b.i64(1)), n)
        return b.udiv(b.mul(index, n), m), b.udiv(b.add(end, b.sub(m, b.i64(1))), m)

    def _divisor(self, ranges) -> Value:
        counts = [self.b.sub(high, low) for low, high in ranges]
        return self.b.convert(functools.reduce(self.b.mul, counts), self.scalar)

    def _each_vector(self, ranges, take: Callable[[Value, Value, Value, Value], None]) -> None:
        """``take(x, y, z, mask)`` for the vectors that a region consists of."""
        b = self.b
        low, high = ranges[2]
        with b.loop(*ranges[0]) as x, b.loop(*ranges[1]) as y, b.loop(low, high, self.count) as z:
            take(x, y, z, b.icmp("slt", b.iota(self.count), b.splat(b.sub(high, z), self.count)))

    def _elements(self, source: Value, x: Value, y: Value, z: Value, mask: Value) -> Value:
        b, cell = self.b, self.cell
        first = offset(b, source, (x, cell["source_x"]), (y, cell["source_y"]), (z, self.size if self.dense else cell["source_z"]))
        if self.dense:
            return b.load(self.type, first, mask=mask)
        moved = b.mul(b.iota(self.count), b.splat(cell["source_z"], self.count))
        return b.gather(self.type, b.pointers(first, moved), mask)

    # -- means ----------------------------------------------------------------------------------------------------------

    def _mean(self, source: Value, ranges, at: Value) -> None:
        b = self.b
        b.store(b.constant(self.type, 0.0), self.total)

        def take(x: Value, y: Value, z: Value, mask: Value) -> None:
            b.store(b.fadd(b.load(self.type, self.total), self._elements(source, x, y, z, mask)), self.total)

        self._each_vector(ranges, take)
        total = b.load(self.type, self.total)
        for low, high in self._halves():
            total = b.fadd(b.shuffle(total, None, low), b.shuffle(total, None, high))
        b.store(b.fdiv(b.extract(total, 0), self._divisor(ranges)), offset(b, self.cell["values"], (at, self.size)))

    def _spread(self, grad: Value, target: Value, ranges) -> None:
        b, cell = self.b, self.cell
        share = b.splat(b.fdiv(grad, self._divisor(ranges)), self.count)

        def take(x: Value, y: Value, z: Value, mask: Value) -> None:
            flat = b.add(b.mul(b.add(b.mul(x, cell["size_y"]), y), cell["size_z"]), z)
            place = offset(b, target, (flat, self.size))
            b.store(b.fadd(b.load(self.type, place, mask=mask), share), place, mask=mask)

        self._each_vector(ranges, take)

    # -- the largest ----------------------------------------------------------------------------------------------------

    def _largest(self, source: Value, ranges, at: Value) -> None:
        b, cell = self.b, self.cell
        b.store(b.constant(self.type, float("-inf")), self.total)
        b.store(b.constant(self.positions, -1), self.where)

        def take(x: Value, y: Value, z: Value, mask: Value) -> None:
            flat = b.add(b.mul(b.add(b.mul(x, cell["size_y"]), y), cell["size_z"]), z)
            where = b.add(b.splat(b.convert(flat, "i32"), self.count), b.iota(self.count, "i32"))
            candidate = self._elements(source, x, y, z, mask)
            known, place = b.load(self.type, self.total), b.load(self.positions, self.where)
            # NaN is largest, the last of several; the first of equals stays, and the first element counts even if nothing is larger.
            larger = b.or_(b.fcmp("ogt", candidate, known), b.fcmp("uno", candidate, candidate))
            better = b.and_(mask, b.or_(larger, b.icmp("slt", place, b.constant(self.positions, 0))))
            b.store(b.select(better, candidate, known), self.total)
            b.store(b.select(better, where, place), self.where)

        self._each_vector(ranges, take)
        value, place = b.load(self.type, self.total), b.load(self.positions, self.where)
        for low, high in self._halves():
            value, place = self._better(*[b.shuffle(x, None, half) for half in (low, high) for x in (value, place)])
        b.store(b.extract(value, 0), offset(b, cell["values"], (at, self.size)))
        b.store(b.convert(b.extract(place, 0), "i64"), offset(b, cell["indices"], (at, b.i64(8))))

    def _better(self, first: Value, place: Value, second: Value, other: Value) -> tuple[Value, Value]:
        """Each lane's better one of two candidates; place -1 says that there is none."""
        b = self.b
        nan, other_nan = b.fcmp("uno", first, first), b.fcmp("uno", second, second)
        later = b.icmp("sgt", other, place)
        same = b.fcmp("oeq", first, second)
        # Of two NaN the later one, of equals the earlier one.
        wins = b.or_(b.and_(other_nan, b.or_(b.not_(nan), later)), b.and_(b.not_(nan), b.fcmp("ogt", second, first)))
        wins = b.or_(wins, b.and_(same, b.not_(later)))
        none = b.constant(place.type, -1)
        wins = b.and_(b.icmp("ne", other, none), b.or_(wins, b.icmp("eq", place, none)))
        return b.select(wins, second, first), b.select(wins, other, place)

    def _halves(self) -> list[tuple[range, range]]:
        """The lanes that are combined, until one is left."""
        found, count = [], self.count
        while count > 1:
            count //= 2
            found.append((range(count), range(count, 2 * count)))
        return found
