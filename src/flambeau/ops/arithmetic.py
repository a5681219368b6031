"""Arithmetic: sums, products, quotients and remainders, with their in-place and ``out=`` forms."""

from __future__ import annotations

from operator import mul as times
from operator import truediv

import numpy as np

from .. import dtypes
from ..compiler.graph import Param, TraceError
from ..lazy import window as _window
from ..tensor import Tensor
from . import elementwise as _elementwise
from .creation import filled, zeros_like
from .elementwise import binary, refusal, unary
from .infix import ReverseQuotient, attach_guarded, attach_infix, attach_inplace
from .operator import make_function, operator
from .overrides import write_out
from .promotion import number_dtype, result_type_of
from .registry import export, function
from .schema import NUMBERS, argument

HIDDEN = {"namespace": None, "method": False, "out": False, "inplace": False}
WITH_INPLACE = {**HIDDEN, "inplace": True}


def swapped(rule):
    """A shape rule for ``other (op) input``: the operands of ``input (op) other`` the other way round."""
    infer = _elementwise._infer(rule)

    def infer_swapped(op, specs, values):
        outputs, plan = infer(op, specs, values)
        return outputs, plan._replace(operands=plan.operands[::-1])

    return infer_swapped


def conjugated(value):
    """The conjugate of a tensor or a number that took part in a call."""
    if isinstance(value, Tensor):
        return value.conj()
    if isinstance(value, Param):
        if value.kind is complex:
            raise TraceError("the conjugate of a run-time number")
        return value
    return value.conjugate()


def by_conjugate(operation, tensor, number):
    """``operation(tensor, conjugate of number)``: a run-time number cannot be conjugated, what is around it can."""
    if isinstance(number, Param) and number.kind is complex:
        return operation(tensor.conj(), number).conj()
    return operation(tensor, conjugated(number))


def dtype_of(value) -> dtypes.dtype:
    """The dtype that a tensor, its spec or a number takes part with."""
    return value.dtype if hasattr(value, "dtype") else number_dtype(value)


def no_derivative(name: str):
    """A gradient for operators that PyTorch has none for: using it raises ``RuntimeError`` in backward."""

    def gradient(grad, saved):
        if _window.current.tracing:
            raise TraceError(f"{name} has no derivative")
        raise RuntimeError(f"derivative for {name} is not implemented")

    return gradient


def as_operand(value):
    """A number as the 0-dim tensor that it stands for, where a function takes numbers for tensors."""
    if isinstance(value, np.generic):
        value = value.item()
    if value.__class__ in NUMBERS:
        return filled((), value, number_dtype(value))
    return value


def _store(name: str, result, out):
    return result if out is None else write_out(name, result, out)


# -- add, sub ------------------------------------------------------------------------------------------------

_add = binary("add", np.add, **WITH_INPLACE)
_add_ = Tensor.add_


@_add.gradient
def _(grad, saved):
    return (grad, grad) if isinstance(saved.other, Tensor) else grad


def _subtracting(op, values):
    if any(dtype_of(v) is dtypes.bool_ for v in values):
        raise RuntimeError(
            "Subtraction, the `-` operator, with two bool tensors is not supported. "
            "Use the `^` or `logical_xor()` operator instead."
        )
    d = result_type_of(values)
    return d, d


_sub = binary("sub", np.subtract, rule=_subtracting, **WITH_INPLACE)
_sub_ = Tensor.sub_


@_sub.gradient
def _(grad, saved):
    return (grad, -grad) if isinstance(saved.other, Tensor) else grad


_rsub = binary("rsub", np.subtract, lowering="sub", infer=swapped(_subtracting), **HIDDEN)


@_rsub.gradient
def _(grad, saved):
    return (-grad, grad) if isinstance(saved.other, Tensor) else -grad


@operator("add(Tensor input, Tensor other, Scalar alpha)", namespace=None, opmath=True, inplace=True)
def _add_multiple(input, other, alpha):
    return _add(input, mul(other.to(result_type_of((input, other))), alpha))


_add_multiple_ = Tensor.add_


@_add_multiple.gradient
def _(grad, saved):
    return grad, by_conjugate(times, grad, saved.alpha)


@operator("sub(Tensor input, Tensor other, Scalar alpha)", namespace=None, opmath=True, inplace=True)
def _sub_multiple(input, other, alpha):
    d, _ = _subtracting(None, (input, other))
    return _sub(input, mul(other.to(d), alpha))


_sub_multiple_ = Tensor.sub_


@_sub_multiple.gradient
def _(grad, saved):
    return grad, -by_conjugate(times, grad, saved.alpha)


