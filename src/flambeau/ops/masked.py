"""``torch.masked``: reductions and normalizations over only those elements where a mask is true.

``mask`` is a bool tensor that broadcasts to the input and has no more dimensions than it; without one all
elements count. What is masked out is replaced by the operation's identity: so what comes of nothing but such
elements is that identity, or NaN where there is none. Tensors that carry their mask are not supported yet.
"""

from __future__ import annotations

import math

from .. import dtypes
from ..dtypes import dtype as _dtype
from ..tensor import Tensor, wrap_dim
from . import reductions, scans
from .clamping import at_least
from .norms import vector_norm
from .order_statistics import nanmedian
from .reductions import reduced_dims
from .registry import function
from .selection import where
from .softmax import log_softmax as _log_softmax
from .softmax import logsumexp as _logsumexp
from .softmax import softmax as _softmax
from .transcendental import logaddexp as _logaddexp

# -- masks and identities ------------------------------------------------------------------------------------


def _as_mask(name: str, input: Tensor, mask: Tensor) -> Tensor:
    """``mask`` as bools, of the input's shape."""
    if mask.ndim > input.ndim:
        raise IndexError(f"masked.{name}: expected a mask of at most {input.ndim} dimensions, like the input, "
                         f"but got {mask.ndim}")
    return mask.to(dtypes.bool_).broadcast_to(input.shape)


def _unmasked(name: str, input: Tensor, mask: Tensor | None, identity) -> Tensor:
    """``input`` with ``identity`` (a number or a function of name and dtype) where it is masked out."""
    if mask is None:
        return input
    mask = _as_mask(name, input, mask)
    return where(mask, input, identity(name, input.dtype) if callable(identity) else identity)


def _lowest(name: str, d: _dtype):
    """The identity of maxima of this dtype."""
    if d is dtypes.bool_:
        raise NotImplementedError(f"identity of {name} on {d} input")
    return -math.inf if d.is_floating_point else dtypes.iinfo(d).min


def _highest(name: str, d: _dtype):
    """The identity of minima of this dtype."""
    if d is dtypes.bool_:
        raise NotImplementedError(f"identity of {name} on {d} input")
    return math.inf if d.is_floating_point else dtypes.iinfo(d).max


def _one_dim(dim, ndim: int) -> int:
    """A single dimension, which may be given in a tuple."""
    return wrap_dim(dim[0] if isinstance(dim, (tuple, list)) and dim else dim, ndim)


def _dims(name: str, dim, input: Tensor) -> tuple[int, ...]:
    return reduced_dims(f"masked.{name}", tuple(dim) if isinstance(dim, list) else dim, input.ndim)


# -- sums and products ---------------------------------------------------------------------------------------


def _wide(d: _dtype) -> _dtype:
    """The dtype that values of ``d`` add up and multiply in."""
    return dtypes.int64 if d.category < 2 else d


@function("masked")
def sum(input, dim=None, *, keepdim: bool = False, dtype=None, mask=None):
    """The sum of the elements not masked out, over ``dim`` (an int, several, or all); 0 of none.

    Integers and bools add up in int64 unless ``dtype`` is given.
    """
    x = _unmasked("sum", input, mask, 0)
    return reductions.sum(x, _dims("sum", dim, x), bool(keepdim), dtype=dtype or _wide(input.dtype))


@function("masked")
def prod(input, dim=None, *, keepdim: bool = False, dtype=None, mask=None):
    """The product of the elements not masked out, over ``dim`` (an int, several, or all); 1 of none.

    Integers and bools multiply in int64 unless ``dtype`` is given.
    """
    x = _unmasked("prod", input, mask, 1)
    return reductions._prod(x, _dims("prod", dim, x), bool(keepdim), dtype=dtype or _wide(input.dtype))


@function("masked")
def cumsum(input, dim, *, dtype=None, mask=None):
    """Running sums along ``dim`` in the input's dtype (or ``dtype``); masked-out elements count as 0."""
    x = _unmasked("cumsum", input, mask, 0)
    return scans.cumsum(x, _one_dim(dim, x.ndim), dtype=_scanned("cumsum", dtype or input.dtype))


