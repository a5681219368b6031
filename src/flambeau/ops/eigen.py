"""Singular values and eigenvalues, and low-rank approximations made of them."""

from __future__ import annotations

import numpy as np

from .. import dtypes
from ..autograd.mode import state
from ..tensor import Tensor
from .complex_numbers import real
from .creation import zeros
from .decompositions import qr
from .linear_solvers import unchecked_solution
from .matmul import adjoint, matmul
from .matrices import (
    attempt,
    check_info,
    complex_dtype,
    deliver,
    library,
    real_dtype,
    require_floating,
    require_matrix,
    require_square,
)
from .overrides import _scalar_name
from .registry import function
from .return_types import named_result
from .sequences import eye
from .triangular import diag_embed
from .views import diagonal, unsqueeze

_SVD = named_result("linalg_svd", "U", "S", "Vh")
_LegacySVD = named_result("svd", "U", "S", "V")
_Eigh = named_result("linalg_eigh", "eigenvalues", "eigenvectors")
_Eig = named_result("linalg_eig", "eigenvalues", "eigenvectors")


def _over_gaps(x, values):
    """``x[i, j] / (values[j] - values[i])``, 0 on the diagonal."""
    diagonal = eye(values.shape[-1], dtype=real_dtype(values.dtype))
    gaps = unsqueeze(values, -2) - unsqueeze(values, -1)
    return x * (1 - diagonal) / (gaps + diagonal)


def _skew(x):
    return x - adjoint(x)


# -- singular values ---------------------------------------------------------------------------------------------------


def _svd_outputs(specs, full_matrices: bool):
    (*batch, m, n), dtype = specs[0].shape, specs[0].dtype
    k = min(m, n)
    return [
        ((*batch, m, m if full_matrices else k), dtype),
        ((*batch, k), real_dtype(dtype)),
        ((*batch, n if full_matrices else k, n), dtype),
        (tuple(batch), dtypes.int32),
    ]


def _svd_arrays(arrays, full_matrices: bool):
    (u, s, vh), info = attempt(lambda a: np.linalg.svd(a, full_matrices=full_matrices), arrays[0])
    return u, s, vh, info


_svd = library("linalg_svd(Tensor A, bool full_matrices)", _svd_outputs, _svd_arrays, zero_gradients=False, by_columns=(0, 2))


@_svd.gradient
def _(grads, saved):
    # Townsend 2016, "Differentiating the Singular Value Decomposition"
    to_u, to_s, to_vh = grads[:3]
    U, S, Vh = saved.outputs[:3]
    k = S.shape[-1]
    m, n = saved.A.shape[-2:]
    U, Vh = U[..., :k], Vh[..., :k, :]
    if to_u is None and to_vh is None:
        return matmul(U * unsqueeze(to_s, -2), Vh)
    to_u = None if to_u is None else to_u[..., :k]
    to_v = None if to_vh is None else adjoint(to_vh)[..., :k]
    squares = S * S
    inner = None
    if to_u is not None:
        skew = _skew(matmul(adjoint(U), to_u))
        inner = _over_gaps(skew, squares) * unsqueeze(S, -2)
        if saved.A.is_complex() and to_v is not None:
            inner = inner + diag_embed(diagonal(skew, 0, -2, -1) / (2 * S))
    if to_v is not None:
        turned = unsqueeze(S, -1) * _over_gaps(_skew(matmul(Vh, to_v)), squares)
        inner = turned if inner is None else inner + turned
    if to_s is not None:
        inner = inner + diag_embed(to_s)
    result = matmul(matmul(U, inner), Vh)
    if to_u is not None and m > k:
        outside = to_u - matmul(U, matmul(adjoint(U), to_u))
        result = result + matmul(outside / unsqueeze(S, -2), Vh)
    if to_v is not None and n > k:
        outside = to_v - matmul(adjoint(Vh), matmul(Vh, to_v))
        result = result + matmul(U, adjoint(outside / unsqueeze(S, -2)))
    return result