def _sum(name: str, plain, multiple, input, other, alpha):
    """``input`` plus or minus ``alpha`` times ``other``; ``RuntimeError`` for an ``alpha`` of too high a
    type."""
    if alpha.__class__ is int and alpha == 1:
        return plain(input, other)
    common = result_type_of((input, other))
    if alpha.__class__ not in NUMBERS:
        alpha = argument(name, "alpha", "Scalar", alpha, 2)
    if isinstance(alpha, bool) and common is not dtypes.bool_:
        raise RuntimeError("Boolean alpha only supported for Boolean results.")
    if isinstance(alpha, (float, complex)) and common.category < 2:
        raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.")
    if isinstance(alpha, complex) and not common.is_complex:
        raise RuntimeError("For non-complex input tensors, argument alpha must not be a complex number.")
    if common is dtypes.bool_:
        alpha = bool(alpha)
    if not isinstance(other, Tensor):
        return plain(input, other * alpha)
    return multiple(input, other, alpha=alpha)


@function(method=True)
def add(input, other, *, alpha=1, out=None):
    """``input + alpha * other``, broadcast and promoted; ``other`` is a tensor or a number."""
    return _store("add", _sum("add", _add, _add_multiple, as_operand(input), other, alpha), out)


@function(method=True, aliases=("subtract",))
def sub(input, other, *, alpha=1, out=None):
    """``input - alpha * other``, broadcast and promoted. ``RuntimeError`` for bool operands."""
    if input.__class__ in NUMBERS:
        return _store(
            "sub",
            rsub(as_operand(other), input) if alpha == 1 else sub(as_operand(input), other, alpha=alpha),
            out,
        )
    return _store("sub", _sum("sub", _sub, _sub_multiple, input, other, alpha), out)


@function()
def rsub(input, other, alpha=1):
    """``other - alpha * input``."""
    if alpha.__class__ is int and alpha == 1:
        return _rsub(input, other)
    return sub(other if isinstance(other, Tensor) else as_operand(other).to(input.dtype), input, alpha=alpha)


@function(None, method=True)
def add_(self, other, *, alpha=1):
    """In-place form of ``add``."""
    return _sum("add_", _add_, _add_multiple_, self, other, alpha)


@function(None, method=True, aliases=("subtract_",))
def sub_(self, other, *, alpha=1):
    """In-place form of ``sub``."""
    return _sum("sub_", _sub_, _sub_multiple_, self, other, alpha)


# -- mul -----------------------------------------------------------------------------------------------------

mul = binary("mul", np.multiply, inplace="method", aliases=("multiply",))


@mul.gradient
def _(grad, saved):
    if not isinstance(saved.other, Tensor):
        return by_conjugate(times, grad, saved.other)
    return grad * saved.other.conj(), grad * saved.input.conj()


class _NumberFirst:
    """An operator whose first operand may be the number, as in ``torch.mul(2, x)``; nothing changes for tensors."""

    def __init__(self, op):
        self.op = op

    def __getattr__(self, name: str):
        return getattr(self.op, name)

    def __call__(self, input, other, **options):
        return self.op(as_operand(input), other, **options)


_multiply = mul.operator
mul = make_function(_NumberFirst(_multiply), out=True)
mul.operator, mul.gradient, _multiply.function = _multiply, _multiply.gradient, mul
export("torch", "mul", mul)
export("torch", "multiply", mul)


# -- div -----------------------------------------------------------------------------------------------------

_div = binary("div", np.true_divide, rule="float", **WITH_INPLACE)
_div_ = Tensor.div_


@_div.gradient
def _(grad, saved):
    if not isinstance(saved.other, Tensor):
        return by_conjugate(truediv, grad, saved.other)
    return grad / saved.other.conj(), -grad * ((saved.input / saved.other) / saved.other).conj()


_rdiv = binary(
    "rdiv", np.true_divide, rule="float", lowering="div", infer=swapped(_elementwise.RULES["float"]), **HIDDEN
)
_rdiv.operator.node_name = "MulBackward0"


@_rdiv.gradient
def _(grad, saved):
    inverse = saved.input.reciprocal()  # not by the output, which may be written in place
    by_input = -by_conjugate(times, grad, saved.other) * (inverse * inverse).conj()
    return (by_input, grad * inverse.conj()) if isinstance(saved.other, Tensor) else by_input


def _dividing(name: str):
    """The rule of divisions with a remainder: not for bool and complex."""

    def rule(op, values):
        d = result_type_of(values)
        if d.kind in "bc":
            raise refusal(name, d, "bc")
        return d, d

    return rule


_floor_divide = binary(
    "floor_divide", np.floor_divide, lowering="floordiv", rule=_dividing("div_floor_cpu"), **WITH_INPLACE
)
_floor_divide_ = Tensor.floor_divide_
_floor_divide.gradient(no_derivative("floor_divide"))
_floor_divide.operator.node_name = "NotImplemented"
_rfloor_divide = binary(
    "floor_divide", np.floor_divide, lowering="floordiv", infer=swapped(_dividing("div_floor_cpu")), **HIDDEN
)
_rfloor_divide.gradient(no_derivative("floor_divide"))
_rfloor_divide.operator.node_name = "NotImplemented"

