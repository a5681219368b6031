"""Columns added up where their windows lie in an image, as tasks: each item has some planes, windows' places one after the other."""

from __future__ import annotations

import functools
from math import prod

from flambeau.compiler.plans import Fold
from flambeau.compiler.targets.cpu.builder import Builder, Value, vector
from flambeau.compiler.targets.cpu.convolution_ir import ITEMSIZE, SCALAR, lanes
from flambeau.compiler.targets.cpu.dot_layout import TASK_PARAMETERS, module, offset
from flambeau.compiler.targets.cpu.native import Fields, Lowered, Operand, Result, Task, lowering
from flambeau.runtime import jit

_ITEM_ELEMENTS = 16384
_MAX_ITEMS = 64
_FIELDS = Fields(
    "columns image planes chunk size_y size_x count_y count_x kernel_y kernel_x step_y step_x pad_y pad_x dilation_y dilation_x"
)


@lowering(Fold)
def lower(operation) -> Lowered | None:
    """The task for contiguous columns in float32 or float64."""
    plan, columns, image = operation.code.extra, operation.inputs[0].spec, operation.code.outputs[0]
    dtype = columns.dtype.name
    if dtype not in ITEMSIZE or not columns.contiguous or not (columns.numel and image.numel):
        return None
    planes, work = prod(image.shape[:2]), columns.numel // prod(image.shape[:2])
    chunk = max(1, _ITEM_ELEMENTS // work, -(-planes // _MAX_ITEMS))
    values = dict(columns=Operand(0), image=Result(), planes=planes, chunk=chunk)
    for name, (y, x) in (("size", image.shape[2:]), ("count", plan.counts), ("kernel", plan.kernel), ("step", plan.stride),
                         ("pad", plan.padding), ("dilation", plan.dilation)):
        values |= {f"{name}_y": y, f"{name}_x": x}
    return Lowered([Task(_task(dtype, plan.stride[1] == 1), _FIELDS.cells(**values), -(-planes // chunk))])


@functools.cache
def _task(dtype: str, close: bool) -> int:
    name = f"fold_{'close' if close else 'apart'}_{dtype}"
    return jit.compile_ir(_ir(name, dtype, close), [name])[name]


def _ir(name: str, dtype: str, close: bool) -> str:
    """``close``: neighbouring windows lie one place apart, so that vectors of them do."""
    b = Builder()
    cell = {field: _FIELDS.read(b, field, "ptr" if field in ("columns", "image") else "i64") for field in _FIELDS.names}
    size, low = b.i64(ITEMSIZE[dtype]), b.mul(TASK_PARAMETERS[1], cell["chunk"])
    windows, plane_size = b.mul(cell["count_y"], cell["count_x"]), b.mul(cell["size_y"], cell["size_x"])
    nbytes = b.mul(plane_size, size)
    with b.loop(low, b.smin(b.add(low, cell["chunk"]), cell["planes"])) as plane:
        target = offset(b, cell["image"], (plane, nbytes))
        b.call("llvm.memset.p0.i64", "void", target, b.constant("i8", 0), nbytes, b.constant("i1", 0))
        with b.loop(0, cell["kernel_y"]) as i, b.loop(0, cell["kernel_x"]) as j, b.loop(0, cell["count_y"]) as row:
            y, x = (_place(b, cell, dim, window, at) for dim, window, at in (("y", row, i), ("x", b.i64(0), j)))
            with b.if_(b.icmp("ult", y, cell["size_y"])):
                column = b.add(b.mul(b.add(b.mul(plane, cell["kernel_y"]), i), cell["kernel_x"]), j)
                source = offset(b, cell["columns"], (b.add(b.mul(column, windows), b.mul(row, cell["count_x"])), size))
                line = offset(b, target, (b.mul(y, cell["size_x"]), size))
                (_add_vectors if close else _add_elements)(b, cell, dtype, source, line, x)
    return module([b.finish(name, TASK_PARAMETERS)], [b])


def _place(b: Builder, cell: dict[str, Value], dim: str, window: Value, at: Value) -> Value:
    """Where a window has its place ``at``."""
    return b.add(b.sub(b.mul(window, cell[f"step_{dim}"]), cell[f"pad_{dim}"]), b.mul(at, cell[f"dilation_{dim}"]))


def _add_vectors(b: Builder, cell: dict[str, Value], dtype: str, source: Value, line: Value, x: Value) -> None:
    count, size = lanes(dtype), b.i64(ITEMSIZE[dtype])
    type = vector(SCALAR[dtype], count)
    with b.loop(0, cell["count_x"], count) as window:
        first = b.add(x, window)
        exists = b.icmp("slt", b.iota(count), b.splat(b.sub(cell["count_x"], window), count))
        inside = b.icmp("ult", b.add(b.iota(count), b.splat(first, count)), b.splat(cell["size_x"], count))
        mask, place = b.and_(exists, inside), offset(b, line, (first, size))
        share = b.load(type, offset(b, source, (window, size)), mask=mask)
        b.store(b.fadd(b.load(type, place, mask=mask), share), place, mask=mask)


def _add_elements(b: Builder, cell: dict[str, Value], dtype: str, source: Value, line: Value, x: Value) -> None:
    size = b.i64(ITEMSIZE[dtype])
    with b.loop(0, cell["count_x"]) as window:
        at = b.add(x, b.mul(window, cell["step_x"]))
        with b.if_(b.icmp("ult", at, cell["size_x"])):
            place = offset(b, line, (at, size))
            share = b.load(SCALAR[dtype], offset(b, source, (window, size)))
            b.store(b.fadd(b.load(SCALAR[dtype], place), share), place)