_singular_values = library(
    "linalg_svdvals(Tensor A)",
    lambda specs: _svd_outputs(specs, False)[1::2],
    lambda arrays: _values_of(lambda a: np.linalg.svd(a, compute_uv=False), arrays[0]),
)


def _values_of(function, a: np.ndarray):
    (values,), info = attempt(lambda x: (function(x),), a)
    return values, info


def _check_converged(name: str, A, info) -> None:
    check_info(
        name,
        info,
        lambda k: (
            "The algorithm failed to converge because the input matrix contained non-finite values."
            if not np.isfinite(A._array()).all()
            else f"The algorithm failed to converge because the input matrix is ill-conditioned or has too many repeated singular values "
            f"(error code: {k})."
        ),
    )


def _check_svd(name: str, A, driver) -> None:
    require_matrix(name, A)
    require_floating(name, A)
    if driver is not None:
        raise RuntimeError(
            f"{name}: keyword argument `driver=` is only supported on CUDA inputs with cuSOLVER backend."
        )


@function("linalg")
def svd(A, full_matrices: bool = True, *, driver=None, out=None):
    """``A = U diag(S) Vh`` of matrices ``(..., m, n)``: orthonormal U and Vh, singular values falling. ``full_matrices``: U and Vh are
    square, else they have ``min(m, n)`` columns and rows. Raises ``LinAlgError`` for NaN and inf."""
    _check_svd("linalg.svd", A, driver)
    U, S, Vh, info = _svd(A, full_matrices)
    _check_converged("linalg.svd", A, info)
    return deliver("linalg_svd", _SVD((U, S, Vh)), out)


@function("linalg")
def svdvals(A, *, driver=None, out=None):
    """The singular values of matrices, falling. Raises ``LinAlgError`` for NaN and inf."""
    _check_svd("linalg.svdvals", A, driver)
    values, info = singular_values(A)
    _check_converged("linalg.svd", A, info)
    return deliver("linalg_svdvals", values, out)


def singular_values(A) -> tuple[Tensor, Tensor]:
    """Singular values and info. The singular vectors are computed where the gradient will need them."""
    if A._spec.override or (A.requires_grad and state.enabled):
        _, values, _, info = _svd(A, False)
        return values, info
    return _singular_values(A)


@function("torch", name="svd", method=True)
def _legacy_svd(input, some: bool = True, compute_uv: bool = True, *, out=None):
    """``U, S, V`` with ``input = U diag(S) V^H``; without ``compute_uv``, U and V are zeros."""
    require_matrix("linalg.svd", input, "A")
    if compute_uv:
        U, S, Vh = svd(input, not some)
        V = adjoint(Vh)
    else:
        S = svdvals(input)
        U, V = [zeros((*input.shape[:-2], size, size), dtype=input.dtype) for size in input.shape[-2:]]
    return deliver("svd", _LegacySVD((U, S, V)), out)


# -- eigenvalues of Hermitian matrices ---------------------------------------------------------------------------------


def _eigh_outputs(specs, uplo: str):
    a = specs[0]
    return [(a.shape[:-1], real_dtype(a.dtype)), (a.shape, a.dtype), (a.shape[:-2], dtypes.int32)]


def _eigh_arrays(arrays, uplo: str):
    (values, vectors), info = attempt(lambda a: np.linalg.eigh(a, uplo), arrays[0])
    return values, vectors, info


_eigh = library("linalg_eigh(Tensor A, str UPLO)", _eigh_outputs, _eigh_arrays, zero_gradients=False, by_columns=(1,))


@_eigh.gradient
def _(grads, saved):
    # Giles 2008, section 3.1
    to_values, to_vectors = grads[:2]
    L, V = saved.outputs[:2]
    if to_vectors is None:
        return matmul(V * unsqueeze(to_values, -2), adjoint(V))
    inner = _over_gaps(_skew(matmul(adjoint(V), to_vectors)) * 0.5, L)
    if to_values is not None:
        inner = inner + diag_embed(to_values)
    return matmul(matmul(V, inner), adjoint(V))


