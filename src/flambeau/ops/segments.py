"""``segment_reduce``: reductions of consecutive slices, the segments, of a dimension."""

from __future__ import annotations

import numpy as np

from .. import dtypes
from ..tensor import Tensor, from_array, wrap_dim
from .creation import full
from .elementwise import refusal
from .index_writing import index_add, index_reduce
from .operator import operator
from .registry import function
from .scattering import filled_shape
from .ternary import where

_IDENTITY = {"sum": 0.0, "mean": 0.0, "prod": 1.0, "amax": -float("inf"), "amin": float("inf")}
_REDUCTIONS = {"max": "amax", "min": "amin", **{name: name for name in _IDENTITY}}


@operator(
    "_segment_reduce(Tensor data, Tensor ids, Tensor lengths, str reduce, float? initial)", namespace=None, method=False, opmath=True
)
def _segment_reduce(data, ids, lengths, reduce, initial):
    """Rows of ``data`` reduced into ``len(lengths)`` rows, those that ``ids`` names; ``initial`` takes part in each."""
    start = _IDENTITY[reduce] if initial is None else initial
    rows = full((lengths.shape[0], *data.shape[1:]), start, dtype=data.dtype)
    if reduce in ("sum", "mean"):
        total = index_add(rows, 0, ids, data)
        return total if reduce == "sum" else _mean(total, lengths, initial)
    return index_reduce(rows, 0, ids, data, reduce)


def _mean(total, lengths, initial):
    """Sums by lengths; an empty segment is its initial value, or NaN."""
    count = lengths.reshape(-1, *[1] * (total.ndim - 1)).to(total.dtype)
    return where(count == 0, total if initial is not None else filled_shape(total, float("nan")), total / count)


@_segment_reduce.gradient
def _(grad, saved):
    """Of a largest or smallest element that there are several of, each has its share."""
    data, ids, reduce = saved.data, saved.ids, saved.reduce
    if reduce == "mean":
        count = saved.lengths.reshape(-1, *[1] * (grad.ndim - 1)).to(grad.dtype)
        grad = grad / count
    if reduce in ("sum", "mean"):
        return grad.index_select(0, ids), None, None
    if reduce == "prod":
        return grad.index_select(0, ids) * _others(data, ids, saved.output, saved.initial), None, None
    extreme = saved.output.index_select(0, ids)
    chosen = ((data == extreme) | data.isnan()).to(grad.dtype)
    share = grad / index_add(filled_shape(grad, 0.0), 0, ids, chosen)
    return where(chosen != 0, share.index_select(0, ids), filled_shape(data, 0.0)), None, None


def _others(data, ids, output, initial):
    """For each element the product of the others of its segment, which with zeros or NaN among them is no quotient."""
    zero, nan = (data == 0).to(data.dtype), data.isnan().to(data.dtype)

    def number_of_others(marks):
        return index_add(filled_shape(output, 0.0), 0, ids, marks).index_select(0, ids) - marks

    factors = where(zero + nan != 0, filled_shape(data, 1.0), data)
    product = index_reduce(filled_shape(output, 1.0 if initial is None else initial), 0, ids, factors, "prod")
    rest = product.index_select(0, ids) / factors
    rest = where(number_of_others(zero) > 0, filled_shape(data, 0.0), rest)
    return where(number_of_others(nan) > 0, filled_shape(data, float("nan")), rest)


@function()
def segment_reduce(data, reduce: str, *, lengths=None, indices=None, offsets=None, axis: int = 0, unsafe: bool = False, initial=None):
    """The reduction of each segment of dimension ``axis`` of ``data``, of a floating-point dtype.

    ``lengths`` (or ``offsets``, where segments begin and the last one ends) are of shape ``data.shape[:axis] + (segments,)``; the
    result has as many elements there. ``reduce``: sum, mean, max, min or prod, whose values for an empty segment are 0, NaN, -inf,
    inf and 1, or ``initial``, which otherwise takes part in the reduction. ``unsafe``: lengths need not add up to the size.

    Raises RuntimeError for another reduction, negative lengths, lengths that do not add up, or no lengths at all.
    """
    axis = wrap_dim(axis, data.ndim)
    if reduce not in _REDUCTIONS:
        raise RuntimeError(f"segment_reduce: reduce argument must be either sum, prod, mean, amax or amin, got {reduce}")
    if indices is not None:
        raise RuntimeError("segment_reduce(): indices based reduction is not supported yet.")
    if lengths is None and offsets is None:
        raise RuntimeError("segment_reduce(): Either lengths or offsets must be defined.")
    if data.dtype.category != 2:
        raise refusal("_segment_reduce_cpu", data.dtype, "bic")
    given = lengths if offsets is None else offsets
    _check(data, given, axis)
    sizes, first = _layout(given, data.shape[axis], offsets is not None, unsafe)
    rows, ids = _numbered(sizes, first, data.shape[axis])
    flat = data.reshape(-1, *data.shape[axis + 1 :])
    if len(rows) != flat.shape[0]:
        flat = flat.index_select(0, _longs(rows))
    start = None if initial is None else float(initial)
    result = _segment_reduce(flat, _longs(ids), _longs(sizes.reshape(-1)), _REDUCTIONS[reduce], start)
    return result.reshape(*sizes.shape, *data.shape[axis + 1 :])


def _check(data: Tensor, given: Tensor, axis: int) -> None:
    if given.dtype.name not in ("int64", "int32"):
        raise refusal("_segment_reduce_lengths_cpu_kernel1", given.dtype, "fc")
    if given.ndim - 1 != axis:
        raise RuntimeError(f"segment_reduce(): Expected axis to be the last dimension of lengths but got {axis}.")
    if given.ndim > data.ndim or tuple(given.shape[:axis]) != tuple(data.shape[:axis]):
        raise RuntimeError(f"segment_reduce(): expected lengths or offsets of shape {list(data.shape[:axis])} + [segments], "
                           f"got {list(given.shape)} for data of shape {list(data.shape)}")


def _layout(given: Tensor, size: int, are_offsets: bool, unsafe: bool) -> tuple[np.ndarray, np.ndarray]:
    """The lengths of the segments, and where they begin."""
    values = given._array().astype(np.int64)
    sizes = np.diff(values) if are_offsets else values
    if (sizes < 0).any():
        raise RuntimeError("segment_reduce(): lengths contains negative value!")
    if not (unsafe or are_offsets) and (sizes.sum(-1) != size).any():
        raise RuntimeError("segment_reduce(): Expected all rows of lengths along axis to sum to data.size(lengths.dim()-1) when !unsafe.")
    first = values[..., :-1] if are_offsets else np.cumsum(sizes, -1) - sizes
    if (first < 0).any() or (first + sizes > size).any():
        raise RuntimeError(f"segment_reduce(): segments reach beyond the {size} elements of the dimension")
    return sizes, first


def _numbered(sizes: np.ndarray, first: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows of the flattened data that lie in segments, and the number of the segment for each."""
    batch = np.arange(sizes[..., 0].size if sizes.shape[-1] else 0).repeat(sizes.shape[-1]) * size
    counts = sizes.reshape(-1)
    ids = np.arange(counts.size).repeat(counts)
    within = np.arange(ids.size) - (np.cumsum(counts) - counts)[ids]
    return (batch + first.reshape(-1))[ids] + within, ids


def _longs(array: np.ndarray) -> Tensor:
    return from_array(array, dtypes.int64)
