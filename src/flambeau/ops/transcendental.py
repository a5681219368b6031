"""Exponentials, logarithms, trigonometric and hyperbolic functions."""

from __future__ import annotations

import math

import numpy as np

from ..compiler.reference import narrow, widen
from .creation import zeros_like
from .elementwise import elementwise, refusal, unary
from .promotion import result_type_of
from .selection import where


def analytic(name: str, numpy_function, derivative, **options):
    """Declare a function of one tensor by its NumPy meaning and its derivative ``derivative(x, y)`` at x,
    where it is y."""
    declared = unary(name, numpy_function, **{"rule": "float", **options})

    @declared.gradient
    def _(grad, saved):
        return grad * derivative(saved.input, saved.output).conj()

    return declared


# -- exponentials and logarithms -----------------------------------------------------------------------------

exp = analytic("exp", np.exp, lambda x, y: y)
exp2 = analytic("exp2", np.exp2, lambda x, y: y * math.log(2.0))
expm1 = analytic("expm1", np.expm1, lambda x, y: y + 1)
log = analytic("log", np.log, lambda x, y: x.reciprocal())
log2 = analytic("log2", np.log2, lambda x, y: (x * math.log(2.0)).reciprocal())
log10 = analytic("log10", np.log10, lambda x, y: (x * math.log(10.0)).reciprocal())
log1p = analytic("log1p", np.log1p, lambda x, y: (x + 1).reciprocal())

# -- trigonometric -------------------------------------------------------------------------------------------

sin = analytic("sin", np.sin, lambda x, y: cos(x))
cos = analytic("cos", np.cos, lambda x, y: -sin(x))
tan = analytic("tan", np.tan, lambda x, y: y * y + 1)
asin = analytic("asin", np.arcsin, lambda x, y: (1 - x * x).rsqrt(), aliases=("arcsin",))
acos = analytic("acos", np.arccos, lambda x, y: -(1 - x * x).rsqrt(), aliases=("arccos",))
atan = analytic("atan", np.arctan, lambda x, y: (x * x + 1).reciprocal(), aliases=("arctan",))

# -- hyperbolic ----------------------------------------------------------------------------------------------

sinh = analytic("sinh", np.sinh, lambda x, y: cosh(x))
cosh = analytic("cosh", np.cosh, lambda x, y: sinh(x))
tanh = analytic("tanh", np.tanh, lambda x, y: 1 - y * y)
asinh = analytic("asinh", np.arcsinh, lambda x, y: (x * x + 1).rsqrt(), aliases=("arcsinh",))
acosh = analytic(
    "acosh",
    np.arccosh,
    lambda x, y: (x + 1).rsqrt() * (x - 1).rsqrt() if x.is_complex() else (x * x - 1).rsqrt(),
    aliases=("arccosh",),
)
atanh = analytic("atanh", np.arctanh, lambda x, y: (1 - x * x).reciprocal(), aliases=("arctanh",))

# -- others of one tensor ------------------------------------------------------------------------------------


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _sinc(x):
    scaled = x * x.dtype.type(np.pi)
    return np.where(x == 0, 1, np.sin(scaled) / np.where(x == 0, 1, scaled))


sigmoid = analytic("sigmoid", _sigmoid, lambda x, y: y * (1 - y))
sinc = unary("sinc", _sinc, rule="float", translated=True)
deg2rad = analytic(
    "deg2rad", lambda x: x * x.dtype.type(np.pi / 180), lambda x, y: zeros_like(x) + math.pi / 180, refuse="c", translated=True
)
rad2deg = analytic(
    "rad2deg", lambda x: x * x.dtype.type(180 / np.pi), lambda x, y: zeros_like(x) + 180 / math.pi, refuse="c", translated=True
)


@sinc.gradient
def _(grad, saved):
    x = saved.input
    scaled = x * math.pi
    slope = (scaled * cos(scaled) - sin(scaled)) / (scaled * x)
    return grad * where(x == 0, 0, slope).conj()


# -- of two tensors ------------------------------------------------------------------------------------------


def floats_only(name: str, refuse: str = "bic"):
    """A rule for operators on floating-point tensors only."""

    def rule(op, values):
        d = result_type_of(values)
        if d.kind in refuse:
            raise refusal(name, d, refuse)
        return d, d

    return rule


atan2 = elementwise(
    "atan2(Tensor input, Tensor other)",
    np.arctan2,
    rule="float",
    refuse="c",
    inplace="method",
    aliases=("arctan2",),
)
hypot = elementwise(
    "hypot(Tensor input, Tensor other)", np.hypot, rule=floats_only("hypot_cpu"), inplace="method", translated=True
)
nextafter = elementwise(
    "nextafter(Tensor input, Tensor other)", np.nextafter, rule=floats_only("nextafter_cpu"), inplace="method", translated=True
)
_next_wide = nextafter.operator.reference


def _next_number(code, arrays, numbers):
    """The next number of 16-bit formats is found among their bits; of others by NumPy."""
    dtype = code.extra.compute
    if dtype.itemsize != 2:
        return _next_wide(code, arrays, numbers)
    start, goal = [widen(arrays[i], code.inputs[i].dtype).astype(np.float32) for _, i in code.extra.operands]
    bits = narrow(np.broadcast_to(start, code.outputs[0].shape), dtype).view(np.uint16)
    away = (goal > start) == (start > 0)  # from zero: the larger magnitude has the larger bits
    moved = np.where(away, bits + 1, bits - 1)
    moved = np.where(start == 0, np.where(goal > 0, 1, 0x8001), moved).astype(np.uint16)
    moved = widen(moved.view(dtype.numpy), dtype)
    result = np.where(start == goal, goal, moved)
    return (np.where(np.isnan(start) | np.isnan(goal), np.float32(np.nan), result),)


nextafter.operator.reference = _next_number


def _log_sum(a, b):
    if a.dtype.kind != "c":
        return np.logaddexp(a, b)
    first = np.where(a.real >= b.real, a, b)
    second = np.where(a.real >= b.real, b, a)
    same = (first.real == second.real) & ~np.isfinite(first.real)
    return np.where(same & (first.real < 0), first, first + np.log1p(np.exp(second - first)))


logaddexp = elementwise(
    "logaddexp(Tensor input, Tensor other)", _log_sum, rule=floats_only("logaddexp_cpu", "bi"), inplace=False, translated=True
)
logaddexp2 = elementwise(
    "logaddexp2(Tensor input, Tensor other)", np.logaddexp2, rule=floats_only("logaddexp2_cpu"), inplace=False, translated=True
)


@atan2.gradient
def _(grad, saved):
    y, x = saved.input, saved.other
    squares = y * y + x * x
    scale = where(squares == 0, 0, grad / squares)
    return scale * x, -scale * y


@hypot.gradient
def _(grad, saved):
    return grad * (saved.input / saved.output), grad * (saved.other / saved.output)


@nextafter.gradient
def _(grad, saved):
    return where(saved.input == saved.other, 0, grad), zeros_like(grad)


@logaddexp.gradient
def _(grad, saved):
    a, b = saved.input, saved.other
    return grad / (1 + exp(b - a)).conj(), grad / (1 + exp(a - b)).conj()


@logaddexp2.gradient
def _(grad, saved):
    a, b = saved.input, saved.other
    return grad / (1 + exp2(b - a)), grad / (1 + exp2(a - b))