_eigenvalues_hermitian = library(
    "linalg_eigvalsh(Tensor A, str UPLO)",
    lambda specs, uplo: _eigh_outputs(specs, uplo)[::2],
    lambda arrays, uplo: _values_of(lambda a: np.linalg.eigvalsh(a, uplo), arrays[0]),
)


def _check_hermitian(name: str, A, UPLO: str) -> str:
    require_square(name, A)
    require_floating(name, A)
    if UPLO.upper() not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    return UPLO.upper()


def _check_eigenvalues(name: str, info) -> None:
    check_info(
        name,
        info,
        lambda k: (
            "The algorithm failed to converge because the input matrix is ill-conditioned or has too many repeated "
            f"eigenvalues (error code: {k})."
        ),
    )


@function("linalg")
def eigh(A, UPLO: str = "L", *, out=None):
    """The eigenvalues, rising, and orthonormal eigenvectors (columns) of Hermitian matrices, of which the triangle ``UPLO`` is read."""
    UPLO = _check_hermitian("linalg.eigh", A, UPLO)
    values, vectors, info = _eigh(A, UPLO)
    _check_eigenvalues("linalg.eigh", info)
    return deliver("linalg_eigh", _Eigh((values, vectors)), out)


@function("linalg")
def eigvalsh(A, UPLO: str = "L", *, out=None):
    """The eigenvalues of Hermitian matrices, rising; the triangle ``UPLO`` is read."""
    UPLO = _check_hermitian("linalg.eigvalsh", A, UPLO)
    values, info = hermitian_eigenvalues(A, UPLO)
    _check_eigenvalues("linalg.eigvalsh", info)
    return deliver("linalg_eigvalsh", values, out)


def hermitian_eigenvalues(A, UPLO: str = "L") -> tuple[Tensor, Tensor]:
    """Eigenvalues and info. The eigenvectors are computed where the gradient will need them."""
    if A._spec.override or (A.requires_grad and state.enabled):
        values, _, info = _eigh(A, UPLO)
        return values, info
    return _eigenvalues_hermitian(A, UPLO)


# -- eigenvalues of any matrices ---------------------------------------------------------------------------------------


def _eig_outputs(specs):
    a, dtype = specs[0], complex_dtype(specs[0].dtype)
    return [(a.shape[:-1], dtype), (a.shape, dtype), (a.shape[:-2], dtypes.int32)]


def _eig_arrays(arrays):
    (values, vectors), info = attempt(_complex_eig, arrays[0])
    return values, vectors, info


def _complex_eig(a: np.ndarray):
    kind = np.result_type(a.dtype, np.complex64)
    return tuple(made.astype(kind) for made in np.linalg.eig(a))


_eig = library("linalg_eig(Tensor A)", _eig_outputs, _eig_arrays, zero_gradients=False, by_columns=(1,))


@_eig.gradient
def _(grads, saved):
    # Giles 2008, section 3.1; eigenvectors have norm 1, so that changes of their length do not count.
    to_values, to_vectors = grads[:2]
    L, V = saved.outputs[:2]
    if to_vectors is None:
        inner = unsqueeze(to_values, -1) * adjoint(V)
        return unchecked_solution(adjoint(V), inner)
    inner = matmul(adjoint(V), to_vectors)
    length = real(diagonal(inner, 0, -2, -1))
    inner = _over_gaps(inner - matmul(adjoint(V), V * unsqueeze(length, -2)), L.conj())
    if to_values is not None:
        inner = inner + diag_embed(to_values)
    return unchecked_solution(adjoint(V), matmul(inner, adjoint(V)))


