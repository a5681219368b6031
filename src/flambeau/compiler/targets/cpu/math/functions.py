"""The table of functions and `emit`, which writes one of them."""

from __future__ import annotations

from collections.abc import Callable

from flambeau.compiler.targets.cpu.builder import Builder, Value, element
from flambeau.compiler.targets.cpu.math import (
    error_function,
    exponential,
    inverse_trigonometric,
    logarithm,
    power,
    special,
    trigonometric,
)
from flambeau.compiler.targets.cpu.math.lanes import Lanes, sqrt


def _rsqrt(x: Lanes) -> Lanes:
    return 1.0 / sqrt(x)


_FUNCTIONS: dict[str, Callable[..., Lanes]] = {
    "acos": inverse_trigonometric.acos,
    "acosh": logarithm.acosh,
    "asin": inverse_trigonometric.asin,
    "asinh": logarithm.asinh,
    "atan": inverse_trigonometric.atan,
    "atan2": inverse_trigonometric.atan2,
    "atanh": logarithm.atanh,
    "cos": trigonometric.cos,
    "cosh": exponential.cosh,
    "digamma": special.digamma,
    "erf": error_function.erf,
    "erfc": error_function.erfc,
    "erfinv": special.erfinv,
    "exp": exponential.exp,
    "exp2": exponential.exp2,
    "expm1": exponential.expm1,
    "lgamma": special.lgamma,
    "log": logarithm.log,
    "log10": logarithm.log10,
    "log1p": logarithm.log1p,
    "log2": logarithm.log2,
    "pow": power.pow,
    "rsqrt": _rsqrt,
    "sigmoid": exponential.sigmoid,
    "sin": trigonometric.sin,
    "sinh": exponential.sinh,
    "sqrt": sqrt,
    "tan": trigonometric.tan,
    "tanh": exponential.tanh,
}

NAMES = frozenset(_FUNCTIONS)


def emit(builder: Builder, name: str, *values: Value) -> Value:
    """Write the function ``name`` of ``values`` and return its result, of the same type.

    The values are float or double, scalars or vectors. The whole range is served: infinities, NaN, denormals,
    signed zeros, huge angles; the accuracy is told in each family's file. The code is straight-line, but for
    a rare branch in sin, cos and tan. What its module must hold besides is in ``builder.declarations``.
    Raises KeyError for a name not in `NAMES` and TypeError for another type.
    """
    function = _FUNCTIONS[name]
    if element(values[0].type) not in ("float", "double"):
        raise TypeError(f"{name}: expected float or double lanes, got {values[0].type}")
    return function(*(Lanes(builder, value) for value in values)).value
