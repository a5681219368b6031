"""Pseudo-inverses and least squares."""

from __future__ import annotations

import pytest
from tests.ops.linalg_oracle import agree, normal, refuses, same, torch

import flambeau

SOLVERS = {
    "pinv, tall": (lambda m, a: m.linalg.pinv(a), (2, 4, 3)),
    "pinv, wide": (lambda m, a: m.linalg.pinv(a), (2, 4)),
    "pinv, hermitian": (lambda m, a: m.linalg.pinv(a + a.mH, hermitian=True), (3, 3)),
    "lstsq, tall": (lambda m, a, b: m.linalg.lstsq(a, b)[0], (4, 3), (4, 2)),
    "lstsq, wide": (lambda m, a, b: m.linalg.lstsq(a, b)[0], (2, 3), (2, 2)),
    "lstsq, residuals": (lambda m, a, b: m.linalg.lstsq(a, b, driver="gelsd")[1], (4, 3), (4, 2)),
}


@pytest.mark.parametrize("complex", [False, True], ids=["real", "complex"])
@pytest.mark.parametrize("case", SOLVERS, ids=str)
def test_values_and_two_derivatives(case, complex):
    function, *shapes = SOLVERS[case]
    agree(function, *shapes, complex=complex)


@pytest.mark.parametrize("shape", [(4, 3), (3, 3), (2, 3), (2, 4, 3)])
@pytest.mark.parametrize("driver", ["gels", "gelsy", "gelsd", "gelss"])
def test_drivers(shape, driver):
    a, b = normal(*shape), normal(*shape[:-1], 2, seed=1)
    same(lambda m: tuple(m.linalg.lstsq(m.from_numpy(a), m.from_numpy(b), driver=driver)))


@pytest.mark.parametrize("driver", ["gelsy", "gelsd"])
@pytest.mark.parametrize("batch", [(1, 1), (1, 2), (2, 1)])
def test_ranks_and_singular_values_are_those_of_the_matrices_as_given(driver, batch):
    a, b = normal(*batch, 3, 3), normal(2, 2, 3, 2, seed=1)
    same(lambda m: tuple(m.linalg.lstsq(m.from_numpy(a), m.from_numpy(b), driver=driver)))


def test_vectors_on_the_right():
    a, b = normal(2, 4, 3), normal(2, 4, seed=1)
    same(lambda m: tuple(m.linalg.lstsq(m.from_numpy(a), m.from_numpy(b))))


@pytest.mark.parametrize("driver", ["gelsy", "gelsd"])
def test_matrices_without_full_rank(driver):
    same(lambda m: tuple(m.linalg.lstsq(m.ones(3, 2), m.ones(3, 1), driver=driver)))
    same(lambda m: tuple(m.linalg.lstsq(m.zeros(3, 2), m.ones(3, 1), driver=driver)))


@pytest.mark.parametrize(
    "tolerances",
    [{}, {"atol": 0.5}, {"rtol": 0.2}, {"atol": 0.05, "rtol": 0.2}, {"rcond": 0.05}, {"hermitian": True}],
    ids=str,
)
def test_tolerances(tolerances):
    same(lambda m: m.linalg.pinv(m.diag(m.tensor([1.0, 0.1, 0.0])), **tolerances))


def test_a_tolerance_for_each_matrix():
    diagonals = [[1.0, 0.1], [1.0, 0.1]]
    same(lambda m: m.linalg.pinv(m.diag_embed(m.tensor(diagonals)), rtol=m.tensor([0.5, 0.01])))
    same(lambda m: m.linalg.pinv(m.diag_embed(m.tensor(diagonals)), atol=m.tensor([0.5, 0.01])))


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 2, 3)])
def test_empty_matrices(shape):
    same(lambda m: m.linalg.pinv(m.zeros(*shape)))


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.linalg.pinv(m.ones(2)),
        lambda m: m.linalg.pinv(m.ones(2, 3), hermitian=True),
        lambda m: m.linalg.pinv(m.eye(2).int()),
        lambda m: m.linalg.lstsq(m.ones(3, 2), m.ones(4, 1)),
        lambda m: m.linalg.lstsq(m.ones(3, 2), m.ones(3, 1), driver="other"),
        lambda m: m.linalg.lstsq(m.ones(3, 2), m.ones(3, 1).double()),
    ],
)
def test_refusals(call):
    refuses(call)


def test_results_print_with_their_names():
    ours, theirs = [m.linalg.lstsq(m.eye(2), m.ones(2, 1)) for m in (flambeau, torch)]
    assert repr(ours) == repr(theirs)
