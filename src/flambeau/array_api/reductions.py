"""Sums, products, extremes and moments over dimensions, and running ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flambeau as fb
from flambeau import Tensor, dtype

from .data_types import KINDS
from .unsigned import through_int64

Axis = int | tuple[int, ...] | None


def _reduce(function: Callable[..., Tensor], x: Tensor, axis: Axis, keepdims: bool, **options: Any) -> Tensor:
    """A reduction over several dimensions by one that knows one: over the last, which holds all elements of the others."""
    axes = _axes(x, axis)
    rest = [d for d in range(x.ndim) if d not in axes]
    rows = fb.permute(x, [*rest, *axes]).reshape([x.shape[d] for d in rest] + [_elements(x, axes)])
    result = function(rows, -1, **options)
    return result.reshape([1 if d in axes else x.shape[d] for d in range(x.ndim)]) if keepdims else result


def _axes(x: Tensor, axis: Axis) -> list[int]:
    """The dimensions meant, from zero up. Raises ``IndexError`` for one that is not there or comes twice."""
    axes = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
    for a in axes:
        if not -x.ndim <= a < x.ndim:
            raise IndexError(f"axis {a} is out of range for an array of {x.ndim} dimensions")
    found = sorted(a % x.ndim for a in axes)
    if len(set(found)) != len(found):
        raise IndexError(f"axis {axis} names a dimension twice")
    return found


def _elements(x: Tensor, axes: list[int]) -> int:
    count = 1
    for d in axes:
        count *= x.shape[d]
    return count


def _accumulator(x: Tensor, wanted: dtype | None) -> dtype:
    """Small integers add up in the widest of their sign."""
    if wanted is not None:
        return wanted
    if x.dtype in KINDS["unsigned integer"]:
        return fb.uint64
    return fb.int64 if x.dtype in KINDS["signed integer"] else x.dtype


def _accumulate(function: Callable[..., Tensor], x: Tensor, axis: Axis, keepdims: bool, wanted: dtype | None) -> Tensor:
    dtype = _accumulator(x, wanted)
    if dtype == fb.uint64:  # sums and products have the same bits in int64
        return _reduce(function, x.to(fb.int64), axis, keepdims, dtype=fb.int64).view(fb.uint64)
    return _reduce(function, x, axis, keepdims, dtype=dtype)


def sum(x: Tensor, /, *, axis: Axis = None, dtype: dtype | None = None, keepdims: bool = False) -> Tensor:
    """Sums over ``axis`` (all dimensions by default); integers add up in 64 bits unless ``dtype`` is given."""
    return _accumulate(fb.sum, x, axis, keepdims, dtype)


def prod(x: Tensor, /, *, axis: Axis = None, dtype: dtype | None = None, keepdims: bool = False) -> Tensor:
    """Products over ``axis`` (all dimensions by default); integers multiply in 64 bits unless ``dtype`` is given."""
    return _accumulate(fb.prod, x, axis, keepdims, dtype)


def max(x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The greatest elements over ``axis``; NaN where there is one."""
    return _reduce(through_int64(fb.amax, "order"), x, axis, keepdims)


def min(x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The least elements over ``axis``; NaN where there is one."""
    return _reduce(through_int64(fb.amin, "order"), x, axis, keepdims)


def mean(x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Arithmetic means over ``axis``."""
    return _reduce(fb.mean, x, axis, keepdims)


def std(x: Tensor, /, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False) -> Tensor:
    """Standard deviations over ``axis``: roots of ``var``."""
    return fb.sqrt(var(x, axis=axis, correction=correction, keepdims=keepdims))


def var(x: Tensor, /, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False) -> Tensor:
    """Variances over ``axis``: squared distances from the mean, summed and divided by the count less ``correction``."""
    return _reduce(fb.var, x, axis, keepdims, correction=correction)


def all(x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether all elements over ``axis`` are true, as bools."""
    return _reduce(fb.all, x != 0, axis, keepdims)


def any(x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether some element over ``axis`` is true, as bools."""
    return _reduce(fb.any, x != 0, axis, keepdims)


def count_nonzero(x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """How many elements over ``axis`` are not zero."""
    return _reduce(fb.sum, x != 0, axis, keepdims)


def argmax(x: Tensor, /, *, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Where along ``axis`` (in the flattened array by default) the greatest element first is."""
    return through_int64(fb.argmax, "order", keeps_dtype=False)(x, axis, keepdim=keepdims)


def argmin(x: Tensor, /, *, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Where along ``axis`` (in the flattened array by default) the least element first is."""
    return through_int64(fb.argmin, "order", keeps_dtype=False)(x, axis, keepdim=keepdims)


def cumulative_sum(x: Tensor, /, *, axis: int | None = None, dtype: dtype | None = None, include_initial: bool = False) -> Tensor:
    """Running sums along ``axis``, after a zero if ``include_initial``."""
    return _scan(fb.cumsum, 0, x, axis, dtype, include_initial)


def cumulative_prod(x: Tensor, /, *, axis: int | None = None, dtype: dtype | None = None, include_initial: bool = False) -> Tensor:
    """Running products along ``axis``, after a one if ``include_initial``."""
    return _scan(fb.cumprod, 1, x, axis, dtype, include_initial)


def _scan(function: Callable[..., Tensor], first: int, x: Tensor, axis: int | None, wanted: dtype | None, include_initial: bool) -> Tensor:
    if axis is None:
        if x.ndim != 1:
            raise ValueError(f"axis is needed for an array of {x.ndim} dimensions")
        axis = 0
    dtype = _accumulator(x, wanted)
    kept = fb.int64 if dtype == fb.uint64 else dtype
    result = function(x.to(kept), axis, dtype=kept)
    if include_initial:
        shape = list(x.shape)
        shape[axis] = 1
        result = fb.cat([fb.full(shape, first, dtype=kept, device=x.device), result], axis)
    return result.view(dtype) if dtype == fb.uint64 else result


def diff(x: Tensor, /, *, axis: int = -1, n: int = 1, prepend: Tensor | None = None, append: Tensor | None = None) -> Tensor:
    """Differences of neighbours along ``axis``, ``n`` times over."""
    return through_int64(fb.diff, "bits")(x, n, axis, prepend, append)


__all__ = [
    "all", "any", "argmax", "argmin", "count_nonzero", "cumulative_prod", "cumulative_sum", "diff", "max", "mean", "min", "prod", "std",
    "sum", "var",
]  # fmt: skip
