"""Finding positions: ``nonzero``, ``searchsorted``, ``unique``. Where the result's shape depends on values, they are looked at."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .. import dtypes
from ..compiler.reference import narrow, widen
from ..lazy.run import NUMPY_ONLY
from ..lazy.spec import dense
from ..tensor import Tensor, from_array, wrap_dim
from . import overrides
from .numpy_threads import in_parts
from .operator import Operator, publish
from .registry import function
from .schema import argument


def values_of(x: Tensor) -> np.ndarray:
    """The elements as NumPy can compute with them."""
    return widen(x._array(), x.dtype)


def nonzero_tuple(input: Tensor) -> tuple[Tensor, ...]:
    """A vector of positions for each dimension (one for a 0-dim tensor) of the elements that are not zero."""
    return tuple([from_array(i, dtypes.int64) for i in _positions(np.atleast_1d(values_of(input)), True)])


def _positions(array: np.ndarray, by_dim: bool) -> np.ndarray:
    """The positions of what is not zero: a row for each, or ``by_dim`` a row for each dimension."""
    if array.size >= _MANY and not NUMPY_ONLY:
        from ..compiler.targets.cpu import selecting

        mask = np.ascontiguousarray(array if array.dtype == np.bool_ else array != 0)
        if selecting.takes(mask):
            return selecting.positions(mask, by_dim)
    found = np.array(np.nonzero(array), np.int64) if array.ndim else np.zeros((0, int(bool(array))), np.int64)
    return found if by_dim else found.T


_MANY = 1 << 15


@function(method=True)
def nonzero(input, *, out=None, as_tuple: bool = False):
    """Positions of the elements that are not zero: a matrix with a row for each, or with ``as_tuple`` a vector for each dimension."""
    if as_tuple:
        return nonzero_tuple(input)
    found = from_array(_positions(values_of(input), False), dtypes.int64)
    if out is None:
        return found
    if out.dtype is not dtypes.int64:
        raise RuntimeError(f"nonzero: Expected out tensor to have scalar type Long but got scalar type {out.dtype}")
    return overrides.write_out("nonzero", found, out)


@function(method=True)
def nonzero_static(input, *, size: int, fill_value: int = -1, out=None):
    """As ``nonzero``, cut or filled up with rows of ``fill_value`` to ``size`` rows."""
    if size < 0:
        raise RuntimeError("nonzero_static: 'size' must be an non-negative integer")
    rows = np.full((size, input.ndim), fill_value, np.int64)
    hits = _positions(values_of(input), False)[:size]
    rows[: len(hits)] = hits
    found = from_array(rows, dtypes.int64)
    return found if out is None else overrides.write_out("nonzero_static", found, out)


@function(method=True)
def argwhere(input):
    """The positions of the elements that are not zero, a row for each."""
    return nonzero(input)


@function(method=True)
def count_nonzero(input, dim=None):
    """How many elements are not zero: in all, or along ``dim`` (an int or a tuple)."""
    hits = input != 0
    dims = argument("count_nonzero", "dim", "int[]?", dim)
    return hits.sum(dims) if dims else hits.sum()


# -- sorted boundaries --------------------------------------------------------------------------------------------------------


class SearchSorted(NamedTuple):
    """For every value its place among sorted boundaries; ``right``: after equal ones. Boundaries are one vector, or one a row."""

    right: bool


def _infer_search(op, specs, values):
    boundaries, wanted = specs
    dtype = dtypes.int32 if values[3] else dtypes.int64
    return (dense(wanted.shape, dtype, wanted.device),), SearchSorted(values[2])


def _reference_search(code, arrays, numbers):
    boundaries, wanted = [widen(a, s.dtype) for a, s in zip(arrays, code.inputs)]
    side = "right" if code.extra.right else "left"
    if boundaries.ndim == 1:
        found = in_parts(lambda part: np.searchsorted(boundaries, part, side), (wanted.reshape(-1),), 0)
        return (found.reshape(wanted.shape),)
    found = np.empty(wanted.shape, np.int64)
    if not wanted.size:
        return (found,)
    rows = boundaries.reshape(-1, boundaries.shape[-1])
    flat = wanted.reshape(len(rows), wanted.shape[-1])
    for i, row in enumerate(rows):
        found.reshape(flat.shape)[i] = np.searchsorted(row, flat[i], side)
    return (found,)


_search = publish(
    Operator(
        "searchsorted(Tensor boundaries, Tensor values, bool right, bool out_int32)",
        infer=_infer_search,
        reference=_reference_search,
    ),
    namespace=None,
).function


def _as_tensor(value, like: Tensor) -> Tensor:
    if isinstance(value, Tensor):
        return value
    from .creation import tensor

    return tensor(value)


def _side(name: str, right: bool, side) -> bool:
    if side is None:
        return right
    if side not in ("left", "right"):
        raise RuntimeError(f"torch.{name}(): side can only be 'left' or 'right' but got {side}")
    if side == "left" and right:
        raise RuntimeError(
            f"torch.{name}(): side and right can't be set to opposites, got side of left while right was True"
        )
    return side == "right"


@function()
def searchsorted(
    sorted_sequence, input, *, out_int32: bool = False, right: bool = False, side=None, sorter=None, out=None
):
    """For every value of ``input`` the position in ``sorted_sequence`` (its last dimension) where it would be inserted.

    With ``right`` (or ``side="right"``) after equal elements, else before. ``sorter`` are the positions that sort the sequence.
    """
    after = _side("searchsorted", right, side)
    wanted = _as_tensor(input, sorted_sequence)
    if not sorted_sequence.ndim:
        raise RuntimeError(
            "torch.searchsorted(): boundaries tensor should have positive dimension, but got 0 dimension"
        )
    if sorted_sequence.ndim > 1 and tuple(sorted_sequence.shape[:-1]) != tuple(wanted.shape[:-1]):
        raise RuntimeError(
            "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries "
            f"tensor and input value tensor must match, but we got boundaries tensor {list(sorted_sequence.shape)} and "
            f"input value tensor {list(wanted.shape)}"
        )
    if isinstance(input, Tensor) and sorted_sequence.dtype is not wanted.dtype:
        common = dtypes.promote_types(sorted_sequence.dtype, wanted.dtype)
        sorted_sequence, wanted = sorted_sequence.to(common), wanted.to(common)
    if sorter is not None:
        sorted_sequence = _sorted_by(sorted_sequence, sorter)
    if out is not None and out.dtype is not (dtypes.int32 if out_int32 else dtypes.int64):
        raise RuntimeError(
            f"torch.searchsorted(): output tensor's dtype is wrong, it can only be Int(int32) or Long(int64) depending on "
            f"whether out_int32 flag is True, but we got output tensor's dtype {out.dtype} and out_int32 flag is {out_int32}"
        )
    found = _search(sorted_sequence.detach(), wanted.detach(), after, out_int32)
    return found if out is None else overrides.write_out("searchsorted", found, out)


def _sorted_by(sequence: Tensor, sorter: Tensor) -> Tensor:
    from .gathering import gather

    if sorter.shape != sequence.shape:
        raise RuntimeError(
            f"torch.searchsorted(): boundary and sorter must have the same size, but got boundary tensor "
            f"{list(sequence.shape)} and got sorter tensor {list(sorter.shape)}"
        )
    if sorter.dtype is not dtypes.int64:
        raise RuntimeError(f"torch.searchsorted(): sorter must be a tensor of long dtype but got dtype {sorter.dtype}")
    return gather(sequence, sequence.ndim - 1, sorter)


@function()
def bucketize(input, boundaries, *, out_int32: bool = False, right: bool = False, out=None):
    """For every value of ``input`` the number of the bucket between the sorted 1-dim ``boundaries`` that it falls into.

    Bucket ``i`` holds ``boundaries[i-1] < v <= boundaries[i]``; with ``right`` ``boundaries[i-1] <= v < boundaries[i]``.
    """
    if boundaries.ndim != 1:
        raise RuntimeError(f"boundaries tensor must be 1 dimension, but got dim({boundaries.ndim})")
    return searchsorted(boundaries, input, out_int32=out_int32, right=right, out=out)


# -- distinct values ----------------------------------------------------------------------------------------------------------


def _with_extras(values: Tensor, inverse, counts, return_inverse: bool, return_counts: bool):
    found = [values]
    if return_inverse:
        found.append(from_array(np.asarray(inverse, np.int64), dtypes.int64))
    if return_counts:
        found.append(from_array(np.asarray(counts, np.int64), dtypes.int64))
    return found[0] if len(found) == 1 else tuple(found)


@function(method=True)
def unique(input, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False, dim=None):
    """The distinct elements, in order; with ``dim`` the distinct slices along it.

    ``return_inverse``: for every element the position of its value in the result; ``return_counts``: how often each occurs. NaNs
    differ from one another.
    """
    array = values_of(input)
    axis = None if dim is None else wrap_dim(dim, input.ndim)
    if axis is not None and array.shape[axis] == 0 or not array.size and axis is not None:
        return _unique_of_nothing(input, axis, return_inverse, return_counts)
    inverse = counts = None
    found = np.unique(array, return_inverse=return_inverse, return_counts=return_counts, axis=axis, equal_nan=False)
    if return_inverse or return_counts:
        found, *more = found
        counts = more[-1]
        inverse = more[0].reshape(array.shape if axis is None else (array.shape[axis],)) if return_inverse else None
    return _with_extras(
        from_array(narrow(found, input.dtype), input.dtype), inverse, counts, return_inverse, return_counts
    )


def _unique_of_nothing(input: Tensor, axis: int, return_inverse: bool, return_counts: bool):
    if input.shape[axis]:
        raise RuntimeError("There are 0 sized dimensions, and they aren't selected, so unique cannot be applied")
    nothing = np.zeros((0,), np.int64)
    return _with_extras(input.clone(), nothing, nothing, return_inverse, return_counts)


@function(method=True)
def unique_consecutive(input, return_inverse: bool = False, return_counts: bool = False, dim=None):
    """The elements (or slices along ``dim``) without those that equal the one before."""
    array = values_of(input)
    axis = None if dim is None else wrap_dim(dim, input.ndim)
    rows = array.reshape(-1) if axis is None else np.moveaxis(array, axis, 0) if array.ndim else array.reshape(1)
    if axis is not None and not array.size:
        return _unique_of_nothing(input, axis, return_inverse, return_counts)
    starts = np.ones(len(rows), bool)
    if len(rows) > 1:
        differ = rows[1:] != rows[:-1]
        starts[1:] = differ if differ.ndim == 1 else differ.reshape(len(rows) - 1, -1).any(1)
    where = np.flatnonzero(starts)
    counts = np.diff(np.append(where, len(rows))) if return_counts else None
    inverse = (np.cumsum(starts) - 1).reshape(array.shape if axis is None else (len(rows),)) if return_inverse else None
    found = rows[where] if axis is None or not array.ndim else np.moveaxis(rows[where], 0, axis)
    return _with_extras(
        from_array(narrow(found, input.dtype), input.dtype), inverse, counts, return_inverse, return_counts
    )
