"""Numbers that become elements: what does not fit the dtype is refused as PyTorch refuses it, at every call."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau

torch = pytest.importorskip("torch")

CALLS = {
    "masked_fill": lambda m, x, v: x.masked_fill(m.tensor([True, False]), v),
    "masked_fill_": lambda m, x, v: x.masked_fill_(m.tensor([True, False]), v),
    "index_fill": lambda m, x, v: x.index_fill(0, m.tensor([0]), v),
    "scatter": lambda m, x, v: x.scatter(0, m.tensor([0]), v),
    "fill_": lambda m, x, v: x.fill_(v),
    "full_like": lambda m, x, v: m.full_like(x, v),
    "where": lambda m, x, v: m.where(m.tensor([True, False]), x, v),
    "clamp": lambda m, x, v: x.clamp(v, v),
    "clamp_": lambda m, x, v: x.clamp_(max=v),
}
NUMBERS = [
    ("uint8", 255),
    ("uint8", -1),
    ("uint8", 300),
    ("int8", -128),
    ("int8", 200),
    ("int32", 2**40),
    ("bool", 300),
    ("float16", -60000.0),
    ("float16", -1e9),
    ("float32", 1e9),
]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("dtype, number", NUMBERS)
def test_refused_like_pytorch(call, dtype, number):
    def outcome(m):
        def x():
            return m.ones(2, dtype=getattr(m, dtype))

        try:
            CALLS[call](m, x(), type(number)(1))  # the signature is known: another number is looked at nevertheless
            return CALLS[call](m, x(), number).tolist()
        except RuntimeError:
            return "refused"

    assert outcome(flambeau) == outcome(torch)


def test_constant_padding():
    x = flambeau.ones(2, dtype=flambeau.uint8)
    assert flambeau.nn.functional.pad(x, (1, 0), value=7).tolist() == [7, 1, 1]
    with pytest.raises(RuntimeError, match="without overflow"):
        flambeau.nn.functional.pad(x, (1, 0), value=300)


@pytest.mark.parametrize("number", [2**31, 2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**63), 2**100])
@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64"])
def test_large_integers(dtype, number):
    """They wrap like 64-bit integers, signed or not; larger ones are refused, also where the signature is known."""

    def outcomes(m):
        for x in (m.ones(2, dtype=getattr(m, dtype)), m.ones(3, dtype=getattr(m, dtype)) * 1):
            try:
                yield (x * number).tolist()
            except OverflowError:
                yield "refused"

    assert list(outcomes(flambeau)) == list(outcomes(torch))


@pytest.mark.parametrize("number", [3, 2.5, True, np.float32(1.5), 1j, "a", [1, 2], None])
def test_copying_a_number(number):
    def outcome(m):
        try:
            return m.zeros(2).copy_(number).tolist()
        except TypeError:
            return "refused"

    assert outcome(flambeau) == outcome(torch)


@pytest.mark.parametrize("number", [1 + 2j, 1 + 0j, 2.5, True])
@pytest.mark.parametrize("dtype", ["bool", "int64", "float64"])
def test_where_promotes_numbers(dtype, number):
    def result(m):
        made = m.where(m.tensor([True, False]), m.ones(2, dtype=getattr(m, dtype)), number)
        return made.tolist(), str(made.dtype)

    assert result(flambeau) == result(torch)
