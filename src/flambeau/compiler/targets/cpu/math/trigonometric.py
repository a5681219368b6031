"""sin, cos, tan: x = n pi/2 + r with |r| <= pi/4, then the polynomial of sin(r) or cos(r) by n mod 4.

Measured errors in ulp (float, double) stay below: sin 1.6, 1.2; cos 1.6, 1.2; tan 2.9, 2.7.
"""

from __future__ import annotations

from collections.abc import Callable

from flambeau.compiler.targets.cpu.math import huge_angle
from flambeau.compiler.targets.cpu.math.lanes import Lanes, constant_bits, fma, polynomial, where

_TWO_OVER_PI = float.fromhex("0x1.45f306dc9c883p-1")
# pi/2 to 159 bits.
_HALF_PI = (
    float.fromhex("0x1.921fb54442d18p+0"),
    float.fromhex("0x1.1a62633145c07p-54"),
    float.fromhex("-0x1.f1976b7ed8fbcp-110"),
)
_ROUNDER = 1.5 * 2.0**52
# Beyond these sizes n pi/2 needs more digits of pi.
_HUGE_SINGLE, _HUGE_DOUBLE = 2.0**40, 2.0**30


def _reduce(x: Lanes) -> tuple[Lanes, Lanes | None, Lanes]:
    """r, what r lacks to its full precision (double only), and n mod 2^32 as integers."""
    size = abs(x)
    huge = (size > x.pick(_HUGE_SINGLE, _HUGE_DOUBLE)) & (size < float("inf"))
    if x.single:
        r, quadrant = huge_angle.repair(huge, x, _reduce_single(x))
        return r, None, quadrant
    r, tail, quadrant = huge_angle.repair(huge, x, _reduce_double(x))
    return r, tail, quadrant


def _reduce_single(x: Lanes) -> list[Lanes]:
    """r and n, computed in double."""
    first, second, _ = _HALF_PI
    wide = x.to("double")
    shifted = fma(wide, _TWO_OVER_PI, _ROUNDER)
    n = shifted - _ROUNDER
    r = fma(n, -second, fma(n, -first, wide))
    return [r.to("float"), shifted.bits().to("i32")]


def _reduce_double(x: Lanes) -> list[Lanes]:
    """r, its tail and n."""
    first, second, third = _HALF_PI
    shifted = fma(x, _TWO_OVER_PI, _ROUNDER)
    n = shifted - _ROUNDER
    # The first difference is exact; n * second is subtracted with its rounding errors kept.
    r = fma(n, -first, x)
    product = n * second
    rest = fma(n, second, -product)
    reduced = r - product
    error = ((r - reduced) - product) - fma(n, third, rest)
    total = reduced + error
    return [total, (reduced - total) + error, shifted.bits()]


def sin_cos(r: Lanes, tail: Lanes | None) -> tuple[Lanes, Lanes]:
    """sin(r + tail) and cos(r + tail) for |r| <= pi/4."""
    z = r * r
    sine, cosine = polynomial(z, r.table("SIN")), polynomial(z, r.table("COS"))
    if tail is None:
        return fma(r * z, sine, r), fma(z, fma(z, cosine, -0.5), 1.0)
    return r + fma(r * z, sine, tail), fma(z, fma(z, cosine, -0.5), -(r * tail)) + 1.0


def _flip(x: Lanes, quadrant: Lanes) -> Lanes:
    """-x where bit 1 of the quadrant is set."""
    return (x.bits() ^ ((quadrant & 2) << constant_bits(x, 30, 62))).floats()


def _odd(quadrant: Lanes) -> Lanes:
    return (quadrant & 1).compare("ne", 0)


def _finish(name: str, formula: Callable[[Lanes, Lanes, Lanes], Lanes]) -> Callable[[Lanes], Lanes]:
    """The function that reduces x and applies ``formula(sin r, cos r, quadrant)``."""

    def function(x: Lanes) -> Lanes:
        r, tail, quadrant = _reduce(x)
        result = formula(*sin_cos(r, tail), quadrant)
        if name != "cos":
            result = where(x.equals(0.0), x, result)
        return result

    return function


def _sin(sine: Lanes, cosine: Lanes, quadrant: Lanes) -> Lanes:
    return _flip(where(_odd(quadrant), cosine, sine), quadrant)


def _cos(sine: Lanes, cosine: Lanes, quadrant: Lanes) -> Lanes:
    return _flip(where(_odd(quadrant), sine, cosine), quadrant + 1)


def _tan(sine: Lanes, cosine: Lanes, quadrant: Lanes) -> Lanes:
    odd = _odd(quadrant)
    return where(odd, -cosine, sine) / where(odd, sine, cosine)


sin = _finish("sin", _sin)
cos = _finish("cos", _cos)
tan = _finish("tan", _tan)
