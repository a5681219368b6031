"""Inverses, and solutions of systems of linear equations with square matrices."""

from __future__ import annotations

import numpy as np

from .. import dtypes
from ..runtime import lapack
from ..runtime.warning import warn_of_former_name
from .copying import clone
from .decompositions import lower_and_upper_gradient, permuted
from .elementwise import refusal
from .matmul import adjoint, matmul
from .matrices import (
    check_info,
    deliver,
    library,
    require_floating,
    require_matrix,
    require_same_dtype,
    require_square,
    same_batch,
    transposed,
)
from .operator import operator
from .registry import function
from .return_types import named_result
from .sequences import eye
from .triangular import tril, triu
from .views import unsqueeze

_InverseAndInfo = named_result("linalg_inv_ex", "inverse", "info")
_ResultAndInfo = named_result("linalg_solve_ex", "result", "info")
_TriangularSolution = named_result("triangular_solve", "solution", "cloned_coefficient")


# -- inverses ----------------------------------------------------------------------------------------------------------


def _inverse(arrays):
    (a,) = arrays
    try:
        return np.linalg.inv(a), np.zeros(a.shape[:-2], np.int32)
    except np.linalg.LinAlgError:
        factors, pivots, info = lapack.getrf(a)
        return lapack.getrs(factors, pivots, np.broadcast_to(np.eye(a.shape[-1], dtype=a.dtype), a.shape)), info


def _with_info(specs, *static):
    result = specs[-1]
    return [(result.shape, result.dtype), (result.shape[:-2], dtypes.int32)]


unchecked_inverse = library("linalg_inv_ex(Tensor A)", _with_info, _inverse, by_columns=(0,))


@unchecked_inverse.gradient
def _(grads, saved):
    # d(A^-1) = -A^-1 dA A^-1
    inverse = adjoint(saved.outputs[0])
    return -matmul(inverse, matmul(grads[0], inverse))


def _invert(name: str, A, checked: bool):
    require_square("linalg.inv", A)
    require_floating("linalg.inv", A)
    made = unchecked_inverse(A)
    if checked:
        check_info(
            name,
            made[1],
            lambda k: (
                f"The diagonal element {k} is zero, the inversion could not be completed because the input "
                "matrix is singular."
            ),
        )
    return _InverseAndInfo(made)


@function("linalg")
def inv_ex(A, *, check_errors: bool = False, out=None):
    """The inverses of square matrices and, in ``info``, the number of the first zero pivot (0: none, the inverse is good).

    Raises ``LinAlgError`` for singular matrices only where ``check_errors``.
    """
    return deliver("linalg_inv_ex", _invert("linalg.inv_ex", A, check_errors), out)


@function("linalg")
def inv(A, *, out=None):
    """The inverses of square matrices ``(..., n, n)`` of floating-point or complex dtype. Raises ``LinAlgError`` for singular ones."""
    return deliver("linalg_inv", _invert("linalg.inv", A, True).inverse, out)


@function(method=True)
def inverse(input, *, out=None):
    """``linalg.inv``."""
    return inv(input, out=out)


# -- general systems ---------------------------------------------------------------------------------------------------


def _solutions(arrays):
    a, b = arrays
    try:
        return np.linalg.solve(a, b), np.zeros(a.shape[:-2], np.int32)
    except np.linalg.LinAlgError:
        factors, pivots, info = lapack.getrf(a)
        return lapack.getrs(factors, pivots, b), info


_solve_ex = library("linalg_solve_ex(Tensor A, Tensor B)", _with_info, _solutions, by_columns=(0,))


@_solve_ex.gradient
def _(grads, saved):
    to_b = unchecked_solution(adjoint(saved.A), grads[0])
    return -matmul(to_b, adjoint(saved.outputs[0])), to_b


def unchecked_solution(A, B):
    """``A^-1 B`` of batches of matrices; whatever comes out where A is singular."""
    return _solve_ex(*same_batch(A, B))[0]


