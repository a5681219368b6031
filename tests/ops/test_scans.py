"""Running sums, products and extrema; differences and integrals."""

from __future__ import annotations

import numpy as np
import pytest
from tests.ops.reduction_oracle import call, check, flambeau, method, normal, refuses, torch

X = normal(3, 5)


@pytest.mark.parametrize("name", ["cumsum", "cumprod", "logcumsumexp", "cummax", "cummin"])
@pytest.mark.parametrize("dim", [0, -1])
def test_along_a_dimension(name, dim):
    check(method(name, dim), X, grad=1)
    check(method(name, 0), np.array(2, np.float32), grad=1)
    check(method(name, 0), np.zeros((0, 2), np.float32))
    refuses(method(name, 2), X)


@pytest.mark.parametrize("zeros", [(1,), (0, 3), (2, 3, 4)])
def test_gradient_of_running_products_with_zeros(zeros):
    x = X.copy()
    x[1, list(zeros)] = 0
    check(lambda m, x: x.cumprod(1), x, grad=1)


def test_second_gradient_of_running_products_with_a_zero():
    def twice(m, x):
        (first,) = m.autograd.grad((x.cumprod(0) * m.arange(4.0)).sum(), x, create_graph=True)
        return m.autograd.grad((first * m.arange(4.0)).sum(), x)[0]

    results = [twice(m, m.tensor([2.0, 0.0, 3.0, 4.0], requires_grad=True)) for m in (flambeau, torch)]
    np.testing.assert_allclose(results[0].detach().numpy(), results[1].detach().numpy())


def test_integers():
    check(lambda m, x: x.cumsum(0), np.arange(5, dtype=np.int32))
    check(lambda m, x: x.cumprod(0, dtype=m.float64), np.arange(1, 5))


def test_in_place():
    x = flambeau.tensor(X)
    assert x.cumsum_(1) is x
    np.testing.assert_allclose(x.numpy(), np.cumsum(X, 1), rtol=1e-5, atol=1e-6)


def test_extrema_so_far_remember_the_last_of_equal_elements_and_nan():
    x = np.array([1.0, 3.0, 3.0, 2.0, np.nan, 5.0, np.nan], np.float32)
    check(lambda m, x: x.cummax(0), x)
    check(lambda m, x: x.cummin(0), x)


def test_differences():
    check(lambda m, x: m.diff(x), X, grad=1)
    check(lambda m, x, a: m.diff(x, 2, 0, append=a), X, X[:2], grad=2)
    check(lambda m, x: m.diff(x > 0), X)
    check(lambda m, x: m.diff(x, n=9), X)
    refuses(lambda m, x: m.diff(x, n=-1), X)


def test_integrals():
    points = np.array([0.0, 1.0, 1.5, 3.0, 4.0], np.float32)
    for name in ("trapezoid", "cumulative_trapezoid"):
        check(call(name), X, grad=1)
        check(call(name, dx=0.5, dim=0), X, grad=1)
        check(call(name), X, points, grad=2)


@pytest.mark.parametrize("edge_order", [1, 2])
def test_slopes(edge_order):
    points = np.array([0.0, 1.0, 1.5, 3.0, 4.0], np.float32)
    check(lambda m, x: m.gradient(x, edge_order=edge_order), X, grad=1)
    check(lambda m, x: m.gradient(x, spacing=0.5, dim=1, edge_order=edge_order), X)
    check(lambda m, x, p: m.gradient(x, spacing=(p,), dim=1, edge_order=edge_order), X, points)
