"""Means, variances and other statistics."""

from __future__ import annotations

import math
import warnings

from ..dtypes import SCALAR_NAMES
from ..tensor import Tensor
from .destinations import OutDecides, dtype_of
from .operator import publish
from .overrides import write_out
from .reductions import _dim_argument, counted_node, reduced_dims, spread, sum, with_dims
from .registry import function
from .selection import where


class DimOperator(OutDecides):
    """A composite whose second argument is a dimension, several, or None."""

    def normalized(self, values) -> tuple:
        values = super().normalized(values)
        dim = _dim_argument(self.name, values[1])
        return values if dim is values[1] else (values[0], dim, *values[2:])


def over_dims(schema: str, **published):
    """Decorator: declare a composite reduction (``opmath``) whose second parameter is ``any dim``."""

    def declare(body):
        op = DimOperator(schema, body, opmath=True)
        return publish(op, **published).function

    return declare


def size_over(x: Tensor, dims: tuple[int, ...]) -> int:
    """How many elements each result of a reduction over ``dims`` is made of."""
    n = 1
    for d in dims:
        n *= x.shape[d]
    return n


@over_dims("mean(Tensor input, any dim=None, bool keepdim=False, *, dtype? dtype=None)", method=True, out=True)
def mean(input, dim=None, keepdim=False, dtype=None):
    """The mean over ``dim`` (an int, several, or all); NaN over nothing.

    Raises ``RuntimeError`` for integers and bools unless ``dtype`` is floating point or complex.
    """
    d = dtype or input.dtype
    if d.category < 2:
        raise RuntimeError(
            "mean(): could not infer output dtype. Input dtype must be either a floating point or complex "
            "dtype. "
            f"Got: {_printed(input.dtype)}"
        )
    dims = reduced_dims("mean", dim, input.ndim)
    n = size_over(input, dims)
    total = sum(input if dtype is None else input.to(dtype), dims or None, keepdim) if dims else input.to(d)
    return total / n if n != 1 else total.clone()


mean.operator.out_decides = False


mean.operator.node_name = counted_node("Mean")


@mean.gradient
def _(grad, saved):
    dims = reduced_dims("mean", saved.dim, saved.input.ndim)
    n = size_over(saved.input, dims)
    return spread(grad / n if n != 1 else grad, saved.input.shape, dims).contiguous()  # the caller may write it


def _printed(d) -> str:
    return SCALAR_NAMES[d.name]


# -- variance --------------------------------------------------------------------------------------------


def _deviations(x, dims: tuple[int, ...]):
    """The mean with its dimensions kept, and the distances from it."""
    center = mean(x, dims, True) if dims else x
    return center, x - center


def _squared(x):
    return (x * x.conj()).real if x.is_complex() else x * x


def _freedom(x, dims, correction) -> float:
    return max(size_over(x, dims) - correction, 0)


def _variance(x, dims, correction, keepdim):
    """Variance and mean. The variance is not the difference of two sums of squares, which would cancel."""
    center, shifted = _deviations(x, dims)
    total = sum(_squared(shifted), dims, keepdim) if dims else _squared(shifted)
    variance = total / _freedom(x, dims, correction)
    if not dims:
        return variance, center.clone()  # the mean is never the input itself
    return variance, center if keepdim else center.squeeze(dims)


def _variance_slope(grad, x, dims, correction):
    _, shifted = _deviations(x, dims)
    free = _freedom(x, dims, correction)
    factor = 2 / free if free else (math.inf if x.numel() > 1 else math.nan)
    return (
        with_dims(grad, x.shape, dims) * shifted * factor
        if math.isfinite(factor)
        else spread(grad, x.shape, dims) * factor
    )


def _deviation_slope(grad, deviation, x, dims, correction):
    half = where(deviation == 0, 0, grad / (deviation * 2))
    return _variance_slope(half, x, dims, correction)


_ARGUMENTS = "Tensor input, any dim, any correction, bool keepdim"


