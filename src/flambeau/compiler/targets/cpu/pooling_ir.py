"""The kernels of pooling: vectors of neighbouring results, one pass over the places of the window for each.

With a stride of one or two along the lines, what the results of a vector need from a place of the window is loaded (and every second
element kept); with other strides it is gathered.
"""

from __future__ import annotations

import functools

from flambeau.compiler.targets.cpu.builder import Builder, Value, vector
from flambeau.compiler.targets.cpu.cast import cast
from flambeau.compiler.targets.cpu.convolution_ir import ITEMSIZE, SCALAR, lanes
from flambeau.compiler.targets.cpu.dot_layout import TASK_PARAMETERS, module, offset
from flambeau.compiler.targets.cpu.native import Fields
from flambeau.runtime import jit

WINDOW = Fields(
    "source source_n source_c source_x source_y source_z size_x size_y size_z out_x out_y out_z kernel_x kernel_y kernel_z "
    "step_x step_y step_z pad_x pad_y pad_z after_x after_y after_z dilation_x dilation_y dilation_z "
    "values indices planes channels chunk count_padding divisor"
)
SCATTER = Fields("values indices result count plane planes chunk")
_POINTERS = frozenset(["source", "values", "indices", "result"])
MEMORY = {**SCALAR, "bfloat16": "i16", "float16": "half"}  # how what windows slide over lies in memory


@functools.cache
def task(kind: str, dtype: str, stride: int = 0) -> int:
    """The address of the task: "max", "average" (for a stride of 1, 2 or, as 0, any), "spread" or "scatter"."""
    name = f"pool_{kind}{stride}_{dtype}"
    if kind == "scatter":
        text = _scatter_module(name, dtype)
    elif kind == "spread":
        text = _spread_module(name, dtype)
    else:
        text = _Windows(kind, dtype, stride).text(name)
    return jit.compile_ir(text, [name])[name]


def _cells(b: Builder, fields: Fields) -> dict[str, Value]:
    return {name: fields.read(b, name, "ptr" if name in _POINTERS else "i64") for name in fields.names}


def _items(b: Builder, cell: dict[str, Value]) -> tuple[Value, Value]:
    """The planes of this item."""
    low = b.mul(TASK_PARAMETERS[1], cell["chunk"])
    return low, b.smin(b.add(low, cell["chunk"]), cell["planes"])


def _covered(b: Builder, cell: dict[str, Value], dim: str, index: Value) -> Value:
    """How many places of a window count along a dimension, for ``index`` an i64 or a vector of i32."""
    count = int(index.type[1:].split(" x ")[0]) if index.type[0] == "<" else 0
    scalar = "i32" if count else "i64"

    def wide(value: Value) -> Value:
        return b.splat(b.convert(value, scalar), count) if count else value

    start = b.sub(b.mul(index, wide(cell[f"step_{dim}"])), wide(cell[f"pad_{dim}"]))
    end = b.add(start, wide(cell[f"kernel_{dim}"]))
    padded = b.icmp("ne", cell["count_padding"], b.i64(0))
    limit = b.select(padded, b.add(cell[f"size_{dim}"], cell[f"after_{dim}"]), cell[f"size_{dim}"])
    lowest = b.select(padded, b.sub(b.i64(0), cell[f"pad_{dim}"]), b.i64(0))
    return b.sub(b.smin(end, wide(limit)), b.smax(start, wide(lowest)))


