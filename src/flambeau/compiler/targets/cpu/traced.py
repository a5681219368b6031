"""Elementwise operations translated from their NumPy meanings.

The function runs once, on ``Traced`` values in the place of arrays: every NumPy function it calls appends instructions. So what an
operator means is written once, with NumPy, and compiled with the loops that it is fused into.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from flambeau.compiler.kernel import Node
from flambeau.compiler.meanings import MEANINGS
from flambeau.compiler.targets.cpu import elementwise
from flambeau.compiler.targets.cpu.builder import Builder, Value, element, lanes, like

_DTYPES = {"float": "float32", "double": "float64", "i1": "bool"}
_TYPES = {"float32": "float", "float64": "double", "bool": "i1"}

# NumPy's names where the kernels' differ.
_NAMES = {
    "subtract": "sub", "multiply": "mul", "divide": "div", "true_divide": "div", "negative": "neg", "absolute": "abs", "fabs": "abs",
    "rint": "round", "arctan2": "atan2", "arctan": "atan", "arcsin": "asin", "arccos": "acos", "arcsinh": "asinh", "less": "lt",
    "less_equal": "le", "greater": "gt", "greater_equal": "ge", "equal": "eq", "not_equal": "ne", "power": "pow",
    "bitwise_and": "logical_and", "bitwise_or": "logical_or", "bitwise_xor": "logical_xor", "invert": "logical_not",
}  # fmt: skip


def emit(b: Builder, name: str, inputs: Sequence[Value]) -> Value:
    """The result of ``MEANINGS[name]``, in the type of the inputs."""
    result = MEANINGS[name](*[Traced(b, value) for value in inputs])
    return b.convert(result.value, inputs[0].type)


class Traced(NDArrayOperatorsMixin):
    """A float or a truth value in a register, with the face of a NumPy array."""

    def __init__(self, builder: Builder, value: Value) -> None:
        self.builder = builder
        self.value = value

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(_DTYPES[element(self.value.type)])

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        if method != "__call__" or options:
            raise NotImplementedError(f"{ufunc.__name__} cannot be translated with {method} {options}")
        rule = _RULES.get(ufunc.__name__)
        return rule(*inputs) if rule else self.apply(_NAMES.get(ufunc.__name__, ufunc.__name__), *inputs)

    def __array_function__(self, function, types, arguments, options):
        return _FUNCTIONS[function.__name__](self, *arguments, **options)

    def apply(self, op: str, *inputs: Any) -> Traced:
        """An operation of the kernels on this value's company, cast to one type."""
        operands = _promoted(self, inputs)
        dtype = str(operands[0].dtype)
        value = elementwise.lower(self.builder, Node(op, dtype, ()), [x.value for x in operands], dtype)
        return Traced(self.builder, value)

    def to(self, scalar: str) -> Traced:
        return Traced(self.builder, self.builder.convert(self.value, scalar, signed=False))

    def in_double(self, function: Callable[..., Any], arrays: Sequence[Any]) -> Traced:
        """``function`` of double values, its result in the type of the first."""
        wide = [x.to("double") for x in _as_traced(self, arrays)]
        return function(*wide).to(element(self.value.type))

    def repeated(self, condition, step, state) -> tuple:
        """A loop that ends when no lane wants another turn."""
        b, places = self.builder, [self.builder.alloca(x.value.type) for x in state]

        def now() -> list[Traced]:
            return [Traced(b, b.load(x.value.type, place)) for x, place in zip(state, places)]

        for x, place in zip(state, places):
            b.store(x.value, place)
        check, body, end = (b.new_label(name) for name in ("check", "turn", "done"))
        b.branch(check)
        b.label(check)
        wanted = condition(*now()).value
        b.branch(body, b.reduce("or", wanted) if lanes(wanted.type) else wanted, end)
        b.label(body)
        for x, place in zip(_as_traced(self, step(*now())), places):
            b.store(x.value, place)
        b.branch(check)
        b.label(end)
        return tuple(now())


