"""Factorisations of matrices that need finitely many steps: Cholesky, LU, LDL, QR, and products of Householder reflections."""

from __future__ import annotations

import numpy as np

from .. import dtypes
from ..runtime import lapack
from ..runtime.warning import warn_of_former_name
from ..tensor import Tensor
from .creation import zeros
from .gathering import gather
from .joining import cat
from .matmul import adjoint, matmul
from .matrices import check_info, deliver, library, require_floating, require_matrix, require_square
from .positions import positions
from .registry import function
from .return_types import named_result
from .sequences import eye
from .triangular import diag_embed, tril, triu
from .views import diagonal, unsqueeze

_CholeskyAndInfo = named_result("linalg_cholesky_ex", "L", "info")
_LU = named_result("linalg_lu_factor", "LU", "pivots")
_LUAndInfo = named_result("linalg_lu_factor_ex", "LU", "pivots", "info")
_LegacyLUAndInfo = named_result("_lu_with_info", "LU", "pivots", "info")
_PLU = named_result("linalg_lu", "P", "L", "U")
_Unpacked = named_result("lu_unpack", "P", "L", "U")
_LDL = named_result("linalg_ldl_factor", "LD", "pivots")
_LDLAndInfo = named_result("linalg_ldl_factor_ex", "LD", "pivots", "info")
_QR = named_result("linalg_qr", "Q", "R")
_LegacyQR = named_result("qr", "Q", "R")
_Reflections = named_result("geqrf", "a", "tau")


def _triangular_solution(*arguments):
    from .linear_solvers import triangular_solution

    return triangular_solution(*arguments)


# -- Cholesky ----------------------------------------------------------------------------------------------------------


def _factor_positive(arrays):
    (a,) = arrays
    try:
        factor, info = np.linalg.cholesky(a), np.zeros(a.shape[:-2], np.int32)
    except np.linalg.LinAlgError:
        factor, info = lapack.potrf(a)
        factor = np.tril(factor)
    bad = np.isnan(np.diagonal(factor, axis1=-2, axis2=-1))  # a minor of NaN is not positive either
    if bad.any():
        info = np.where((info == 0) & bad.any(-1), bad.argmax(-1).astype(np.int32) + 1, info).astype(np.int32)
    return factor, info


_cholesky_ex = library(
    "linalg_cholesky_ex(Tensor A)",
    lambda specs: [(specs[0].shape, specs[0].dtype), (specs[0].shape[:-2], dtypes.int32)],
    _factor_positive,
    by_columns=(0,),
)


@_cholesky_ex.gradient
def _(grads, saved):
    # Murray 2016, "Differentiation of the Cholesky decomposition"
    L = saved.outputs[0]
    phi = tril(matmul(adjoint(L), grads[0]))
    phi = phi - diag_embed(diagonal(phi, 0, -2, -1)) * 0.5
    to_a = _triangular_solution(L, _triangular_solution(adjoint(L), phi, True), False, False)
    return (to_a + adjoint(to_a)) * 0.5


def _cholesky(name: str, A, upper: bool, checked: bool):
    require_square("linalg.cholesky", A)
    require_floating("linalg.cholesky", A)
    factor, info = _cholesky_ex(adjoint(A) if upper else A)
    if checked:
        check_info(
            name,
            info,
            lambda k: (
                "The factorization could not be completed because the input is not positive-definite (the leading "
                f"minor of order {k} is not positive-definite)."
            ),
        )
    return _CholeskyAndInfo((adjoint(factor) if upper else factor, info))


@function("linalg")
def cholesky_ex(A, *, upper: bool = False, check_errors: bool = False, out=None):
    """``cholesky``, with the order of the first minor that is not positive-definite (or 0) in ``info``; raises only where
    ``check_errors``."""
    return deliver("linalg_cholesky_ex", _cholesky("linalg.cholesky_ex", A, upper, check_errors), out)


@function("linalg")
def cholesky(A, *, upper: bool = False, out=None):
    """The lower triangle L with ``A = L L^H`` (``upper``: L^H) of Hermitian positive-definite ``A``, whose lower (upper) triangle is
    read. Raises ``LinAlgError`` where A is not positive-definite."""
    return deliver("linalg_cholesky", _cholesky("linalg.cholesky", A, upper, True).L, out)


