"""Some eigenvalues of large symmetric matrices, by products with them alone."""

from __future__ import annotations

from ..autograd.mode import no_grad, state
from ..dtypes import finfo
from ..tensor import Tensor
from .creation import zeros
from .decompositions import cholesky, qr
from .eigen import eigh
from .joining import cat, stack
from .linear_solvers import solve_triangular
from .matmul import matmul
from .random import randn
from .registry import function


def _check(A: Tensor, B, X, n: int, method: str) -> None:
    if A.ndim < 2 or A.shape[-2] != A.shape[-1]:
        raise AssertionError(f"lobpcg: A must be square, got shape {tuple(A.shape)}")
    if B is not None and A.shape != B.shape:
        raise AssertionError(f"lobpcg: A and B must have same shape, got {tuple(A.shape)} vs {tuple(B.shape)}")
    if A.shape[-1] < 3 * n:
        raise ValueError(f"LOBPCG algorithm is not applicable when the number of A rows (={A.shape[-1]}) is smaller than 3 x the "
                         f"number of requested eigenpairs (={n})")
    if X is not None and X.shape[-2:] != (A.shape[-1], n):
        raise AssertionError(f"lobpcg: expected X of shape {(A.shape[-1], n)}, got {tuple(X.shape)}")
    if method not in ("basic", "ortho"):
        raise ValueError(f"lobpcg: expected method 'basic' or 'ortho', got {method!r}")


def _ritz(A: Tensor, basis: Tensor, count: int, largest: bool) -> tuple[Tensor, Tensor]:
    """The best approximations of eigenvalues within an orthonormal basis, and their coordinates in it."""
    values, vectors = eigh(matmul(basis.mT, matmul(A, basis)))
    if largest:
        values, vectors = values.flip(-1), vectors.flip(-1)
    return values[:count], vectors[:, :count]


def _iterate(A: Tensor, X: Tensor, precondition, niter: int, tol: float, largest: bool) -> tuple[Tensor, Tensor]:
    """Locally optimal steps in the span of the vectors, their residuals and their last changes (Knyazev 2001, algorithm 4.1, with an
    orthonormal basis)."""
    n, size = X.shape[1], A.norm()
    X = qr(X)[0]
    values, turn = _ritz(A, X, n, largest)
    X, change = matmul(X, turn), None
    step = 0
    while niter < 0 or step < niter:
        residual = matmul(A, X) - X * values
        errors = residual.norm(dim=0) / (size + values.abs())
        if bool((errors < tol).all()):
            break
        parts = [X, precondition(residual)] + ([] if change is None else [change])
        basis = qr(cat(parts, 1))[0]
        values, best = _ritz(A, basis, n, largest)
        X, change = matmul(basis, best), matmul(basis[:, n:], best[n:])
        step += 1
    return values, X


def _solve(A: Tensor, B, X, k: int, n: int, iK, niter: int, tol: float, largest: bool) -> tuple[Tensor, Tensor]:
    """One matrix. ``A x = e B x`` becomes ``(L^-1 A L^-T) y = e y`` with ``B = L L^T`` and ``y = L^T x``."""
    X = randn(A.shape[-1], n, dtype=A.dtype) if X is None else X
    root = None if B is None else cholesky(B)
    if root is not None:
        A = _reduced(A, root)
        X = matmul(root.mT, X)

    def precondition(residual):
        if iK is None:
            return residual
        if root is None:
            return matmul(iK, residual)
        return matmul(root.mT, matmul(iK, matmul(root, residual)))

    values, vectors = _iterate(A, X, precondition, niter, tol, largest)
    values, vectors = values[:k], vectors[:, :k]
    return values, vectors if root is None else solve_triangular(root.mT, vectors, upper=True)


def _reduced(A: Tensor, root: Tensor) -> Tensor:
    half = solve_triangular(root, A, upper=False)
    return solve_triangular(root, half.mT, upper=False).mT


def _differentiable(A: Tensor, B, k: int, largest: bool) -> tuple[Tensor, Tensor]:
    """All eigenvectors are needed where gradients are: the derivative of one leads into all others."""
    A = (A + A.mT) / 2
    root = None if B is None else cholesky((B + B.mT) / 2)
    values, vectors = eigh(A if root is None else _reduced(A, root))
    if largest:
        values, vectors = values.flip(-1), vectors.flip(-1)
    values, vectors = values[..., :k], vectors[..., :k]
    return values, vectors if root is None else solve_triangular(root.mT, vectors, upper=True)


@function()
def lobpcg(A, k=None, B=None, X=None, n=None, iK=None, niter=None, tol=None, largest=None, method=None, tracker=None,
           ortho_iparams=None, ortho_fparams=None, ortho_bparams=None):
    """The ``k`` largest (or smallest) eigenvalues of ``A x = e B x`` and their vectors, for symmetric ``A (*, m, m)`` and positive
    definite ``B`` (the identity by default): ``(*, k)`` and ``(*, m, k)``.

    Begins with ``X (*, m, n)``, or ``n`` (default ``k``) random vectors, and ends after ``niter`` steps (1000; -1: no limit) or when
    all residuals are below ``tol`` (the root of the precision) relative to ``A``. ``iK`` is a preconditioner. ``method`` is "ortho" or
    "basic": both keep their basis orthonormal here. Raises AssertionError for shapes that do not fit, ValueError for ``m < 3 n``.
    Where gradients are wanted all eigenvectors are computed.
    """
    for name, value in (("tracker", tracker), ("ortho_iparams", ortho_iparams), ("ortho_fparams", ortho_fparams),
                        ("ortho_bparams", ortho_bparams)):
        if value is not None:
            raise NotImplementedError(f"flambeau: lobpcg: argument {name} is not supported yet")
    k = (1 if X is None else X.shape[-1]) if k is None else k
    n = (n or k) if X is None else X.shape[-1]
    _check(A, B, X, n, method or "ortho")
    largest = True if largest is None else largest
    if state.enabled and (A.requires_grad or B is not None and B.requires_grad):
        return _differentiable(A, B, k, largest)
    tol = finfo(A.dtype).eps ** 0.5 if tol is None else tol
    niter = 1000 if niter is None else niter
    with no_grad():
        if A.ndim == 2:
            return _solve(A, B, X, k, n, iK, niter, tol, largest)
        batch = A.shape[:-2]
        stacks = [None if x is None else x.reshape(-1, *x.shape[-2:]) for x in (A, B, X, iK)]
        found = [_solve(*[None if s is None else s[i] for s in stacks[:3]], k, n, None if stacks[3] is None else stacks[3][i], niter,
                        tol, largest) for i in range(stacks[0].shape[0])]
        if not found:
            return zeros((*batch, k), dtype=A.dtype), zeros((*batch, A.shape[-1], k), dtype=A.dtype)
        values, vectors = (stack(part) for part in zip(*found))
        return values.reshape(*batch, k), vectors.reshape(*batch, A.shape[-1], k)
