"""Division with a remainder: `fmod` (sign of the dividend), `remainder` (of the divisor), `floor_divide`."""

from __future__ import annotations

from flambeau.compiler.targets.cpu.builder import Builder, Value, bits, element, is_float, lanes


def fmod(b: Builder, x: Value, y: Value, signed: bool = True, quotient: bool = False) -> Value:
    """What remains of x after taking y away a whole number of times; the sign is that of x.

    ``quotient`` asks for the number of times instead (integers only).
    """
    if is_float(x.type):
        return _float_fmod(b, x, y)
    q, r = _divide_integers(b, x, y, signed)
    return q if quotient else r


def remainder(b: Builder, x: Value, y: Value, signed: bool = True) -> Value:
    """What remains of x after taking y away a whole number of times; the sign is that of y."""
    r = fmod(b, x, y, signed)
    return b.select(_differs_in_sign(b, r, y), _add(b, r, y), r) if signed else r


def floor_divide(b: Builder, x: Value, y: Value, signed: bool = True) -> Value:
    """x / y rounded down. A float division by zero gives x / y itself, an integer one gives 0."""
    if is_float(x.type):
        return _float_floor_divide(b, x, y)
    q, r = _divide_integers(b, x, y, signed)
    if not signed:
        return q
    return b.select(_differs_in_sign(b, r, y), b.sub(q, b.constant(q.type, 1)), q)


def _add(b: Builder, x: Value, y: Value) -> Value:
    return b.fadd(x, y) if is_float(x.type) else b.add(x, y)


def _differs_in_sign(b: Builder, r: Value, y: Value) -> Value:
    """Whether a remainder is not zero and has the other sign than the divisor."""
    zero = b.constant(r.type, 0)
    if is_float(r.type):
        apart = b.xor(b.fcmp("olt", r, zero), b.fcmp("olt", y, zero))
        return b.and_(b.fcmp("une", r, zero), apart)
    apart = b.icmp("slt", b.xor(r, y), zero)
    return b.and_(b.icmp("ne", r, zero), apart)


# -- integers ------------------------------------------------------------------------------------


def _divide_integers(b: Builder, x: Value, y: Value, signed: bool) -> tuple[Value, Value]:
    """The quotient rounded towards zero, and what remains; 0 and 0 for a division by zero."""
    zero, one = b.constant(y.type, 0), b.constant(y.type, 1)
    by_zero = b.icmp("eq", y, zero)
    if bits(x.type) < 64 and lanes(x.type):
        q = _quotient_by_double(b, x, b.select(by_zero, one, y), signed)
    elif not signed:
        q = b.udiv(x, b.select(by_zero, one, y))
    else:
        # The machine traps on a division by zero, and on the smallest integer divided by -1.
        by_minus_one = b.icmp("eq", y, b.constant(y.type, -1))
        q = b.sdiv(x, b.select(b.or_(by_zero, by_minus_one), one, y))
        q = b.select(by_minus_one, b.sub(zero, x), q)
    return b.select(by_zero, zero, q), b.select(by_zero, zero, b.sub(x, b.mul(q, y)))


def _quotient_by_double(b: Builder, x: Value, y: Value, signed: bool) -> Value:
    """The quotient rounded towards zero, by way of doubles: vectors have no integer division.

    The quotient of two integers of 32 bits is a whole number, or at least 2^-31 of itself away from one, and
    a double is 2^-53 accurate: rounding it towards zero is exact.
    """
    ratio = b.fdiv(b.convert(x, "double", signed), b.convert(y, "double", signed))
    # By 64 bits, since 2^31 (the smallest integer by -1) must wrap and not overflow.
    return b.convert(b.convert(ratio, "i64"), element(x.type))


# -- floats --------------------------------------------------------------------------------------


def _float_fmod(b: Builder, x: Value, y: Value) -> Value:
    """x - trunc(x / y) * y, which one fma computes exactly while the quotient is small.

    The rounded quotient is wrong by one at most, which shows in the remainder. Where a lane has a large
    quotient, an infinity or a NaN, the C library is asked.
    """
    size, type = b.fabs(y), x.type
    ratio = b.fdiv(x, y)
    q = b.intrinsic("llvm.trunc", ratio)
    small = b.fcmp("olt", b.fabs(ratio), b.constant(type, 2.0 ** (22 if element(type) == "float" else 51)))
    small = b.and_(small, b.fcmp("olt", size, b.constant(type, float("inf"))))
    r = b.fabs(x)
    r = b.fma(b.fneg(b.fabs(q)), size, r)
    r = b.select(b.fcmp("olt", r, b.constant(type, 0)), b.fadd(r, size), r)
    r = b.select(b.fcmp("oge", r, size), b.fsub(r, size), r)
    result = b.alloca(type)
    b.store(b.intrinsic("llvm.copysign", r, x), result)
    every = b.reduce("and", small) if lanes(type) else small
    with b.if_(b.not_(every)):
        b.store(_library_fmod(b, x, y), result)
    return b.load(type, result)


def _library_fmod(b: Builder, x: Value, y: Value) -> Value:
    """One call of the C library for each lane, in a loop to keep the code small."""
    scalar = element(x.type)
    name = "fmodf" if scalar == "float" else "fmod"
    if not lanes(x.type):
        return b.call(name, scalar, x, y)
    result = b.alloca(x.type)
    b.store(b.constant(x.type, 0), result)
    with b.loop(0, lanes(x.type)) as lane:
        r = b.call(name, scalar, b.extract(x, lane), b.extract(y, lane))
        b.store(b.insert(b.load(x.type, result), r, lane), result)
    return b.load(x.type, result)


def _float_floor_divide(b: Builder, x: Value, y: Value) -> Value:
    """Python's floor division: from the exact remainder, so that the quotient cannot be one too large."""
    type = x.type
    zero = b.constant(type, 0)
    r = _float_fmod(b, x, y)
    q = b.fdiv(b.fsub(x, r), y)
    q = b.select(_differs_in_sign(b, r, y), b.fsub(q, b.constant(type, 1)), q)
    # q is a whole number but for the rounding of the division: take the nearest one.
    down = b.intrinsic("llvm.floor", q)
    up = b.fcmp("ogt", b.fsub(q, down), b.constant(type, 0.5))
    whole = b.select(up, b.fadd(down, b.constant(type, 1)), down)
    ratio = b.fdiv(x, y)
    whole = b.select(b.fcmp("oeq", q, zero), b.intrinsic("llvm.copysign", zero, ratio), whole)
    return b.select(b.fcmp("oeq", y, zero), ratio, whole)
