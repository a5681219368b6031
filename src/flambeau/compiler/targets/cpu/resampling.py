"""Interpolation as tasks: weighted sums of lines of the input, kept in scratch memory, then of places in the sum.

A row of outputs needs the same few input lines: they are summed by whole vectors; what is left is to pick along the line. The gradient
goes the same way backwards.
"""

from __future__ import annotations

import functools
from math import prod

import numpy as np

from flambeau.compiler.resampling import Resample, taps
from flambeau.compiler.targets.cpu.builder import Builder, Value, vector
from flambeau.compiler.targets.cpu.cast import cast
from flambeau.compiler.targets.cpu.convolution import strides_xyz, xyz
from flambeau.compiler.targets.cpu.convolution_ir import ITEMSIZE, SCALAR, lanes
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
from flambeau.compiler.targets.cpu.pooling_ir import MEMORY
from flambeau.runtime import jit

_ITEM_ELEMENTS = 16384
_MAX_ITEMS = 64
# The sizes are those of the image, of which ``taps`` places make an output.
_FIELDS = Fields(
    "source source_n source_c source_x source_y source_z values channels size_x size_y size_z out_x out_y out_z taps_x taps_y taps_z "
    "index_x index_y index_z weight_x weight_y weight_z rows chunk scratch scratch_bytes"
)
_POINTERS = frozenset(["source", "values", "scratch", *(f"{table}_{dim}" for table in ("index", "weight") for dim in "xyz")])