@function("masked")
def cumprod(input, dim, *, dtype=None, mask=None):
    """Running products along ``dim`` in the input's dtype (or ``dtype``); masked-out elements count as 1."""
    x = _unmasked("cumprod", input, mask, 1)
    return scans.cumprod(x, _one_dim(dim, x.ndim), dtype=_scanned("cumprod", dtype or input.dtype))


def _scanned(name: str, d: _dtype) -> _dtype:
    if d is dtypes.bool_:
        raise NotImplementedError(f"\"{name}_out_cpu\" not implemented for 'Bool'")
    return d


# -- extrema -------------------------------------------------------------------------------------------------


_OVER = ", over ``dim`` (an int, several, or all)"
_ALONG = ", along ``dim`` or in all"


def _extremum(name: str, reduce, identity, doc: str) -> None:
    def extremum(input, dim=None, *, keepdim=False, dtype=None, mask=None):
        x = _unmasked(name, input, mask, identity)
        return reduce(x, _dims(name, dim, x), bool(keepdim)).to(dtype or input.dtype)

    extremum.__name__, extremum.__doc__ = name, doc
    function("masked")(extremum)


def _position(name: str, reduce, identity, doc: str) -> None:
    def position(input, dim=None, *, keepdim=False, dtype=None, mask=None):
        return reduce(_unmasked(name, input, mask, identity), dim, bool(keepdim)).to(dtype or input.dtype)

    position.__name__, position.__doc__ = name, doc
    function("masked")(position)


_extremum("amax", reductions.amax, _lowest,
          f"The largest element not masked out{_OVER}; of none the lowest value.")
_extremum("amin", reductions.amin, _highest,
          f"The smallest element not masked out{_OVER}; of none the highest value.")
_position("argmax", reductions.argmax, _lowest,
          f"The position, in the input's dtype, of the largest element not masked out{_ALONG}.")
_position("argmin", reductions.argmin, _highest,
          f"The position, in the input's dtype, of the smallest element not masked out{_ALONG}.")
_extremum("logsumexp", _logsumexp, lambda name, d: -math.inf if d.is_complex else _lowest(name, d),
          f"``log(sum(exp(input)))`` of the elements not masked out{_OVER}.")


# -- means and spreads ---------------------------------------------------------------------------------------


def _count(name: str, input: Tensor, mask, dims: tuple[int, ...], keepdim: bool):
    """How many elements each result is made of: a number, or an int64 tensor where a mask says."""
    if mask is None:
        return math.prod([input.shape[d] for d in dims])
    return reductions.sum(_as_mask(name, input, mask), dims, keepdim)


@function("masked")
def mean(input, dim=None, *, keepdim: bool = False, dtype=None, mask=None):
    """The mean of the elements not masked out, over ``dim`` (an int, several, or all); NaN of none.

    ``ValueError`` unless the input's dtype (or ``dtype``) is floating point or complex.
    """
    out = dtype or input.dtype
    if out.category < 2:
        kind = "Input" if dtype is None else "Optional"
        raise ValueError(f"mean(): Could not infer output dtype. {kind} dtype must be either a floating "
                         f"point or complex dtype. Got: {out}")
    dims = _dims("mean", dim, input)
    total = reductions.sum(_unmasked("mean", input, mask, 0), dims, bool(keepdim), dtype=out)
    return total / _count("mean", input, mask, dims, bool(keepdim))


def _correction(unbiased, correction) -> float:
    if unbiased is not None and correction is not None:
        raise AssertionError("Only one of unbiased and correction may be given")
    if correction is not None:
        return correction
    return 1 if unbiased is None else int(unbiased)


def _variance(name: str, input: Tensor, dim, correction: float, keepdim: bool, dtype, mask) -> Tensor:
    """The sum of squared distances from the mean over the count less ``correction`` (but no less than 0)."""
    out = dtype or input.dtype
    out = out if out.category >= 2 else dtypes.float32
    if input.dtype is dtypes.bool_:
        raise RuntimeError(f"masked.{name}: expected numbers, but got an input of dtype {input.dtype}")
    dims = _dims(name, dim, input)
    count = _count(name, input, mask, dims, True)
    middle = reductions.sum(_unmasked(name, input, mask, 0), dims, True, dtype=out) / count
    distance = _unmasked(name, input - middle, mask, 0)
    total = reductions.sum(distance * distance.conj(), dims, keepdim)
    freedom = _count(name, input, mask, dims, keepdim) - correction
    freedom = at_least(freedom, 0) if isinstance(freedom, Tensor) else max(freedom, 0)
    return (total / freedom).to(out)


