"""log, log2, log10, log1p and the inverse hyperbolic functions made of them.

x = 2^e m with sqrt(1/2) <= m < sqrt(2), and log(x) = e ln 2 + log(1 + f), f = m - 1.

Measured errors in ulp (float, double) stay below: log 0.9, 0.8; log2 1.7, 1.7; log10 1.8, 1.8;
log1p 1.5, 1.0; asinh 1.9, 1.8; acosh 2.0, 2.5; atanh 1.9, 1.7.
"""

from __future__ import annotations

import math

from flambeau.compiler.targets.cpu.math.lanes import (
    Lanes,
    choose,
    constant_bits,
    fma,
    polynomial,
    sqrt,
    where,
)

_LN2_SINGLE = (float.fromhex("0x1.62e43p-1"), float.fromhex("-0x1.05c61p-29"))
_LN2_DOUBLE = (float.fromhex("0x1.62e42fefa39efp-1"), float.fromhex("0x1.abc9e3b39803fp-56"))
_LOG10_2_SINGLE = (float.fromhex("0x1.344136p-2"), float.fromhex("-0x1.ec10cp-27"))
_LOG10_2_DOUBLE = (float.fromhex("0x1.34413509f79ffp-2"), float.fromhex("-0x1.9dc1da994fd21p-59"))
_LOG2_E = float.fromhex("0x1.71547652b82fep+0")
_LOG10_E = float.fromhex("0x1.bcb7b1526e50ep-2")


def split(x: Lanes) -> tuple[Lanes, Lanes]:
    """e (an integer) and m, where x = 2^e m and sqrt(1/2) <= m < sqrt(2), for a positive normal x."""
    root_half = constant_bits(x, 0x3F3504F3, 0x3FE6A09E667F3BCD)
    mantissa = constant_bits(x, 23, 52)
    offset = x.bits() - root_half
    m = ((offset & ((1 << mantissa) - 1)) + root_half).floats()
    return offset >> mantissa, m


def split_any(x: Lanes) -> tuple[Lanes, Lanes]:
    """Like `split`, with e as a float, for denormal x too."""
    digits = x.pick(25.0, 54.0)
    tiny = x < x.pick(2.0**-126, 2.0**-1022)
    e, m = split(where(tiny, x * 2.0**digits, x))
    return e.to("float" if x.single else "double") - choose(x, tiny, digits, 0.0), m


def _tail(f: Lanes) -> Lanes:
    """log(1 + f) - f for sqrt(1/2) <= 1 + f < sqrt(2)."""
    if f.single:
        z = f * f
        return fma(f * z, polynomial(f, f.table("LOG")), z * -0.5)
    # log(1 + f) = 2 atanh(s), s = f/(2 + f); written around f so that little is rounded (as in fdlibm).
    s = f / (f + 2.0)
    z = s * s
    half_square = f * f * 0.5
    return fma(s, fma(z, polynomial(z, f.table("LOG")), half_square), -half_square)


def _natural(e: Lanes, f: Lanes) -> Lanes:
    high, low = _LN2_SINGLE if f.single else _LN2_DOUBLE
    return fma(e, high, f + fma(e, low, _tail(f)))


def _with_limits(x: Lanes, result: Lanes) -> Lanes:
    """The result for 0 < x < inf; -inf at 0, NaN below, inf and NaN kept."""
    ordinary = (x.bits() - 1).compare("ult", constant_bits(x, 0x7F7FFFFF, 0x7FEFFFFFFFFFFFFF))
    limit = where(x < 0.0, math.nan, where(x.equals(0.0), -math.inf, x))
    return where(ordinary, result, limit)


def log(x: Lanes) -> Lanes:
    e, m = split_any(x)
    return _with_limits(x, _natural(e, m - 1.0))


def log2(x: Lanes) -> Lanes:
    e, m = split_any(x)
    f = m - 1.0
    return _with_limits(x, fma(f + _tail(f), _LOG2_E, e))


def log10(x: Lanes) -> Lanes:
    high, low = _LOG10_2_SINGLE if x.single else _LOG10_2_DOUBLE
    e, m = split_any(x)
    f = m - 1.0
    return _with_limits(x, fma(e, high, fma(e, low, (f + _tail(f)) * _LOG10_E)))


def log1p(x: Lanes) -> Lanes:
    # 1 + x is rounded to u; the error c of that sum, scaled like m, goes into f.
    u = x + 1.0
    back = u - 1.0
    c = (1.0 - (u - back)) + (x - back)
    e, m = split(u)
    mantissa, bias = constant_bits(x, 23, 52), constant_bits(x, 127, 1023)
    # Where e exceeds the bias, c is of no account and its power may be 0.
    inverse_power = ((bias - e).at_least_integer(0) << mantissa).floats()
    result = _natural(e.to("float" if x.single else "double"), fma(c, inverse_power, m - 1.0))
    limit = where(x < -1.0, math.nan, where(x.equals(-1.0), -math.inf, x))
    inside = (x > -1.0) & (x < math.inf)
    return where(inside, result, limit).sign_of(x)


def asinh(x: Lanes) -> Lanes:
    # log1p(a + a^2/(1 + sqrt(1 + a^2))); log(a) + ln 2 where 1 is lost beside a^2.
    a = abs(x)
    huge = a > x.pick(2.0**26, 2.0**55)
    square = a * a
    inside = a + square / (sqrt(square + 1.0) + 1.0)
    return (log1p(where(huge, a, inside)) + choose(x, huge, math.log(2.0), 0.0)).sign_of(x)


def acosh(x: Lanes) -> Lanes:
    # log1p(t + sqrt(t (t + 2))) with t = x - 1.
    huge = x > x.pick(2.0**26, 2.0**55)
    t = x - 1.0
    inside = t + sqrt(t * (t + 2.0))
    result = log1p(where(huge, x, inside)) + choose(x, huge, math.log(2.0), 0.0)
    return where(x < 1.0, math.nan, result)


def atanh(x: Lanes) -> Lanes:
    a = abs(x)
    return (log1p((a + a) / (1.0 - a)) * 0.5).sign_of(x)
