"""Convolutions as tasks: the tables and cells of the kernels in :mod:`convolution_ir`.

One to three dimensions are handled as three, ``x y z``; rows of blocks are cut along x. The output and the gradient of the
input are the same computation: a *phase* of results (all of them; with a step of s, every s-th of the gradient) is the sum over some places
of the window of an element of the weight times the source moved by some elements.
"""

from __future__ import annotations

from itertools import product
from math import prod
from typing import NamedTuple

import numpy as np

from flambeau.compiler.plans import Convolution
from flambeau.compiler.targets.cpu import convolution_ir as ir
from flambeau.compiler.targets.cpu.native import (
    SCRATCH,
    SCRATCH_BYTES,
    Lowered,
    Operand,
    Result,
    Shared,
    Task,
    lowering,
)

_COPY_BYTES = 1 << 18  # a padded copy takes a part of any second-level cache
_COLUMNS = 512  # small images are computed together, up to so many results
_ITEMS = 16  # so many items at least, where the batch allows
_PARTIAL_BYTES = 1 << 24  # all partial sums of the weight's gradient

Sizes = tuple[int, int, int]


class _Dim(NamedTuple):
    """One dimension of a source that is read through windows.

    ``step``: elements between neighbouring windows; ``pad``: zeros before the source; ``reach``: how much longer a row of a plane is
    than the row of its results.
    """

    size: int
    step: int
    pad: int
    reach: int


class _Blocks(NamedTuple):
    """How a task is cut: images at a time, rows of results at a time, the sizes of a plane of the copy."""

    images: int
    block_x: int
    blocks: int
    padded: Sizes


@lowering(Convolution)
def lower(operation) -> Lowered | None:
    """The tasks of a convolution in float32 or float64."""
    plan = operation.code.extra
    specs = [*(v.spec for v in operation.inputs), *operation.code.outputs]
    # (Un)folding has the same plan and one operand.
    if len(specs) != 3 or specs[0].dtype.name not in ir.ITEMSIZE or not all(prod(s.shape) for s in specs):
        return None
    return _lower_weight(operation, plan) if plan.kind == "weight" else _lower_stencil(operation, plan)


def xyz(values, fill) -> tuple:
    """``values`` of one to three dimensions as x, y, z: a plane's rows are x, a line's elements are z."""
    values = tuple(values)
    return {1: (fill, fill, *values), 2: (values[0], fill, *values[1:]), 3: values}[len(values)]


def _window(plan: Convolution, kernel):
    """Kernel sizes, strides, padding before, and dilation as x, y, z."""
    return (xyz(kernel, 1), xyz(plan.stride, 1), xyz([before for before, _ in plan.padding], 0), xyz(plan.dilation, 1))


def strides_xyz(spec) -> tuple[int, ...]:
    """Bytes from one element to the next along batch, channels, x, y and z."""
    size = spec.dtype.itemsize
    steps = [0 if n == 1 else s * size for n, s in zip(spec.shape, spec.stride)]
    x, y, z = xyz(steps[2:], 0)
    # The distance of single elements does not matter: any that needs no gathering will do.
    return (steps[0], steps[1], x, y, z if spec.shape[-1] > 1 else size)


# -- blocks ------------------------------------------------------------------------------------------------------------------


