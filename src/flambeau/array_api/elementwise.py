"""Functions of single elements, and of pairs of them after promotion and broadcasting."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import flambeau as fb
from flambeau import Tensor

from .data_types import KINDS, same_dtype
from .unsigned import through_int64


def _of_one(
    name: str, function: Callable[..., Tensor], large: str | None = None, *, compares: bool = False
) -> Callable[..., Tensor]:
    function = through_int64(function, large, keeps_dtype=not compares)

    def call(x: Tensor, /) -> Tensor:
        return function(x)

    return _described(call, name, function)


def _of_two(
    name: str, function: Callable[..., Tensor], large: str | None = None, *, compares: bool = False
) -> Callable[..., Tensor]:
    function = through_int64(function, large, keeps_dtype=not compares)

    def call(x1: Any, x2: Any, /) -> Tensor:
        return function(*same_dtype(x1, x2))

    return _described(call, name, function)


def _described(call: Callable[..., Tensor], name: str, function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    call.__name__ = call.__qualname__ = name
    call.__doc__ = function.__doc__
    return call


acos = _of_one("acos", fb.acos)
acosh = _of_one("acosh", fb.acosh)
add = _of_two("add", fb.add, "bits")
asin = _of_one("asin", fb.asin)
asinh = _of_one("asinh", fb.asinh)
atan = _of_one("atan", fb.atan)
atan2 = _of_two("atan2", fb.atan2)
atanh = _of_one("atanh", fb.atanh)
bitwise_and = _of_two("bitwise_and", fb.bitwise_and, "bits")
bitwise_invert = _of_one("bitwise_invert", fb.bitwise_not, "bits")
bitwise_left_shift = _of_two("bitwise_left_shift", fb.bitwise_left_shift, "bits")
bitwise_or = _of_two("bitwise_or", fb.bitwise_or, "bits")
bitwise_right_shift = _of_two("bitwise_right_shift", fb.bitwise_right_shift)
bitwise_xor = _of_two("bitwise_xor", fb.bitwise_xor, "bits")
ceil = _of_one("ceil", fb.ceil)
conj = _of_one("conj", fb.conj_physical)
copysign = _of_two("copysign", fb.copysign)
cos = _of_one("cos", fb.cos)
cosh = _of_one("cosh", fb.cosh)
divide = _of_two("divide", fb.divide)
equal = _of_two("equal", fb.eq, "bits", compares=True)
exp = _of_one("exp", fb.exp)
expm1 = _of_one("expm1", fb.expm1)
floor = _of_one("floor", fb.floor)
floor_divide = _of_two("floor_divide", fb.floor_divide)
greater = _of_two("greater", fb.gt, "order", compares=True)
greater_equal = _of_two("greater_equal", fb.ge, "order", compares=True)
hypot = _of_two("hypot", fb.hypot)
imag = _of_one("imag", fb.imag)
isfinite = _of_one("isfinite", fb.isfinite, compares=True)
isinf = _of_one("isinf", fb.isinf, compares=True)
isnan = _of_one("isnan", fb.isnan, compares=True)
less = _of_two("less", fb.lt, "order", compares=True)
less_equal = _of_two("less_equal", fb.le, "order", compares=True)
log = _of_one("log", fb.log)
log10 = _of_one("log10", fb.log10)
log1p = _of_one("log1p", fb.log1p)
log2 = _of_one("log2", fb.log2)
logaddexp = _of_two("logaddexp", fb.logaddexp)
logical_and = _of_two("logical_and", fb.logical_and, "bits", compares=True)
logical_not = _of_one("logical_not", fb.logical_not, compares=True)
logical_or = _of_two("logical_or", fb.logical_or, "bits", compares=True)
logical_xor = _of_two("logical_xor", fb.logical_xor, "bits", compares=True)
maximum = _of_two("maximum", fb.maximum, "order")
minimum = _of_two("minimum", fb.minimum, "order")
multiply = _of_two("multiply", fb.multiply, "bits")
negative = _of_one("negative", fb.negative)
nextafter = _of_two("nextafter", fb.nextafter)
not_equal = _of_two("not_equal", fb.ne, "bits", compares=True)
positive = _of_one("positive", fb.positive)
pow = _of_two("pow", fb.pow)
real = _of_one("real", fb.real)
reciprocal = _of_one("reciprocal", fb.reciprocal)
remainder = _of_two("remainder", fb.remainder)
signbit = _of_one("signbit", fb.signbit, compares=True)
sin = _of_one("sin", fb.sin)
sinh = _of_one("sinh", fb.sinh)
sqrt = _of_one("sqrt", fb.sqrt)
square = _of_one("square", fb.square, "bits")
subtract = _of_two("subtract", fb.subtract, "bits")
tan = _of_one("tan", fb.tan)
tanh = _of_one("tanh", fb.tanh)
trunc = _of_one("trunc", fb.trunc)


def abs(x: Tensor, /) -> Tensor:
    """Absolute values."""
    return x.clone() if x.dtype in KINDS["unsigned integer"] else fb.abs(x)


def clip(x: Tensor, /, min: float | Tensor | None = None, max: float | Tensor | None = None) -> Tensor:
    """``x`` with what lies outside ``[min, max]`` moved to the nearer bound; NaN where an element or a bound is."""
    if any(isinstance(bound, float) and math.isnan(bound) for bound in (min, max)):
        return fb.full_like(x, math.nan)
    lower, upper = _bound(x, min, -1), _bound(x, max, 1)
    if lower is None and upper is None:
        return x.clone()
    return through_int64(fb.clamp, "order")(x, lower, upper)


def _bound(x: Tensor, bound: Any, side: int) -> Tensor | None:
    """A bound as a tensor of the dtype of ``x``; None for a number beyond all integers of that dtype."""
    if bound is None or isinstance(bound, Tensor):
        return bound
    if not x.is_floating_point():
        limits = fb.iinfo(x.dtype)
        if (side > 0 and bound >= limits.max) or (side < 0 and bound <= limits.min):
            return None
    return fb.asarray(bound, dtype=x.dtype, device=x.device)


def round(x: Tensor, /) -> Tensor:
    """The nearest integers, the even ones for halves; of a complex number, of each part."""
    return fb.complex(fb.round(x.real), fb.round(x.imag)) if x.is_complex() else fb.round(x)


def sign(x: Tensor, /) -> Tensor:
    """-1, 0 or 1; NaN for NaN. Of a complex number, the number of that direction and absolute value 1."""
    if x.is_complex():
        return fb.sgn(x)
    if x.dtype in KINDS["unsigned integer"]:
        return (x != 0).to(x.dtype)
    return fb.where(fb.isnan(x), x, fb.sign(x)) if x.is_floating_point() else fb.sign(x)


__all__ = [name for name, value in list(globals().items()) if callable(value) and not name.startswith("_")
           and name not in ("Callable", "Any", "Tensor", "same_dtype", "through_int64")]  # fmt: skip