_eigenvalues = library(
    "linalg_eigvals(Tensor A)",
    lambda specs: _eig_outputs(specs)[::2],
    lambda arrays: _values_of(lambda a: np.linalg.eigvals(a).astype(np.result_type(a.dtype, np.complex64)), arrays[0]),
)


def _check_finite(A) -> None:
    require_square("linalg.eig", A)
    require_floating("linalg.eig", A)
    if not A.is_meta and not np.isfinite(A._array()).all():
        raise RuntimeError("torch.linalg.eig: input tensor should not contain infs or NaNs.")


@function("linalg")
def eig(A, *, out=None):
    """The eigenvalues and eigenvectors (columns of norm 1) of square matrices, in no order, always complex. Raises ``RuntimeError`` for
    NaN and inf."""
    _check_finite(A)
    values, vectors, info = _eig(A)
    _check_eigenvalues("linalg.eig", info)
    return deliver("linalg_eig", _Eig((values, vectors)), out, exact=False)


@function("linalg")
def eigvals(A, *, out=None):
    """The eigenvalues of square matrices, in no order, always complex. Raises ``RuntimeError`` for NaN and inf."""
    _check_finite(A)
    if A._spec.override or (A.requires_grad and state.enabled):
        values, _, info = _eig(A)
    else:
        values, info = _eigenvalues(A)
    _check_eigenvalues("linalg.eigvals", info)
    return deliver("linalg_eigvals", values, out, exact=False)


# -- low rank ----------------------------------------------------------------------------------------------------------


def _range_basis(A, q: int, niter: int, M):
    """Orthonormal columns that nearly span the range of ``A - M`` (Halko et al. 2009, algorithm 4.4)."""
    from .random import randn

    def product(x):
        made = matmul(A, x)
        return made if M is None else made - matmul(M, x)

    def adjoint_product(x):
        made = matmul(adjoint(A), x)
        return made if M is None else made - matmul(adjoint(M), x)

    basis = qr(product(randn(A.shape[-1], q, dtype=A.dtype))).Q
    for _ in range(niter):
        basis = qr(adjoint_product(basis)).Q
        basis = qr(product(basis)).Q
    return basis


@function()
def svd_lowrank(A, q: int | None = 6, niter: int | None = 2, M=None):
    """``U, S, V`` with ``A - M`` near ``U diag(S) V^H``, of rank ``q``, by ``niter`` rounds of random subspace iteration.

    Halko et al. 2009, algorithm 5.1.
    """
    q, niter = 6 if q is None else q, 2 if niter is None else niter
    wide = A.shape[-2] < A.shape[-1]
    if M is not None:
        M = M.expand(A.shape)
    if wide:
        A, M = adjoint(A), None if M is None else adjoint(M)
    basis = _range_basis(A, q, niter, M)
    inner = matmul(adjoint(basis), A)
    if M is not None:
        inner = inner - matmul(adjoint(basis), M)
    U, S, Vh = svd(inner, False)
    U, V = matmul(basis, U), adjoint(Vh).contiguous()
    return (V, S, U) if wide else (U, S, V)


@function()
def pca_lowrank(A, q: int | None = None, center: bool = True, niter: int = 2):
    """``U, S, V`` of ``svd_lowrank`` of ``A`` without its columns' means (``center``): the columns of V are the principal directions.

    ``q`` is ``min(6, m, n)`` by default. Raises ``ValueError`` for ``q`` or ``niter`` out of range.
    """
    m, n = A.shape[-2:]
    if q is None:
        q = min(6, m, n)
    elif not 0 <= q <= min(m, n):
        raise ValueError(f"q(={q}) must be non-negative integer and not greater than min(m, n)={min(m, n)}")
    if not niter >= 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    if A.dtype.category < 2:
        raise ValueError(f"input of floating-point or complex dtype is expected, got {_scalar_name(A.dtype)}")
    return svd_lowrank(A - A.mean(-2, keepdim=True) if center else A, q, niter)