def is_vector_side(A, B) -> bool:
    """Whether the right side of a system is a batch of vectors: it has one dimension, or ``A``'s without the last."""
    return B.ndim == 1 or (A.ndim - 1 == B.ndim and B.shape == A.shape[:-1])


def _check_sides(name: str, A, B, left: bool) -> None:
    require_matrix(name, A)
    require_matrix(name, B, "B")
    require_square(name, A)
    if A.shape[-1] != B.shape[-2 if left else -1]:
        raise RuntimeError(
            f"{name}: Incompatible shapes of A and B for the equation {'AX = B' if left else 'XA = B'} "
            f"({A.shape[-2]}x{A.shape[-1]} and {B.shape[-2]}x{B.shape[-1]})"
        )


def _solve(name: str, A, B, left: bool, checked: bool):
    if A.dtype in (dtypes.float16, dtypes.bfloat16):
        raise refusal("lu_cpu", A.dtype, "f")
    require_floating("linalg.solve", A)
    require_same_dtype("linalg.solve", A, B)
    require_square("linalg.solve", A)
    vector = is_vector_side(A, B)
    B = unsqueeze(B, -1) if vector else B
    _check_sides("linalg.solve", A, B, left)
    if left:
        result, info = _solve_ex(*same_batch(A, B))
    else:
        result, info = _solve_ex(*same_batch(transposed(A), transposed(B)))
        result = transposed(result)
    if checked:
        check_info(name, info, lambda k: "The solver failed because the input matrix is singular.")
    return _ResultAndInfo((result.squeeze(-1) if vector else result, info))


@function("linalg")
def solve(A, B, *, left: bool = True, out=None):
    """The X with ``A X = B`` (``left=False``: ``X A = B``) for square ``A (..., n, n)`` and ``B (..., n, k)`` or ``(..., n)``.

    Batches broadcast. Raises ``LinAlgError`` where A is singular.
    """
    return deliver("linalg_solve", _solve("torch.linalg.solve", A, B, left, True).result, out)


@function("linalg")
def solve_ex(A, B, *, left: bool = True, check_errors: bool = False, out=None):
    """``solve``, with the number of the first zero pivot (or 0) in ``info``; raises only where ``check_errors``."""
    return deliver("linalg_solve_ex", _solve("torch.linalg.solve_ex", A, B, left, check_errors), out)


# -- triangular systems ------------------------------------------------------------------------------------------------


def _side_alone(specs, *static):
    return [(specs[-1].shape, specs[-1].dtype)]


_solve_triangular = library(
    "linalg_solve_triangular(Tensor A, Tensor B, bool upper, bool unitriangular)",
    _side_alone,
    lambda arrays, upper, unit: (lapack.trsm(*arrays, upper, unit),),
    by_columns=(0,),
)


@_solve_triangular.gradient
def _(grad, saved):
    upper, unit = saved.upper, saved.unitriangular
    to_b = _solve_triangular(adjoint(saved.A), grad, not upper, unit)
    to_a = -matmul(to_b, adjoint(saved.output))
    return (triu(to_a, int(unit)) if upper else tril(to_a, -int(unit))), to_b


def triangular_solution(A, B, upper: bool, left: bool = True, unitriangular: bool = False):
    """``A^-1 B`` or (not ``left``) ``B A^-1`` for triangles ``A``."""
    if left:
        return _solve_triangular(*same_batch(A, B), upper, unitriangular)
    return transposed(_solve_triangular(*same_batch(transposed(A), transposed(B)), not upper, unitriangular))


@function("linalg")
def solve_triangular(A, B, *, upper: bool, left: bool = True, unitriangular: bool = False, out=None):
    """The X with ``A X = B`` (``left=False``: ``X A = B``) for triangular ``A (..., n, n)``, of which only that triangle is read.

    ``unitriangular``: its diagonal counts as ones. A zero on the diagonal gives infinities.
    """
    require_floating("linalg.solve_triangular", A)
    require_same_dtype("linalg.solve_triangular", A, B)
    _check_sides("linalg.solve_triangular", A, B, left)
    return deliver("linalg_solve_triangular", triangular_solution(A, B, upper, left, unitriangular), out)