@function("masked")
def var(input, dim=None, unbiased=None, *, correction=None, keepdim=False, dtype=None, mask=None):
    """The variance of the elements not masked out, over ``dim`` (an int, several, or all).

    The squares' sum is divided by the count less ``correction`` (1; 0 if ``unbiased`` is false).
    """
    return _variance("var", input, dim, _correction(unbiased, correction), bool(keepdim), dtype, mask)


@function("masked")
def std(input, dim=None, unbiased=None, *, correction=None, keepdim=False, dtype=None, mask=None):
    """The square root of ``var`` of the same arguments."""
    variance = _variance("std", input, dim, _correction(unbiased, correction), bool(keepdim), dtype, mask)
    return variance.sqrt()


@function("masked")
def median(input, dim=-1, *, keepdim: bool = False, dtype=None, mask=None):
    """The median (the lower of two) of the elements not masked out, along ``dim``; NaN of none.

    ``ValueError`` for integers where it would be NaN.
    """
    x = _unmasked("median", input, mask, math.nan)
    found = nanmedian(x, _one_dim(dim, input.ndim), bool(keepdim)).values
    if input.dtype.is_floating_point:
        return found
    if found.isnan().any():
        raise ValueError("masked median expects no fully masked out rows if dtype is not floating point")
    return found.to(dtype or input.dtype)


# -- norms ---------------------------------------------------------------------------------------------------


@function("masked")
def norm(input, ord=2.0, dim=None, *, keepdim: bool = False, dtype=None, mask=None):
    """``linalg.vector_norm`` of the elements not masked out, over ``dim`` (an int, several, or all)."""
    x = _unmasked("norm", input, mask, math.inf if ord == -math.inf else 0)
    return vector_norm(x, ord, _dims("norm", dim, x), bool(keepdim), dtype=dtype or input.dtype)


@function("masked")
def normalize(input, ord, dim, *, eps: float = 1e-12, dtype=None, mask=None):
    """``input`` over the norm along ``dim`` of what is not masked out (at least ``eps``); the rest is 0."""
    length = norm(input, ord, dim, keepdim=True, dtype=dtype, mask=mask)
    return _unmasked("normalize", input, mask, 0) / at_least(length, eps)


# -- exponentials --------------------------------------------------------------------------------------------


@function("masked")
def softmax(input, dim, *, dtype=None, mask=None):
    """``softmax`` of the elements not masked out, along ``dim``; the others become 0, or NaN if all are."""
    x = _unmasked("softmax", input, mask, _lowest)
    return _softmax(x, _one_dim(dim, input.ndim), dtype=dtype or input.dtype)


@function("masked")
def log_softmax(input, dim, *, dtype=None, mask=None):
    """``log_softmax`` of the elements not masked out, along ``dim``; the others become -inf."""
    x = _unmasked("log_softmax", input, mask, _lowest)
    return _log_softmax(x, _one_dim(dim, input.ndim), dtype=dtype or input.dtype)


@function("masked")
def softmin(input, dim, *, dtype=None, mask=None):
    """``softmax(-input)`` of the elements not masked out, along ``dim``."""
    x = _unmasked("softmin", input, mask, _highest)
    return _softmax(-x, _one_dim(dim, input.ndim), dtype=dtype or input.dtype)


@function("masked")
def logaddexp(input, other, *, dtype=None, input_mask=None, other_mask=None):
    """``log(exp(input) + exp(other))``, in which masked-out elements of either count as ``exp(-inf)``."""
    x = _unmasked("logaddexp", input, input_mask, _lowest)
    y = _unmasked("logaddexp", other, other_mask, _lowest)
    return _logaddexp(x, y).to(dtype or input.dtype)