@function("torch", name="cholesky", method=True)
def _legacy_cholesky(input, upper: bool = False, *, out=None):
    """``linalg.cholesky``, under its former name."""
    require_square("cholesky", input)
    warn_of_former_name("cholesky", "linalg.cholesky")
    return deliver("cholesky", _cholesky("cholesky", input, upper, True).L, out, exact=False)


# -- LU ----------------------------------------------------------------------------------------------------------------


def _lu_outputs(specs):
    a = specs[0]
    return [
        (a.shape, a.dtype),
        ((*a.shape[:-2], min(a.shape[-2:])), dtypes.int32),
        (a.shape[:-2], dtypes.int32),
    ]


_lu_factor_ex = library("linalg_lu_factor_ex(Tensor A)", _lu_outputs, lambda arrays: lapack.getrf(arrays[0]), by_columns=(0,))
_row_order = library(
    "row_order(Tensor pivots, int rows)",
    lambda specs, rows: [((*specs[0].shape[:-1], rows), dtypes.int64)],
    lambda arrays, rows: (lapack.permutation(arrays[0], rows),),
)


def permuted(x, pivots, back: bool = False):
    """The rows of matrices as row interchanges put them: ``P x``, or (``back``) ``P^T x``, where ``A = P L U``."""
    order = _row_order(pivots, x.shape[-2])
    if not back:
        order = order.argsort(-1)
    return gather(x, -2, unsqueeze(order, -1).expand(x.shape))


def _lower(LU):
    """The unit lower factor in a packed one."""
    k = min(LU.shape[-2:])
    return tril(LU[..., :k], -1) + eye(LU.shape[-2], k, dtype=LU.dtype)


def _upper(LU):
    return triu(LU[..., : min(LU.shape[-2:]), :])


def lower_and_upper_gradient(grad, LU):
    """The packed gradient of L and U where that of ``L U`` is ``grad``; for square factors."""
    to_lower = tril(matmul(grad, adjoint(_upper(LU))), -1)
    return to_lower + triu(matmul(adjoint(_lower(LU)), grad))


def _factors_to_matrix(to_lower, to_upper, L, U):
    """The gradient of ``L U`` given those of its factors, of any shape: the factors' differentials are the triangles of
    ``L^-1 d(LU) U^-1``, columns right of a square or rows below it follow by substitution."""
    k = L.shape[-1]
    square_l, square_u = L[..., :k, :], U[..., :k]
    inner_l = matmul(adjoint(square_l), to_lower[..., :k, :])
    inner_u = matmul(to_upper[..., :k], adjoint(square_u))
    if U.shape[-1] > k:
        inner_l = inner_l - matmul(to_upper[..., k:], adjoint(U[..., k:]))
    if L.shape[-2] > k:
        inner_u = inner_u - matmul(adjoint(L[..., k:, :]), to_lower[..., k:, :])
    inner = _triangular_solution(adjoint(square_u), tril(inner_l, -1) + triu(inner_u), False, False)
    if U.shape[-1] > k:
        inner = cat((inner, to_upper[..., k:]), -1)
    result = _triangular_solution(adjoint(square_l), inner, True, True, True)
    if L.shape[-2] > k:
        below = _triangular_solution(adjoint(square_u), to_lower[..., k:, :], False, False)
        result = cat((result, below), -2)
    return result


@_lu_factor_ex.gradient
def _(grads, saved):
    LU, pivots = saved.outputs[:2]
    grad = grads[0]
    k = min(LU.shape[-2:])
    return permuted(_factors_to_matrix(tril(grad[..., :k], -1), triu(grad[..., :k, :]), _lower(LU), _upper(LU)), pivots)


def _lu(name: str, A, pivot: bool):
    require_matrix(name, A)
    require_floating(name, A)
    if not pivot:
        raise RuntimeError(f"{name}: LU without pivoting is not implemented on the CPU")
    return _LUAndInfo(_lu_factor_ex(A))


