"""Angles too large for a few digits of pi: the reduction of Payne and Hanek (1983), one lane at a time.

|x| = M 2^e with an integer M < 2^53. Of the digits of 2/pi, those that only add whole turns to |x| 2/pi are
skipped and the next 192 are multiplied with M: this leaves the quadrant and 126 bits of the place within it.
"""

from __future__ import annotations

from flambeau.compiler.targets.cpu.builder import Builder, Value, lanes
from flambeau.compiler.targets.cpu.math.lanes import Lanes, choose, fma, where

# The first 1280 bits of 2/pi after the point, behind 64 zeros.
_WORDS = (
    0x0000000000000000, 0xA2F9836E4E441529, 0xFC2757D1F534DDC0, 0xDB6295993C439041,
    0xFE5163ABDEBBC561, 0xB7246E3A424DD2E0, 0x06492EEA09D1921C, 0xFE1DEB1CB129A73E,
    0xE88235F52EBB4484, 0xE99C7026B45F7E41, 0x3991D639835339F4, 0x9C845F8BBDF9283B,
    0x1FF897FFDE05980F, 0xEF2F118B5A0A6D1F, 0x6D367ECF27CB09B7, 0x4F463F669E5FEA2D,
    0x7527BAC7EBE5F17B, 0x3D0739F78A5292EA, 0x6BFB5FB11F8D5D08, 0x56033046FC7B6BAB,
    0xF0CFBC209AF4361D,
)
_TABLE = "@flambeau_two_over_pi"
_HALF_PI = (float.fromhex("0x1.921fb54442d18p+0"), float.fromhex("0x1.1a62633145c07p-54"))


def repair(huge: Lanes, x: Lanes, results: list[Lanes]) -> list[Lanes]:
    """The reduction's results (r, its tail for double, quadrant), with those of huge lanes made anew.

    A branch that is hardly ever taken; without one huge lane it costs a test.
    """
    b = x.builder
    slots = [b.alloca(result.value.type) for result in results]
    for slot, result in zip(slots, results):
        b.store(result.value, slot)
    with b.if_(huge.any()):
        # Memory indexed by lane is apart from the slots, so that those stay registers.
        source, copies = b.alloca(x.value.type), [b.alloca(result.value.type) for result in results]
        b.store(where(huge, x, 0.0).value, source)
        for copy, result in zip(copies, results):
            b.store(result.value, copy)
        with b.loop(0, max(lanes(x.value.type), 1)) as lane:
            _repair_lane(b, x.single, source, copies, lane)
        for slot, copy, result in zip(slots, copies, results):
            b.store(b.load(result.value.type, copy), slot)
    return [result.new(b.load(result.value.type, slot)) for slot, result in zip(slots, results)]


def _repair_lane(b: Builder, single: bool, source: Value, copies: list[Value], lane: Value) -> None:
    offset = b.mul(lane, b.i64(4 if single else 8))
    x = b.load("float" if single else "double", b.gep(source, offset))
    with b.if_(b.fcmp("une", x, b.constant(x.type, 0.0))):
        r, tail, quadrant = _reduce(Lanes(b, b.convert(x, "double")))
        if single:
            values = [b.convert(r.value, "float"), b.convert(quadrant.value, "i32")]
        else:
            values = [r.value, tail.value, quadrant.value]
        for value, copy in zip(values, copies):
            b.store(value, b.gep(copy, offset))


def _reduce(x: Lanes) -> tuple[Lanes, Lanes, Lanes]:
    """r, its tail and the quadrant of one finite double of size 2^30 or more."""
    b = x.builder
    exponent = ((x.bits() >> 52) & 0x7FF) - 1075
    mantissa = (x.bits() & ((1 << 52) - 1)) | (1 << 52)
    position = _turn(b, mantissa, exponent + 62)
    # A signed fraction of a quadrant, in units of 2^-128.
    quadrant = b.op(f"lshr i128 {_wide(b, 'add', position, 1 << 125)}, 126", "i128")
    fraction = b.op(f"shl i128 {position.name}, 2", "i128")
    minus = b.op(f"icmp slt i128 {fraction.name}, 0", "i1")
    opposite = b.op(f"sub i128 0, {fraction.name}", "i128")
    size = b.select(minus, opposite, fraction)
    # Its first 53 bits and the next 53 as doubles.
    b.declarations.add("declare i128 @llvm.ctlz.i128(i128, i1)")
    zeros = b.op(f"call i128 @llvm.ctlz.i128({size!r}, i1 false)", "i128")
    normal = b.op(f"shl i128 {size.name}, {zeros.name}", "i128")
    first = _narrow(b, _wide(b, "lshr", normal, 75)).to("double")
    second = (_narrow(b, _wide(b, "lshr", normal, 22)) & ((1 << 53) - 1)).to("double")
    unit = ((1023 - 53 - _narrow(b, zeros.name)) << 52).floats()
    high, low = first * unit, second * unit * 2.0**-53
    # Times pi/2.
    r = high * _HALF_PI[0]
    rest = fma(high, _HALF_PI[0], -r) + fma(high, _HALF_PI[1], low * _HALF_PI[0])
    total = r + rest
    tail = (r - total) + rest
    sign = -1 << 63
    flip = (x.bits() & sign) ^ choose(x.bits(), x.new(minus), sign, 0)
    turned = _narrow(b, quadrant.name)
    signed = where(x < 0.0, 0 - turned, turned)
    return (total.bits() ^ flip).floats(), (tail.bits() ^ flip).floats(), signed


def _turn(b: Builder, mantissa: Lanes, start: Lanes) -> Value:
    """Mantissa times the digits from bit ``start``, modulo 4, in units of 2^-126 (an i128)."""
    words = ", ".join(f"i64 {word}" for word in _WORDS)
    b.declarations.add(f"{_TABLE} = private unnamed_addr constant [{len(_WORDS)} x i64] [{words}]")
    table = b.gep(Value(_TABLE, "ptr"), ((start >> 6) << 3).value)
    digits = [b.load("i64", b.gep(table, 8 * i)) for i in range(4)]
    shift = (start & 63).value
    top, middle, bottom = (
        b.op(f"zext {b.intrinsic('llvm.fshl', left, right, shift)!r} to i128", "i128")
        for left, right in zip(digits, digits[1:])
    )
    factor = b.op(f"zext {mantissa.value!r} to i128", "i128")
    products = [b.op(f"mul i128 {factor.name}, {word.name}", "i128") for word in (top, middle, bottom)]
    carried = b.op(f"add i128 {products[1].name}, {_wide(b, 'lshr', products[2], 64)}", "i128")
    return b.op(f"add i128 {carried.name}, {_wide(b, 'shl', products[0], 64)}", "i128")


def _wide(b: Builder, operation: str, value: Value, number: int) -> str:
    return b.op(f"{operation} i128 {value.name}, {number}", "i128").name


def _narrow(b: Builder, name: str) -> Lanes:
    return Lanes(b, b.op(f"trunc i128 {name} to i64", "i64"))