def _as_traced(like_this: Traced, inputs: Sequence[Any]) -> list[Traced]:
    """Numbers as constants: NumPy's of their own type, Python's of the type of their company."""
    b, company = like_this.builder, like_this.value.type
    found = []
    for x in inputs:
        if not isinstance(x, Traced):
            scalar = _TYPES[x.dtype.name] if isinstance(x, np.generic) else "i1" if isinstance(x, bool) else _float_type(inputs, company)
            x = Traced(b, b.constant(like(company, scalar), x))
        found.append(x)
    return found


def _float_type(inputs: Sequence[Any], company: str) -> str:
    types = [element(x.value.type) for x in inputs if isinstance(x, Traced)]
    return "double" if "double" in types else "float" if "float" in types else "double" if element(company) == "double" else "float"


def _promoted(like_this: Traced, inputs: Sequence[Any]) -> list[Traced]:
    operands = _as_traced(like_this, inputs)
    types = {element(x.value.type) for x in operands}
    common = "double" if "double" in types else "float" if "float" in types else "i1"
    return [x.to(common) for x in operands]


# -- functions of NumPy's that are no operation of the kernels -----------------------------------------------


def _where(like_this: Traced, condition, x, y) -> Traced:
    x, y = _promoted(like_this, (x, y))
    return Traced(like_this.builder, like_this.builder.select(condition.value, x.value, y.value))


def _filled(like_this: Traced, x, number) -> Traced:
    return Traced(x.builder, x.builder.constant(x.value.type, number))


def _polyval(like_this: Traced, coefficients, x) -> Traced:
    total = coefficients[0]
    for coefficient in coefficients[1:]:
        total = total * x + coefficient
    return total


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "where": _where,
    "full_like": _filled,
    "zeros_like": lambda like_this, x: _filled(like_this, x, 0),
    "ones_like": lambda like_this, x, dtype=None: _filled(like_this, x, 1),
    "polyval": _polyval,
    "isposinf": lambda like_this, x: x == math.inf,
    "isneginf": lambda like_this, x: x == -math.inf,
}


def _power(x, exponent) -> Traced:
    if isinstance(exponent, (int, float)) and exponent in (0, 1, 2):
        return (np.ones_like(x), x, x * x)[int(exponent)]
    return (x if isinstance(x, Traced) else exponent).apply("pow", x, exponent)


def _log_sum(x, y) -> Traced:
    return np.where(x == y, x + math.log(2), np.maximum(x, y) + np.log1p(np.exp(-np.abs(x - y))))


def _log_sum_of_two(x, y) -> Traced:
    return np.where(x == y, x + 1.0, np.maximum(x, y) + np.log1p(np.exp2(-np.abs(x - y))) * (1 / math.log(2)))


def _hypot(x, y) -> Traced:
    if x.dtype == np.float32:
        wide_x, wide_y = x.to("double"), y.to("double")
        length = np.sqrt(wide_x * wide_x + wide_y * wide_y).to("float")
    else:
        longer, shorter = np.maximum(abs(x), abs(y)), np.minimum(abs(x), abs(y))
        ratio = np.where(longer > 0, shorter / longer, 0.0)
        length = longer * np.sqrt(ratio * ratio + 1)
    return np.where((abs(x) == math.inf) | (abs(y) == math.inf), math.inf, length)


def _nextafter(x, y) -> Traced:
    b = x.builder
    bits = b.bitcast(x.value, "i32" if x.dtype == np.float32 else "i64")
    one = b.constant(bits.type, 1)
    outwards = b.not_(b.xor((x < y).value, (x > 0).value))
    moved = Traced(b, b.bitcast(b.select(outwards, b.add(bits, one), b.sub(bits, one)), element(x.value.type)))
    least = np.copysign(Traced(b, b.bitcast(one, x.value.type) if lanes(one.type) else b.bitcast(one, element(x.value.type))), y)
    return np.where(np.isnan(x) | np.isnan(y), x + y, np.where(x == y, y, np.where(x == 0, least, moved)))


_RULES: dict[str, Callable[..., Any]] = {
    "power": _power,
    "logaddexp": _log_sum,
    "logaddexp2": _log_sum_of_two,
    "hypot": _hypot,
    "nextafter": _nextafter,
}
