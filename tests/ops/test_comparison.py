"""Comparisons, tests of values, larger and smaller."""

from __future__ import annotations

import pytest
from tests.ops.elementwise_oracle import INF, NAN, SPECIAL, agree, both, gradients_agree

import flambeau


@pytest.mark.parametrize("name", ["eq", "ne", "lt", "le", "gt", "ge"])
@pytest.mark.parametrize("dtype", ["int64", "float32", "bfloat16", "complex64"])
def test_comparisons(name, dtype):
    agree(lambda t, x: getattr(t, name)(x, 2), [1, 2, 3], dtype=dtype)
    agree(lambda t, x: getattr(t, name)(x[:, None], x), [1, 2, 3], dtype=dtype)


@pytest.mark.parametrize("name", ["eq", "ne", "lt", "le", "gt", "ge"])
def test_nan_is_unequal_and_unordered(name):
    agree(lambda t, x: getattr(t, name)(x[:, None], x), SPECIAL)


@pytest.mark.parametrize("name", ["isnan", "isinf", "isfinite", "isposinf", "isneginf", "isreal"])
def test_tests_of_values(name):
    agree(lambda t, x: getattr(t, name)(x), SPECIAL)
    agree(lambda t, x: getattr(t, name)(x), [1, 2], dtype="int64")


@pytest.mark.parametrize("name", ["maximum", "minimum", "fmax", "fmin"])
def test_extrema_treat_nan_as_pytorch_does(name):
    agree(lambda t, x: getattr(t, name)(x[:, None], x), SPECIAL)
    agree(lambda t, x, y: getattr(t, name)(x, y), [1, 5], both([2.5, 3.5]), dtype="int64")
    agree(lambda t, x: getattr(t, name)(x, x), [1], dtype="complex64")


@pytest.mark.parametrize("name", ["maximum", "minimum", "fmax", "fmin"])
def test_ties_share_the_gradient_as_in_pytorch(name):
    gradients_agree(lambda t, x, y: getattr(t, name)(x, y), [1.0, 2.0, 3.0], [2.0, 2.0, 2.0])


def test_closeness():
    agree(lambda t, x, y: t.isclose(x, y), [1.0, INF, NAN, 1.0], [1.0 + 1e-6, INF, NAN, 1.1])
    agree(lambda t, x, y: t.isclose(x, y, equal_nan=True), [NAN], [NAN])
    x = flambeau.tensor([1.0])
    assert flambeau.allclose(x, x + 1e-7) and not flambeau.allclose(x, x + 1)
    with pytest.raises(RuntimeError):
        flambeau.isclose(x, flambeau.tensor([1]))


def test_equal_compares_whole_tensors():
    assert flambeau.equal(flambeau.ones(2), flambeau.ones(2))
    assert not flambeau.equal(flambeau.ones(2), flambeau.ones(3))


def test_isin():
    agree(lambda t, x: t.isin(x, 2), [1, 2, 3], dtype="int64")
    agree(lambda t, x, y: t.isin(x, y, invert=True), [[1, 2], [3, 4]], [2, 4], dtype="int64")
