"""Powers, exponential, rank, condition, and products of many matrices."""

from __future__ import annotations

import numpy as np
import pytest
from tests.ops.linalg_oracle import agree, normal, refuses, same

import flambeau

FUNCTIONS = {
    "matrix_exp": (lambda m, a: m.linalg.matrix_exp(a), (2, 3, 3)),
    "matrix_power": (lambda m, a: m.linalg.matrix_power(a, 5), (3, 3)),
    "a negative power": (lambda m, a: m.linalg.matrix_power(a, -3), (2, 3, 3)),
    "cond": (lambda m, a: m.linalg.cond(a), (2, 3, 4)),
    "cross": (lambda m, a, b: m.linalg.cross(a, b), (2, 3), (1, 3)),
    "vecdot": (lambda m, a, b: m.linalg.vecdot(a, b), (2, 3), (1, 3)),
    "multi_dot": (lambda m, a, b, c: m.linalg.multi_dot([a, b, c]), (3,), (3, 4), (4, 2)),
}


@pytest.mark.parametrize("complex", [False, True], ids=["real", "complex"])
@pytest.mark.parametrize("case", FUNCTIONS, ids=str)
def test_values_and_two_derivatives(case, complex):
    function, *shapes = FUNCTIONS[case]
    agree(function, *shapes, complex=complex)


@pytest.mark.parametrize("scale", [1e-8, 1.0, 50.0])
def test_exponentials_of_any_size(scale):
    array = np.array([[[0.0, 1.0], [-1.0, 0.0]], [[0.1, 0.0], [0.0, -0.3]]]) * scale
    result = flambeau.matrix_exp(flambeau.from_numpy(array)).numpy()
    turn = [[np.cos(scale), np.sin(scale)], [-np.sin(scale), np.cos(scale)]]
    np.testing.assert_allclose(result[0], turn, atol=1e-12)
    np.testing.assert_allclose(np.diag(result[1]), np.exp(np.diag(array[1])), rtol=1e-12)


def test_exponentials_of_short_dtypes():
    # PyTorch's own result for bfloat16 is far off.
    result = flambeau.matrix_exp(flambeau.eye(2, dtype=flambeau.bfloat16))
    assert result.dtype is flambeau.bfloat16
    np.testing.assert_allclose(result.float().numpy(), np.exp(1) * np.eye(2), rtol=4e-3)


@pytest.mark.parametrize("power", [0, 1, 2, 7, -1])
def test_powers(power):
    array = normal(2, 3, 3)
    same(lambda m: m.matrix_power(m.from_numpy(array), power))
    same(lambda m: m.matrix_power(m.zeros(0, 2, 2), power))


def test_powers_of_integers():
    same(lambda m: m.matrix_power(m.tensor([[1, 1], [1, 0]]), 10))


@pytest.mark.parametrize("tolerances", [{}, {"tol": 2.0}, {"atol": 0.5}, {"rtol": 0.2}, {"hermitian": True}], ids=str)
def test_rank(tolerances):
    same(lambda m: m.linalg.matrix_rank(m.diag(m.tensor([1.0, 0.1, 0.0])), **tolerances))
    same(lambda m: m.linalg.matrix_rank(m.zeros(2, 0, 0), **tolerances))


@pytest.mark.parametrize("p", [None, 2, -2, 1, -1, float("inf"), -float("inf"), "fro", "nuc"])
def test_condition(p):
    array = normal(2, 3, 3)
    same(lambda m: m.linalg.cond(m.from_numpy(array), p))
    same(lambda m: m.linalg.cond(m.zeros(2, 0, 0), p))


@pytest.mark.parametrize("p", [None, -2, 1, float("inf"), "fro"])
def test_condition_of_singular_matrices(p):
    same(lambda m: m.linalg.cond(m.zeros(2, 2), p))
    same(lambda m: m.linalg.cond(m.tensor([[[1.0, 1.0], [1.0, 1.0]], [[1.0, 0.0], [0.0, 2.0]]]), 1))


def test_cross_takes_the_first_dimension_of_three():
    with pytest.warns(UserWarning):
        flambeau.ops.matrix_functions._warned.clear()
        same(lambda m: m.cross(m.ones(3, 2), m.arange(6.0).reshape(3, 2)))
    same(lambda m: m.cross(m.ones(3).int(), m.tensor([1, 2, 3]).int(), dim=0))


def test_diagonal_is_a_view_of_the_last_dimensions():
    x = flambeau.arange(8.0).reshape(2, 2, 2)
    flambeau.linalg.diagonal(x).zero_()
    assert x.tolist() == [[[0, 1], [2, 0]], [[0, 5], [6, 0]]]


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.linalg.matrix_power(m.ones(2, 3), 2),
        lambda m: m.linalg.matrix_power(m.zeros(2, 2), -1),
        lambda m: m.matrix_power(m.ones(2, 2), 1.5),
        lambda m: m.linalg.matrix_exp(m.eye(2).int()),
        lambda m: m.matrix_exp(m.ones(2, 3)),
        lambda m: m.linalg.matrix_rank(m.ones(3)),
        lambda m: m.linalg.cond(m.ones(2, 3), 1),
        lambda m: m.linalg.cond(m.eye(2), "other"),
        lambda m: m.linalg.cond(m.eye(2), 3),
        lambda m: m.linalg.multi_dot([m.ones(2, 2)]),
        lambda m: m.linalg.multi_dot([m.ones(2, 2), m.ones(2), m.ones(2, 2)]),
        lambda m: m.linalg.multi_dot([m.ones(2, 2), m.ones(3, 2)]),
        lambda m: m.linalg.cross(m.ones(2, 2), m.ones(2, 2)),
        lambda m: m.linalg.cross(m.ones(3), m.ones(2, 3)),
        lambda m: m.linalg.vecdot(m.ones(3), m.ones(2)),
        lambda m: m.linalg.vecdot(m.ones(3), m.ones(3).double()),
    ],
)
def test_refusals(call):
    refuses(call)