def _cut(batch: int, groups: int, results: Sizes, channels: int, dims: tuple[_Dim, ...], itemsize: int) -> _Blocks:
    """Blocks whose copy stays in a near cache."""
    planes = channels * prod(d.step for d in dims)
    line_y, line_z = results[1] + dims[1].reach, results[2] + dims[2].reach
    row = planes * line_y * line_z * itemsize
    rows = max(_COPY_BYTES // row - dims[0].reach, 1)
    blocks = -(-results[0] // rows)
    block_x = -(-results[0] // blocks)
    blocks = -(-results[0] // block_x)
    padded_x = block_x + dims[0].reach
    images = 1
    if blocks == 1:
        columns = padded_x * line_y * line_z
        images = min(_COLUMNS // columns, _COPY_BYTES // (row * padded_x), batch * groups // _ITEMS, batch)
    return _Blocks(max(images, 1), block_x, blocks, (padded_x, line_y, line_z))


def _copy_cells(dims, blocks: _Blocks, strides, batch: int, groups: int, channels: int, operand: int, start) -> dict:
    n, c, x, y, z = strides
    values = dict(source=start(operand), source_n=n, source_c=c, source_x=x, source_y=y, source_z=z, channels=channels,
                  source_group=channels * c, batch=batch, images=blocks.images, groups=groups, blocks=blocks.blocks,
                  block_x=blocks.block_x, scratch=SCRATCH, scratch_bytes=SCRATCH_BYTES)
    for name, dim, padded in zip("xyz", dims, blocks.padded):
        values |= {f"size_{name}": dim.size, f"step_{name}": dim.step, f"planes_{name}": dim.step, f"pad_{name}": dim.pad,
                   f"padded_{name}": padded}
    return values


def _plane_bytes(blocks: _Blocks, dims, itemsize: int) -> tuple[int, int]:
    """The bytes of a plane of the copy, and of all planes of a channel."""
    plane = blocks.images * prod(blocks.padded) * itemsize
    return plane, plane * prod(d.step for d in dims)


def _place(dims, blocks: _Blocks, plane_bytes: int, at: Sizes, itemsize: int) -> int:
    """Where in the copy of a channel lies the element ``at`` places after a window's first one."""
    plane, moved = 0, 0
    for position, dim, padded in zip(at, dims, blocks.padded):
        plane = plane * dim.step + position % dim.step
        moved = moved * padded + position // dim.step
    return plane * plane_bytes + moved * itemsize


def _slack(columns: int, dtype: str) -> int:
    """Elements by which tiles may go beyond ``columns``."""
    return (2 + columns // ir.panel_columns(dtype)) * ir.lanes(dtype)


# -- output and input gradient -----------------------------------------------------------------------------------------------


class _Phase(NamedTuple):
    """Results at ``first``, ``first + step``, ...: ``taps`` are pairs (place in the kernel, element of the source moved by)."""

    first: Sizes
    sizes: Sizes
    taps: tuple


def _output_geometry(x, weight, plan: Convolution, result):
    """Dims of the input, the step of results, and the one phase of the output."""
    kernel, stride, pad, dilation = _window(plan, weight.shape[2:])
    dims = tuple(_Dim(n, s, p, (d * (k - 1)) // s)
                 for n, s, p, d, k in zip(xyz(x.shape[2:], 1), stride, pad, dilation, kernel))
    taps = tuple((place, tuple(i * d for i, d in zip(place, dilation))) for place in product(*map(range, kernel)))
    return dims, (1, 1, 1), [_Phase((0, 0, 0), xyz(result.shape[2:], 1), taps)]


def _input_geometry(grad, weight, plan: Convolution, result):
    """Dims of the output's gradient, the step of results, and the phases of the input's gradient."""
    kernel, stride, pad, dilation = _window(plan, weight.shape[2:])
    along = [_phases_along(n, s, p, d, k) for n, s, p, d, k in zip(xyz(result.shape[2:], 1), stride, pad, dilation, kernel)]
    moves = [[move for _, _, taps in phases for _, move in taps] or [0] for phases in along]
    lowest = [min(*m, 0) for m in moves]
    dims = tuple(_Dim(n, 1, -low, max(*m, 0) - low) for n, low, m in zip(xyz(grad.shape[2:], 1), lowest, moves))
    phases = []
    for chosen in product(*along):
        first, sizes, taps = zip(*chosen)
        pairs = [tuple(zip(*combined)) for combined in product(*taps)]
        phases.append(_Phase(first, sizes, tuple((place, tuple(m - low for m, low in zip(move, lowest))) for place, move in pairs)))
    return dims, stride, phases


def _phases_along(size: int, stride: int, pad: int, dilation: int, kernel: int) -> list[tuple]:
    """For each residue of the input's position: (first position, how many, [(place in the kernel, move in the output)])."""
    found = []
    for first in range(min(stride, size)):
        taps = [(place, (first + pad - place * dilation) // stride) for place in range(kernel)
                if (first + pad - place * dilation) % stride == 0]
        found.append((first, -(-(size - first) // stride), taps))
    return found


def _lower_stencil(operation, plan: Convolution) -> Lowered:
    source, weight = (v.spec for v in operation.inputs)
    result = operation.code.outputs[0]
    dtype, itemsize = source.dtype.name, source.dtype.itemsize
    geometry = _output_geometry if plan.kind == "output" else _input_geometry
    dims, step, phases = geometry(source, weight, plan, result)
    groups = plan.groups
    channels, rows = source.shape[1] // groups, result.shape[1] // groups
    sizes = tuple(max(p.sizes[i] for p in phases) for i in range(3))
    blocks = _cut(source.shape[0], groups, sizes, channels, dims, itemsize)
    plane, channel_bytes = _plane_bytes(blocks, dims, itemsize)
    columns = blocks.images * prod(blocks.padded)
    slack = _slack(columns, dtype)
    lines = -(-(channels * channel_bytes + slack * itemsize) // 64) * 64
    line_row = -(-(columns + slack) // ir.lanes(dtype)) * ir.lanes(dtype) * itemsize

    w_out, w_in, *w_places = strides_xyz(weight)
    channel_step, row_step = (w_in, w_out) if plan.kind == "output" else (w_out, w_in)
    result_strides = strides_xyz(result)
    steps, table = [], []
    for phase in phases:
        taps = np.array([(sum(i * s for i, s in zip(place, w_places)), _place(dims, blocks, plane, move, itemsize))
                         for place, move in phase.taps], np.int64).reshape(-1, 2)
        each = np.arange(channels, dtype=np.int64)[:, None, None] * np.array([channel_step, channel_bytes], np.int64)
        steps.append(np.ascontiguousarray((each + taps).reshape(-1, 2)))
        start = sum(i * s for i, s in zip(phase.first, result_strides[2:]))
        table.append([steps[-1].ctypes.data, len(steps[-1]), *phase.sizes, start])
    phase_table = np.array(table, np.int64)
    cells = _copy_cells(dims, blocks, strides_xyz(source), source.shape[0], groups, channels, 0, Operand)
    cells |= dict(weight=Operand(1), weight_group=weight.shape[0] // groups * w_out, weight_row=row_step, rows=rows,
                  result=Result(), result_n=result_strides[0], result_c=result_strides[1], result_group=rows * result_strides[1],
                  phases=phase_table.ctypes.data, phase_count=len(table), lines=lines, line_row=line_row)
    cells |= {f"result_{name}": s * stride for name, s, stride in zip("xyz", step, result_strides[2:])}
    items = -(-source.shape[0] // blocks.images) * groups * blocks.blocks
    task = Task(ir.task("stencil", dtype), ir.STENCIL.cells(**cells), items)
    return Lowered([task], scratch_bytes=lines + ir.most_rows() * line_row, tables=[*steps, phase_table])


# -- weight gradient ---------------------------------------------------------------------------------------------------------


def _lower_weight(operation, plan: Convolution) -> Lowered:
    grad, x = (v.spec for v in operation.inputs)
    result = operation.code.outputs[0]
    dtype, itemsize = x.dtype.name, x.dtype.itemsize
    groups, batch = plan.groups, x.shape[0]
    channels, columns = x.shape[1] // groups, grad.shape[1] // groups
    outputs = xyz(grad.shape[2:], 1)
    dims, _, (phase,) = _output_geometry(x, result, plan, grad)
    blocks = _cut(batch, groups, outputs, channels, dims, itemsize)
    plane, channel_bytes = _plane_bytes(blocks, dims, itemsize)
    taps = np.array([_place(dims, blocks, plane, move, itemsize) for _, move in phase.taps], np.int64)
    places = np.ascontiguousarray((np.arange(channels, dtype=np.int64)[:, None] * channel_bytes + taps).ravel())

    vectors = -(-columns // ir.lanes(dtype))
    panels = -(-vectors // max(ir.rows_by_width()))
    columns_row = panels * -(-vectors // panels) * ir.lanes(dtype) * itemsize
    turned = -(-(channels * channel_bytes) // 64) * 64
    pixels = blocks.images * blocks.block_x * outputs[1] * outputs[2]
    partial = -(-(len(places) + ir.most_rows()) * columns_row // 64) * 64
    images_item, parts = _share(batch, groups, partial, prod(outputs) * len(places) * columns)

    g_n, g_c, g_x, g_y, g_z = strides_xyz(grad)
    joined = _is_joined(grad, outputs, (g_x, g_y, g_z), itemsize)
    cells = _copy_cells(dims, blocks, strides_xyz(x), batch, groups, channels, 1, Operand)
    cells |= dict(grad=Operand(0), grad_n=g_n, grad_c=g_c, grad_group=columns * g_c, grad_x=g_x, grad_y=g_y, grad_z=g_z,
                  out_x=outputs[0], out_y=outputs[1], out_z=outputs[2], joined=int(joined), columns=columns, columns_row=columns_row,
                  place_count=len(places), places=places.ctypes.data, turned=turned, partial=Shared(), partial_item=partial,
                  images_item=images_item)
    task = Task(ir.task("weight", dtype), ir.WEIGHT.cells(**cells), parts * groups)
    chunk = -(-len(places) // _ITEMS)
    row = prod(result.shape[1:]) * itemsize
    sums = ir.SUM.cells(partial=Shared(), partial_item=partial, partials=parts, place_count=len(places), columns_row=columns_row,
                        columns=columns, result=Result(), result_group=columns * row, result_row=row, result_place=itemsize,
                        chunk=chunk, groups=groups)
    then = Task(ir.task("sum", dtype), sums, -(-len(places) // chunk) * groups)
    return Lowered([task], [then], turned + (pixels + ir.lanes(dtype)) * columns_row, partial * parts * groups, [places])


def _is_joined(grad, outputs: Sizes, strides: Sizes, itemsize: int) -> bool:
    """Whether the results of an image follow each other in memory."""
    expected = itemsize
    for size, step in reversed(list(zip(outputs, strides))):
        if size > 1 and step != expected:
            return False
        expected *= size
    return True


def _share(batch: int, groups: int, partial: int, work: int) -> tuple[int, int]:
    """Batch entries an item adds up, and the number of such items: enough for the threads, few enough to add them again."""
    wanted = max(1, min(_ITEMS // groups, _PARTIAL_BYTES // (partial * groups), batch * work * 2 // 2_000_000))
    images = -(-batch // min(wanted, batch))
    return images, -(-batch // images)
