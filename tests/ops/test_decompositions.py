"""Cholesky, LU, LDL, QR and Householder reflections."""

from __future__ import annotations

import numpy as np
import pytest
from tests.ops.linalg_oracle import agree, normal, refuses, same, torch

import flambeau

DECOMPOSITIONS = {
    "cholesky": (lambda m, a: m.linalg.cholesky(a @ a.mH), (2, 3, 3)),
    "cholesky, upper": (lambda m, a: m.linalg.cholesky(a @ a.mH, upper=True), (3, 3)),
    "lu_factor": (lambda m, a: m.linalg.lu_factor(a)[0], (3, 3)),
    "lu_factor, wide": (lambda m, a: m.linalg.lu_factor(a)[0], (2, 4)),
    "lu_factor, tall": (lambda m, a: m.linalg.lu_factor(a)[0], (2, 4, 2)),
    "lu": (lambda m, a: m.linalg.lu(a)[1] + m.linalg.lu(a)[2], (3, 3)),
    "qr, Q": (lambda m, a: m.linalg.qr(a)[0], (2, 4, 3)),
    "qr, R": (lambda m, a: m.linalg.qr(a)[1], (3, 3)),
    "qr, wide Q": (lambda m, a: m.linalg.qr(a)[0], (2, 4)),
    "qr, wide R": (lambda m, a: m.linalg.qr(a, "complete")[1], (2, 4)),
    "householder_product": (lambda m, a, t: m.linalg.householder_product(a, t), (2, 4, 3), (2, 2)),
    "ormqr": (lambda m, a, t, c: m.ormqr(a, t, c), (4, 2), (2,), (4, 3)),
    "ormqr, adjoint": (lambda m, a, t, c: m.ormqr(a, t, c, transpose=True), (4, 2), (2,), (4, 3)),
    "ormqr, right": (lambda m, a, t, c: m.ormqr(a, t, c, left=False), (4, 2), (2,), (3, 4)),
    "ormqr, right adjoint": (
        lambda m, a, t, c: m.ormqr(a, t, c, left=False, transpose=True),
        (4, 2),
        (2,),
        (3, 4),
    ),
}


@pytest.mark.parametrize("complex", [False, True], ids=["real", "complex"])
@pytest.mark.parametrize("case", DECOMPOSITIONS, ids=str)
def test_values_and_two_derivatives(case, complex):
    function, *shapes = DECOMPOSITIONS[case]
    agree(function, *shapes, complex=complex)


@pytest.mark.parametrize("shape", [(3, 3), (2, 4), (4, 2), (2, 4, 2), (0, 3), (3, 0), (0, 0), (0, 2, 3)])
@pytest.mark.parametrize("mode", ["reduced", "complete", "r"])
def test_qr_of_any_shape(shape, mode):
    array = normal(*shape)
    same(lambda m: tuple(m.linalg.qr(m.from_numpy(array), mode)))


@pytest.mark.parametrize("shape", [(3, 3), (2, 4), (4, 2), (2, 4, 2), (0, 3), (0, 2, 3)])
def test_lu_multiplies_back(shape):
    array = normal(*shape)
    P, L, U = flambeau.linalg.lu(flambeau.from_numpy(array))
    np.testing.assert_allclose((P @ L @ U).numpy(), array, atol=1e-12)
    same(lambda m: tuple(m.lu_unpack(*m.linalg.lu_factor(m.from_numpy(array)))))


def test_the_other_triangle_is_not_read():
    same(lambda m: m.linalg.cholesky(m.tensor([[4.0, 99.0], [2.0, 5.0]])))
    same(lambda m: m.linalg.cholesky(m.tensor([[4.0, 2.0], [99.0, 5.0]]), upper=True))


def test_geqrf_packs_what_householder_product_and_ormqr_read():
    array = normal(4, 3)
    a, tau = flambeau.geqrf(flambeau.from_numpy(array))
    q = flambeau.linalg.householder_product(a, tau)
    np.testing.assert_allclose((q @ a.triu()[:3]).numpy(), array, atol=1e-12)
    np.testing.assert_allclose(flambeau.ormqr(a, tau, a.triu()).numpy(), array, atol=1e-12)


@pytest.mark.parametrize("hermitian", [False, True])
def test_ldl_of_complex_matrices(hermitian):
    array = normal(3, 3, complex=True)
    same(lambda m: tuple(m.linalg.ldl_factor_ex(m.from_numpy(array), hermitian=hermitian)), atol=1e-12)


def test_a_minor_that_is_not_positive_is_named():
    message = refuses(lambda m: m.linalg.cholesky(m.tensor([[1.0, 2.0], [2.0, 1.0]])))
    assert "the leading minor of order 2 is not positive-definite" in message
    assert flambeau.linalg.cholesky_ex(-flambeau.eye(2)).info.item() == 1


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.linalg.cholesky(m.ones(2, 3)),
        lambda m: m.linalg.cholesky(m.eye(2).int()),
        lambda m: m.linalg.cholesky_ex(-m.eye(2), check_errors=True),
        lambda m: m.linalg.lu_factor(m.zeros(2, 2)),
        lambda m: m.linalg.lu_factor(m.eye(2), pivot=False),
        lambda m: m.lu_unpack(m.eye(2), m.ones(2)),
        lambda m: m.linalg.ldl_factor(m.zeros(2, 2)),
        lambda m: m.linalg.qr(m.eye(2), "other"),
        lambda m: m.linalg.qr(m.ones(2)),
        lambda m: m.linalg.qr(m.eye(2).requires_grad_(), "r")[1].sum().backward(),
        lambda m: m.linalg.qr(m.ones(3, 2).requires_grad_(), "complete")[1].sum().backward(),
        lambda m: m.geqrf(m.ones(2)),
        lambda m: m.linalg.householder_product(m.ones(2, 3), m.ones(2)),
        lambda m: m.linalg.householder_product(m.ones(3, 2), m.ones(3)),
        lambda m: m.ormqr(m.ones(3, 2), m.ones(1), m.ones(3, 1)),
    ],
)
def test_refusals(call):
    refuses(call)


def test_results_print_with_their_names():
    for name in ("qr", "lu", "lu_factor", "lu_factor_ex", "ldl_factor", "cholesky_ex"):
        ours, theirs = [getattr(m.linalg, name)(m.eye(2)) for m in (flambeau, torch)]
        assert repr(ours) == repr(theirs)


def test_a_matrix_with_nan_is_not_positive_definite():
    batch = [[[2.0, 0.0], [0.0, 1.0]], [[2.0, float("nan")], [float("nan"), 2.0]]]
    for m in (flambeau, torch):
        assert m.linalg.cholesky_ex(m.tensor(batch)).info.tolist() == [0, 2]
        with pytest.raises(m.linalg.LinAlgError, match="minor of order 2"):
            m.linalg.cholesky(m.tensor(batch))


@pytest.mark.parametrize(
    "results",
    [
        lambda m, a: (m.linalg.inv(a), m.linalg.solve(a, a), m.linalg.solve(a, a, left=False)),
        lambda m, a: (*m.linalg.qr(a), *m.linalg.svd(a), *m.linalg.eigh(a + a.mT)),
        lambda m, a: (*m.linalg.lu_factor(a), m.linalg.cholesky(a @ a.mT), m.linalg.lstsq(a, a).solution),
    ],
)
def test_matrices_lie_in_memory_column_by_column(results):
    batch = normal(2, 3, 3)
    for matrices in (batch, batch[0]):
        ours, theirs = ([t.stride() for t in results(m, m.tensor(matrices))] for m in (flambeau, torch))
        assert ours == theirs
