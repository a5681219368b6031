"""Rearranged and repeated elements: ``flip``, ``roll``, ``rot90``, ``repeat``, ``tile``, and grids of coordinates."""

from __future__ import annotations

import itertools

import numpy as np

from .. import dtypes
from ..compiler.plans import Flip
from ..lazy.spec import dense
from ..runtime.warning import warn_once
from ..tensor import Tensor, from_array, wrap_dim
from .copying import _contiguous, raw_copy
from .creation import uninitialized
from .gathering import index_select
from .operator import Operator, operator, publish
from .promotion import elementwise_spec
from .registry import function
from .reshaping import reshaped, sizes
from .schema import spread
from .slicing import view_at, whole
from .views import _expand, transpose


def _infer_flip(op, specs, values):
    (spec,), dims = specs, values[1]
    return (elementwise_spec(specs, spec.shape, spec.dtype),), Flip(dims)


_flip = publish(
    Operator(
        "flip(Tensor input, any dims)",
        infer=_infer_flip,
        reference=lambda code, arrays, numbers: (np.flip(arrays[0], code.extra.dims),),
    ),
    namespace=None,
).function


def flipped(x: Tensor, dims) -> Tensor:
    """A copy with ``dims`` (counted from the front) reversed."""
    return _flip(x, tuple(dims))


@_flip.gradient
def _(grad, saved):
    return _flip(grad, saved.dims)


def _wrapped(name: str, x: Tensor, dims) -> tuple[int, ...]:
    found = tuple([wrap_dim(d, x.ndim) for d in dims])
    for d in found:
        if found.count(d) > 1:
            raise RuntimeError(f"{name}: dim {d} appears multiple times in the list of dims")
    return found


@function()
def flip(input, dims):
    """A copy with the order of elements along ``dims`` reversed."""
    dims = _wrapped("flip", input, sizes("flip", (dims,), "dims"))
    return flipped(input, dims if input.ndim else ())


@function(None, method="flip")
def _flip_method(self, *axes, dims=None):
    """A copy with the order of elements along ``dims`` reversed."""
    return flip(self, sizes("flip", axes, "dims") if dims is None else dims)


@function(method=True)
def fliplr(input):
    """A copy with the second dimension reversed."""
    if input.ndim < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return flipped(input, (1,))


@function(method=True)
def flipud(input):
    """A copy with the first dimension reversed."""
    if input.ndim < 1:
        raise RuntimeError("Input must be >= 1-d.")
    return flipped(input, (0,))


@function(method=True)
def rot90(input, k: int = 1, dims=(0, 1)):
    """A copy turned by ``k`` quarter turns from the first towards the second of ``dims``."""
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if input.ndim < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {input.ndim}")
    if dims[0] == dims[1] or abs(dims[0] - dims[1]) == input.ndim:
        raise RuntimeError(f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}")
    for d in dims:
        if not -input.ndim <= d < input.ndim:
            raise RuntimeError(f"Rotation dim0 out of range, dim0 = {d}")
    a, b = wrap_dim(dims[0], input.ndim), wrap_dim(dims[1], input.ndim)
    turns = k % 4
    if turns == 0:
        return _contiguous(input)
    if turns == 2:
        return flipped(input, (a, b))
    return transpose(flipped(input, (b,)), a, b) if turns == 1 else transpose(flipped(input, (a,)), a, b)


# -- roll ---------------------------------------------------------------------------------------------------------------------


def _pieces(size: int, shift: int):
    """``(start in the source, start in the result, length)`` of what moves when a dimension is rolled."""
    shift %= size
    return [p for p in ((0, shift, size - shift), (size - shift, 0, shift)) if p[2]]


@operator("roll(Tensor input, int[] shifts, int[] dims)", namespace=None)
def _roll(input, shifts, dims):
    total = dict.fromkeys(range(input.ndim), 0)
    for shift, d in zip(shifts, dims):
        total[d] += shift
    result = uninitialized(dense(tuple(input.shape), input.dtype, input.device))
    for pieces in itertools.product(*[_pieces(n, total[d]) for d, n in enumerate(input.shape)]):
        source = view_at(input, tuple([(start, length, 1) for start, _, length in pieces]))
        raw_copy(view_at(result, tuple([(to, length, 1) for _, to, length in pieces])), source)
    return result


