"""Statistics by rank: medians, the mode, quantiles."""

from __future__ import annotations

import math

import numpy as np

from ..dtypes import iinfo
from ..tensor import Tensor, wrap_dim
from .creation import full
from .elementwise import refusal
from .operator import operator
from .overrides import write_out
from .reductions import any_
from .registry import function
from .reshaping import reshaped
from .return_types import named_result
from .selection import where
from .sorting import check_pickable, picking_operator, sort

# -- median and mode -----------------------------------------------------------------------------------------


def _nan_counts(array, dim: int):
    return np.sum(array != array, axis=dim, keepdims=True)


def _median_rank(array, order, dim: int):
    """The middle (the lower of two); the first NaN where there is one."""
    n, nans = array.shape[dim], _nan_counts(array, dim)
    return np.where(nans > 0, n - nans, (n - 1) // 2)


def _nanmedian_rank(array, order, dim: int):
    return np.maximum(array.shape[dim] - _nan_counts(array, dim) - 1, 0) // 2


def _mode_rank(array, order, dim: int):
    """The last place in the order of the longest run of equal values, the smallest such value."""
    values = np.moveaxis(np.take_along_axis(array, order, dim), dim, -1)
    n = values.shape[-1]
    along = np.arange(n)
    starts = np.ones(values.shape, bool)
    starts[..., 1:] = values[..., 1:] != values[..., :-1]
    lengths = along - np.maximum.accumulate(np.where(starts, along, 0), axis=-1)
    best = np.argmax(lengths, axis=-1, keepdims=True)
    return np.moveaxis(best, -1, dim)


def _picker(name: str, rank, over_all: bool, doc: str):
    first = None if name == "mode" else lambda: name
    op = picking_operator(name, f"{name}(Tensor input, int dim, bool keepdim)", rank, first, ordered=name == "mode")
    op.node_name = f"{name.capitalize()}Backward{int(over_all)}"
    of_all = _over_all(name, op) if over_all else None
    result_type = named_result(name, "values", "indices")

    def public(input, dim=None, keepdim: bool = False, *, out=None):
        if dim is None and over_all:
            if keepdim:
                raise TypeError(f'{name}() missing 1 required positional arguments: "dim"')
            if input.dtype.category in (0, 3):
                raise refusal(name, input.dtype, "bc")
            result = of_all(input)
        else:
            dim = -1 if dim is None else dim
            if name != "mode":
                check_pickable(name, input, dim)
            elif input.dtype.is_complex:
                raise refusal(name, input.dtype, "c")
            elif input.ndim and input.shape[wrap_dim(dim, input.ndim)] == 0:
                raise IndexError(f"mode(): Expected reduction dim {dim} to have non-zero size.")
            result = result_type(op.function(input, dim, keepdim))
        return result if out is None else write_out(name, result, out)

    public.__name__, public.__doc__ = name, doc
    if not over_all:
        public.__defaults__ = (-1, False)  # of dim and keepdim
    return function(method=True)(public)


def _over_all(name: str, op):
    """The element that ``op`` picks of all; its gradient goes in equal parts to those that are equal to it."""

    @operator(f"{name}(Tensor input)", namespace=None)
    def of_all(input):
        if not input.numel():
            return full((), math.nan if input.dtype.category == 2 else iinfo(input.dtype).min, dtype=input.dtype)
        return op.function(reshaped(input, (-1,)), 0, False)[0]

    @of_all.gradient
    def _(grad, saved):
        x, found = saved.input, saved.output
        equal = (x == found) | ((x != x) & (found != found))
        return where(equal, grad / equal.sum(), 0)

    of_all.operator.node_name = f"{name.capitalize()}Backward0"
    return of_all


median = _picker(
    "median",
    _median_rank,
    True,
    "The middle element (the lower of two; NaN if there is one) of all, or along ``dim`` as ``return_types.median``.",
)
nanmedian = _picker("nanmedian", _nanmedian_rank, True, "The median of the elements that are not NaN.")
mode = _picker(
    "mode",
    _mode_rank,
    False,
    "The most frequent value along ``dim`` (-1) and the position of its last occurrence.",
)

# -- quantiles -----------------------------------------------------------------------------------------------

_INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


def _check_quantile(name: str, input, q, interpolation: str):
    """``q`` as a tensor."""
    if interpolation not in _INTERPOLATIONS:
        raise RuntimeError(
            f"{name}() interpolation must be one of linear, lower, higher, midpoint or nearest, but got {interpolation}"
        )
    if input.dtype.name not in ("float32", "float64"):
        raise RuntimeError(f"{name}() input tensor must be either float or double dtype")
    if not isinstance(q, Tensor):
        if not 0 <= q <= 1:
            raise RuntimeError(f"{name}() q must be in the range [0, 1] but got {q}")
        from .creation import tensor

        return tensor(float(q), dtype=input.dtype)
    if q.ndim > 1:
        raise RuntimeError(f"{name}() q must be a scalar or 1D tensor")
    if q.dtype is not input.dtype:
        raise RuntimeError(f"{name}() q tensor must be same dtype as the input tensor")
    if q.numel() and not bool(((q.detach() >= 0) & (q.detach() <= 1)).all()):
        raise RuntimeError(f"{name}() q values must be in the range [0, 1]")
    return q


def _quantile(name: str, input, q, dim, keepdim: bool, interpolation: str, ignore_nan: bool):
    q = _check_quantile(name, input, q, interpolation)
    if not input.numel():
        raise RuntimeError(f"{name}() input tensor must be non-empty")
    if dim is not None:
        wrap_dim(dim, input.ndim)
    return _of_ranks(input, q, dim, keepdim, interpolation, ignore_nan)


@operator("quantile(Tensor input, Tensor q, any dim, bool keepdim, str interpolation, bool ignore_nan)", namespace=None)
def _of_ranks(input, q, dim, keepdim, interpolation, ignore_nan):
    rows = reshaped(input, (-1,)) if dim is None or not input.ndim else input.movedim(wrap_dim(dim, input.ndim), -1)
    ordered = sort(rows, -1)[0]
    n = ordered.shape[-1]
    nan = (ordered != ordered).detach()
    if ignore_nan:
        top = (n - 1 - nan.sum(-1, keepdim=True)).clamp(min=0)
        ranks = reshaped(q, (-1,)) * top
    else:
        ranks = reshaped(q, (-1,)) * (n - 1)
        ranks = where(any_(nan, -1, True), float(n - 1), ranks)
    picked = _at_ranks(ordered, ranks, interpolation)
    shape = _result_shape(input, dim, keepdim)
    return reshaped(picked.movedim(-1, 0), (*tuple(q.shape), *shape))


def _at_ranks(ordered, ranks, interpolation: str):
    if interpolation in ("lower", "higher", "nearest"):
        ranks = {"lower": ranks.floor, "higher": ranks.ceil, "nearest": ranks.round}[interpolation]()
        return ordered.gather(-1, ranks.long().expand(*ordered.shape[:-1], ranks.shape[-1]))
    below = ranks.floor()
    shape = (*ordered.shape[:-1], ranks.shape[-1])
    low = ordered.gather(-1, below.long().expand(*shape))
    high = ordered.gather(-1, ranks.ceil().long().expand(*shape))
    weight = ranks - below if interpolation == "linear" else ranks * 0 + 0.5
    return low.lerp(high, weight.expand(*shape))


def _result_shape(input, dim, keepdim: bool) -> tuple[int, ...]:
    if dim is None or not input.ndim:
        return (1,) * input.ndim if keepdim else ()
    d = wrap_dim(dim, input.ndim)
    return tuple([1 if k == d else s for k, s in enumerate(input.shape) if keepdim or k != d])


@function(method=True)
def quantile(input, q, dim=None, keepdim: bool = False, *, interpolation: str = "linear", out=None):
    """The ``q``-th quantiles (a number or a 1-dim tensor in [0, 1]) of all elements or along ``dim``; NaN
    where there is one.

    Several quantiles make a new first dimension. ``interpolation`` between neighbours: linear, lower, higher,
    midpoint, nearest.
    """
    result = _quantile("quantile", input, q, dim, keepdim, interpolation, False)
    return result if out is None else write_out("quantile", result, out)


@function(method=True)
def nanquantile(input, q, dim=None, keepdim: bool = False, *, interpolation: str = "linear", out=None):
    """As ``quantile``, of the elements that are not NaN."""
    result = _quantile("nanquantile", input, q, dim, keepdim, interpolation, True)
    return result if out is None else write_out("nanquantile", result, out)