@function("linalg")
def lu_factor_ex(A, *, pivot: bool = True, check_errors: bool = False, out=None):
    """``lu_factor``, with the number of the first zero pivot (or 0) in ``info``; raises only where ``check_errors``."""
    made = _lu("linalg.lu_factor_ex" if check_errors else "linalg.lu_factor", A, pivot)
    if check_errors:
        _check_pivots("torch.linalg.lu_factor_ex", made.info)
    return deliver("linalg_lu_factor_ex", made, out)


def _check_pivots(name: str, info) -> None:
    check_info(
        name,
        info,
        lambda k: (
            f"U[{k},{k}] is zero and using it on lu_solve would result in a division by zero. If you still want to "
            "perform the factorization, consider calling linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)"
        ),
        RuntimeError,
    )


@function("linalg")
def lu_factor(A, *, pivot: bool = True, out=None):
    """``A = P L U`` of matrices ``(..., m, n)``: L (below the diagonal, which is ones) and U in one tensor, and for each row the row,
    counted from 1, that it was interchanged with. Raises ``RuntimeError`` where U has a zero on its diagonal."""
    LU, pivots, info = _lu("linalg.lu_factor", A, pivot)
    _check_pivots("torch.linalg.lu_factor", info)
    return deliver("linalg_lu_factor", _LU((LU, pivots)), out)


@function("linalg")
def lu(A, *, pivot: bool = True, out=None):
    """The permutation P, the unit lower L ``(..., m, k)`` and the upper U ``(..., k, n)`` with ``A = P L U``, ``k = min(m, n)``."""
    LU, pivots, _ = _lu("linalg.lu_factor", A, pivot)
    return deliver("linalg_lu", _PLU((_permutation_matrix(pivots, LU), _lower(LU), _upper(LU))), out)


def _permutation_matrix(pivots, LU):
    m = LU.shape[-2]
    order = _row_order(pivots, m)
    return (unsqueeze(order, -2) == unsqueeze(positions(m), -1)).to(LU.dtype)


@function("torch", name="lu")
def _legacy_lu(A, pivot: bool = True, get_infos: bool = False, out=None):
    """``linalg.lu_factor`` (``get_infos``: ``linalg.lu_factor_ex``) under its former name; zero pivots are not checked."""
    warn_of_former_name("lu", "linalg.lu_factor / torch.linalg.lu_factor_ex")
    made = _lu("linalg.lu_factor", A, pivot)
    if get_infos:
        return deliver("lu", _LegacyLUAndInfo(made), out)
    pair = deliver("lu", _LU((made.LU, made.pivots)), out)
    return pair.LU, pair.pivots


@function(None, method="lu")
def _lu_method(self, pivot: bool = True, get_infos: bool = False):
    """``torch.lu`` of this tensor."""
    return _legacy_lu(self, pivot, get_infos)


@function()
def lu_unpack(LU_data, LU_pivots, unpack_data: bool = True, unpack_pivots: bool = True, *, out=None):
    """P, L and U of what ``linalg.lu_factor`` gives; empty tensors for what is not to be unpacked."""
    if unpack_pivots and LU_pivots.dtype is not dtypes.int32:
        raise RuntimeError(
            "torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 dtype.\n"
            "Note: this function is intended to be used with the output produced by torch.linalg.lu_factor"
        )
    nothing = zeros((0,), dtype=LU_data.dtype)
    P = _permutation_matrix(LU_pivots, LU_data) if unpack_pivots else nothing
    L, U = (_lower(LU_data), _upper(LU_data)) if unpack_data else (nothing, nothing)
    return deliver("lu_unpack", _Unpacked((P, L, U)), out)


# -- LDL ---------------------------------------------------------------------------------------------------------------


_ldl_factor_ex = library(
    "linalg_ldl_factor_ex(Tensor A, bool hermitian)",
    lambda specs, hermitian: _lu_outputs(specs),
    lambda arrays, hermitian: lapack.sytrf(arrays[0], hermitian),
    by_columns=(0,),
)


@_ldl_factor_ex.gradient
def _(grads, saved):
    raise NotImplementedError("derivative for linalg_ldl_factor_ex is not implemented")


def _ldl(A, hermitian: bool):
    require_square("torch.linalg.ldl_factor_ex", A)
    require_floating("torch.linalg.ldl_factor_ex", A)
    LD, pivots, info = _ldl_factor_ex(A, hermitian)
    return _LDLAndInfo((tril(LD), pivots, info))


