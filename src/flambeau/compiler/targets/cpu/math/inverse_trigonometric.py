"""asin, acos, atan, atan2.

Measured errors in ulp (float, double) stay below: asin 2.3, 2.1; acos 1.2, 1.2; atan 1.9, 1.9;
atan2 2.0, 2.0.
"""

from __future__ import annotations

import math

from flambeau.compiler.targets.cpu.math.lanes import Lanes, choose, fma, polynomial, sqrt, where

# pi as the sum of two numbers of each precision; halves and quarters of it are as exact.
_PI_SINGLE = (float.fromhex("0x1.921fb6p+1"), float.fromhex("-0x1.777a5cp-24"))
_PI_DOUBLE = (float.fromhex("0x1.921fb54442d18p+1"), float.fromhex("0x1.1a62633145c07p-53"))


def _pi(x: Lanes) -> tuple[float, float]:
    return _PI_SINGLE if x.single else _PI_DOUBLE


def _asin_reduced(a: Lanes) -> tuple[Lanes, Lanes]:
    """Whether a > 1/2, and asin(a), or asin(sqrt((1 - a)/2)) = acos(a)/2 where that holds; a >= 0."""
    large = a > 0.5
    z = where(large, (1.0 - a) * 0.5, a * a)
    s = where(large, sqrt(z), a)
    return large, fma(s * z, polynomial(z, a.table("ASIN")), s)


def asin(x: Lanes) -> Lanes:
    high, low = _pi(x)
    large, p = _asin_reduced(abs(x))
    return where(large, high / 2 - fma(p, 2.0, -low / 2), p).sign_of(x)


def acos(x: Lanes) -> Lanes:
    high, low = _pi(x)
    large, p = _asin_reduced(abs(x))
    positive = x >= 0.0
    twice = p + p
    near_one = where(positive, twice, high - (twice - low))
    signed = where(positive, p, -p)
    return where(large, near_one, high / 2 - (signed - low / 2))


def _atan_quotient(numerator: Lanes, denominator: Lanes) -> Lanes:
    """atan(numerator/denominator) of numbers >= 0, reduced to |t| <= tan(pi/8) with one division.

    atan(q) = pi/2 + atan(-1/q) above tan(3 pi/8), pi/4 + atan((q - 1)/(q + 1)) above tan(pi/8).
    """
    high, low = _pi(numerator)
    steep = numerator > denominator * math.tan(3 * math.pi / 8)
    middle = numerator > denominator * math.tan(math.pi / 8)
    top = where(steep, -denominator, where(middle, numerator - denominator, numerator))
    bottom = where(steep, numerator, where(middle, numerator + denominator, denominator))
    t = top / bottom
    z = t * t
    base = where(steep, high / 2, choose(t, middle, high / 4, 0.0))
    rest = where(steep, low / 2, choose(t, middle, low / 4, 0.0))
    return base + (t + fma(t * z, polynomial(z, t.table("ATAN")), rest))


def atan(x: Lanes) -> Lanes:
    return _atan_quotient(abs(x), x.new(x.constant(1.0))).sign_of(x)


def atan2(y: Lanes, x: Lanes) -> Lanes:
    high, low = _pi(x)
    rise, run = abs(y), abs(x)
    # inf/inf counts as 1/1 and 0/0 as 0/1; a quarter of large numbers has a sum that does not overflow.
    infinite = rise.equals(math.inf) & run.equals(math.inf)
    large = (rise > x.pick(2.0**125, 2.0**1021)) | (run > x.pick(2.0**125, 2.0**1021))
    factor = choose(x, large, 0.25, 1.0)
    rise_scaled = where(infinite, 1.0, rise * factor)
    run_scaled = where(infinite | (rise.equals(0.0) & run.equals(0.0)), 1.0, run * factor)
    angle = _atan_quotient(rise_scaled, run_scaled)
    behind = x.bits().compare("slt", 0)
    return where(behind, high - (angle - low), angle).sign_of(y)
