"""Determinants and their logarithms."""

from __future__ import annotations

import numpy as np
import pytest
from tests.ops.linalg_oracle import agree, refuses, same

import flambeau

DETERMINANTS = {
    "det": (lambda m, a: m.linalg.det(a), (2, 3, 3)),
    "slogdet": (lambda m, a: m.linalg.slogdet(a)[1], (2, 3, 3)),
    "logdet": (lambda m, a: m.logdet(a @ a.mH), (2, 3, 3)),
}


@pytest.mark.parametrize("complex", [False, True], ids=["real", "complex"])
@pytest.mark.parametrize("case", DETERMINANTS, ids=str)
def test_values_and_two_derivatives(case, complex):
    function, *shapes = DETERMINANTS[case]
    agree(function, *shapes, complex=complex)


def test_the_sign_of_a_complex_determinant_has_derivatives():
    agree(lambda m, a: m.linalg.slogdet(a)[0], (2, 3, 3), complex=True)


def test_singular_matrices_have_gradients():
    # That of a determinant is the matrix of cofactors, which exists here too.
    x = flambeau.tensor([[1.0, 2.0], [2.0, 4.0]], requires_grad=True)
    flambeau.linalg.det(x).backward()
    np.testing.assert_allclose(x.grad.numpy(), [[4, -2], [-2, 1]], atol=1e-5)


@pytest.mark.parametrize("shape", [(0, 0), (0, 3, 3), (2, 0, 0)])
def test_empty_matrices(shape):
    same(lambda m: m.linalg.det(m.zeros(*shape)))
    same(lambda m: tuple(m.linalg.slogdet(m.zeros(*shape))))


def test_limits():
    same(lambda m: tuple(m.slogdet(m.zeros(2, 2))))
    same(lambda m: m.logdet(-m.eye(3)))
    same(lambda m: m.det(m.full((2, 2), float("nan"))))


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.linalg.det(m.ones(2, 3)),
        lambda m: m.det(m.ones(2)),
        lambda m: m.linalg.det(m.eye(2).int()),
        lambda m: m.logdet(m.ones(2, 3)),
    ],
)
def test_refusals(call):
    refuses(call)