@function("linalg")
def ldl_factor_ex(A, *, hermitian: bool = False, check_errors: bool = False, out=None):
    """``ldl_factor``, with the number of the first zero in D (or 0) in ``info``; raises only where ``check_errors``."""
    made = _ldl(A, hermitian)
    if check_errors:
        _check_blocks("torch.linalg.ldl_factor_ex", made.info)
    return deliver("linalg_ldl_factor_ex", made, out)


def _check_blocks(name: str, info) -> None:
    check_info(
        name,
        info,
        lambda k: f"D[{k},{k}] is zero: the matrix is singular and cannot be used to solve systems.",
        RuntimeError,
    )


@function("linalg")
def ldl_factor(A, *, hermitian: bool = False, out=None):
    """``L D L^T`` of symmetric (``hermitian``: ``L D L^H`` of Hermitian) matrices, by pivoting with blocks of one or two rows (Bunch and
    Kaufman 1977), in LAPACK's packed form. The lower triangle is read. Raises where D is singular. Without gradient."""
    LD, pivots, info = _ldl(A, hermitian)
    _check_blocks("torch.linalg.ldl_factor", info)
    return deliver("linalg_ldl_factor", _LDL((LD, pivots)), out)


# -- QR ----------------------------------------------------------------------------------------------------------------


def _qr_shapes(shape, mode: str):
    m, n = shape[-2:]
    k = m if mode == "complete" else min(m, n)
    return ((0,) if mode == "r" else (*shape[:-2], m, k)), (*shape[:-2], k, n)


def _qr_arrays(arrays, mode: str):
    (a,) = arrays
    if mode == "r":
        return np.empty((0,), a.dtype), np.linalg.qr(a, "r")
    return np.linalg.qr(a, mode)


_qr = library(
    "linalg_qr(Tensor A, str mode)",
    lambda specs, mode: [(s, specs[0].dtype) for s in _qr_shapes(specs[0].shape, mode)],
    _qr_arrays,
    by_columns=(0, 1),
)


@_qr.gradient
def _(grads, saved):
    # Seeger et al. 2017 for tall matrices, Roberts and Roberts 2020 for wide ones.
    (to_q, to_r), (Q, R), mode = grads, saved.outputs, saved.mode
    m, n = saved.A.shape[-2:]
    if mode == "r":
        raise RuntimeError(
            "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please use "
            "linalg.qr(A, mode='reduced') if you are going to require gradients."
        )
    if mode == "complete" and m > n:
        raise RuntimeError("The QR decomposition is not differentiable when mode='complete' and nrows > ncols")
    inner = matmul(adjoint(Q), to_q) - matmul(to_r, adjoint(R))
    if m >= n:
        upper = triu(-inner)
        both = upper + adjoint(upper)
        both = both - diag_embed(diagonal(both, 0, -2, -1)) * 0.5
        return _triangular_solution(adjoint(R), to_q + matmul(Q, both), False, False)
    lower = tril(inner - adjoint(inner))
    lower = lower - diag_embed(diagonal(lower, 0, -2, -1)) * 0.5
    square = _triangular_solution(adjoint(R[..., :m]), lower, False, False)
    rest = zeros((*square.shape[:-1], n - m), dtype=square.dtype)
    return matmul(Q, to_r + cat((square, rest), -1))


@function("linalg")
def qr(A, mode: str = "reduced", *, out=None):
    """``A = Q R`` with orthonormal columns of Q and upper R: ``reduced`` (Q of ``min(m, n)`` columns), ``complete`` (square Q), ``r``
    (R alone, Q empty)."""
    require_matrix("linalg.qr", A)
    require_floating("linalg.qr", A)
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'"
        )
    return deliver("linalg_qr", _QR(_qr(A, mode)), out)


@function("torch", name="qr", method=True)
def _legacy_qr(input, some: bool = True, *, out=None):
    """``linalg.qr`` with mode ``reduced`` (``some``) or ``complete``, under its former name."""
    warn_of_former_name("qr", "linalg.qr")
    return deliver("qr", _LegacyQR(qr(input, "reduced" if some else "complete")), out)


