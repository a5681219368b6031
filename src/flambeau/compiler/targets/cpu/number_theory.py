"""Greatest common divisors and least common multiples of integers, by Stein's algorithm: shifts and differences, no divisions."""

from __future__ import annotations

from flambeau.compiler.targets.cpu.builder import Builder, Value, bits, lanes, mangled


def greatest_divisor(b: Builder, x: Value, y: Value, signed: bool = True) -> Value:
    """The largest number that divides both; of zero and a number, the number's size."""
    x, y = _size(b, x, signed), _size(b, y, signed)
    common = _trailing_zeros(b, b.or_(x, y))
    zero = b.constant(x.type, 0)
    none = b.icmp("eq", x, zero)
    odd, rest = b.alloca(x.type), b.alloca(x.type)
    b.store(_without_twos(b, b.select(none, y, x)), odd)
    b.store(b.select(none, zero, y), rest)
    check, turn, end = (b.new_label(name) for name in ("check", "turn", "done"))
    b.branch(check)
    b.label(check)
    left = b.icmp("ne", b.load(x.type, rest), zero)
    b.branch(turn, b.reduce("or", left) if lanes(left.type) else left, end)
    b.label(turn)
    # Both are odd, so that their difference is even; lanes that are done keep what they have.
    one, other = b.load(x.type, odd), _without_twos(b, b.load(x.type, rest))
    least = b.intrinsic("llvm.umin", one, other)
    b.store(b.select(left, least, one), odd)
    b.store(b.select(left, b.sub(b.intrinsic("llvm.umax", one, other), least), zero), rest)
    b.branch(check)
    b.label(end)
    return b.shl(b.load(x.type, odd), common)


def least_multiple(b: Builder, x: Value, y: Value, signed: bool = True) -> Value:
    """The least number that both divide; zero if one of them is."""
    divisor = greatest_divisor(b, x, y, signed)
    one = b.constant(x.type, 1)
    share = b.udiv(_size(b, x, signed), b.intrinsic("llvm.umax", divisor, one))
    product = b.mul(share, _size(b, y, signed))
    # As C does: what is narrower than an int is computed in one, and loses its upper bits at the end.
    return _size(b, product, signed) if bits(x.type) >= 32 else product


def _size(b: Builder, x: Value, signed: bool) -> Value:
    zero = b.constant(x.type, 0)
    return b.select(b.icmp("slt", x, zero), b.sub(zero, x), x) if signed else x


def _trailing_zeros(b: Builder, x: Value) -> Value:
    """How often two divides a number; 0 for zero."""
    zero = b.constant(x.type, 0)
    count = b.call(f"llvm.cttz.{mangled(x.type)}", x.type, x, Value("false", "i1"))
    return b.select(b.icmp("eq", x, zero), zero, count)


def _without_twos(b: Builder, x: Value) -> Value:
    return b.lshr(x, _trailing_zeros(b, x))
