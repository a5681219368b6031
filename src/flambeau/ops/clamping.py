"""Keeping values within bounds, and replacing values that are not finite."""

from __future__ import annotations

import numpy as np

from .. import dtypes
from ..tensor import Tensor
from .arithmetic import WITH_INPLACE
from .comparison import isnan
from .creation import NARROW, fitting, numbers_fit
from .elementwise import binary
from .operator import operator
from .overrides import write_out
from .promotion import result_type_of
from .registry import function
from .selection import where


def _bounding(op, values):
    d = result_type_of(values)
    if d.is_complex:
        raise NotImplementedError("clamp is not supported for complex types")
    return d, d


at_least = binary("clamp_min", np.maximum, lowering="maximum", rule=_bounding, **WITH_INPLACE)
at_most = binary("clamp_max", np.minimum, lowering="minimum", rule=_bounding, **WITH_INPLACE)
_at_least_, _at_most_ = Tensor.clamp_min_, Tensor.clamp_max_


@at_least.gradient
def _(grad, saved):
    inside = where(saved.input >= saved.other, grad, 0)
    if not isinstance(saved.other, Tensor):
        return inside
    return inside, where(saved.input < saved.other, grad, 0)


@at_most.gradient
def _(grad, saved):
    inside = where(saved.input <= saved.other, grad, 0)
    if not isinstance(saved.other, Tensor):
        return inside
    return inside, where(saved.input > saved.other, grad, 0)


@operator("clamp(Tensor input, Tensor|Scalar min, Tensor|Scalar max)", namespace=None, inplace=True)
def _clamp(input, min, max):
    return at_most(at_least(input, min), max)


_clamp_ = Tensor.clamp_
numbers_fit(at_least, at_most, _clamp, _clamp_, kind=result_type_of)


@_clamp.gradient
def _(grad, saved):
    x, low, high = saved.input, saved.min, saved.max
    gradients = [where((x >= low) & (x <= high), grad, 0)]
    if isinstance(low, Tensor):
        gradients.append(where((x < low) & (low < high), grad, 0))
    if isinstance(high, Tensor):
        gradients.append(
            where(
                (x > high) | (low > high) if isinstance(low, Tensor) else (x > high) | (high < low), grad, 0
            )
        )
    return tuple(gradients)


def _bounded(name, both, low, high, input, min, max):
    if min is None and max is None:
        raise RuntimeError(f"torch.{name}: At least one of 'min' or 'max' must not be None")
    if max is None:
        return low(input, min)
    return high(input, max) if min is None else both(input, min, max)


@function(method=True, aliases=("clip",))
def clamp(input, min=None, max=None, *, out=None):
    """``input`` with values below ``min`` raised to it and values above ``max`` lowered to it; NaN stays.

    ``min`` and ``max`` are numbers, tensors that broadcast, or None for no bound. Where ``min > max`` the
    result is ``max``.

    Raises:
        RuntimeError: neither bound is given.
        NotImplementedError: complex tensors.
    """
    result = _bounded("clamp", _clamp, at_least, at_most, input, min, max)
    return result if out is None else write_out("clamp", result, out)


@function(method=True, aliases=("clip_",))
def clamp_(input, min=None, max=None):
    """In-place form of ``clamp``."""
    return _bounded("clamp_", _clamp_, clamp_min_, clamp_max_, input, min, max)


@function(method=True)
def clamp_min(input, min, *, out=None):
    """``input`` with values below ``min`` raised to it."""
    result = at_least(input, min)
    return result if out is None else write_out("clamp_min", result, out)


@function(method=True)
def clamp_max(input, max, *, out=None):
    """``input`` with values above ``max`` lowered to it."""
    result = at_most(input, max)
    return result if out is None else write_out("clamp_max", result, out)


def _in_range(input, bound):
    """A bound that ``input``'s elements may be replaced by; ``RuntimeError`` for a number out of their range."""
    number = bound.__class__ is int or (bound.__class__ is float and input.dtype.category == 2)
    return fitting(bound, input.dtype) if number and input.dtype in NARROW else bound


@function(method=True)
def clamp_min_(input, min):
    """In-place form of ``clamp_min``."""
    return _at_least_(input, _in_range(input, min))


@function(method=True)
def clamp_max_(input, max):
    """In-place form of ``clamp_max``."""
    return _at_most_(input, _in_range(input, max))


@operator(
    "nan_to_num(Tensor input, float? nan=None, float? posinf=None, float? neginf=None)",
    method=True,
    out=True,
    inplace=True,
)
def nan_to_num(input, nan, posinf, neginf):
    """``input`` with NaN replaced by ``nan`` (default 0) and infinities by ``posinf``, ``neginf``
    (default: the dtype's limits)."""
    if input.dtype.category < 2:
        return input.clone()
    if input.is_complex():
        from .complex_numbers import complex

        return complex(
            nan_to_num(input.real, nan, posinf, neginf), nan_to_num(input.imag, nan, posinf, neginf)
        )
    limits = dtypes.finfo(input.dtype)
    result = where(isnan(input), 0.0 if nan is None else nan, input)
    result = where(input == float("inf"), limits.max if posinf is None else posinf, result)
    return where(input == -float("inf"), limits.min if neginf is None else neginf, result)


@nan_to_num.gradient
def _(grad, saved):
    return where(saved.input.isfinite(), grad, 0)