# -- Householder reflections -------------------------------------------------------------------------------------------


_geqrf = library(
    "geqrf(Tensor input)",
    lambda specs: [
        (specs[0].shape, specs[0].dtype),
        ((*specs[0].shape[:-2], min(specs[0].shape[-2:])), specs[0].dtype),
    ],
    lambda arrays: lapack.geqrf(arrays[0]),
    by_columns=(0,),
)


@_geqrf.gradient
def _(grads, saved):
    raise NotImplementedError("the derivative for 'geqrf' is not implemented.")


@function(method=True)
def geqrf(input, *, out=None):
    """LAPACK's QR: R on and above the diagonal, below it the vectors, and in ``tau`` the factors of the reflections that make up Q."""
    if input.ndim < 2:
        raise RuntimeError("torch.geqrf: input must have at least 2 dimensions.")
    require_floating("torch.geqrf", input)
    return deliver("geqrf", _Reflections(_geqrf(input)), out, exact=False)


def _reflectors(packed, count: int) -> list[Tensor]:
    """The vectors that define reflections, as columns: zeros above a one above what is stored."""
    m = packed.shape[-2]
    vectors = tril(packed[..., :count], -1) + eye(m, count, dtype=packed.dtype)
    return [vectors[..., i : i + 1] for i in range(count)]


def _reflect(packed, tau, c, adjoint_product: bool):
    """``Q c`` or ``Q^H c``, and for each step what the reflection was applied to. ``Q = H_1 H_2 ... H_k``, ``H = 1 - tau v v^H``."""
    count = tau.shape[-1]
    vectors = _reflectors(packed, count)
    order = range(count) if adjoint_product else range(count - 1, -1, -1)
    steps = []
    for i in order:
        v, t = vectors[i], _factor(tau, i, adjoint_product)
        steps.append((i, v, t, c))
        c = c - t * matmul(v, matmul(adjoint(v), c))
    return c, steps


def _factor(tau, i: int, conjugate: bool):
    t = tau[..., i : i + 1].unsqueeze(-1)
    return t.conj() if conjugate else t


def _reflect_gradient(packed, tau, c, grad, adjoint_product: bool):
    """Gradients of ``_reflect`` with respect to the packed vectors, ``tau`` and ``c``: step by step backwards."""
    _, steps = _reflect(packed, tau, c, adjoint_product)
    count = tau.shape[-1]
    to_vectors: list = [None] * count
    to_tau: list = [None] * count
    for i, v, t, before in reversed(steps):
        row = matmul(adjoint(before), v)  # the adjoint of v^H c
        pushed = matmul(grad, row)
        to_factor = -matmul(adjoint(v), pushed)
        to_tau[i] = (to_factor.conj() if adjoint_product else to_factor).squeeze(-1)
        to_vectors[i] = -t.conj() * pushed - t * matmul(before, matmul(adjoint(grad), v))
        grad = grad - t.conj() * matmul(v, matmul(adjoint(v), grad))
    if not count:
        return packed * 0, tau * 0, grad
    to_packed = tril(cat(to_vectors, -1), -1)
    if packed.shape[-1] > count:
        to_packed = cat((to_packed, zeros((*packed.shape[:-1], packed.shape[-1] - count), dtype=packed.dtype)), -1)
    return to_packed, cat(to_tau, -1), grad


_householder_product = library(
    "linalg_householder_product(Tensor A, Tensor tau)",
    lambda specs: [(specs[0].shape, specs[0].dtype)],
    lambda arrays: (lapack.orgqr(*arrays),),
    by_columns=(0,),
)


@_householder_product.gradient
def _(grad, saved):
    A = saved.A
    columns = eye(*A.shape[-2:], dtype=A.dtype).expand(A.shape)
    return _reflect_gradient(A, saved.tau, columns, grad, False)[:2]