@function(method=True)
def triangular_solve(b, A, upper: bool = True, transpose: bool = False, unitriangular: bool = False, *, out=None):
    """The X with ``A X = b`` (``transpose``: ``A.T X = b``) for triangular ``A``, and a copy of ``A``."""
    for x, argument in ((b, "b"), (A, "A")):
        if x.ndim < 2:
            raise RuntimeError(
                f"torch.triangular_solve: Expected {argument} to have at least 2 dimensions, but it has {x.ndim} dimensions instead"
            )
    if A.shape[-1] != A.shape[-2]:
        raise RuntimeError(
            f"A must be batches of square matrices, but they are {A.shape[-2]} by {A.shape[-1]} matrices"
        )
    if A.shape[-1] != b.shape[-2]:
        raise RuntimeError(
            f"Incompatible matrix sizes for triangular_solve: each A matrix is {A.shape[-1]} by {A.shape[-1]} but each b "
            f"matrix is {b.shape[-2]} by {b.shape[-1]}"
        )
    require_same_dtype("triangular_solve", b, A, "b", "A")
    warn_of_former_name("triangular_solve", "linalg.solve_triangular")
    A, b = same_batch(A, b)
    x = triangular_solution(transposed(A) if transpose else A, b, upper != transpose, True, unitriangular)
    return deliver("triangular_solve", _TriangularSolution((x, clone(A))), out)


# -- systems of factored matrices --------------------------------------------------------------------------------------


@operator("cholesky_solve(Tensor B, Tensor L, bool upper)", namespace=None)
def _cholesky_solve(B, L, upper):
    first, second = (adjoint(L), L) if upper else (L, adjoint(L))
    return triangular_solution(second, triangular_solution(first, B, False), True)


@_cholesky_solve.gradient
def _(grad, saved):
    L, upper = saved.L, saved.upper
    to_b = _cholesky_solve(*same_batch(grad, L), upper)
    product = matmul(to_b, adjoint(saved.output))
    product = product + adjoint(product)
    return to_b, -(matmul(L, product) if upper else matmul(product, L))


@function(method=True)
def cholesky_solve(input, input2, upper: bool = False, *, out=None):
    """The X with ``A X = input`` where ``A = L L^H`` (``upper``: ``L^H L``) is given by its Cholesky factor ``input2``."""
    B, L = input, input2
    for x, argument in ((B, "b"), (L, "u")):
        if x.ndim < 2:
            raise RuntimeError(f"{argument} should have at least 2 dimensions, but has {x.ndim} dimensions instead")
    if L.shape[-1] != L.shape[-2] or L.shape[-1] != B.shape[-2]:
        raise RuntimeError(
            f"cholesky_solve: incompatible matrix sizes: each L matrix is {L.shape[-2]} by {L.shape[-1]} but each B matrix "
            f"is {B.shape[-2]} by {B.shape[-1]}"
        )
    require_same_dtype("cholesky_solve", B, L, "B", "L")
    return deliver("cholesky_solve", _cholesky_solve(*same_batch(B, L), upper), out, exact=False)


@operator("cholesky_inverse(Tensor L, bool upper)", namespace=None)
def _cholesky_inverse(L, upper):
    identity = eye(L.shape[-1], dtype=L.dtype).expand(L.shape)
    return _cholesky_solve(identity, L, upper)


@_cholesky_inverse.gradient
def _(grad, saved):
    L, inverse = saved.L, saved.output
    product = matmul(matmul(inverse, grad + adjoint(grad)), inverse)
    return -(matmul(L, product) if saved.upper else matmul(product, L))


@function(method=True)
def cholesky_inverse(L, upper: bool = False, *, out=None):
    """The inverse of ``L L^H`` (``upper``: ``L^H L``), given its Cholesky factor."""
    require_square("cholesky_inverse", L)
    return deliver("cholesky_inverse", _cholesky_inverse(L, upper), out, exact=False)