_div_floor = binary(
    "div", np.floor_divide, lowering="floordiv", rule=_dividing("div_floor_cpu"), **WITH_INPLACE
)
_div_floor_ = Tensor.div_


def _truncate_integers(a, b):
    # NumPy rounds down: one more where the quotient is negative and inexact.
    quotient = np.floor_divide(a, b)
    return quotient + ((a % b != 0) & ((a < 0) != (b < 0)))


_truncdiv = binary("div", _truncate_integers, lowering="truncdiv", rule=_dividing("div_trunc_cpu"), **HIDDEN)


@operator("div(Tensor input, Tensor|Scalar other)", namespace=None, inplace=True)
def _div_trunc(input, other):
    if result_type_of((input, other)).category < 2:
        return _truncdiv(input, other)
    from .rounding import trunc

    return trunc(_div(input, other))


_div_trunc_ = Tensor.div_


def _no_slope(grad, saved):
    return (zeros_like(grad), zeros_like(grad)) if isinstance(saved.other, Tensor) else zeros_like(grad)


_div_floor.gradient(_no_slope)
_div_trunc.gradient(_no_slope)


def check_divisor(input, other) -> None:
    """``RuntimeError`` where integers would be divided by zero, as PyTorch raises it; looks at an integer
    divisor tensor."""
    if isinstance(other, Tensor):
        if other.dtype.category > 1 or dtype_of(input).category > 1 or other.is_meta:
            return
        if isinstance(input, Tensor) and input.dtype is other.dtype is dtypes.bool_:
            return
        zero = not other._array().all()
    else:
        zero = not isinstance(other, float) and other == 0 and dtype_of(input).category < 2 and bool(as_operand(input).numel())
    if zero:
        raise RuntimeError("ZeroDivisionError")


def _quotient(plain, floor, trunc, input, other, rounding_mode):
    if rounding_mode is None:
        return plain(input, other)
    if rounding_mode not in ("floor", "trunc"):
        raise RuntimeError(
            f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'"
        )
    check_divisor(input, other)
    return (floor if rounding_mode == "floor" else trunc)(input, other)


@function(method=True, aliases=("divide",))
def div(input, other, *, rounding_mode=None, out=None):
    """``input / other``; integers are divided as floats unless ``rounding_mode`` is ``"trunc"`` or
    ``"floor"``.

    Raises:
        RuntimeError: another ``rounding_mode``; integers rounded after division by zero.
    """
    return _store(
        "div", _quotient(_div, _div_floor, _div_trunc, as_operand(input), other, rounding_mode), out
    )


@function(None, method=True, aliases=("divide_",))
def div_(self, other, *, rounding_mode=None):
    """In-place form of ``div``."""
    return _quotient(_div_, _div_floor_, _div_trunc_, self, other, rounding_mode)


@function(method=True)
def true_divide(input, other, *, out=None):
    """``input / other``; integers are divided as floats."""
    return _store("true_divide", _div(as_operand(input), other), out)


Tensor.true_divide_ = _div_


@function(method=True)
def floor_divide(input, other, *, out=None):
    """``input / other`` rounded down. ``RuntimeError`` where an integer is divided by zero."""
    if input.__class__ in NUMBERS and isinstance(other, Tensor):
        check_divisor(input, other)
        return _store("floor_divide", _rfloor_divide(other, input), out)
    input = as_operand(input)
    check_divisor(input, other)
    return _store("floor_divide", _floor_divide(input, other), out)


@function(None, method=True)
def floor_divide_(self, other):
    """In-place form of ``floor_divide``."""
    check_divisor(self, other)
    return _floor_divide_(self, other)


# -- remainders ----------------------------------------------------------------------------------------------


def _modulo(a, b):
    if a.dtype.kind != "f":
        return np.remainder(a, b)
    rest = np.fmod(a, b)  # a zero keeps the sign of a
    return np.where((rest != 0) & ((rest < 0) != (b < 0)), rest + b, rest)


_remainder = binary("remainder", _modulo, rule=_dividing("remainder_cpu"), **WITH_INPLACE)
_remainder_ = Tensor.remainder_
_rremainder = binary(
    "remainder", _modulo, lowering="remainder", infer=swapped(_dividing("remainder_cpu")), **HIDDEN
)
_fmod = binary("fmod", np.fmod, rule=_dividing("fmod_cpu"), **WITH_INPLACE)
_fmod_ = Tensor.fmod_


@_remainder.gradient
def _(grad, saved):
    if not isinstance(saved.other, Tensor):
        return grad
    return grad, -grad * _div_floor(saved.input, saved.other)