@function("linalg")
def householder_product(A, tau, *, out=None):
    """The first ``n`` columns of the product of the reflections ``1 - tau_i v_i v_i^H`` that ``geqrf`` gives as ``(..., m, n)`` and tau."""
    name = "torch.linalg.householder_product"
    require_matrix(name, A, "input")
    m, n = A.shape[-2:]
    if m < n:
        raise RuntimeError(f"{name}: input.shape[-2] must be greater than or equal to input.shape[-1]")
    if n < tau.shape[-1]:
        raise RuntimeError(f"{name}: input.shape[-1] must be greater than or equal to tau.shape[-1]")
    if A.ndim - tau.ndim != 1:
        raise RuntimeError(
            f"{name}: Expected tau to have one dimension less than input, but got tau.ndim equal to {tau.ndim} and input.ndim "
            f"is equal to {A.ndim}"
        )
    if A.ndim > 2 and tau.shape[:-1] != A.shape[:-2]:
        raise RuntimeError(
            f"{name}: Expected batch dimensions of tau to be equal to input.shape[:-2], but got {list(tau.shape[:-1])}"
        )
    require_floating(name, A)
    _require_dtype(name, tau, "tau", A)
    return deliver("linalg_householder_product", _householder_product(A, tau), out, exact=False)


@function(method=True)
def orgqr(input, input2, *, out=None):
    """``linalg.householder_product``."""
    return householder_product(input, input2, out=out)


def _require_dtype(name: str, x, argument: str, like) -> None:
    if x.dtype is not like.dtype:
        raise RuntimeError(f"{name}: {argument} dtype {x.dtype} does not match input dtype {like.dtype}")


_ormqr = library(
    "ormqr(Tensor input, Tensor tau, Tensor other, bool left, bool transpose)",
    lambda specs, left, transpose: [(specs[2].shape, specs[2].dtype)],
    lambda arrays, left, transpose: (lapack.ormqr(*arrays, left, transpose),),
    by_columns=(0,),
)


@_ormqr.gradient
def _(grad, saved):
    packed, tau, other = saved.input, saved.tau, saved.other
    if saved.left:
        return _reflect_gradient(packed, tau, other, grad, saved.transpose)
    # C Q is the adjoint of Q^H C^H.
    to_packed, to_tau, to_other = _reflect_gradient(packed, tau, adjoint(other), adjoint(grad), not saved.transpose)
    return to_packed, to_tau, adjoint(to_other)


@function(method=True)
def ormqr(input, input2, input3, left: bool = True, transpose: bool = False, *, out=None):
    """``Q other`` (not ``left``: ``other Q``) with the square Q of ``geqrf``'s reflections, or its adjoint (``transpose``).

    The reflections are ``input`` and their factors ``input2``; ``other`` is ``input3``.
    """
    tau, other = input2, input3
    if input.ndim < 2 or other.ndim < 2:
        raise RuntimeError(f"torch.ormqr: {'input' if input.ndim < 2 else 'other'} must have at least 2 dimensions.")
    side = other.shape[-2 if left else -1]
    which = f"other.shape[{-2 if left else -1}]"
    if side < tau.shape[-1]:
        raise RuntimeError(f"torch.ormqr: {which} must be greater than or equal to tau.shape[-1]")
    if tau.shape[-1] != min(side, input.shape[-1]):
        raise RuntimeError(f"torch.ormqr: tau.shape[-1] must be equal to min({which}, input.shape[-1])")
    if side != input.shape[-2]:
        raise RuntimeError(f"torch.ormqr: {which} must be equal to input.shape[-2]")
    if input.ndim - tau.ndim != 1:
        raise RuntimeError(
            "torch.ormqr: Expected tau to have one dimension less than input, but got tau.ndim equal to "
            f"{tau.ndim} and input.ndim is equal to {input.ndim}"
        )
    if input.ndim != other.ndim:
        raise RuntimeError(
            "torch.ormqr: Expected other to have the same number of dimensions as input, but got other.ndim equal to "
            f"{other.ndim} and input.ndim is equal to {input.ndim}"
        )
    if tau.shape[:-1] != input.shape[:-2] or other.shape[:-2] != input.shape[:-2]:
        raise RuntimeError("torch.ormqr: Expected batch dimensions of tau and other to be equal to input.shape[:-2]")
    require_floating("torch.ormqr", input)
    _require_dtype("torch.ormqr", tau, "tau", input)
    _require_dtype("torch.ormqr", other, "other", input)
    return deliver("ormqr", _ormqr(input, tau, other, left, transpose), out)
