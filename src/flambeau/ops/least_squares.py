"""Pseudo-inverses, and solutions of systems that are over- or underdetermined."""

from __future__ import annotations

import numpy as np

from .. import dtypes
from ..runtime import least_squares
from ..tensor import Tensor
from .complex_numbers import real
from .creation import zeros
from .eigen import _eigh, _svd
from .linear_solvers import is_vector_side
from .matmul import adjoint, matmul
from .matrices import (
    check_info,
    deliver,
    epsilon,
    library,
    real_dtype,
    require_floating,
    require_matrix,
    require_same_dtype,
    require_square,
    same_batch,
)
from .operator import operator
from .reductions import amax
from .registry import documented_as, function
from .reshaping import reshaped
from .return_types import named_result
from .selection import where
from .views import unsqueeze

_LeastSquares = named_result("linalg_lstsq", "solution", "residuals", "rank", "singular_values")


# -- pseudo-inverses ---------------------------------------------------------------------------------------------------


def kept(sizes, atol, rtol):
    """Which of the absolute values of singular values or eigenvalues count: those above ``atol`` and ``rtol`` times the largest."""
    limit = amax(sizes, -1, True) * rtol
    return (sizes > limit) & (sizes > atol)


def column(tolerance):
    """A tolerance for each matrix as one for each row of singular values."""
    return unsqueeze(tolerance, -1) if isinstance(tolerance, Tensor) else tolerance


@operator("linalg_pinv(Tensor A, Tensor|Scalar atol, Tensor|Scalar rtol, bool hermitian)", namespace=None)
def _pinv(A, atol, rtol, hermitian):
    if hermitian:
        values, vectors, _ = _eigh(A, "L")
        inverse = where(kept(values.abs(), atol, rtol), values.reciprocal(), 0)
        return matmul(vectors * unsqueeze(inverse, -2), adjoint(vectors))
    U, S, Vh, _ = _svd(A, False)
    inverse = where(kept(S, atol, rtol), S.reciprocal(), 0)
    return matmul(adjoint(Vh) * unsqueeze(inverse, -2), adjoint(U))


def _pseudo_inverse_gradient(grad, A, P):
    # Golub and Pereyra 1973, equation 4.12
    to_right = matmul(adjoint(grad), matmul(P, adjoint(P)))
    to_left = matmul(matmul(adjoint(P), P), adjoint(grad))
    return (
        to_right
        - matmul(A, matmul(P, to_right))
        + to_left
        - matmul(matmul(to_left, P), A)
        - matmul(adjoint(P), matmul(grad, adjoint(P)))
    )


@_pinv.gradient
def _(grad, saved):
    others = [None for t in (saved.atol, saved.rtol) if isinstance(t, Tensor)]
    return (_pseudo_inverse_gradient(grad, saved.A, saved.output), *others)


def tolerances(A, atol, rtol, smallest: float | None = None):
    """``atol`` and ``rtol`` with PyTorch's defaults: ``rtol`` is the precision times the larger side, unless ``atol`` is given."""
    if rtol is None:
        given = isinstance(atol, Tensor) or (atol is not None and atol > 0)
        default = epsilon(A.dtype) * max(A.shape[-2:]) if smallest is None else smallest
        rtol = 0.0 if given and not isinstance(atol, Tensor) else where(atol > 0, 0.0, default) if given else default
    return 0.0 if atol is None else atol, rtol


@documented_as("(A, *, atol=None, rtol=None, hermitian=False, out=None)")
@function("linalg")
def pinv(A, rcond=None, hermitian: bool = False, *, atol=None, rtol=None, out=None):
    """The Moore-Penrose inverses of matrices ``(..., m, n)``. Singular values (``hermitian``: absolute eigenvalues, of the lower triangle)
    up to ``max(atol, rtol * largest)`` count as zero; ``rtol`` is ``max(m, n)`` times the precision unless ``atol`` is given. ``rcond`` is
    the former name of ``rtol``. Tolerances are numbers, or tensors with one for each matrix."""
    require_matrix("linalg.pinv", A)
    require_floating("linalg.pinv", A)
    if hermitian:
        require_square("linalg.pinv", A)
    if not A.numel():
        made = zeros((*A.shape[:-2], A.shape[-1], A.shape[-2]), dtype=A.dtype)
        return deliver("linalg_pinv", made if not A.requires_grad else made + A.sum(), out, exact=False)
    atol, rtol = tolerances(A, atol, rtol if rcond is None else rcond)
    return deliver("linalg_pinv", _pinv(A, column(atol), column(rtol), hermitian), out, exact=False)


@function(method=True)
def pinverse(input, rcond: float = 1e-15):
    """``linalg.pinv`` with ``rtol=rcond``."""
    return pinv(input, rcond)


