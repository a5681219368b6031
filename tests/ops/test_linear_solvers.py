"""Inverses and solutions of linear systems."""

from __future__ import annotations

import numpy as np
import pytest
from tests.ops.linalg_oracle import agree, refuses, same, torch

import flambeau


def positive(module, x):
    return module.linalg.cholesky(x @ x.mH)


SOLVERS = {
    "inv": (lambda m, a: m.linalg.inv(a), (2, 3, 3)),
    "solve": (lambda m, a, b: m.linalg.solve(a, b), (2, 3, 3), (3, 2)),
    "solve, vector": (lambda m, a, b: m.linalg.solve(a, b), (2, 3, 3), (3,)),
    "solve from the right": (lambda m, a, b: m.linalg.solve(a, b, left=False), (3, 3), (2, 2, 3)),
    "upper triangle": (lambda m, a, b: m.linalg.solve_triangular(a, b, upper=True), (3, 3), (3, 2)),
    "from the right": (lambda m, a, b: m.linalg.solve_triangular(a, b, upper=True, left=False), (3, 3), (2, 3)),
    "unit triangle": (
        lambda m, a, b: m.linalg.solve_triangular(a, b, upper=False, unitriangular=True),
        (3, 3),
        (2, 3, 2),
    ),
    "triangular_solve": (lambda m, a, b: m.triangular_solve(b, a, transpose=True)[0], (3, 3), (3, 2)),
    "cholesky_solve": (lambda m, b, x: m.cholesky_solve(b, positive(m, x)), (3, 2), (3, 3)),
    "cholesky_solve, upper": (lambda m, b, x: m.cholesky_solve(b, positive(m, x).mH, True), (2, 3, 2), (3, 3)),
    "cholesky_inverse": (lambda m, x: m.cholesky_inverse(positive(m, x)), (3, 3)),
    "cholesky_inverse, upper": (lambda m, x: m.cholesky_inverse(positive(m, x).mH, True), (3, 3)),
    "lu_solve": (lambda m, a, b: m.linalg.lu_solve(*m.linalg.lu_factor(a), b), (3, 3), (3, 2)),
    "lu_solve, adjoint": (
        lambda m, a, b: m.linalg.lu_solve(*m.linalg.lu_factor(a), b, adjoint=True),
        (3, 3),
        (3, 2),
    ),
    "lu_solve from the right": (
        lambda m, a, b: m.linalg.lu_solve(*m.linalg.lu_factor(a), b, left=False),
        (3, 3),
        (2, 2, 3),
    ),
    "tensorinv": (lambda m, a: m.linalg.tensorinv(a), (2, 3, 6)),
    "tensorsolve": (lambda m, a, b: m.linalg.tensorsolve(a, b), (2, 3, 6), (2, 3)),
}


@pytest.mark.parametrize("complex", [False, True], ids=["real", "complex"])
@pytest.mark.parametrize("case", SOLVERS, ids=str)
def test_values_and_two_derivatives(case, complex):
    function, *shapes = SOLVERS[case]
    agree(function, *shapes, complex=complex)


@pytest.mark.parametrize("shape", [(0, 0), (0, 3, 3), (2, 0, 0)])
def test_empty_matrices(shape):
    same(lambda m: m.linalg.inv(m.zeros(*shape)))
    same(lambda m: m.linalg.solve(m.zeros(*shape), m.zeros(*shape)))


def test_a_singular_matrix_of_a_batch_is_named():
    singular = flambeau.stack([flambeau.eye(2), flambeau.zeros(2, 2)])
    with pytest.raises(flambeau.linalg.LinAlgError) as error:
        flambeau.linalg.inv(singular)
    assert str(error.value) == (
        "linalg.inv: (Batch element 1): The diagonal element 1 is zero, the inversion could not be completed "
        "because the input matrix is singular."
    )
    assert flambeau.linalg.inv_ex(singular).info.tolist() == [0, 1]
    assert flambeau.equal(flambeau.linalg.inv_ex(singular).inverse[0], flambeau.eye(2))


def test_results_print_with_their_names():
    made = flambeau.linalg.inv_ex(flambeau.eye(2))
    assert repr(made) == repr(torch.linalg.inv_ex(torch.eye(2)))


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.linalg.inv(m.zeros(2, 2)),
        lambda m: m.linalg.inv(m.zeros(2, 3)),
        lambda m: m.linalg.inv(m.zeros(2)),
        lambda m: m.linalg.inv(m.eye(2).long()),
        lambda m: m.linalg.inv(m.eye(2).half()),
        lambda m: m.linalg.inv_ex(m.zeros(2, 2), check_errors=True),
        lambda m: m.linalg.inv(m.eye(2), out=m.empty(0).double()),
        lambda m: m.linalg.solve(m.zeros(2, 2), m.ones(2)),
        lambda m: m.linalg.solve(m.eye(2), m.ones(3, 2)),
        lambda m: m.linalg.solve(m.eye(2), m.ones(2).double()),
        lambda m: m.linalg.solve(m.eye(2), m.ones(2), left=False),
        lambda m: m.linalg.solve_triangular(m.eye(2), m.ones(2), upper=True),
        lambda m: m.cholesky_solve(m.ones(3, 1), m.eye(2)),
        lambda m: m.linalg.lu_solve(m.eye(2), m.ones(2), m.ones(2, 1)),
        lambda m: m.linalg.ldl_solve(m.eye(2), m.ones(3).int(), m.ones(2, 1)),
        lambda m: m.linalg.tensorinv(m.ones(2, 3), ind=1),
        lambda m: m.linalg.tensorsolve(m.ones(2, 3), m.ones(2)),
    ],
)
def test_refusals(call):
    refuses(call)


def test_a_zero_on_a_triangle_gives_infinities():
    same(lambda m: m.linalg.solve_triangular(m.zeros(2, 2), m.ones(2, 1), upper=True))


def test_ldl_solves_indefinite_systems():
    a = np.array([[0.0, 1, 2], [1, 0, 3], [2, 3, 0]])
    b = np.ones((3, 2))
    factors = flambeau.linalg.ldl_factor(flambeau.from_numpy(a))
    x = flambeau.linalg.ldl_solve(*factors, flambeau.from_numpy(b))
    np.testing.assert_allclose(a @ x.numpy(), b, atol=1e-12)
