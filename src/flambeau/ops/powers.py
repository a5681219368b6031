"""Powers and roots."""

from __future__ import annotations

import numpy as np

from .. import dtypes
from ..compiler.graph import Param
from ..tensor import Tensor
from . import overrides
from .arithmetic import HIDDEN, WITH_INPLACE, swapped
from .creation import filled
from .elementwise import binary, refusal, unary
from .infix import attach_infix, attach_inplace, known
from .inplace import rewritten
from .overrides import dispatching, write_out
from .promotion import result_type_of
from .registry import function
from .schema import NUMBERS
from .selection import where
from .transcendental import analytic

sqrt = unary("sqrt", np.sqrt, rule="float")
rsqrt = analytic("rsqrt", lambda x: 1 / np.sqrt(x), lambda x, y: y * y * y * -0.5)


@sqrt.gradient
def _(grad, saved):
    return grad / (saved.output * 2).conj()


def _powering(op, values):
    d = result_type_of(values)
    if d is dtypes.bool_:
        raise refusal("pow", d, "b")
    return d, d


def _power(base, exponent):
    if base.dtype.kind not in "iu":
        return np.power(base, exponent)
    # NumPy refuses negative exponents of integers; they give 0, but for the bases 1 and -1.
    negative = exponent < 0
    powers = np.power(base, np.where(negative, 0, exponent))
    units = np.where(base == 1, 1, np.where(base == -1, np.where(exponent % 2 != 0, -1, 1), 0))
    return np.where(negative, units, powers).astype(base.dtype)


_pow = binary("pow", _power, rule=_powering, **WITH_INPLACE)
_pow_ = Tensor.pow_
_rpow = binary("pow", _power, lowering="pow", infer=swapped(_powering), **HIDDEN)
_rpow.operator.node_name = "PowBackward2"
_square = unary("pow", np.square, lowering="square", rule=_powering, **HIDDEN)


def _as_tensor(value, like):
    """A number that took part in a call as a 0-dim tensor, to compute with it."""
    if isinstance(value, Tensor):
        return value
    kind = value.kind if isinstance(value, Param) else value.__class__
    return filled((), value, like.dtype.to_complex() if kind is complex else like.dtype)


def _slope_by_base(grad, base, exponent):
    slope = grad * (exponent * _pow(base, exponent - 1)).conj()
    return where(exponent == 0, 0, slope)


def _slope_by_exponent(grad, base, exponent, power):
    slope = grad * (power * base.log()).conj()
    at_zero = (base == 0) & ((exponent.real if exponent.is_complex() else exponent) >= 0)
    return where(at_zero, 0, slope)


@_pow.gradient
def _(grad, saved):
    base = saved.input
    by_base = _slope_by_base(grad, base, _as_tensor(saved.other, base))
    if not isinstance(saved.other, Tensor):
        return by_base
    return by_base, _slope_by_exponent(grad, base, saved.other, saved.output)


@_rpow.gradient
def _(grad, saved):
    exponent = saved.input
    base = _as_tensor(saved.other, exponent)
    return _slope_by_exponent(grad, base, exponent, saved.output)


@_square.gradient
def _(grad, saved):
    return grad * (saved.input * 2).conj()


def _check_exponent(input, other) -> None:
    """``RuntimeError`` for a negative integer power of integers."""
    if other.__class__ is int and other < 0 and input.dtype.category < 2:
        raise RuntimeError("Integers to negative integer powers are not allowed.")


def _raise(input, other):
    if other.__class__ in NUMBERS:
        if other == 2 and input._spec.dtype.category >= 2 and other.__class__ is not complex:
            return _square(input)
        _check_exponent(input, other)
    return _pow(input, other)


@function(method=True)
def pow(input, exponent, *, out=None):
    """``input`` to the power ``exponent``; one of them may be a number.

    Raises:
        RuntimeError: an integer tensor to a negative integer power.
    """
    if not isinstance(input, Tensor):
        if isinstance(input, np.generic):
            input = input.item()
        if input.__class__ not in NUMBERS:
            raise TypeError(
                f"pow(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}"
            )
        result = _rpow(exponent, input)
    else:
        result = _raise(input, exponent)
    return result if out is None else write_out("pow", result, out)


@function(None, method=True)
def pow_(self, exponent):
    """In-place form of ``pow``."""
    _check_exponent(self, exponent)
    return _pow_(self, exponent)


def _pow_infix(self, other):
    """``self ** other``."""
    if self.__class__ is Tensor and not overrides.suspended:
        return _raise(self, other) if known(other) else NotImplemented
    return _offered_infix(self, other) if known(other) else NotImplemented


_offered_infix = dispatching(_raise)
_offered_infix.offered, _offered_infix.plain = "__pow__", pow
Tensor.__pow__ = _pow_infix
_pow_infix.plain, _pow_infix.__name__ = pow, "pow"
attach_inplace(pow_, "__ipow__")
attach_infix(_rpow, "__rpow__")


@function(method=True)
def square(input, *, out=None):
    """``input * input``."""
    result = _raise(input, 2)
    return result if out is None else write_out("square", result, out)


@function(method=True)
def square_(input):
    """In-place form of ``square``."""
    return pow_(input, 2)


@function(method=True)
def float_power(input, exponent, *, out=None):
    """``input ** exponent`` computed in double precision (complex128 for complex operands)."""
    if not isinstance(input, Tensor) and not isinstance(exponent, Tensor):
        raise TypeError(
            f"float_power(): expected a tensor among the arguments, got ({type(input).__name__}, "
            f"{type(exponent).__name__})"
        )
    either_complex = any(
        v.is_complex() if isinstance(v, Tensor) else isinstance(v, complex) for v in (input, exponent)
    )
    wanted = dtypes.complex128 if either_complex else dtypes.float64
    if not isinstance(input, Tensor):
        input = filled((), input, wanted)
    if not isinstance(exponent, Tensor):
        exponent = complex(exponent) if either_complex else float(exponent)
    result = pow(input.to(wanted), exponent.to(wanted) if isinstance(exponent, Tensor) else exponent)
    return result if out is None else write_out("float_power", result, out)


@function(None, method=True)
def float_power_(self, exponent):
    """In-place form of ``float_power``; only for double precision tensors."""

    def power(base):
        result = float_power(base, exponent)
        if result.dtype is not base.dtype:
            raise RuntimeError(
                f"the base given to float_power_ has dtype {base.dtype} but the operation's result requires "
                f"dtype {result.dtype}"
            )
        return result

    return rewritten(self, power)