class _Windows:
    """Writes the task that takes the largest value or the mean of every window."""

    def __init__(self, kind: str, dtype: str, stride: int) -> None:
        self.kind, self.dtype, self.stride = kind, dtype, stride
        self.b = Builder()
        self.cell = _cells(self.b, WINDOW)
        self.compute = dtype if dtype in SCALAR else "float32"
        self.count = lanes(self.compute)
        self.itemsize = ITEMSIZE.get(dtype, 2)
        self.size = self.b.i64(self.itemsize)
        self.type, self.stored = vector(SCALAR[self.compute], self.count), vector(MEMORY[dtype], self.count)
        self.positions = vector("i32", self.count)
        self.best, self.where = self.b.alloca(self.type), self.b.alloca(self.positions)

    def text(self, name: str) -> str:
        b, cell = self.b, self.cell
        with b.loop(*_items(b, cell)) as plane:
            n, c = b.udiv(plane, cell["channels"]), b.urem(plane, cell["channels"])
            self.source = offset(b, cell["source"], (n, cell["source_n"]), (c, cell["source_c"]))
            with b.loop(0, cell["out_x"]) as x, b.loop(0, cell["out_y"]) as y:
                row = b.add(b.mul(b.add(b.mul(plane, cell["out_x"]), x), cell["out_y"]), y)
                with b.loop(0, cell["out_z"], self.count) as z:
                    self._vector(x, y, z, b.add(b.mul(row, cell["out_z"]), z))
        return module([b.finish(name, TASK_PARAMETERS)], [b])

    def _vector(self, x: Value, y: Value, z: Value, place: Value) -> None:
        b, cell = self.b, self.cell
        b.store(b.constant(self.type, float("-inf") if self.kind == "max" else 0.0), self.best)
        b.store(b.constant(self.positions, -1), self.where)
        with b.loop(0, cell["kernel_x"]) as i, b.loop(0, cell["kernel_y"]) as j:
            at_x, at_y = self._position("x", x, i), self._position("y", y, j)
            inside = b.and_(b.icmp("ult", at_x, cell["size_x"]), b.icmp("ult", at_y, cell["size_y"]))
            with b.if_(inside):
                line = offset(b, self.source, (at_x, cell["source_x"]), (at_y, cell["source_y"]))
                flat = b.mul(b.add(b.mul(at_x, cell["size_y"]), at_y), cell["size_z"])
                with b.loop(0, cell["kernel_z"]) as k:
                    self._take(line, flat, self._position("z", z, k))
        mask = b.icmp("slt", b.iota(self.count), b.splat(b.sub(cell["out_z"], z), self.count))
        result = b.load(self.type, self.best)
        if self.kind == "average":
            result = b.fdiv(result, self._divisor(x, y, z))
        else:
            indices = b.convert(b.load(self.positions, self.where), "i64")
            b.store(indices, offset(b, cell["indices"], (place, b.i64(8))), mask=mask)
        b.store(cast(b, result, self.compute, self.dtype), offset(b, cell["values"], (place, self.size)), mask=mask)

    def _position(self, dim: str, index: Value, place: Value) -> Value:
        b, cell = self.b, self.cell
        start = b.sub(b.mul(index, cell[f"step_{dim}"]), cell[f"pad_{dim}"])
        return b.add(start, b.mul(place, cell[f"dilation_{dim}"]))

    def _take(self, line: Value, flat: Value, at_z: Value) -> None:
        """Let one place of the windows count; ``at_z``: where the first of the windows has it."""
        b = self.b
        step = b.convert(self.cell["step_z"], "i32")
        lane = b.mul(b.iota(self.count, "i32"), b.splat(step, self.count))
        at = b.add(b.splat(b.convert(at_z, "i32"), self.count), lane)
        inside = b.icmp("ult", at, b.splat(b.convert(self.cell["size_z"], "i32"), self.count))
        candidate = cast(b, self._elements(line, at_z, at, inside), self.dtype, self.compute)
        best = b.load(self.type, self.best)
        if self.kind == "average":
            b.store(b.fadd(best, candidate), self.best)
            return
        where = b.load(self.positions, self.where)
        # NaN is largest; the first of equals stays, and the first place inside counts even if nothing is larger.
        larger = b.or_(b.fcmp("ogt", candidate, best), b.fcmp("uno", candidate, candidate))
        better = b.and_(inside, b.or_(larger, b.icmp("slt", where, b.constant(self.positions, 0))))
        b.store(b.select(better, candidate, best), self.best)
        b.store(b.select(better, b.add(at, b.splat(b.convert(flat, "i32"), self.count)), where), self.where)

    def _elements(self, line: Value, at_z: Value, at: Value, inside: Value) -> Value:
        """The elements at the positions ``at`` of a line, zero outside."""
        b = self.b
        if not self.stride:
            moved = b.mul(b.convert(at, "i64"), b.splat(self.cell["source_z"], self.count))
            return b.gather(self.stored, b.pointers(line, moved), inside)
        start = offset(b, line, (at_z, self.size))
        if self.stride == 1:
            return b.load(self.stored, start, mask=inside)
        halves = []
        for half in range(2):
            first = b.add(at_z, b.i64(half * self.count))
            own = b.add(b.splat(b.convert(first, "i32"), self.count), b.iota(self.count, "i32"))
            mask = b.icmp("ult", own, b.splat(b.convert(self.cell["size_z"], "i32"), self.count))
            halves.append(b.load(self.stored, b.gep(start, half * self.count * self.itemsize), mask=mask))
        return b.shuffle(halves[0], halves[1], range(0, 2 * self.count, 2))

    def _divisor(self, x: Value, y: Value, z: Value) -> Value:
        b, cell = self.b, self.cell
        index = b.add(b.splat(b.convert(z, "i32"), self.count), b.iota(self.count, "i32"))
        plane = b.convert(b.mul(_covered(b, cell, "x", x), _covered(b, cell, "y", y)), "i32")
        counted = b.mul(_covered(b, cell, "z", index), b.splat(plane, self.count))
        given = b.splat(b.convert(cell["divisor"], "i32"), self.count)
        chosen = b.select(b.icmp("ne", cell["divisor"], b.i64(0)), given, counted)
        return b.convert(chosen, SCALAR[self.compute])