# -- least squares -----------------------------------------------------------------------------------------------------


def _outputs(specs, rcond, driver):
    a, b = specs
    (*batch, m, n), k = a.shape, b.shape[-1]
    return [
        ((*batch, n, k), a.dtype),
        (tuple(batch), dtypes.int32),
        ((*batch, min(m, n)), real_dtype(a.dtype)),
        (tuple(batch), dtypes.int32),
    ]


def _minimise(arrays, rcond: float, driver: str):
    a, b = arrays
    success = np.zeros(a.shape[:-2], np.int32)
    if driver == "gels":
        x, info = least_squares.by_qr(a, b)
        return x, None, None, info
    if driver == "gelsy":
        return *least_squares.by_pivoted_qr(a, b, rcond), None, success
    return *least_squares.by_singular_values(a, b, rcond), success


_lstsq = library(
    "linalg_lstsq(Tensor A, Tensor B, float rcond, str driver)",
    _outputs,
    _minimise,
    differentiable=(True, False, False, False),
    by_columns=(0,),
)


@_lstsq.gradient
def _(grads, saved):
    A, B, grad = saved.A, saved.B, grads[0]
    inverse = _pinv(A, 0.0, epsilon(A.dtype) * max(A.shape[-2:]), False)
    to_b = matmul(adjoint(inverse), grad)
    return _pseudo_inverse_gradient(matmul(grad, adjoint(B)), A, inverse), to_b


def _check_lstsq(A, B, driver: str) -> None:
    require_matrix("torch.linalg.lstsq", A, "input")
    if not B.ndim:
        raise RuntimeError("torch.linalg.lstsq: other must have at least 1 dimension.")
    require_floating("torch.linalg.lstsq", A)
    require_same_dtype("torch.linalg.lstsq", A, B, "input", "other")
    if driver not in ("gels", "gelsy", "gelsd", "gelss"):
        raise RuntimeError("torch.linalg.lstsq: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)")
    dims = A.ndim - B.ndim
    if not 0 <= dims <= 1 and A.ndim < B.ndim:
        raise RuntimeError(
            "torch.linalg.lstsq: input.dim() must be greater or equal to other.dim() and (input.dim() - other.dim()) <= 1"
        )


def _once(facts: Tensor, batch) -> Tensor:
    """What is known of each matrix of a ``batch`` that was repeated, where it has size 1, for several right sides."""
    for dim, size in enumerate(batch):
        facts = facts.narrow(dim, 0, size)
    return facts


@function("linalg")
def lstsq(A, B, rcond: float | None = None, *, driver: str | None = None):
    """The X of least norm that minimise ``|A X - B|`` for ``A (..., m, n)`` and ``B (..., m, k)`` or ``(..., m)``: a named tuple of the
    solution, the squared residuals of each column (empty unless ``m > n`` and all ranks are full), ranks, and singular values.

    ``driver``: ``gels`` (full rank, QR; raises LinAlgError otherwise), ``gelsy`` (the default: pivoted QR), ``gelsd``, ``gelss`` (singular
    values). Singular values up to ``rcond`` (precision times the larger side) times the largest count as zero.
    """
    driver = "gelsy" if driver is None else driver
    _check_lstsq(A, B, driver)
    vector = is_vector_side(A, B) and A.ndim - 1 == B.ndim
    B = unsqueeze(B, -1) if vector else B
    if A.shape[-2] != B.shape[-2]:
        raise RuntimeError(f"torch.linalg.lstsq: input.size(-2) should match other.size(-{1 if vector else 2})")
    m, n = A.shape[-2:]
    own = A.shape[:-2]
    A, B = same_batch(A, B)
    limit = epsilon(A.dtype) * max(m, n) if rcond is None else float(rcond)
    X, rank, values, info = _lstsq(A, B, limit, driver)
    check_info(
        "torch.linalg.lstsq",
        info,
        lambda k: (
            "The least squares solution could not be computed because the input matrix does not "
            f"have full rank (error code: {k})."
        ),
    )
    residuals = reshaped(real(X), (X.numel(),))[:0]  # empty, but with X's history
    if m > n and driver != "gelsy" and (driver == "gels" or A.is_meta or (rank._array() == n).all()):
        residuals = (matmul(A, X) - B).abs().square().sum(-2)
    return _LeastSquares(
        (
            X.squeeze(-1) if vector else X,
            residuals,
            zeros((0,), dtype=dtypes.int64) if driver == "gels" else _once(rank, own).to(dtypes.int64),
            _once(values, own) if driver in ("gelsd", "gelss") else zeros((0,), dtype=values.dtype),
        )
    )
