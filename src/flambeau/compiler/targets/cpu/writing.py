"""Writing elements at positions, in machine code: what ``scatter`` and ``index_put`` do to memory.

One loop nest does it all: for ``p`` over the dimensions before the indexed ones, for ``j`` over the positions, for ``s`` over the
dimensions after, ``target[p, position, s]`` becomes, or is combined with, ``source[p, j, s]``. Of several writes to one place the
one with the highest ``j`` comes last. Items own places of the target, never a part of the writes to one place, so the result does
not depend on the number of threads.

Operations of a program are lowered to tasks, which check the positions while they write; ``write`` does the same to NumPy's arrays.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from flambeau.compiler.graph import Operation, View
from flambeau.compiler.plans import IndexWrite, Scatter
from flambeau.compiler.targets.cpu import writing_ir as ir
from flambeau.compiler.targets.cpu.native import ERROR, Lowered, Operand, Shared, Task, lowering
from flambeau.runtime.threads import parallel_call

_PARALLEL_ELEMENTS = 32768  # fewer are written by one item
_MOST_ITEMS = 16
_EVERYWHERE = 1 << 62
_SCALAR = {"f4": "float", "f8": "double", "b1": "i8", **{f"{kind}{size}": f"i{8 * size}" for kind in "iu" for size in (1, 2, 4, 8)}}


class _Block(NamedTuple):
    """A strided block of memory, as arrays and views have them; strides in bytes."""

    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Loop(NamedTuple):
    """A size, and the bytes that a step moves in the target, the positions and the source."""

    size: int
    target: int = 0
    positions: int = 0
    source: int = 0


def _block(view: View) -> _Block:
    return _Block(tuple(view.spec.shape), tuple([step * view.spec.dtype.itemsize for step in view.spec.stride]))


# -- loops --------------------------------------------------------------------------------------------------------------------


def _scatter_loops(target, dim: int, positions, source) -> tuple[_Loop, _Loop, _Loop] | None:
    shape = positions.shape
    before, after = (_joined(shape[part], [x.strides[part] for x in (target, positions, source)])
                     for part in (slice(0, dim), slice(dim + 1, None)))
    along = _Loop(shape[dim], 0, positions.strides[dim], source.strides[dim])
    return None if before is None or after is None else (before, after, along)


def _write_loops(steps: Sequence[int], at: int, positions, source) -> tuple[_Loop, _Loop, _Loop] | None:
    """``steps`` are the target's strides along the dimensions that are not indexed; ``positions`` lie at ``at`` in the source's."""
    shape, strides, end = source.shape, source.strides, at + len(positions.shape)
    before = _joined(shape[:at], [steps[:at], [0] * at, strides[:at]])
    after = _joined(shape[end:], [steps[at:], [0] * (len(shape) - end), strides[end:]])
    along = _joined(shape[at:end], [[0] * (end - at), positions.strides, strides[at:end]])
    return None if before is None or after is None or along is None else (before, after, along)


def _dense(shape: Sequence[int]) -> _Block:
    """Positions without gaps."""
    return _Block(tuple(shape), tuple([8 * prod(shape[d + 1:]) for d in range(len(shape))]))


def _joined(shape: Sequence[int], strides: Sequence[Sequence[int]]) -> _Loop | None:
    """Several dimensions as one loop; None where steps differ."""
    kept = [(size, *steps) for size, *steps in zip(shape, *strides) if size != 1]
    if not kept:
        return _Loop(1)
    for (_, *outer), (size, *inner) in zip(kept, kept[1:]):
        if any(o != i * size for o, i in zip(outer, inner)):
            return None
    return _Loop(prod(size for size, *_ in kept), *kept[-1][1:])


# -- tasks --------------------------------------------------------------------------------------------------------------------


def _task(dtype: np.dtype, reduce: str, loops: Sequence[_Loop], **operands: Any) -> Task | None:
    """The task that writes: ``operands`` are the cells that say where things lie. None where no kernel takes the dtype."""
    before, after, along = loops
    scalar, size = _element(dtype, reduce), dtype.itemsize
    if scalar is None:
        return None
    rows = not after.positions and after.size > 1 and after.target == size and after.source in (0, size)
    work = before.size * after.size * along.size
    pieces = 1 if work < _PARALLEL_ELEMENTS else _MOST_ITEMS
    chunk_p, chunk_s, items = before.size, after.size, 1
    if rows and pieces > 1:
        # An item looks at all positions, and writes the rows that fall to it.
        items = min(pieces, max(1, after.size * size // 128))
    elif pieces > 1 and before.size >= pieces:
        chunk_p = -(-before.size // pieces)
        items = -(-before.size // chunk_p)
    elif pieces > 1:
        chunk_s = -(-after.size // pieces // 16) * 16 or after.size
        items = -(-after.size // chunk_s)
    values = dict(operands, chunk_p=chunk_p, chunk_s=chunk_s, shares=items)
    for name, loop in zip("psj", (before, after, along)):
        values |= {name: loop.size, f"target_{name}": loop.target, f"positions_{name}": loop.positions, f"source_{name}": loop.source}
    form = "rows" if rows and after.source else "fill" if rows else "lines" if after.size == 1 else "elements"
    return Task(ir.task(form, scalar, _combination(dtype, reduce)), ir.FIELDS.cells(**values), items)


def _element(dtype: np.dtype, reduce: str) -> str | None:
    """The LLVM type that elements are moved or combined as."""
    if reduce == "set":
        return {1: "i8", 2: "i16", 4: "i32", 8: "i64"}.get(dtype.itemsize)
    return _SCALAR.get(dtype.str[1:])


def _combination(dtype: np.dtype, reduce: str) -> str:
    if dtype == np.bool_ and reduce != "set":
        return {"add": "or", "amax": "or", "multiply": "and", "amin": "and"}[reduce]
    return f"u{reduce}" if dtype.kind == "u" and reduce[0] == "a" and reduce != "add" else reduce


# -- operations of a program ----------------------------------------------------------------------------------------------------


@lowering(Scatter)
def lower_scatter(operation: Operation) -> Lowered | None:
    """The task of a scatter along one dimension, with int64 positions."""
    (dim, reduce), views = operation.code.extra, operation.inputs
    if not _takes(operation, reduce) or views[1].spec.dtype.name != "int64":
        return None
    target, positions, source = map(_block, views)
    if 0 in positions.shape:
        return Lowered([])
    loops = _scatter_loops(target, dim, positions, _Block(positions.shape, source.strides))
    return loops and _checked_inline(operation, dim, False, loops, reduce)


@lowering(IndexWrite)
def lower_write(operation: Operation) -> Lowered | None:
    """The tasks of writing at the positions of some dimensions; where there are several, a first task makes them one."""
    plan, (target, *indices, source) = operation.code.extra, map(_block, operation.inputs)
    if not _takes(operation, plan.reduce):
        return None
    if 0 in source.shape:
        return Lowered([])
    steps = [step for d, step in enumerate(target.strides) if d not in plan.dims]
    single = len(indices) == 1 and operation.inputs[1].spec.dtype.name == "int64"
    shape = np.broadcast_shapes(*[index.shape for index in indices])
    loops = _write_loops(steps, plan.at, indices[0] if single else _dense(shape), source)
    if loops is None:
        return None
    if single:
        return _checked_inline(operation, plan.dims[0], plan.wrap, loops, plan.reduce)
    return _checked_first(operation, target, [_spread(index, shape) for index in indices], shape, loops)


def _takes(operation: Operation, reduce: str) -> bool:
    """Whether elements can be combined in the target's dtype, and nothing is read that is written."""
    target, *others = operation.inputs
    dtype = target.spec.dtype
    return not (dtype.packed and reduce != "set") and all(view.value != target.value for view in others)