@_rremainder.gradient
def _(grad, saved):
    return (
        -grad * _floor_divide(saved.other, saved.input)
        if isinstance(saved.other, Tensor)
        else -grad * _rfloor_divide(saved.input, saved.other)
    )


@_fmod.gradient
def _(grad, saved):
    if not isinstance(saved.other, Tensor):
        return grad
    return grad, -grad * _div_trunc(saved.input, saved.other)


@function(method=True)
def remainder(input, other, *, out=None):
    """``input - floor(input / other) * other``: the remainder with the sign of ``other``."""
    if isinstance(input, np.generic):
        input = input.item()
    if input.__class__ in NUMBERS and isinstance(other, Tensor):
        check_divisor(input, other)
        return _store("remainder", _rremainder(other, input), out)
    check_divisor(input, other)
    return _store("remainder", _remainder(input, other), out)


@function(None, method=True)
def remainder_(self, other):
    """In-place form of ``remainder``."""
    check_divisor(self, other)
    return _remainder_(self, other)


@function(method=True)
def fmod(input, other, *, out=None):
    """``input - trunc(input / other) * other``: the remainder with the sign of ``input``."""
    check_divisor(input, other)
    return _store("fmod", _fmod(input, other), out)


@function(None, method=True)
def fmod_(self, other):
    """In-place form of ``fmod``."""
    check_divisor(self, other)
    return _fmod_(self, other)


# -- signs ---------------------------------------------------------------------------------------------------


def _negating(op, values):
    d = values[0].dtype
    if d is dtypes.bool_:
        raise RuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a "
            "mask, "
            "use the `~` or `logical_not()` operator instead."
        )
    return d, d


neg = unary("neg", np.negative, rule=_negating, aliases=("negative",))


@neg.gradient
def _(grad, saved):
    return -grad


@function(method=True)
def positive(input):
    """``input`` itself. ``RuntimeError`` for bool."""
    if input.dtype is dtypes.bool_:
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input


def _sizing(op, values):
    d = values[0].dtype
    if d is dtypes.bool_:
        raise refusal("abs_cpu", d, "b")
    return d, d.to_real()


abs = unary("abs", np.abs, rule=_sizing)
export("torch", "absolute", abs)
Tensor.absolute, Tensor.absolute_ = Tensor.abs, Tensor.abs_


@abs.gradient
def _(grad, saved):
    return grad * sgn(saved.input)


def _sign(x):
    if x.dtype.kind == "b":
        return x
    return np.nan_to_num(np.sign(x), nan=0.0) if x.dtype.kind == "f" else np.sign(x)


sign = unary("sign", _sign, refuse="c", inplace="method")
signbit = unary(
    "signbit",
    lambda x: np.signbit(x) if x.dtype.kind == "f" else x < 0,
    rule="test",
    refuse="c",
    inplace=False,
)


@sign.gradient
def _(grad, saved):
    return zeros_like(grad)


def _directions(x):
    if x.dtype.kind != "c":
        return _sign(x)
    size = np.abs(x)
    return np.where(size == 0, 0, x / np.where(size == 0, 1, size))


sgn = unary("sgn", _directions, lowering="sign", inplace="method")


@sgn.gradient
def _(grad, saved):
    if not saved.input.is_complex():
        return zeros_like(grad)
    from .selection import where

    direction = saved.output
    turned = (grad - direction * (direction.conj() * grad).real) / abs(saved.input)
    return where(saved.input == 0, 0, turned)


reciprocal = unary("reciprocal", lambda x: np.ones((), x.dtype) / x, rule="float")


@reciprocal.gradient
def _(grad, saved):
    return -grad * (saved.output * saved.output).conj()


# -- infix forms ---------------------------------------------------------------------------------------------


attach_infix(_add, "__add__", "__radd__")
attach_infix(_sub, "__sub__")
attach_infix(_rsub, "__rsub__")
attach_infix(mul, "__mul__", "__rmul__")
attach_infix(_div, "__truediv__", "__div__")
attach_infix(_rdiv, "__rtruediv__", "__rdiv__", kind=ReverseQuotient)
attach_guarded(floor_divide, "__floordiv__")
attach_guarded(lambda self, other: floor_divide(other, self), "__rfloordiv__")
attach_guarded(remainder, "__mod__")
attach_guarded(lambda self, other: remainder(other, self), "__rmod__")
Tensor.__neg__ = neg
Tensor.__pos__ = positive
Tensor.__abs__ = abs
attach_inplace(_add_, "__iadd__")
attach_inplace(_sub_, "__isub__")
attach_inplace(Tensor.mul_, "__imul__")
attach_inplace(_div_, "__itruediv__", "__idiv__")
attach_inplace(floor_divide_, "__ifloordiv__")
attach_inplace(remainder_, "__imod__")
