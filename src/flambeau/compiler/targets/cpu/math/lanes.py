"""Arithmetic on IR values written with Python's operators.

`Lanes` pairs a value with the builder that emits it, so that a formula reads as on paper. Python numbers
become constants of the other operand's type. Comparisons are ordered (false with a NaN) and give a mask for
`where`. A product and a sum stay two roundings; `fma` is written where one is meant.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Union

from flambeau.compiler.targets.cpu.builder import Builder, Value, element, lanes
from flambeau.compiler.targets.cpu.math import coefficients

Number = Union["Lanes", float]


class Lanes:
    """A scalar or vector: ``+ - * /`` and comparisons of floats, ``+ - & | ^ << >>`` of integers."""

    __slots__ = ("builder", "value")

    def __init__(self, builder: Builder, value: Value) -> None:
        self.builder = builder
        self.value = value

    @property
    def single(self) -> bool:
        """Whether the elements are float32."""
        return element(self.value.type) == "float"

    def pick(self, single: float, double: float) -> float:
        """The constant that belongs to the precision of this value."""
        return single if self.single else double

    def table(self, name: str) -> tuple[float, ...]:
        """The polynomial ``name`` for the precision of this value."""
        return getattr(coefficients, f"{name}_F32" if self.single else f"{name}_F64")

    def constant(self, number: Number) -> Value:
        """``number`` as an operand of this value's type."""
        return number.value if isinstance(number, Lanes) else self.builder.constant(self.value.type, number)

    def new(self, value: Value) -> Lanes:
        return Lanes(self.builder, value)

    def to(self, scalar: str) -> Lanes:
        """Converted to another element type."""
        return self.new(self.builder.convert(self.value, scalar))

    def bits(self) -> Lanes:
        """The bits of the floats as integers."""
        return self.new(self.builder.bitcast(self.value, "i32" if self.single else "i64"))

    def floats(self) -> Lanes:
        """The floats whose bits these integers are."""
        scalar = "float" if element(self.value.type) == "i32" else "double"
        return self.new(self.builder.bitcast(self.value, scalar))

    def _apply(self, operation: str, other: Number) -> Lanes:
        return self.new(getattr(self.builder, operation)(self.value, self.constant(other)))

    def _is_integer(self) -> bool:
        return element(self.value.type)[0] == "i"

    def __add__(self, other: Number) -> Lanes:
        return self._apply("add" if self._is_integer() else "fadd", other)

    def __sub__(self, other: Number) -> Lanes:
        return self._apply("sub" if self._is_integer() else "fsub", other)

    def __mul__(self, other: Number) -> Lanes:
        return self._apply("fmul", other)

    def __truediv__(self, other: Number) -> Lanes:
        return self._apply("fdiv", other)

    def __radd__(self, number: float) -> Lanes:
        return self + number

    def __rmul__(self, number: float) -> Lanes:
        return self * number

    def __rsub__(self, number: float) -> Lanes:
        return self.new(self.constant(number)) - self

    def __rtruediv__(self, number: float) -> Lanes:
        return self.new(self.constant(number)) / self

    def __neg__(self) -> Lanes:
        return self.new(self.builder.fneg(self.value))

    def __abs__(self) -> Lanes:
        return self.new(self.builder.fabs(self.value))

    def __and__(self, other: Number) -> Lanes:
        return self._apply("and_", other)

    def __or__(self, other: Number) -> Lanes:
        return self._apply("or_", other)

    def __xor__(self, other: Number) -> Lanes:
        return self._apply("xor", other)

    def __lshift__(self, count: int) -> Lanes:
        return self._apply("shl", count)

    def __rshift__(self, count: int) -> Lanes:
        """The arithmetic shift."""
        return self._apply("ashr", count)

    def compare(self, predicate: str, other: Number) -> Lanes:
        """The mask of a comparison, by LLVM's name (``ult``, ``une``, ``eq`` ...)."""
        compare = self.builder.icmp if self._is_integer() else self.builder.fcmp
        return self.new(compare(predicate, self.value, self.constant(other)))

    def __lt__(self, other: Number) -> Lanes:
        return self.compare("olt", other)

    def __gt__(self, other: Number) -> Lanes:
        return self.compare("ogt", other)

    def __le__(self, other: Number) -> Lanes:
        return self.compare("ole", other)

    def __ge__(self, other: Number) -> Lanes:
        return self.compare("oge", other)

    def equals(self, other: Number) -> Lanes:
        return self.compare("oeq", other)

    def differs(self, other: Number) -> Lanes:
        """Not equal, or a NaN."""
        return self.compare("une", other)

    def at_most(self, limit: float) -> Lanes:
        """The smaller of both; a NaN stays."""
        return where(self > limit, limit, self)

    def at_least(self, limit: float) -> Lanes:
        """The larger of both; a NaN stays."""
        return where(self < limit, limit, self)

    def at_least_integer(self, limit: int) -> Lanes:
        """The larger of both integers."""
        return self.new(self.builder.smax(self.value, self.constant(limit)))

    def sign_of(self, other: Lanes) -> Lanes:
        """The magnitude of this with the sign bit of ``other``."""
        return self.new(self.builder.intrinsic("llvm.copysign", self.value, other.value))

    def round(self) -> Lanes:
        """The nearest integer, ties to even."""
        return self.new(self.builder.intrinsic("llvm.rint", self.value))

    def any(self) -> Value:
        """The i1 that tells whether a lane of this mask is set."""
        return self.builder.reduce("or", self.value) if lanes(self.value.type) else self.value


def where(condition: Lanes, a: Number, b: Number) -> Lanes:
    """``a`` where the mask is set, ``b`` elsewhere; one of both may be a Python number."""
    model = a if isinstance(a, Lanes) else b
    assert isinstance(model, Lanes)
    return model.new(model.builder.select(condition.value, model.constant(a), model.constant(b)))


def choose(model: Lanes, condition: Lanes, a: float, b: float) -> Lanes:
    """One of two constants of the type of ``model``."""
    return where(condition, model.new(model.constant(a)), b)


def fma(a: Lanes, b: Number, c: Number) -> Lanes:
    """a*b + c with one rounding."""
    return a.new(a.builder.fma(a.value, a.constant(b), a.constant(c)))


def sqrt(x: Lanes) -> Lanes:
    return x.new(x.builder.sqrt(x.value))


def polynomial(x: Lanes, coefficients: Sequence[float]) -> Lanes:
    """Horner's rule; coefficients of the lowest order first."""
    *rest, lead = coefficients
    result: Number = lead
    for coefficient in reversed(rest):
        result = fma(x, result, coefficient)
    assert isinstance(result, Lanes)
    return result


def constant_bits(x: Lanes, single: int, double: int) -> int:
    """Like `Lanes.pick`, for bit patterns."""
    return single if x.single else double