@lowering(Resample)
def lower(operation) -> Lowered | None:
    """The task of an interpolation of floats, or of its gradient in float32 or float64."""
    plan, source, result = operation.code.extra, operation.inputs[0].spec, operation.code.outputs[0]
    dtype = source.dtype.name
    if dtype not in (ITEMSIZE if plan.backward else MEMORY) or not (prod(source.shape) and prod(result.shape)):
        return None
    image, outputs = (result, source) if plan.backward else (source, result)
    compute = dtype if dtype in SCALAR else "float32"
    n, c, x, y, z = strides_xyz(source)
    sizes, outs = xyz(image.shape[2:], 1), xyz(outputs.shape[2:], 1)
    tables, values = [], {}
    for dim, size, out, axis in zip("xyz", sizes, outs, xyz(range(len(plan.sizes)), -1)):
        index, weight = _table(plan, axis, size, out, np.dtype(compute))
        tables += [index, weight]
        values |= {f"size_{dim}": size, f"out_{dim}": out, f"taps_{dim}": len(index), f"index_{dim}": index.ctypes.data,
                   f"weight_{dim}": weight.ctypes.data}
    # An item of the gradient owns planes of the image; otherwise it has some rows of outputs.
    planes = prod(source.shape[:2])
    rows, work = (planes, prod(outs)) if plan.backward else (planes * outs[0] * outs[1], max(outs[2], sizes[2]))
    chunk = max(1, _ITEM_ELEMENTS // work, -(-rows // _MAX_ITEMS))
    scratch = (sizes[2] * ITEMSIZE[compute] + 63) // 64 * 64
    cells = _FIELDS.cells(**values, source=Operand(0), source_n=n, source_c=c, source_x=x, source_y=y, source_z=z, values=Result(),
                          channels=source.shape[1], rows=rows, chunk=chunk, scratch=SCRATCH, scratch_bytes=SCRATCH_BYTES)
    dense = z == source.dtype.itemsize or source.shape[-1] == 1
    return Lowered([Task(_task(dtype, dense, plan.backward), cells, -(-rows // chunk))], scratch_bytes=scratch, tables=tables)


def _table(plan: Resample, axis: int, size: int, out: int, kind: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """The taps along a dimension; one that is not there or stays as it is has one tap."""
    if axis < 0 or plan.antialias and size == out:
        return np.arange(out, dtype=np.int64)[None], np.ones((1, out), kind)
    index, weight = taps(plan, axis, size, kind.type)
    weight = np.ones(index.shape) if weight is None else weight
    return np.ascontiguousarray(index, np.int64), np.ascontiguousarray(weight, kind)


@functools.cache
def _task(dtype: str, dense: bool, backward: bool) -> int:
    name = f"resample_{'backward' if backward else 'forward'}_{dense:d}_{dtype}"
    return jit.compile_ir(_Resampling(dtype, dense).text(name, backward), [name])[name]


class _Resampling:
    """Writes one of the tasks."""

    def __init__(self, dtype: str, dense: bool) -> None:
        self.b = b = Builder()
        self.cell = {name: _FIELDS.read(b, name, "ptr" if name in _POINTERS else "i64") for name in _FIELDS.names}
        self.dtype, self.dense, self.compute = dtype, dense, dtype if dtype in SCALAR else "float32"
        self.scalar, self.count = SCALAR[self.compute], lanes(self.compute)
        self.type, self.stored = vector(self.scalar, self.count), vector(MEMORY[dtype], self.count)
        self.itemsize, self.size = b.i64(ITEMSIZE.get(dtype, 2)), b.i64(ITEMSIZE[self.compute])
        self.line = offset(b, self.cell["scratch"], (TASK_PARAMETERS[2], self.cell["scratch_bytes"]))
        self.total = b.alloca(self.type)

    def text(self, name: str, backward: bool) -> str:
        b, cell = self.b, self.cell
        low = b.mul(TASK_PARAMETERS[1], cell["chunk"])
        with b.loop(low, b.smin(b.add(low, cell["chunk"]), cell["rows"])) as row:
            if backward:
                self._plane(row)
            else:
                y, rest = b.urem(row, cell["out_y"]), b.udiv(row, cell["out_y"])
                self._sum_lines(self._source(b.udiv(rest, cell["out_x"])), b.urem(rest, cell["out_x"]), y)
                self._pick(offset(b, cell["values"], (b.mul(row, cell["out_z"]), self.itemsize)))
        return module([b.finish(name, TASK_PARAMETERS)], [b])

    def _source(self, plane: Value) -> Value:
        b, cell = self.b, self.cell
        n, c = b.udiv(plane, cell["channels"]), b.urem(plane, cell["channels"])
        return offset(b, cell["source"], (n, cell["source_n"]), (c, cell["source_c"]))

    def _tap(self, dim: str, tap: Value, output: Value) -> tuple[Value, Value]:
        """The place and the weight of one tap of one output."""
        b, cell = self.b, self.cell
        at = b.add(b.mul(tap, cell[f"out_{dim}"]), output)
        return b.load("i64", offset(b, cell[f"index_{dim}"], (at, b.i64(8)))), \
            b.load(self.scalar, offset(b, cell[f"weight_{dim}"], (at, self.size)))

    def _each_line(self, x: Value, y: Value, take) -> None:
        """``take(x, y, weight)`` for the lines of the image that a row of outputs depends on."""
        b, cell = self.b, self.cell
        with b.loop(0, cell["taps_x"]) as tap_x, b.loop(0, cell["taps_y"]) as tap_y:
            (at_x, weight_x), (at_y, weight_y) = self._tap("x", tap_x, x), self._tap("y", tap_y, y)
            with b.if_(b.icmp("sge", b.smin(at_x, at_y), b.i64(0))):
                take(at_x, at_y, b.fmul(weight_x, weight_y))

    def _along(self, size: Value):
        """The loop over vectors of a line."""
        return self.b.loop(0, size, self.count)

    def _mask(self, at: Value, size: Value) -> Value:
        return self.b.icmp("slt", self.b.iota(self.count), self.b.splat(self.b.sub(size, at), self.count))

    # -- forward --------------------------------------------------------------------------------------------------------

    def _sum_lines(self, source: Value, x: Value, y: Value) -> None:
        """The scratch line becomes the weighted sum of the lines of the image."""
        b, cell = self.b, self.cell
        b.call("llvm.memset.p0.i64", "void", self.line, b.constant("i8", 0), b.mul(cell["size_z"], self.size), b.constant("i1", 0))

        def add(at_x: Value, at_y: Value, weight: Value) -> None:
            start, factor = offset(b, source, (at_x, cell["source_x"]), (at_y, cell["source_y"])), b.splat(weight, self.count)
            with self._along(cell["size_z"]) as z:
                mask, place = self._mask(z, cell["size_z"]), offset(b, self.line, (z, self.size))
                value = cast(b, self._elements(start, z, mask), self.dtype, self.compute)
                b.store(b.fma(factor, value, b.load(self.type, place, mask=mask)), place, mask=mask)

        self._each_line(x, y, add)

    def _elements(self, start: Value, z: Value, mask: Value) -> Value:
        b = self.b
        if self.dense:
            return b.load(self.stored, offset(b, start, (z, self.itemsize)), mask=mask)
        moved = b.mul(b.iota(self.count), b.splat(self.cell["source_z"], self.count))
        return b.gather(self.stored, b.pointers(offset(b, start, (z, self.cell["source_z"])), moved), mask)

    def _pick(self, target: Value) -> None:
        """A row of outputs from the scratch line."""
        b, cell = self.b, self.cell
        with self._along(cell["out_z"]) as z:
            mask = self._mask(z, cell["out_z"])
            b.store(b.constant(self.type, 0.0), self.total)
            with b.loop(0, cell["taps_z"]) as tap:
                at = b.add(b.mul(tap, cell["out_z"]), z)
                index = b.load(vector("i64", self.count), offset(b, cell["index_z"], (at, b.i64(8))), mask=mask)
                weight = b.load(self.type, offset(b, cell["weight_z"], (at, self.size)), mask=mask)
                there = b.and_(mask, b.icmp("sge", index, b.constant(index.type, 0)))
                places = b.pointers(self.line, b.mul(index, b.splat(self.size, self.count)))
                b.store(b.fma(weight, b.gather(self.type, places, there), b.load(self.type, self.total)), self.total)
            result = cast(b, b.load(self.type, self.total), self.compute, self.dtype)
            b.store(result, offset(b, target, (z, self.itemsize)), mask=mask)

    # -- backward -------------------------------------------------------------------------------------------------------

    def _plane(self, plane: Value) -> None:
        """The gradient of a plane of the image."""
        b, cell = self.b, self.cell
        source, elements = self._source(plane), b.mul(b.mul(cell["size_x"], cell["size_y"]), cell["size_z"])
        target = offset(b, cell["values"], (b.mul(plane, elements), self.size))
        b.call("llvm.memset.p0.i64", "void", target, b.constant("i8", 0), b.mul(elements, self.size), b.constant("i1", 0))
        with b.loop(0, cell["out_x"]) as x, b.loop(0, cell["out_y"]) as y:
            self._spread(offset(b, source, (x, cell["source_x"]), (y, cell["source_y"])))

            def add(at_x: Value, at_y: Value, weight: Value) -> None:
                line = b.mul(b.add(b.mul(at_x, cell["size_y"]), at_y), cell["size_z"])
                start, factor = offset(b, target, (line, self.size)), b.splat(weight, self.count)
                with self._along(cell["size_z"]) as z:
                    mask, place = self._mask(z, cell["size_z"]), offset(b, start, (z, self.size))
                    share = b.load(self.type, offset(b, self.line, (z, self.size)), mask=mask)
                    b.store(b.fma(factor, share, b.load(self.type, place, mask=mask)), place, mask=mask)

            self._each_line(x, y, add)

    def _spread(self, grads: Value) -> None:
        """The scratch line becomes the gradient of the line that a row of outputs was picked from."""
        b, cell = self.b, self.cell
        b.call("llvm.memset.p0.i64", "void", self.line, b.constant("i8", 0), b.mul(cell["size_z"], self.size), b.constant("i1", 0))
        with b.loop(0, cell["out_z"]) as z:
            grad = b.load(self.scalar, offset(b, grads, (z, cell["source_z"])))
            with b.loop(0, cell["taps_z"]) as tap:
                index, weight = self._tap("z", tap, z)
                with b.if_(b.icmp("sge", index, b.i64(0))):
                    place = offset(b, self.line, (index, self.size))
                    b.store(b.fma(weight, grad, b.load(self.scalar, place)), place)
