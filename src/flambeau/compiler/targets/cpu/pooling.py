"""Pooling as tasks: the cells of the kernels in :mod:`pooling_ir`."""

from __future__ import annotations

from math import prod

from flambeau.compiler.plans import AdaptivePool, Pool, ScatterPlanes
from flambeau.compiler.targets.cpu import adaptive_pooling_ir as adaptive
from flambeau.compiler.targets.cpu import pooling_ir as ir
from flambeau.compiler.targets.cpu.convolution import strides_xyz, xyz
from flambeau.compiler.targets.cpu.native import Lowered, Operand, Result, Task, lowering

_ITEM_ELEMENTS = 16384  # window places an item looks at, at least
_MAX_ITEMS = 64


@lowering(Pool)
def lower(operation) -> Lowered | None:
    """The task of max and average pooling, computed in float32 or float64, and of the latter's gradient in these."""
    plan, source, result = operation.code.extra, operation.inputs[0].spec, operation.code.outputs[0]
    dtype, spreads = source.dtype.name, plan.kind == "average gradient"
    if dtype not in (ir.ITEMSIZE if spreads else ir.MEMORY) or prod(source.shape[2:]) >= 1 << 30:
        return None
    if not (prod(source.shape) and prod(result.shape)):
        return None
    sizes, outputs = (result, source) if spreads else (source, result)
    n, c, x, y, z = strides_xyz(source)
    step = xyz(plan.stride, 1)
    planes, chunk = _share(result.shape, prod(outputs.shape[2:]) * prod(plan.kernel))
    values = dict(source=Operand(0), source_n=n, source_c=c, source_x=x, source_y=y, source_z=z, values=Result(0),
                  indices=Result(len(operation.outputs) - 1), planes=planes, channels=result.shape[1], chunk=chunk,
                  count_padding=int(plan.count_padding), divisor=plan.divisor or 0)
    befores, afters = zip(*plan.padding)
    for name, dims, fill in (("size", sizes.shape[2:], 1), ("out", outputs.shape[2:], 1), ("kernel", plan.kernel, 1), ("step", step, 1),
                             ("pad", befores, 0), ("after", afters, 0), ("dilation", plan.dilation, 1)):
        values |= {f"{name}_{dim}": number for dim, number in zip("xyz", xyz(dims, fill))}
    kind = "spread" if spreads else plan.kind
    stride = step[2] if not spreads and step[2] in (1, 2) and z == source.dtype.itemsize else 0
    return Lowered([Task(ir.task(kind, dtype, stride), ir.WINDOW.cells(**values), -(-planes // chunk))])


@lowering(AdaptivePool)
def lower_adaptive(operation) -> Lowered | None:
    """The task of adaptive pooling and of the gradient of its means, in float32 or float64."""
    kind, source, result = operation.code.extra.kind, operation.inputs[0].spec, operation.code.outputs[0]
    dtype = source.dtype.name
    if dtype not in ir.ITEMSIZE or not (prod(source.shape) and prod(result.shape)) or prod(source.shape[2:]) >= 1 << 30:
        return None
    sizes, outputs = (result, source) if kind == "average gradient" else (source, result)
    n, c, x, y, z = strides_xyz(source)
    planes, chunk = _share(result.shape, prod(sizes.shape[2:]))
    values = dict(source=Operand(0), source_n=n, source_c=c, source_x=x, source_y=y, source_z=z, values=Result(0),
                  indices=Result(len(operation.outputs) - 1), planes=planes, channels=result.shape[1], chunk=chunk)
    for name, dims in (("size", sizes.shape[2:]), ("out", outputs.shape[2:])):
        values |= {f"{name}_{dim}": number for dim, number in zip("xyz", xyz(dims, 1))}
    dense = z == source.dtype.itemsize or source.shape[-1] == 1
    return Lowered([Task(adaptive.task(kind, dtype, dense), adaptive.REGIONS.cells(**values), -(-planes // chunk))])


@lowering(ScatterPlanes)
def lower_scatter(operation) -> Lowered | None:
    """The task that adds values at flat positions of planes, in float32 or float64."""
    values, indices = (v.spec for v in operation.inputs)
    (result,) = operation.code.outputs
    dtype = values.dtype.name
    if dtype not in ir.ITEMSIZE or not (prod(values.shape) and prod(result.shape)) or not (_dense(values) and _dense(indices)):
        return None
    count, plane = prod(values.shape[2:]), prod(result.shape[2:])
    planes, chunk = _share(result.shape, count + plane // 4)
    cells = ir.SCATTER.cells(values=Operand(0), indices=Operand(1), result=Result(), count=count, plane=plane, planes=planes, chunk=chunk)
    return Lowered([Task(ir.task("scatter", dtype), cells, -(-planes // chunk))])


def _share(shape, work: int) -> tuple[int, int]:
    """How many planes there are, and how many an item takes."""
    planes = prod(shape[:2])
    return planes, max(1, _ITEM_ELEMENTS // work, -(-planes // _MAX_ITEMS))


def _dense(spec) -> bool:
    expected = 1
    for size, step in zip(reversed(spec.shape), reversed(spec.stride)):
        if size > 1 and step != expected:
            return False
        expected *= size
    return True