@_roll.gradient
def _(grad, saved):
    return _roll(grad, tuple([-s for s in saved.shifts]), saved.dims)


@function(method=True)
def roll(input, shifts, dims=None):
    """A copy with the elements moved ``shifts`` places along ``dims``, round the end; without ``dims`` in row-major order."""
    steps = sizes("roll", (shifts,), "shifts")
    along = () if dims is None else sizes("roll", (dims,), "dims")
    if not steps:
        raise RuntimeError("`shifts` required")
    if not along and len(steps) == 1:
        if not input.numel():
            return _contiguous(input)
        return reshaped(_roll(reshaped(input, (-1,)), steps, (0,)), tuple(input.shape))
    if len(steps) != len(along):
        raise RuntimeError(f"shifts and dimensions must align. shifts: {len(steps)}, dims:{len(along)}")
    if not input.numel() or not input.ndim:
        if not input.ndim:
            raise IndexError("Dimension specified as 0 but tensor has no dimensions")
        return _contiguous(input)
    return _roll(input, steps, tuple([wrap_dim(d, input.ndim) for d in along]))


# -- repeating ----------------------------------------------------------------------------------------------------------------


@operator("repeat(Tensor input, any repeats)", namespace=None)
def _repeat(input, repeats):
    shape = (1,) * (len(repeats) - input.ndim) + tuple(input.shape)
    result = uninitialized(dense(tuple([r * n for r, n in zip(repeats, shape)]), input.dtype, input.device))
    split = tuple(itertools.chain.from_iterable(zip(repeats, shape)))
    source = reshaped(input, tuple(itertools.chain.from_iterable((1, n) for n in shape)))
    raw_copy(reshaped(result, split), _expand(source, split))
    return result


@_repeat.gradient
def _(grad, saved):
    repeats = saved.repeats
    shape = (1,) * (len(repeats) - saved.input.ndim) + tuple(saved.input.shape)
    if not shape:
        return grad
    if 0 in repeats:
        from .creation import filled

        return filled(tuple(saved.input.shape), 0, grad.dtype)
    split = reshaped(grad, tuple(itertools.chain.from_iterable(zip(repeats, shape))))
    return reshaped(split.sum(tuple(range(0, 2 * len(shape), 2))), tuple(saved.input.shape))


@function(None, method=True)
def repeat(self, *repeats):
    """A copy with the tensor repeated ``repeats`` times along each dimension; more entries than dimensions add new ones in front."""
    times = sizes("repeat", repeats, "repeats")
    if len(times) < self.ndim:
        raise RuntimeError("Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor")
    if any(t < 0 for t in times):
        raise RuntimeError(f"Trying to create tensor with negative dimension: {list(times)}")
    return _repeat(self, times)


@function()
def tile(input, dims):
    """As ``Tensor.repeat``, where missing entries of ``dims`` are ones in front."""
    times = sizes("tile", (dims,), "dims")
    return repeat(input, (1,) * (input.ndim - len(times)) + times)


@function(None, method="tile")
def _tile_method(self, *repeats, dims=None):
    """As ``repeat``, where missing entries of ``dims`` are ones in front."""
    return tile(self, sizes("tile", repeats, "dims") if dims is None else dims)


@operator("repeat_interleave(Tensor input, int repeats, int dim)", namespace=None)
def _repeat_each(input, repeats, dim):
    shape = tuple(input.shape)
    result = uninitialized(dense((*shape[:dim], shape[dim] * repeats, *shape[dim + 1 :]), input.dtype, input.device))
    split = (*shape[: dim + 1], repeats, *shape[dim + 1 :])
    source = view_at(input, (*whole(shape[: dim + 1]), None))
    raw_copy(reshaped(result, split), _expand(source, split))
    return result


@_repeat_each.gradient
def _(grad, saved):
    shape, d = tuple(saved.input.shape), saved.dim
    return reshaped(grad, (*shape[: d + 1], saved.repeats, *shape[d + 1 :])).sum(d + 1)


