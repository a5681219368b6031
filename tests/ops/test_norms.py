"""Norms of vectors and matrices; dist, renorm, normalize."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.ops.reduction_oracle import check, normal, refuses

X = normal(3, 4, 5)
ORDERS = [0.5, 1, 1.5, 2, 3, math.inf, -math.inf]


@pytest.mark.parametrize("order", ORDERS)
def test_vector_norms(order):
    check(lambda m, x: m.linalg.vector_norm(x, order), X, grad=1)
    check(lambda m, x: m.linalg.vector_norm(x, order, (0, 2), keepdim=True), X, grad=1)
    check(lambda m, x: x.norm(order, 1), X, grad=1)


def test_order_0_counts():
    check(lambda m, x: m.linalg.vector_norm(x, 0, 0), np.array([[0.0, 1.0], [0.0, 2.0]], np.float32))


@pytest.mark.parametrize("order", [1, 2, math.inf])
def test_gradient_at_zero(order):
    check(lambda m, x: m.linalg.vector_norm(x, order), np.zeros(3, np.float32), grad=1)


@pytest.mark.parametrize("order", ["fro", 1, -1, math.inf, -math.inf])
def test_matrix_norms(order):
    check(lambda m, x: m.linalg.matrix_norm(x, order), X, grad=1)
    check(lambda m, x: m.linalg.norm(x[0], order), X, grad=1)


def test_refusals():
    refuses(lambda m, x: m.linalg.vector_norm(x), np.arange(3))
    refuses(lambda m, x: m.linalg.vector_norm(x, math.inf), np.zeros(0, np.float32))
    refuses(lambda m, x: m.linalg.norm(x, 2), X)
    refuses(lambda m, x: m.linalg.matrix_norm(x[0, 0]), X)


def test_dist_renorm_and_normalize():
    check(lambda m, x, y: m.dist(x, y, 3), X, normal(3, 4, 5, seed=1), grad=2)
    check(lambda m, x: m.renorm(x, 2, 1, 1.5), X, grad=1)
    check(lambda m, x: m.nn.functional.normalize(x, dim=-1), X, grad=1)
