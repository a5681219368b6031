"""Rounding, bounds, and values that are not finite."""

from __future__ import annotations

import pytest
from tests.ops.elementwise_oracle import INF, NAN, SPECIAL, agree, gradients_agree

import flambeau


@pytest.mark.parametrize("name", ["floor", "ceil", "trunc", "round", "frac"])
@pytest.mark.parametrize("dtype", ["bool", "int64", "float16", "float32", "complex64"])
def test_rounding(name, dtype):
    data = (
        [1, 0] if dtype == "bool" else [-2, 0, 3] if dtype != "float32" else [*SPECIAL, 1.5, 2.5, -0.5, 1e20]
    )
    agree(lambda t, x: getattr(t, name)(x), data, dtype=dtype)


@pytest.mark.parametrize("decimals", [-2, 0, 1, 3])
def test_round_to_decimals(decimals):
    agree(lambda t, x: t.round(x, decimals=decimals), [1234.5678, -0.05, 150.0], dtype="float64")


@pytest.mark.parametrize("name", ["floor", "ceil", "trunc", "round", "frac"])
def test_rounding_is_flat(name):
    gradients_agree(lambda t, x: getattr(t, name)(x), [1.4, -2.6])


@pytest.mark.parametrize("bounds", [(0, 1), (None, 1), (0.5, None), (2, -1), (None, None), (NAN, 1.0)])
@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float32", "bfloat16", "complex64"])
def test_clamp_to_numbers(bounds, dtype):
    agree(lambda t, x: t.clamp(x, *bounds), [0, 1, 0] if dtype == "bool" else [0, 1, 5], dtype=dtype)


def test_clamp_to_tensors_and_nan():
    agree(
        lambda t, x, low, high: t.clamp(x, low, high),
        [NAN, 1.0, 5.0, -1.0],
        [1.0, NAN, 2.0, 0.0],
        [3.0, 3.0, 1.0, 1.0],
    )
    agree(lambda t, x, low: x.clamp(min=low), [NAN, 1.0, 5.0], [1.0, NAN, 2.0])
    agree(lambda t, x: x.clamp(t.zeros(()), 2), [-1.0, 1.0, 5.0])


def test_clamp_gradients_go_to_whoever_gave_the_value():
    gradients_agree(lambda t, x: x.clamp(0.0, 1.0), [-1.0, 0.0, 0.5, 1.0, 2.0])
    gradients_agree(
        lambda t, x, low, high: x.clamp(low, high),
        [-1.0, 0.5, 2.0, 1.0],
        [0.0, 0.0, 0.0, 5.0],
        [1.0, 1.0, 1.0, 2.0],
    )
    gradients_agree(lambda t, x, low: t.clamp_min(x, low), [0.0, 1.0, 2.0], [1.0, 1.0, 1.0])
    gradients_agree(lambda t, x, high: t.clamp_max(x, high), [0.0, 1.0, 2.0], [1.0, 1.0, 1.0])


def test_nan_to_num():
    for dtype in ("float16", "float32", "float64", "bfloat16"):
        agree(lambda t, x: t.nan_to_num(x), [NAN, INF, -INF, 1.0], dtype=dtype)
    agree(lambda t, x: t.nan_to_num(x, nan=1.0, posinf=2.0, neginf=3.0), [NAN, INF, -INF, 1.0])
    gradients_agree(lambda t, x: t.nan_to_num(x), [NAN, INF, -INF, 1.0])


def test_in_place():
    x = flambeau.tensor([-1.5, 2.5])
    assert x.clamp_(0, 2) is x and x.tolist() == [0.0, 2.0]
    assert x.add_(0.26).round_(decimals=1).tolist() == pytest.approx([0.3, 2.3])
