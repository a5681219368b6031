"""exp and what is made of it: exp2, expm1, sigmoid, sinh, cosh, tanh.

exp(x) = 2^n exp(r) with n the integer nearest to x / ln 2 and |r| <= ln(2)/2. n comes from adding 1.5 * 2^23
(2^52 for double): the sum's last bits are n, and subtracting the number again leaves n rounded.

Measured errors in ulp (float, double) stay below: exp 1.0, 1.0; exp2 1.0, 0.9; expm1 1.5, 2.0; sigmoid 2.4,
2.2; tanh 1.4, 1.4; sinh 1.6, 1.6; cosh 1.5, 1.4.
"""

from __future__ import annotations

from flambeau.compiler.targets.cpu.math.lanes import Lanes, constant_bits, fma, polynomial, where

_LOG2_E = float.fromhex("0x1.71547652b82fep+0")
_LN2_SINGLE = (float.fromhex("0x1.62e43p-1"), float.fromhex("-0x1.05c61p-29"))
_LN2_DOUBLE = (float.fromhex("0x1.62e42fefa39efp-1"), float.fromhex("0x1.abc9e3b39803fp-56"))


def rounder(x: Lanes) -> float:
    """The number whose addition rounds to an integer and leaves it in the last bits."""
    return x.pick(1.5 * 2.0**23, 1.5 * 2.0**52)


def reduce(x: Lanes) -> tuple[Lanes, Lanes]:
    """r and n + `rounder`, where x = n ln 2 + r and |r| <= ln(2)/2."""
    high, low = _LN2_SINGLE if x.single else _LN2_DOUBLE
    shifted = fma(x, _LOG2_E, rounder(x))
    n = shifted - rounder(x)
    return fma(n, -low, fma(n, -high, x)), shifted


def small_expm1(r: Lanes) -> Lanes:
    """exp(r) - 1 for |r| <= ln(2)/2."""
    return fma(r * r, polynomial(r, r.table("EXP")), r)


def power_of_two(shifted: Lanes) -> Lanes:
    """2^n for n + `rounder`, n a normal exponent."""
    one = constant_bits(shifted, 127 << 23, 1023 << 52)
    return ((shifted.bits() << constant_bits(shifted, 23, 52)) + one).floats()


def scale(x: Lanes, shifted: Lanes, extra: int = 0) -> Lanes:
    """x * 2^(n + extra) for n + `rounder`, with one rounding where the result is denormal or infinite.

    2^n itself may be no number (n from -1100 to 1100 for double), so its two halves multiply in turn.
    """
    mantissa = constant_bits(x, 23, 52)
    bias = constant_bits(x, 127, 1023)
    twice_biased = shifted.bits() - (constant_bits(x, 0x4B400000, 0x4338000000000000) - 2 * bias - extra)
    half = twice_biased >> 1
    return x * (half << mantissa).floats() * ((twice_biased - half) << mantissa).floats()


def exp(x: Lanes) -> Lanes:
    x = x.at_least(x.pick(-104.0, -746.0)).at_most(x.pick(89.0, 710.0))
    r, shifted = reduce(x)
    return scale(small_expm1(r) + 1.0, shifted)


def exp_in_range(x: Lanes) -> Lanes:
    """exp for |x| < 80 (700 for double)."""
    r, shifted = reduce(x)
    return (small_expm1(r) + 1.0) * power_of_two(shifted)


def half_exp(x: Lanes) -> Lanes:
    """exp(x)/2 for x >= 0; it overflows later than exp."""
    r, shifted = reduce(x.at_most(x.pick(90.0, 711.0)))
    return scale(small_expm1(r) + 1.0, shifted, extra=-1)


def exp2(x: Lanes) -> Lanes:
    x = x.at_least(x.pick(-151.0, -1076.0)).at_most(x.pick(128.0, 1024.0))
    shifted = x + rounder(x)
    r = x - (shifted - rounder(x))
    return scale(fma(r, polynomial(r, r.table("EXP2")), 1.0), shifted)


def expm1(x: Lanes) -> Lanes:
    # 2^n (e^r - 1) + 2^n - 1, all halved: 2^n itself would overflow before the result does.
    inside = x.at_least(x.pick(-18.0, -38.0)).at_most(x.pick(89.0, 710.0))
    r, shifted = reduce(inside)
    half_power = power_of_two(shifted - 1.0)
    half = fma(small_expm1(r), half_power, half_power - 0.5)
    return (half + half).sign_of(x)


def sigmoid(x: Lanes) -> Lanes:
    # exp of -|x| never overflows: 1/(1 + e) for x >= 0 and e/(1 + e) for x < 0.
    e = exp(-abs(x))
    return where(x < 0.0, e, 1.0) / (e + 1.0)


def tanh(x: Lanes) -> Lanes:
    size = abs(x)
    z = x * x
    small = fma(size * z, polynomial(z, x.table("TANH")), size)
    e = exp_in_range((size + size).at_most(x.pick(18.2, 38.2)))
    large = 1.0 - 2.0 / (e + 1.0)
    return where(size < 0.625, small, large).sign_of(x)


def sinh(x: Lanes) -> Lanes:
    size = abs(x)
    z = x * x
    small = fma(size * z, polynomial(z, x.table("SINH")), size)
    half = half_exp(size)
    return where(size < 1.0, small, half - 0.25 / half).sign_of(x)


def cosh(x: Lanes) -> Lanes:
    half = half_exp(abs(x))
    return half + 0.25 / half
