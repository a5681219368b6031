"""Floats of 8 bits, in registers: from and to float32. See ``compiler/small_floats.py`` for the formats."""

from __future__ import annotations

from flambeau.compiler.small_floats import FORMATS, Format
from flambeau.compiler.targets.cpu.builder import Builder, Value

POWER = "float8_e8m0fnu"
NAMES = frozenset([*FORMATS, POWER])


def widen(b: Builder, x: Value, name: str) -> Value:
    """The float32 values of 8-bit codes."""
    code = b.convert(x, "i32", signed=False)
    return _widen_power(b, code) if name == POWER else _widen(b, code, FORMATS[name])


def narrow(b: Builder, x: Value, name: str) -> Value:
    """The 8-bit codes of float32 values, rounded to nearest with ties to even."""
    number = b.bitcast(x, "i32")
    code = _narrow_power(b, number) if name == POWER else _narrow(b, number, FORMATS[name])
    return b.convert(code, "i8")


def _widen(b: Builder, code: Value, form: Format) -> Value:
    def constant(n):
        return b.constant(code.type, n)

    magnitude = b.and_(code, constant(0x7F))
    sign = b.shl(b.and_(code, constant(0x80)), constant(24))
    # The bits stand where float32 has its own; a power of two makes up for the other bias, subnormal numbers too.
    shifted = b.bitcast(b.shl(magnitude, constant(23 - form.mantissa)), "float")
    scaled = b.fmul(shifted, b.constant(shifted.type, 2.0 ** (127 - form.bias)))
    bits = b.or_(b.bitcast(scaled, "i32"), sign)
    nan = constant(0x7FC00000)
    if form.one_zero:
        return b.bitcast(b.select(b.icmp("eq", code, constant(0x80)), nan, bits), "float")
    if form.infinity == form.largest + 1:
        bits = b.select(b.icmp("eq", magnitude, constant(form.infinity)), b.or_(sign, constant(0x7F800000)), bits)
    first_nan = max(form.largest, form.infinity) + 1
    return b.bitcast(b.select(b.icmp("uge", magnitude, constant(first_nan)), b.or_(nan, sign), bits), "float")


def _narrow(b: Builder, number: Value, form: Format) -> Value:
    def constant(n):
        return b.constant(number.type, n)

    magnitude = b.and_(number, constant(0x7FFFFFFF))
    dropped = 23 - form.mantissa
    odd = b.and_(b.lshr(magnitude, constant(dropped)), constant(1))
    rounded = b.add(magnitude, b.add(odd, constant((1 << dropped - 1) - 1)))
    normal = b.sub(b.lshr(rounded, constant(dropped)), constant(127 - form.bias << form.mantissa))
    # Adding a number whose last bit weighs as much as the format's smallest step rounds subnormal numbers.
    value = b.bitcast(magnitude, "float")
    step = b.constant(value.type, 2.0 ** (1 - form.bias - form.mantissa + 23))
    subnormal = b.sub(b.bitcast(b.fadd(value, step), "i32"), b.bitcast(step, "i32"))
    code = b.select(b.icmp("ugt", normal, constant(form.largest)), constant(form.overflow), normal)
    code = b.select(b.icmp("ult", magnitude, constant(128 - form.bias << 23)), subnormal, code)
    code = b.select(b.icmp("uge", magnitude, constant(0x7F800000)), constant(form.infinity), code)
    code = b.select(b.icmp("ugt", magnitude, constant(0x7F800000)), constant(form.nan), code)
    sign = b.and_(b.lshr(number, constant(24)), constant(0x80))
    signed = b.or_(code, sign)
    return b.select(b.icmp("eq", code, constant(0)), code, signed) if form.one_zero else signed


def _widen_power(b: Builder, code: Value) -> Value:
    def constant(n):
        return b.constant(code.type, n)

    bits = b.shl(code, constant(23))
    bits = b.select(b.icmp("eq", code, constant(0)), constant(0x00400000), bits)  # 2**-127 is subnormal in float32
    return b.bitcast(b.select(b.icmp("eq", code, constant(255)), constant(0x7FC00000), bits), "float")


def _narrow_power(b: Builder, number: Value) -> Value:
    def constant(n):
        return b.constant(number.type, n)

    exponent = b.and_(b.lshr(number, constant(23)), constant(0xFF))
    fraction = b.and_(number, constant(0x7FFFFF))
    # From half upwards, but for the smallest numbers, where half is a tie that goes down.
    least = b.select(b.icmp("eq", exponent, constant(0)), constant(0x400001), constant(0x400000))
    up = b.convert(b.icmp("uge", fraction, least), "i32", signed=False)
    return b.select(b.icmp("eq", exponent, constant(0xFF)), constant(0xFF), b.add(exponent, up))
