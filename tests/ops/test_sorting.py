"""sort, argsort, msort, topk, kthvalue."""

from __future__ import annotations

import numpy as np
import pytest
from tests.ops.reduction_oracle import check, flambeau, normal, refuses, torch

X = normal(4, 6)


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("dim", [0, -1])
def test_sort(dim, descending):
    check(lambda m, x: m.sort(x, dim, descending), X, grad=1)
    check(lambda m, x: x.argsort(dim, descending), X)


@pytest.mark.parametrize("descending", [False, True])
def test_order_is_stable_and_nan_comes_last(descending):
    def order(m, x):
        return m.sort(x, descending=descending, stable=True)

    check(order, np.array([2, 1, 2, 1, 1, 2]))
    check(order, np.array([3.0, np.nan, -np.inf, 1.0], np.float32))


def test_sort_of_a_number_and_of_nothing():
    check(lambda m, x: m.sort(x), np.array(1, np.float32), grad=1)
    check(lambda m, x: m.sort(x, 0), np.zeros((0, 2), np.float32))
    refuses(lambda m, x: m.sort(x, 2), X)


def test_bfloat16_is_sorted_by_value():
    check(lambda m, x: m.sort(x.to(m.bfloat16))[0], X)


@pytest.mark.parametrize("largest", [True, False])
def test_topk(largest):
    check(lambda m, x: x.topk(2, largest=largest), X, grad=1)
    check(lambda m, x: x.topk(4, 0, largest), X, grad=1)
    check(lambda m, x: x.topk(0), X)
    check(lambda m, x: x.topk(2), np.array([1.0, np.nan, 3.0], np.float32))
    refuses(lambda m, x: x.topk(7), X)


def test_kthvalue():
    check(lambda m, x: x.kthvalue(2), X, grad=1)
    check(lambda m, x: x.kthvalue(3, 0, keepdim=True), X, grad=1)
    refuses(lambda m, x: x.kthvalue(0), X)
    refuses(lambda m, x: x.kthvalue(7), X)


def test_msort():
    check(lambda m, x: m.msort(x), X, grad=1)
    assert flambeau.msort(flambeau.tensor([3, 1, 2])).tolist() == [1, 2, 3]


@pytest.mark.parametrize("dim", [0, 1])
@pytest.mark.parametrize("holes", [False, True])
def test_an_element_by_rank_is_that_of_the_stable_order(dim, holes):
    """Equal elements, NaN, and sizes that are worked on by several threads."""
    rng = np.random.default_rng(1)
    array = rng.integers(0, 9, (300, 301)).astype(np.float32)
    if holes:
        array[::3, ::5] = np.nan
    order, nans = np.argsort(array, axis=dim, kind="stable"), np.isnan(array).sum(dim, keepdims=True)
    n = array.shape[dim]
    middle = np.where(nans > 0, n - nans, (n - 1) // 2)
    found = flambeau.median(flambeau.tensor(array), dim)[1]
    np.testing.assert_array_equal(found.numpy(), np.take_along_axis(order, middle, dim).squeeze(dim))
    found = flambeau.kthvalue(flambeau.tensor(array), 100, dim)[1]
    np.testing.assert_array_equal(found.numpy(), np.take(order, 99, dim))
    np.testing.assert_array_equal(flambeau.argsort(flambeau.tensor(array), dim).numpy(), order)


@pytest.mark.parametrize("special", [None, np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dim", [0, 1])
def test_the_few_largest_of_many(dim, special):
    x = np.random.default_rng(0).integers(-50, 50, (90, 80)).astype(np.float32)
    if special is not None:
        x[7, :] = x[:, 5] = special
        x[3, 2:] = -np.inf  # fewer finite elements than are asked for
    for k in (1, 3, 8):
        values, indices = flambeau.tensor(x).topk(k, dim)
        np.testing.assert_array_equal(values.numpy(), torch.tensor(x).topk(k, dim).values.numpy())
        np.testing.assert_array_equal(np.take_along_axis(x, indices.numpy(), dim), values.numpy())
        assert (np.diff(np.sort(indices.numpy(), dim), axis=dim) > 0).all()