def _spread(index: _Block, shape: Sequence[int]) -> tuple[int, ...]:
    """The strides of an index tensor over the shape that it is broadcast to."""
    lead = len(shape) - len(index.shape)
    return (*[0] * lead, *[0 if size == 1 else step for size, step in zip(index.shape, index.strides)])


def _bounds(operation: Operation, dims: Sequence[int]) -> tuple[tuple[int, int], ...]:
    return tuple([(d, operation.inputs[0].spec.shape[d]) for d in dims])


def _checked_inline(operation: Operation, dim: int, wrap: bool, loops, reduce: str) -> Lowered | None:
    spec = operation.inputs[0].spec
    size = spec.shape[dim]
    task = _task(np.dtype(spec.dtype.numpy), reduce, loops, target=Operand(0), positions=Operand(1), source=Operand(2), error=ERROR,
                 step=spec.stride[dim] * spec.dtype.itemsize, extent=size, wrap=size if wrap else 0)
    return task and Lowered([task], bounds=_bounds(operation, (dim,)))


def _checked_first(operation: Operation, target: _Block, indices, shape, loops) -> Lowered | None:
    """A task that makes byte offsets of several index tensors, -1 of those out of range, and one that writes there."""
    plan: IndexWrite = operation.code.extra
    levels = _levels(shape, indices)
    dtypes = tuple([view.spec.dtype.name for view in operation.inputs[1:-1]])
    if levels is None:
        return None
    count = prod(shape)
    offsets, ignored = Shared(0), Shared(8 * count)
    sizes = [size for size, *_ in levels]
    chunk = max(1, sizes[0] * _PARALLEL_ELEMENTS // count, -(-sizes[0] // _MOST_ITEMS))
    values: dict[str, Any] = {"offsets": offsets, "error": ERROR, "chunk": chunk, **{f"size_{n}": size for n, size in enumerate(sizes)}}
    for k, d in enumerate(plan.dims):
        size = operation.inputs[0].spec.shape[d]
        values |= {f"index_{k}": Operand(k + 1), f"extent_{k}": size, f"wrap_{k}": size if plan.wrap else 0, f"step_{k}": target.strides[d]}
        values |= {f"stride_{k}_{n}": steps[k] for n, (_, *steps) in enumerate(levels)}
    fields = ir.position_fields(len(dtypes), len(levels))
    first = Task(ir.position_task(dtypes, len(levels)), fields.cells(**values), -(-sizes[0] // chunk))
    then = _task(np.dtype(operation.inputs[0].spec.dtype.numpy), plan.reduce, loops, target=Operand(0), positions=offsets,
                 source=Operand(len(dtypes) + 1), error=ignored, step=1, extent=_EVERYWHERE, wrap=0)
    if then is None:
        return None
    return Lowered([first], [then], shared_bytes=8 * count + 16, bounds=_bounds(operation, plan.dims))


def _levels(shape: Sequence[int], strides) -> list[tuple[int, ...]] | None:
    """``(size, stride of each index tensor)`` of the loops over the positions; None where it takes more than three."""
    levels: list[tuple[int, ...]] = []
    for size, *steps in zip(shape, *strides):
        if size == 1:
            continue
        if levels and all(outer == step * size for outer, step in zip(levels[-1][1:], steps)):
            levels[-1] = (levels[-1][0] * size, *steps)
        else:
            levels.append((size, *steps))
    levels = levels or [(1, *[0] * len(strides))]
    return levels if len(levels) <= ir.MOST_LEVELS else None


# -- NumPy's arrays -------------------------------------------------------------------------------------------------------------


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
    loops = _write_loops(steps, at, places, source) or _write_loops(steps, at, places, source := np.ascontiguousarray(source))
    return loops is not None and _run(target, places, source, step, loops, reduce)


def _run(target: np.ndarray, positions: np.ndarray, source: np.ndarray, step: int, loops, reduce: str) -> bool:
    if not positions.flags.aligned or positions.dtype != np.int64:
        return False
    if not source.size:
        return True
    ignored = array("q", (0, 0))
    task = _task(target.dtype, reduce, loops, target=target.ctypes.data, positions=positions.ctypes.data, source=source.ctypes.data,
                 error=ignored.buffer_info()[0], step=step, extent=_EVERYWHERE, wrap=0)
    if task is None:
        return False
    cells = array("q", task.cells)
    parallel_call(task.function, cells.buffer_info()[0], task.items)
    return True
