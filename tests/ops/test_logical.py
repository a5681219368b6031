"""Logic, bits and number theory."""

from __future__ import annotations

import operator

import pytest
from tests.ops.elementwise_oracle import agree


@pytest.mark.parametrize("name", ["logical_and", "logical_or", "logical_xor"])
@pytest.mark.parametrize("dtype", ["bool", "int32", "float32", "complex64"])
def test_truth_values(name, dtype):
    agree(lambda t, x, y: getattr(t, name)(x, y), [0, 1, 0, 1], [0, 0, 1, 1], dtype=dtype)
    agree(lambda t, x: t.logical_not(x), [0, 1], dtype=dtype)


@pytest.mark.parametrize(
    "infix", [operator.and_, operator.or_, operator.xor, operator.lshift, operator.rshift]
)
@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float32"])
def test_bits(infix, dtype):
    agree(lambda t, x, y: infix(x, y), [1, 0, 1], [1, 1, 0], dtype=dtype)
    agree(lambda t, x: infix(x, 1), [1, 0, 1], dtype=dtype)
    agree(lambda t, x: infix(1, x), [1, 0, 1], dtype=dtype)


def test_shifts_beyond_the_width():
    for amount in (0, 31, 32, 40, -1):
        agree(lambda t, x, a=amount: x << a, [5, -5], dtype="int32")
        agree(lambda t, x, a=amount: x >> a, [5, -5], dtype="int32")


@pytest.mark.parametrize("dtype", ["bool", "int64", "float32"])
def test_inversion(dtype):
    agree(lambda t, x: ~x, [1, 0], dtype=dtype)


@pytest.mark.parametrize("name", ["gcd", "lcm"])
def test_number_theory(name):
    agree(lambda t, x, y: getattr(t, name)(x, y), [0, 12, -12, 7], [5, 18, 18, 0], dtype="int64")
    agree(lambda t, x, y: getattr(t, name)(x, y), [1.0], [2.0])


def test_heaviside():
    agree(lambda t, x: t.heaviside(x, t.tensor(0.5)), [-1.0, 0.0, 2.0, float("nan")])


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int32", "int64"])
def test_divisors_and_multiples_in_kernels(dtype):
    numbers = [*range(0, 100, 3), 96, 64, 127, 120, *([] if dtype == "uint8" else [-1, -60, -64, -127])]
    for _ in range(2):  # what comes again is compiled
        agree(lambda t, x: t.gcd(x[:, None], x), numbers, dtype=dtype)
        agree(lambda t, x: t.lcm(x[:, None], x), numbers, dtype=dtype)
