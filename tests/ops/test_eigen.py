"""Singular values, eigenvalues and low-rank approximations."""

from __future__ import annotations

import numpy as np
import pytest
from tests.ops.linalg_oracle import agree, normal, refuses, same, torch

import flambeau


def rebuilt(module, a, full_matrices=False):
    """A product of a singular value decomposition whose value does not depend on the vectors' signs."""
    u, s, vh = module.linalg.svd(a, full_matrices=full_matrices)
    return u @ module.diag_embed(s * s).to(u.dtype) @ vh


SPECTRA = {
    "svdvals": (lambda m, a: m.linalg.svdvals(a), (2, 4, 3)),
    "svd, U": (lambda m, a: m.linalg.svd(a, full_matrices=False)[0].abs(), (4, 3)),
    "svd, Vh": (lambda m, a: m.linalg.svd(a, full_matrices=False)[2].abs(), (3, 5)),
    "svd, all": (rebuilt, (3, 5)),
    "eigvalsh": (lambda m, a: m.linalg.eigvalsh(a + a.mH), (2, 3, 3)),
    "eigh, vectors": (lambda m, a: m.linalg.eigh(a + a.mH)[1].abs(), (3, 3)),
    "eigh, upper": (lambda m, a: m.linalg.eigh(a + a.mH, "U")[1].abs(), (3, 3)),
    "eigvals": (lambda m, a: m.linalg.eigvals(a), (3, 3)),
    "eig, vectors": (lambda m, a: m.linalg.eig(a)[1].abs(), (3, 3)),
}


@pytest.mark.parametrize("complex", [False, True], ids=["real", "complex"])
@pytest.mark.parametrize("case", SPECTRA, ids=str)
def test_values_and_two_derivatives(case, complex):
    function, *shapes = SPECTRA[case]
    agree(function, *shapes, complex=complex)


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0), (0, 3, 3), (2, 0, 0)])
def test_empty_matrices(shape):
    same(lambda m: tuple(m.linalg.svd(m.zeros(*shape))))
    same(lambda m: tuple(m.linalg.svd(m.zeros(*shape), full_matrices=False)))
    if shape[-1] == shape[-2]:
        same(lambda m: tuple(m.linalg.eigh(m.zeros(*shape))))
        same(lambda m: m.linalg.eigvals(m.zeros(*shape)))


def test_eigenvalues_of_repeated_ones_have_gradients():
    # The vectors' share of the gradient would divide by zero.
    x = flambeau.eye(3).requires_grad_()
    flambeau.linalg.eigh(x).eigenvalues.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.eye(3), atol=1e-6)


def test_eigenvalues_of_real_matrices_are_complex():
    same(lambda m: m.linalg.eigvals(m.tensor([[0.0, 1.0], [-1.0, 0.0]])).imag.sort()[0])


def test_the_former_svd():
    same(lambda m: m.svd(m.eye(3)[:2])[1])
    assert [tuple(t.shape) for t in flambeau.svd(flambeau.ones(4, 2), some=False)] == [(4, 4), (2,), (2, 2)]
    same(lambda m: tuple(m.svd(m.eye(3), compute_uv=False)))


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.linalg.svd(m.full((2, 2), float("nan"))),
        lambda m: m.linalg.svdvals(m.full((2, 2, 2), float("nan"))),
        lambda m: m.linalg.svd(m.ones(2)),
        lambda m: m.linalg.svd(m.eye(2), driver="gesvd"),
        lambda m: m.linalg.eigh(m.eye(2), "x"),
        lambda m: m.linalg.eigh(m.ones(2, 3)),
        lambda m: m.linalg.eig(m.full((2, 2), float("nan"))),
        lambda m: m.linalg.eigvals(m.eye(2), out=m.empty(0)),
        lambda m: m.pca_lowrank(m.ones(3, 2), q=5),
    ],
)
def test_refusals(call):
    refuses(call)


@pytest.mark.parametrize("shape", [(8, 5), (5, 8), (2, 6, 4)])
def test_low_rank_matrices_are_found_again(shape):
    left, right = normal(*shape[:-1], 2, seed=1), normal(*shape[:-2], 2, shape[-1], seed=2)
    a = flambeau.from_numpy(left @ right)
    U, S, V = flambeau.svd_lowrank(a, q=3)
    np.testing.assert_allclose((U @ flambeau.diag_embed(S) @ V.mH).numpy(), a.numpy(), atol=1e-10)


def test_principal_components_are_those_of_the_centred_matrix():
    array = normal(9, 4)
    _, S, _ = flambeau.pca_lowrank(flambeau.from_numpy(array), q=4)
    np.testing.assert_allclose(S.numpy(), np.linalg.svd(array - array.mean(0), compute_uv=False), atol=1e-10)


def test_the_nuclear_norm():
    array = normal(2, 3, 4)
    same(lambda m: m.linalg.matrix_norm(m.from_numpy(array), "nuc"))
    same(lambda m: m.linalg.matrix_norm(m.from_numpy(array), 2))


def test_results_print_with_their_names():
    for name in ("svd", "eigh", "eig"):
        ours, theirs = [getattr(m.linalg, name)(m.eye(2)) for m in (flambeau, torch)]
        assert repr(ours) == repr(theirs)
