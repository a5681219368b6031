"""Accumulators: the running state of a reduction, one vector for each copy of an unrolled body.

Copies and lanes are combined in a fixed order, so that a sum depends on sizes alone.
"""

from __future__ import annotations

from collections.abc import Callable

from flambeau.compiler.targets.cpu.builder import Builder, Value, bits, element, is_float, lanes, like
from flambeau.compiler.targets.cpu.elementwise import is_nan, larger, smaller

Combine = Callable[[Builder, Value, Value, bool], Value]


def _sum(b: Builder, x: Value, y: Value, signed: bool) -> Value:
    return b.fadd(x, y) if is_float(x.type) else b.add(x, y)


def _product(b: Builder, x: Value, y: Value, signed: bool) -> Value:
    return b.fmul(x, y) if is_float(x.type) else b.mul(x, y)


_COMBINE: dict[str, Combine] = {
    "sum": _sum,
    "prod": _product,
    "max": larger,
    "min": smaller,
    "any": lambda b, x, y, signed: b.or_(x, y),
    "all": lambda b, x, y, signed: b.and_(x, y),
}


def _identity(b: Builder, kind: str, type: str, signed: bool) -> Value:
    """The value that changes nothing, in every lane."""
    kind = kind.removeprefix("arg")
    if kind in ("max", "min"):
        return b.constant(type, _limit(type, kind == "max", signed))
    return b.constant(type, {"sum": 0, "prod": 1, "any": 0, "all": 1}[kind])


def _limit(type: str, lowest: bool, signed: bool) -> float:
    """The lowest or highest value of a type."""
    if is_float(type):
        return float("-inf" if lowest else "inf")
    if element(type) == "i1" or not signed:
        return 0 if lowest else (1 << bits(type)) - 1
    half = 1 << (bits(type) - 1)
    return -half if lowest else half - 1


class Accumulator:
    """The state of one reduction: ``copies`` independent vectors of ``type``, kept in variables.

    ``kind`` is one of the reductions of `compiler.kernel`; argmax and argmin keep a position too.
    With ``in_pieces``, a float sum is made of the sums of pieces, each of which `fold` ends.
    """

    def __init__(
        self, b: Builder, kind: str, type: str, copies: int, signed: bool, in_pieces: bool = False
    ) -> None:
        self.b = b
        self.kind = kind
        self.type = type
        self.signed = signed
        self.values = [b.alloca(type) for _ in range(copies)]
        self.positions = [b.alloca(like(type, "i64")) for _ in range(copies)] if self.finds_position else []
        self.folds = in_pieces and kind == "sum" and is_float(type)
        self.totals = [b.alloca(type) for _ in range(copies)] if self.folds else []

    @property
    def finds_position(self) -> bool:
        """Whether `step` must be told the positions of the values."""
        return self.kind.startswith("arg")

    def reset(self, first: Value) -> None:
        """Forget everything; ``first`` is the position an argmax of nothing but -inf gives."""
        for variable in (*self.values, *self.totals):
            self.b.store(_identity(self.b, self.kind, self.type, self.signed), variable)
        for variable in self.positions:
            self.b.store(self.b.splat(first, lanes(self.type)), variable)

    def step(self, copy: int, value: Value, mask: Value | None, position: Value | None) -> None:
        """Take in a vector of values; lanes off the mask do not count."""
        b = self.b
        if mask is not None:
            value = b.select(mask, value, _identity(b, self.kind, self.type, self.signed))
        best = b.load(self.type, self.values[copy])
        if position is None:
            return b.store(_COMBINE[self.kind](b, value, best, self.signed), self.values[copy])
        where = b.load(like(self.type, "i64"), self.positions[copy])
        better = self._beats(value, best)
        b.store(b.select(better, value, best), self.values[copy])
        b.store(b.select(better, position, where), self.positions[copy])

    def fold(self) -> None:
        """End a piece of a sum: add it to the total."""
        for value, total in zip(self.values, self.totals, strict=False):
            piece = self.b.load(self.type, value)
            self.b.store(self.b.fadd(self.b.load(self.type, total), piece), total)
            self.b.store(self.b.constant(self.type, 0), value)

    def result(self, copy: int) -> Value:
        """The result in every lane of one copy."""
        if self.finds_position:
            return self.b.load(like(self.type, "i64"), self.positions[copy])
        return self.b.load(self.type, (self.totals or self.values)[copy])

    def total(self) -> Value:
        """The one result of all copies and lanes."""
        pairs = [self._state(copy) for copy in range(len(self.values))]
        while len(pairs) > 1:
            pairs = [self._merge(*pairs[i : i + 2]) for i in range(0, len(pairs), 2)]
        state = pairs[0]
        count = lanes(self.type)
        while count > 1:
            count //= 2
            low, high = range(count), range(count, 2 * count)
            state = self._merge(
                [self.b.shuffle(part, None, low) for part in state],
                [self.b.shuffle(part, None, high) for part in state],
            )
        return self.b.extract(state[-1], 0)

    def _state(self, copy: int) -> list[Value]:
        value = self.b.load(self.type, self.values[copy])
        return [value, self.result(copy)] if self.finds_position else [value]

    def _merge(self, x: list[Value], y: list[Value]) -> list[Value]:
        if not self.finds_position:
            return [_COMBINE[self.kind](self.b, x[0], y[0], self.signed)]
        b = self.b
        tie = b.not_(b.or_(self._beats(x[0], y[0]), self._beats(y[0], x[0])))
        earlier = b.icmp("slt", y[1], x[1])
        take = b.or_(self._beats(y[0], x[0]), b.and_(tie, earlier))
        return [b.select(take, second, first) for first, second in zip(x, y, strict=True)]

    def _beats(self, x: Value, y: Value) -> Value:
        """Whether x is strictly better than y; a NaN is better than any number."""
        b = self.b
        order = "gt" if self.kind == "argmax" else "lt"
        if not is_float(x.type):
            return b.icmp(("s" if self.signed else "u") + order, x, y)
        # Unordered or better, unless y is a NaN already.
        return b.and_(b.fcmp("u" + order, x, y), b.not_(is_nan(b, y)))