_lu_solve = library(
    "linalg_lu_solve(Tensor LU, Tensor pivots, Tensor B, bool adjoint)",
    _side_alone,
    lambda arrays, adjoint: (lapack.getrs(*arrays, "C" if adjoint else "N"),),
    by_columns=(0,),
)


@_lu_solve.gradient
def _(grad, saved):
    LU, pivots, transposes = saved.LU, saved.pivots, saved.adjoint
    to_b = _lu_solve(LU, pivots, grad, not transposes)
    to_a = -matmul(saved.output, adjoint(to_b)) if transposes else -matmul(to_b, adjoint(saved.output))
    return lower_and_upper_gradient(permuted(to_a, pivots, back=True), LU), None, to_b


@function("linalg")
def lu_solve(LU, pivots, B, *, left: bool = True, adjoint: bool = False, out=None):
    """The X with ``A X = B`` (``left=False``: ``X A = B``; ``adjoint``: with A's adjoint), A given by ``linalg.lu_factor``."""
    require_floating("linalg.lu_solve", LU)
    require_same_dtype("linalg.lu_solve", LU, B, "LU", "B")
    if pivots.dtype is not dtypes.int32:
        raise RuntimeError(f"linalg.lu_solve: pivots should be a Tensor of scalar type torch.int32. Got {pivots.dtype}")
    _check_sides("linalg.lu_solve", LU, B, left)
    if pivots.shape != LU.shape[:-1]:
        raise RuntimeError(
            f"linalg.lu_solve: Number of pivots per batch should be same as the dimension of the matrix, got pivots "
            f"{list(pivots.shape)} for LU {list(LU.shape)}"
        )
    side = B if left else B.mH
    LU, side = same_batch(LU, side)
    pivots = pivots.expand(LU.shape[:-1])
    made = _lu_solve(LU, pivots, side, adjoint == left)
    return deliver("linalg_lu_solve", made if left else made.mH.contiguous(), out)


@function("torch", name="lu_solve", method=True)
def _lu_solve_reversed(b, LU_data, LU_pivots, *, out=None):
    """``linalg.lu_solve`` with the right side first."""
    warn_of_former_name("lu_solve", "linalg.lu_solve")
    return lu_solve(LU_data, LU_pivots, b, out=out)


_ldl_solve = library(
    "linalg_ldl_solve(Tensor LD, Tensor pivots, Tensor B, bool hermitian)",
    _side_alone,
    lambda arrays, hermitian: (lapack.sytrs(*arrays, hermitian),),
    by_columns=(0,),
)


@function("linalg")
def ldl_solve(LD, pivots, B, *, hermitian: bool = False, out=None):
    """The X with ``A X = B``, the symmetric (or ``hermitian``) A given by ``linalg.ldl_factor``. Without gradient."""
    require_square("torch.linalg.ldl_solve", LD, "LD")
    require_floating("torch.linalg.ldl_solve", LD)
    require_same_dtype("torch.linalg.ldl_solve", LD, B, "LD", "B")
    if B.ndim < 2:
        raise RuntimeError(
            f"torch.linalg.ldl_solve: Expected B to have at least 2 dimensions, but it has {B.ndim} dimensions instead"
        )
    if pivots.shape != LD.shape[:-1]:
        raise RuntimeError(
            "torch.linalg.ldl_solve: Expected LD.shape[:-1] and pivots.shape to be the same, but got pivots with shape "
            f"{list(pivots.shape)} instead"
        )
    if pivots.dtype.category > 1:
        raise RuntimeError(f"torch.linalg.ldl_solve: Expected pivots to be integers. Got {pivots.dtype}")
    LD, B = same_batch(LD, B)
    made = _ldl_solve(LD.detach(), pivots.to(dtypes.int32).expand(LD.shape[:-1]), B.detach(), hermitian)
    return deliver("linalg_ldl_solve", made, out)