@over_dims(f"var({_ARGUMENTS})", namespace=None)
def _var(input, dim, correction, keepdim):
    return _variance(input, reduced_dims("var", dim, input.ndim), correction, keepdim)[0]


@_var.gradient
def _(grad, saved):
    x = saved.input
    return _variance_slope(grad, x, reduced_dims("var", saved.dim, x.ndim), saved.correction)


@over_dims(f"std({_ARGUMENTS})", namespace=None)
def _std(input, dim, correction, keepdim):
    return _var(input, dim, correction, keepdim).sqrt()


@_std.gradient
def _(grad, saved):
    x = saved.input
    return _deviation_slope(grad, saved.output, x, reduced_dims("std", saved.dim, x.ndim), saved.correction)


@over_dims(f"var_mean({_ARGUMENTS})", namespace=None)
def _var_mean(input, dim, correction, keepdim):
    return _variance(input, reduced_dims("var_mean", dim, input.ndim), correction, keepdim)


@_var_mean.gradient
def _(grads, saved):
    x = saved.input
    dims = reduced_dims("var_mean", saved.dim, x.ndim)
    return _variance_slope(grads[0], x, dims, saved.correction) + spread(grads[1] / size_over(x, dims), x.shape, dims)


@over_dims(f"std_mean({_ARGUMENTS})", namespace=None)
def _std_mean(input, dim, correction, keepdim):
    variance, center = _var_mean(input, dim, correction, keepdim)
    return variance.sqrt(), center


@_std_mean.gradient
def _(grads, saved):
    x = saved.input
    dims = reduced_dims("std_mean", saved.dim, x.ndim)
    slope = _deviation_slope(grads[0], saved.outputs[0], x, dims, saved.correction)
    return slope + spread(grads[1] / size_over(x, dims), x.shape, dims)


def _variance_function(name: str, op, doc: str) -> None:
    def public(input, dim=None, unbiased=None, keepdim: bool = False, *, correction=None, out=None):
        if isinstance(dim, bool):  # the old signature var(input, unbiased)
            dim, unbiased = None, dim
        if input.dtype.category < 2:
            raise RuntimeError(f"{name}: std and var only support floating point and complex dtypes")
        if correction is None:
            correction = 1 if unbiased is None or unbiased else 0
        elif unbiased is not None:
            raise TypeError(f"{name}() takes unbiased or correction, not both")
        _warn_without_freedom(name, input, reduced_dims(name, _dim_argument(name, dim), input.ndim), correction)
        result = op(input, dim, correction, keepdim)
        return result if out is None else write_out(name, result, out)

    public.__name__, public.__doc__ = name, doc
    function(method=name not in ("var_mean", "std_mean"))(public)


def _warn_without_freedom(name: str, input, dims, correction) -> None:
    if size_over(input, dims) <= correction and input.numel():
        warnings.warn(
            f"{name}(): degrees of freedom is <= 0. Correction should be strictly less than the reduction "
            "factor "
            "(input numel divided by output numel).",
            stacklevel=4,
        )


_OVER = (
    " over ``dim`` (an int, several, or all); ``correction`` (1) is taken from the divisor. "
    "``RuntimeError`` for integers."
)
_variance_function("var", _var, "The variance" + _OVER)
_variance_function("std", _std, "The standard deviation" + _OVER)
_variance_function("var_mean", _var_mean, "The variance and the mean" + _OVER)
_variance_function("std_mean", _std_mean, "The standard deviation and the mean" + _OVER)

# -- sums and means without NaN --------------------------------------------------------------------------


@over_dims("nansum(Tensor input, any dim=None, bool keepdim=False, *, dtype? dtype=None)", method=True, out=True)
def nansum(input, dim=None, keepdim=False, dtype=None):
    """The sum over ``dim`` with NaN counting as 0."""
    if input.is_complex():
        raise RuntimeError("nansum does not support complex inputs")
    x = where(input != input, 0, input) if input.dtype.category == 2 else input
    return sum(x, dim, keepdim, dtype=dtype)


@nansum.gradient
def _(grad, saved):
    x = saved.input
    return where(x != x, 0, spread(grad, x.shape, reduced_dims("nansum", saved.dim, x.ndim)))