@function(method=True)
def repeat_interleave(input=None, repeats=None, dim=None, *, output_size=None):
    """Every element along ``dim`` repeated ``repeats`` times (an int, or a tensor with a number for each); without ``dim`` of all elements.

    ``repeat_interleave(repeats)`` gives the positions: ``i`` as often as ``repeats[i]``.
    """
    if input is None or repeats is None:
        times = repeats if input is None else input
        return from_array(_repeated_positions(times, times.numel()), dtypes.int64)
    if dim is None:
        input, dim = reshaped(input, (input.numel(),)), 0
    d = wrap_dim(dim, input.ndim)
    if isinstance(repeats, int):
        if repeats < 0:
            raise RuntimeError("Repeats must be non-negative")
        found = _repeat_each(input, repeats, d) if input.ndim else _repeat_each(reshaped(input, (1,)), repeats, 0)
    else:
        found = index_select(
            input, d, from_array(_repeated_positions(repeats, input.shape[d] if input.ndim else 1), dtypes.int64)
        )
    if output_size is not None and found.ndim and found.shape[d] != output_size:
        raise RuntimeError(f"repeat_interleave: Invalid output_size, expected {found.shape[d]} but got {output_size}")
    return found


def _repeated_positions(repeats: Tensor, size: int) -> np.ndarray:
    if repeats.ndim > 1:
        raise RuntimeError("repeats must be 0-dim or 1-dim tensor")
    if repeats.dtype not in (dtypes.int64, dtypes.int32):
        raise RuntimeError("repeats has to be Long or Int tensor")
    times = repeats._array()
    if (times < 0).any():
        raise RuntimeError("repeats can not be negative")
    if times.size not in (1, size):
        raise RuntimeError(
            f"repeats must have the same size as input along dim, but got repeats.size(0) = {times.size} and input.size = {size}"
        )
    return np.repeat(np.arange(size, dtype=np.int64), np.broadcast_to(times.reshape(-1), (size,)))


# -- grids --------------------------------------------------------------------------------------------------------------------


@function()
def meshgrid(*tensors, indexing=None):
    """Coordinates of the grid that 1-dim tensors span, as views: one of the grid's shape for each.

    ``indexing`` "ij" (default) has the first tensor's coordinate along the first dimension, "xy" along the second.
    """
    if indexing is None:
        warn_once("torch.meshgrid: in a future release it will be required to pass the indexing argument; it is 'ij' where it is left out.")
    given = spread(tensors)
    lines = [given] if isinstance(given, Tensor) else list(given)
    if not lines:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    if indexing not in (None, "ij", "xy"):
        raise RuntimeError(f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    for x in lines:
        if x.ndim > 1:
            raise RuntimeError(f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {x}")
        if x.dtype is not lines[0].dtype:
            raise RuntimeError("torch.meshgrid expects all tensors to have the same dtype")
    swapped = indexing == "xy" and len(lines) >= 2
    if swapped:
        lines[:2] = lines[1::-1]
    shape = tuple([x.numel() for x in lines])
    grids = []
    for d, x in enumerate(lines):
        line = reshaped(x, tuple([n if k == d else 1 for k, n in enumerate(shape)]))
        grids.append(_expand(line, shape))
    if swapped:
        grids[:2] = grids[1::-1]
    return tuple(grids)


@function()
def cartesian_prod(*tensors):
    """All combinations of an element from each 1-dim tensor, one a row; of a single tensor the tensor itself."""
    from .joining import stack

    given = spread(tensors)
    lines = [given] if isinstance(given, Tensor) else list(given)
    for x in lines:
        if x.ndim != 1:
            raise RuntimeError(f"Expect a 1D vector, but got shape {list(x.shape)}")
    if len(lines) == 1:
        return lines[0]
    return stack([reshaped(g, (g.numel(),)) for g in meshgrid(lines, indexing="ij")], 1)


@function()
def combinations(input, r: int = 2, with_replacement: bool = False):
    """All combinations of ``r`` elements of a 1-dim tensor in order, one a row."""
    if input.ndim != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {list(input.shape)}")
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    if r == 0:
        from .creation import filled

        return filled((0,), 0, input.dtype)
    return input[from_array(_chosen(input.numel(), r, with_replacement), dtypes.int64)]


def _chosen(size: int, r: int, with_replacement: bool) -> np.ndarray:
    """The positions of all combinations, one a row."""
    if r == 2:
        return np.stack(np.triu_indices(size, 0 if with_replacement else 1), 1)
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    return np.fromiter(itertools.chain.from_iterable(choose(range(size), r)), np.int64).reshape(-1, r)
