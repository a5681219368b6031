"""Elementwise operations on registers: one number, or one vector of numbers, at a time.

`lower` writes one node. Its inputs have the node's dtype, but for casts, comparisons, predicates and `where`.
Integers wrap; an integer division by zero gives zero instead of a trap.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flambeau.compiler.kernel import NARROW_FLOATS, Node
from flambeau.compiler.meanings import MEANINGS
from flambeau.compiler.targets.cpu import math
from flambeau.compiler.targets.cpu.builder import Builder, Value, bits, element, is_float, like
from flambeau.compiler.targets.cpu.cast import cast
from flambeau.compiler.targets.cpu.division import floor_divide, fmod, remainder
from flambeau.compiler.targets.cpu.number_theory import greatest_divisor, least_multiple
from flambeau.compiler.targets.cpu.types import is_floating, is_signed

Rule = Callable[..., Value]


def lower(b: Builder, node: Node, inputs: Sequence[Value], input_dtype: str) -> Value:
    """The value of ``node``, where its inputs (the last of them, for `where`) are of ``input_dtype``.

    Raises:
        NotImplementedError: there is no such operation, or not for this dtype.
    """
    op = node.op
    if op == "cast":
        return cast(b, inputs[0], input_dtype, node.dtype)
    if op in _COMPARISONS:
        return _compare(b, op, inputs[0], inputs[1], input_dtype)
    if op in _PREDICATES:
        return _PREDICATES[op](b, *inputs)
    rules = _FLOAT if is_floating(input_dtype) else _INTEGER
    rule = rules.get(op) or _ANY.get(op)
    if rule:
        return rule(b, *inputs, signed=is_signed(input_dtype))
    if is_floating(input_dtype) and op in math.NAMES:
        return math.emit(b, op, *inputs)
    if is_floating(input_dtype) and op in MEANINGS:
        from flambeau.compiler.targets.cpu import traced

        return traced.emit(b, op, inputs)
    raise NotImplementedError(f"kernel: {op} is not supported for {input_dtype}")


# -- comparisons and predicates: bool results ----------------------------------------------------

_COMPARISONS = {"eq": "eq", "ne": "ne", "lt": "lt", "le": "le", "gt": "gt", "ge": "ge"}


def _compare(b: Builder, op: str, x: Value, y: Value, dtype: str) -> Value:
    if is_floating(dtype):
        # A NaN differs from everything and is ordered with nothing.
        return b.fcmp("une" if op == "ne" else "o" + op, x, y)
    if op in ("eq", "ne"):
        return b.icmp(op, x, y)
    return b.icmp(("s" if is_signed(dtype) else "u") + op, x, y)


def truth(b: Builder, x: Value) -> Value:
    """Whether a number differs from zero (a NaN does)."""
    return b.convert(x, "i1")


def is_nan(b: Builder, x: Value) -> Value:
    """Whether a number is a NaN."""
    return b.fcmp("uno", x, x) if is_float(x.type) else b.constant(like(x.type, "i1"), 0)


def _is_inf(b: Builder, x: Value) -> Value:
    return _is_number(b, b.fabs(x) if is_float(x.type) else x, float("inf"))


def _is_number(b: Builder, x: Value, number: float) -> Value:
    """Whether a float is the given one, which no integer can be."""
    if not is_float(x.type):
        return b.constant(like(x.type, "i1"), 0)
    return b.fcmp("oeq", x, b.constant(x.type, number))


def _is_finite(b: Builder, x: Value) -> Value:
    if not is_float(x.type):
        return b.constant(like(x.type, "i1"), 1)
    return b.fcmp("olt", b.fabs(x), b.constant(x.type, float("inf")))


def _signbit(b: Builder, x: Value) -> Value:
    as_integer = b.bitcast(x, f"i{bits(x.type)}")
    return b.icmp("slt", as_integer, b.constant(as_integer.type, 0))


_PREDICATES: dict[str, Rule] = {
    "isnan": is_nan,
    "isinf": _is_inf,
    "isposinf": lambda b, x: _is_number(b, x, float("inf")),
    "isneginf": lambda b, x: _is_number(b, x, float("-inf")),
    "isfinite": _is_finite,
    "signbit": _signbit,
    "logical_not": lambda b, x: b.not_(truth(b, x)),
    "logical_and": lambda b, x, y: b.and_(truth(b, x), truth(b, y)),
    "logical_or": lambda b, x, y: b.or_(truth(b, x), truth(b, y)),
    "logical_xor": lambda b, x, y: b.xor(truth(b, x), truth(b, y)),
}


# -- floating point ------------------------------------------------------------------------------


def larger(b: Builder, x: Value, y: Value, signed: bool = True) -> Value:
    """The larger of two numbers, or NaN where one of them is (``torch.maximum``)."""
    return _extremum(b, x, y, "gt", signed)


def smaller(b: Builder, x: Value, y: Value, signed: bool = True) -> Value:
    """The smaller of two numbers, or NaN where one of them is (``torch.minimum``)."""
    return _extremum(b, x, y, "lt", signed)


def _extremum(b: Builder, x: Value, y: Value, order: str, signed: bool) -> Value:
    if not is_float(x.type):
        return b.select(b.icmp(("s" if signed else "u") + order, x, y), x, y)
    # The first select is one machine instruction; like it, it gives y where either is a NaN.
    best = b.select(b.fcmp("o" + order, x, y), x, y)
    return b.select(is_nan(b, x), x, best)


def _extremum_of_numbers(b: Builder, x: Value, y: Value, order: str) -> Value:
    """The larger or smaller number, ignoring a NaN unless both are."""
    best = b.select(b.fcmp("o" + order, x, y), x, y)
    return b.select(is_nan(b, y), x, best)


def _reciprocal(b: Builder, x: Value, signed: bool) -> Value:
    return b.fdiv(b.constant(x.type, 1), x)


def _float_sign(b: Builder, x: Value, signed: bool) -> Value:
    zero, one, minus = (b.constant(x.type, number) for number in (0, 1, -1))
    return b.select(b.fcmp("ogt", x, zero), one, b.select(b.fcmp("olt", x, zero), minus, zero))


def _rounding(name: str) -> Rule:
    return lambda b, x, signed: b.intrinsic(name, x)


_FLOAT: dict[str, Rule] = {
    "add": lambda b, x, y, signed: b.fadd(x, y),
    "sub": lambda b, x, y, signed: b.fsub(x, y),
    "mul": lambda b, x, y, signed: b.fmul(x, y),
    "div": lambda b, x, y, signed: b.fdiv(x, y),
    "fma": lambda b, x, y, z, signed: b.fma(x, y, z),
    "neg": lambda b, x, signed: b.fneg(x),
    "abs": lambda b, x, signed: b.fabs(x),
    "square": lambda b, x, signed: b.fmul(x, x),
    "sign": _float_sign,
    "reciprocal": _reciprocal,
    "copysign": lambda b, x, y, signed: b.intrinsic("llvm.copysign", x, y),
    "fmax": lambda b, x, y, signed: _extremum_of_numbers(b, x, y, "gt"),
    "fmin": lambda b, x, y, signed: _extremum_of_numbers(b, x, y, "lt"),
    "floordiv": lambda b, x, y, signed: floor_divide(b, x, y),
    "fmod": lambda b, x, y, signed: fmod(b, x, y),
    "remainder": lambda b, x, y, signed: remainder(b, x, y),
    "sqrt": lambda b, x, signed: b.sqrt(x),
    "rsqrt": lambda b, x, signed: _reciprocal(b, b.sqrt(x), True),
    "floor": _rounding("llvm.floor"),
    "ceil": _rounding("llvm.ceil"),
    "trunc": _rounding("llvm.trunc"),
    "round": _rounding("llvm.roundeven"),
}


# -- integers and bool ---------------------------------------------------------------------------


def _is_bool(x: Value) -> bool:
    return element(x.type) == "i1"


def _multiply(b: Builder, x: Value, y: Value, signed: bool = True) -> Value:
    return b.and_(x, y) if _is_bool(x) else b.mul(x, y)


def _integer_abs(b: Builder, x: Value, signed: bool) -> Value:
    if not signed:
        return x
    return b.select(b.icmp("slt", x, b.constant(x.type, 0)), b.sub(b.constant(x.type, 0), x), x)


def _integer_sign(b: Builder, x: Value, signed: bool) -> Value:
    if _is_bool(x):
        return x
    zero, one, minus = (b.constant(x.type, number) for number in (0, 1, -1))
    positive = b.icmp("sgt" if signed else "ne", x, zero)
    negative = b.select(b.icmp("slt", x, zero), minus, zero) if signed else zero
    return b.select(positive, one, negative)


def _shift_left(b: Builder, x: Value, y: Value, signed: bool) -> Value:
    inside = b.icmp("ult", y, b.constant(y.type, bits(y.type)))
    zero = b.constant(x.type, 0)
    return b.select(inside, b.shl(x, b.select(inside, y, zero)), zero)


def _shift_right(b: Builder, x: Value, y: Value, signed: bool) -> Value:
    # Too far a shift leaves the sign alone, as a shift by all bits but one does.
    width = bits(y.type)
    inside = b.icmp("ult", y, b.constant(y.type, width))
    if signed:
        return b.ashr(x, b.select(inside, y, b.constant(y.type, width - 1)))
    zero = b.constant(x.type, 0)
    return b.select(inside, b.lshr(x, b.select(inside, y, zero)), zero)


def _integer_power(b: Builder, base: Value, exponent: Value, signed: bool) -> Value:
    """Powers by repeated squaring; a negative exponent gives 0, but for the bases 1 and -1."""
    type = base.type
    zero, one = b.constant(type, 0), b.constant(type, 1)
    result, factor, rest = b.alloca(type), b.alloca(type), b.alloca(type)
    for variable, value in ((result, one), (factor, base), (rest, exponent)):
        b.store(value, variable)
    # Every bit of the exponent, sign bit aside (a negative exponent is settled below).
    with b.loop(0, bits(type) - signed):
        f, r, power = b.load(type, factor), b.load(type, rest), b.load(type, result)
        odd = b.icmp("ne", b.and_(r, one), zero)
        b.store(b.select(odd, b.mul(power, f), power), result)
        b.store(b.mul(f, f), factor)
        b.store(b.lshr(r, one), rest)
    power = b.load(type, result)
    if not signed:
        return power
    minus = b.constant(type, -1)
    odd = b.icmp("ne", b.and_(exponent, one), zero)
    inverse = b.select(b.icmp("eq", base, minus), b.select(odd, minus, one), zero)
    inverse = b.select(b.icmp("eq", base, one), one, inverse)
    return b.select(b.icmp("slt", exponent, zero), inverse, power)


def _itself(b: Builder, x: Value, signed: bool) -> Value:
    return x


_INTEGER: dict[str, Rule] = {
    "add": lambda b, x, y, signed: b.or_(x, y) if _is_bool(x) else b.add(x, y),
    "sub": lambda b, x, y, signed: b.sub(x, y),
    "mul": _multiply,
    "fma": lambda b, x, y, z, signed: b.add(b.mul(x, y), z),
    "neg": lambda b, x, signed: b.sub(b.constant(x.type, 0), x),
    "abs": _integer_abs,
    "square": lambda b, x, signed: _multiply(b, x, x),
    "sign": _integer_sign,
    "fmax": larger,
    "fmin": smaller,
    "floordiv": lambda b, x, y, signed: floor_divide(b, x, y, signed),
    "truncdiv": lambda b, x, y, signed: fmod(b, x, y, signed, quotient=True),
    "fmod": lambda b, x, y, signed: fmod(b, x, y, signed),
    "remainder": lambda b, x, y, signed: remainder(b, x, y, signed),
    "bitwise_and": lambda b, x, y, signed: b.and_(x, y),
    "bitwise_or": lambda b, x, y, signed: b.or_(x, y),
    "bitwise_xor": lambda b, x, y, signed: b.xor(x, y),
    "bitwise_not": lambda b, x, signed: b.not_(x),
    "shift_left": _shift_left,
    "shift_right": _shift_right,
    "pow": _integer_power,
    "gcd": greatest_divisor,
    "lcm": least_multiple,
    "floor": _itself,
    "ceil": _itself,
    "trunc": _itself,
    "round": _itself,
}

_ANY: dict[str, Rule] = {
    "where": lambda b, condition, x, y, signed: b.select(condition, x, y),
    "maximum": larger,
    "minimum": smaller,
}


# What these give depends on the format, and float32 stands in for narrow ones.
_OF_THE_FORMAT = frozenset(["nextafter"])


def supports(op: str, dtype: str) -> bool:
    """Whether `lower` knows the elementwise operation on inputs of ``dtype``."""
    if op in _COMPARISONS or op in _PREDICATES or op == "where":
        return True
    if dtype in NARROW_FLOATS:
        if op in _OF_THE_FORMAT:
            return False
        dtype = "float32"
    if op in _ANY or op in (_FLOAT if is_floating(dtype) else _INTEGER):
        return True
    return is_floating(dtype) and (op in math.NAMES or op in MEANINGS)