@function(method=True)
def nanmean(input, dim=None, keepdim: bool = False, *, dtype=None, out=None):
    """The mean over ``dim`` of the elements that are not NaN."""
    if input.dtype.category < 2:
        raise RuntimeError(
            f"nanmean(): expected input to have floating point or complex dtype but got {_printed(input.dtype)}"
        )
    dtype = dtype_of(out, dtype)
    result = nansum(input, dim, keepdim, dtype=dtype) / sum(input.detach() == input.detach(), dim, keepdim)
    return result if out is None else write_out("nanmean", result, out)


# -- covariance ------------------------------------------------------------------------------------------


def _check_weights(name: str, weights, count: int, kind: str) -> None:
    if weights.ndim > 1:
        raise RuntimeError(
            f"cov(): expected {name} to have one or fewer dimensions but got {name} with {weights.ndim} dimensions"
        )
    if (weights.dtype.category != 1) if kind == "integral" else (weights.dtype.category != 2):
        raise RuntimeError(
            f"cov(): expected {name} to have {kind} dtype but got {name} with {_printed(weights.dtype)} dtype"
        )
    if weights.numel() != count:
        raise RuntimeError(
            f"cov(): expected {name} to have the same numel as there are observations in the input but got "
            f"{weights.numel()} != {count}"
        )
    if weights.numel() and bool((weights < 0).any()):
        raise RuntimeError(f"cov(): {name} cannot be negative")


@function(method=True)
def cov(input, *, correction: int = 1, fweights=None, aweights=None):
    """The covariance matrix of the variables in the rows of ``input`` (variables, observations).

    ``fweights`` counts each observation several times (integers), ``aweights`` weighs it (floats); neither
    may be negative.
    """
    if input.ndim > 2:
        raise RuntimeError(
            f"cov(): expected input to have two or fewer dimensions but got an input with {input.ndim} dimensions"
        )
    if input.dtype.category == 0:
        raise RuntimeError("cov(): bool dtype is not supported for input")
    x = input.reshape(1, -1) if input.ndim < 2 else input
    observations = x.shape[1]
    weights = None
    for name, given, kind in (("fweights", fweights, "integral"), ("aweights", aweights, "floating point")):
        if given is not None:
            _check_weights(name, given, observations, kind)
            weights = given if weights is None else weights * given
    total = observations if weights is None else sum(weights)
    if weights is not None and bool(total == 0):
        raise ZeroDivisionError("cov(): weights sum to zero, can't be normalized")
    weighted = x if weights is None else x * weights
    center = sum(weighted, 1) / total
    if weights is None:
        free = max(observations - correction, 0)
    elif aweights is None or correction == 0:
        free = total - correction
    else:
        free = total - sum(weights * aweights) / total * correction
    if weights is not None:
        free = free.clamp(min=0)
    if bool(free <= 0):
        warnings.warn(
            "cov(): degrees of freedom is <= 0. Correction should be strictly less than the number of observations.",
            stacklevel=3,
        )
    shifted = x - center.unsqueeze(1)
    other = shifted if weights is None else shifted * weights
    result = shifted.matmul(other.t().conj()) / free
    return result.squeeze()


@function(method=True)
def corrcoef(input):
    """The matrix of correlation coefficients of the variables in the rows of ``input`` (variables,
    observations)."""
    if input.ndim > 2:
        raise RuntimeError(
            f"corrcoef(): expected input to have two or fewer dimensions but got an input with {input.ndim} dimensions"
        )
    covariance = cov(input)
    if not covariance.ndim:
        return covariance / covariance
    deviations = covariance.diagonal()
    deviations = (deviations.real if deviations.is_complex() else deviations).sqrt()
    result = covariance / deviations.unsqueeze(1) / deviations.unsqueeze(0)
    if result.is_complex():
        from .complex_numbers import complex as complex_

        return complex_(result.real.clamp(-1, 1), result.imag.clamp(-1, 1))
    return result.clamp(-1, 1)