def _spread_module(name: str, dtype: str) -> str:
    """The gradient of means: the source is the gradient of the results, ``values`` the planes that it is added to.

    Sizes are those of the planes; ``out`` is how many windows there are.
    """
    b = Builder()
    cell, scalar, size = _cells(b, WINDOW), SCALAR[dtype], b.i64(ITEMSIZE[dtype])
    plane_bytes = b.mul(b.mul(b.mul(cell["size_x"], cell["size_y"]), cell["size_z"]), size)
    with b.loop(*_items(b, cell)) as plane:
        n, c = b.udiv(plane, cell["channels"]), b.urem(plane, cell["channels"])
        source = offset(b, cell["source"], (n, cell["source_n"]), (c, cell["source_c"]))
        target = offset(b, cell["values"], (plane, plane_bytes))
        b.call("llvm.memset.p0.i64", "void", target, b.constant("i8", 0), plane_bytes, b.constant("i1", 0))
        with b.loop(0, cell["out_x"]) as x, b.loop(0, cell["out_y"]) as y, b.loop(0, cell["out_z"]) as z:
            counted = b.mul(b.mul(_covered(b, cell, "x", x), _covered(b, cell, "y", y)), _covered(b, cell, "z", z))
            divisor = b.select(b.icmp("ne", cell["divisor"], b.i64(0)), cell["divisor"], counted)
            grad = b.load(scalar, offset(b, source, (x, cell["source_x"]), (y, cell["source_y"]), (z, cell["source_z"])))
            share = b.fdiv(grad, b.convert(divisor, scalar))
            (low_x, high_x), (low_y, high_y), (low_z, high_z) = [_clipped(b, cell, d, i) for d, i in zip("xyz", (x, y, z))]
            with b.loop(low_x, high_x) as at_x, b.loop(low_y, high_y) as at_y:
                line = b.mul(b.add(b.mul(at_x, cell["size_y"]), at_y), cell["size_z"])
                with b.loop(low_z, high_z) as at_z:
                    place = offset(b, target, (b.add(line, at_z), size))
                    b.store(b.fadd(b.load(scalar, place), share), place)
    return module([b.finish(name, TASK_PARAMETERS)], [b])


def _clipped(b: Builder, cell: dict[str, Value], dim: str, index: Value) -> tuple[Value, Value]:
    """The part of a window that lies inside."""
    start = b.sub(b.mul(index, cell[f"step_{dim}"]), cell[f"pad_{dim}"])
    end = b.smin(b.add(start, cell[f"kernel_{dim}"]), cell[f"size_{dim}"])
    return b.smax(start, b.i64(0)), end


def _scatter_module(name: str, dtype: str) -> str:
    """Planes of zeros with values added at their flat positions."""
    b = Builder()
    cell, scalar, size = _cells(b, SCATTER), SCALAR[dtype], b.i64(ITEMSIZE[dtype])
    plane_bytes = b.mul(cell["plane"], size)
    with b.loop(*_items(b, cell)) as plane:
        first = b.mul(plane, cell["count"])
        values, indices = offset(b, cell["values"], (first, size)), offset(b, cell["indices"], (first, b.i64(8)))
        target = offset(b, cell["result"], (plane, plane_bytes))
        b.call("llvm.memset.p0.i64", "void", target, b.constant("i8", 0), plane_bytes, b.constant("i1", 0))
        with b.loop(0, cell["count"]) as i:
            place = offset(b, target, (b.load("i64", offset(b, indices, (i, b.i64(8)))), size))
            value = b.load(scalar, offset(b, values, (i, size)))
            b.store(b.fadd(b.load(scalar, place), value), place)
    return module([b.finish(name, TASK_PARAMETERS)], [b])
