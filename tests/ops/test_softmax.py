"""softmax, log_softmax, softmin, logsumexp."""

from __future__ import annotations

import numpy as np
import pytest
from tests.ops.reduction_oracle import check, flambeau, normal, refuses

X = normal(3, 4, 5)


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "softmin"])
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_along_a_dimension(name, dim):
    check(lambda m, x: getattr(m.nn.functional, name)(x, dim), X, grad=1)


def test_all_the_places_where_softmax_is_found():
    x = flambeau.tensor(X)
    expected = flambeau.softmax(x, 1)
    for other in (x.softmax(1), flambeau.special.softmax(x, 1), flambeau.nn.functional.softmax(x, dim=1)):
        assert flambeau.equal(expected, other)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_large_numbers_do_not_overflow(name):
    check(lambda m, x: getattr(x, name)(0), np.array([1000.0, 1000.0, -1000.0], np.float32), grad=1)
    check(lambda m, x: getattr(x, name)(0), np.array([1.0, -np.inf, 2.0], np.float32))
    check(lambda m, x: getattr(x, name)(0), np.array([-np.inf, -np.inf], np.float32))


def test_dtypes():
    check(lambda m, x: x.softmax(0, dtype=m.float64), X, grad=1)
    check(lambda m, x: x.to(m.bfloat16).softmax(-1), X, rtol=1e-2)
    check(lambda m, x: x.softmax(0, dtype=m.float32), np.arange(4))
    refuses(lambda m, x: x.softmax(0), np.arange(4))
    refuses(lambda m, x: x.softmax(3), X)


def test_empty_and_numbers():
    check(lambda m, x: x.softmax(1), np.zeros((2, 0), np.float32))
    check(lambda m, x: x.softmax(0), np.array(3.0, np.float32))


@pytest.mark.parametrize("dim", [0, (0, 2), -1])
def test_logsumexp(dim):
    check(lambda m, x: m.logsumexp(x, dim), X, grad=1)
    check(lambda m, x: m.logsumexp(x, dim, keepdim=True), X * 500, grad=1)


def test_logsumexp_of_infinities():
    rows = np.array([[-np.inf, -np.inf], [np.inf, 1], [np.inf, -np.inf], [-np.inf, 0]], np.float32)
    check(lambda m, x: m.logsumexp(x, 1), rows, grad=1)
    check(lambda m, x: m.logsumexp(x, 0), np.zeros((0, 3), np.float32))
    check(lambda m, x: m.logsumexp(x, 0), np.arange(4))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("requires_grad", [False, True])
def test_halves_give_the_dtype_that_is_asked_for(dtype, requires_grad):
    torch = pytest.importorskip("torch")
    functions = [
        lambda m, x: x.softmax(1, dtype=m.float32),
        lambda m, x: m.nn.functional.log_softmax(x, 0, dtype=m.float32),
        lambda m, x: x.mean(1, dtype=m.float32),
        lambda m, x: x.nansum(dtype=m.float32),
        lambda m, x: m.linalg.vector_norm(x, dtype=m.float32),
    ]
    for function in functions:
        found = []
        for m in (flambeau, torch):
            x = m.tensor([[0.5, 1.5], [-2.0, 3.0]], dtype=getattr(m, dtype), requires_grad=requires_grad)
            y = function(m, x)
            assert y.dtype is m.float32
            if requires_grad:
                y.sum().backward()
            found.append(y.flatten().tolist() + (x.grad.flatten().tolist() if requires_grad else []))
        assert found[0] == pytest.approx(found[1], rel=2e-2, abs=1e-3)
