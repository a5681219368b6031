"""Functions of matrices: powers, exponential, rank, condition; products of many; and the views and products of ``torch.linalg``."""

from __future__ import annotations

import math
import warnings

import numpy as np

from .. import dtypes
from ..tensor import Tensor, wrap_dim
from .contraction import multiply_chain
from .eigen import hermitian_eigenvalues, singular_values
from .joining import cat
from .least_squares import column, kept, tolerances
from .linear_solvers import inv, solve, unchecked_inverse
from .matmul import adjoint, matmul
from .matrices import deliver, library, require_floating, require_matrix, require_same_dtype, require_square
from .norms import linalg_norm
from .operator import operator
from .promotion import broadcast_shapes
from .registry import documented_as, export, function
from .reshaping import reshaped
from .selection import where
from .sequences import eye
from .views import diagonal as _diagonal
from .views import unsqueeze

# -- powers and the exponential ----------------------------------------------------------------------------------------


@function("linalg")
def matrix_power(A, n: int, *, out=None):
    """``A`` times itself ``n`` times, by repeated squaring; the identity for 0, powers of the inverse for negative ``n``."""
    require_square("linalg.matrix_power", A)
    if not isinstance(n, int):
        raise TypeError(f"matrix_power(): argument 'n' (position 2) must be int, not {type(n).__name__}")
    return deliver("linalg_matrix_power", _power(A, n), out)


def _power(A, n: int):
    if n == 0:
        return A.clone().copy_(eye(A.shape[-1], dtype=A.dtype))
    if n < 0:
        A, n = inv(A), -n
    result = None
    while True:
        if n % 2:
            result = A if result is None else matmul(result, A)
        n //= 2
        if not n:
            return result.clone() if result is A else result
        A = matmul(A, A)


@function("torch", name="matrix_power", method=True)
def _legacy_matrix_power(input, n: int, *, out=None):
    """``linalg.matrix_power``."""
    return matrix_power(input, n, out=out)


# Coefficients of the diagonal Padé approximant of degree 13 (Higham 2005), and the norm up to which it is exact.
_PADE = (
    64764752532480000.0,
    32382376266240000.0,
    7771770303897600.0,
    1187353796428800.0,
    129060195264000.0,
    10559470521600.0,
    670442572800.0,
    33522128640.0,
    1323241920.0,
    40840800.0,
    960960.0,
    16380.0,
    182.0,
    1.0,
)
_PADE_NORM = 5.371920351148152


def _exponentials(arrays):
    """Scaling and squaring with a Padé approximant (Higham 2005)."""
    (a,) = arrays
    if not a.size:
        return (a,)
    wide = a.astype(np.result_type(a.dtype, np.float64))
    sizes = np.abs(wide).sum(-2).max(-1)
    finite = np.isfinite(sizes)
    squarings = np.ceil(np.log2(np.maximum(np.where(finite, sizes, 0) / _PADE_NORM, 1))).astype(int)
    scaled = np.where(finite[..., None, None], wide, 0) / np.exp2(squarings)[..., None, None]
    result = _pade(scaled)
    for step in range(int(squarings.max(initial=0))):
        result = np.where((squarings > step)[..., None, None], result @ result, result)
    return (np.where(finite[..., None, None], result, np.nan).astype(a.dtype),)


def _pade(a: np.ndarray) -> np.ndarray:
    b, one = _PADE, np.eye(a.shape[-1], dtype=a.dtype)
    a2 = a @ a
    a4 = a2 @ a2
    a6 = a4 @ a2
    odd = a @ (a6 @ (b[13] * a6 + b[11] * a4 + b[9] * a2) + b[7] * a6 + b[5] * a4 + b[3] * a2 + b[1] * one)
    even = a6 @ (b[12] * a6 + b[10] * a4 + b[8] * a2) + b[6] * a6 + b[4] * a4 + b[2] * a2 + b[0] * one
    return np.linalg.solve(even - odd, even + odd)


_matrix_exp = library("linalg_matrix_exp(Tensor A)", lambda specs: [(specs[0].shape, specs[0].dtype)], _exponentials)


@_matrix_exp.gradient
def _(grad, saved):
    # The exponential of [[A, E], [0, A]] has the derivative in direction E at its upper right (Mathias 1996).
    A = adjoint(saved.A)
    n = A.shape[-1]
    blocks = cat((cat((A, grad), -1), cat((A * 0, A), -1)), -2)
    return _matrix_exp(blocks)[..., :n, n:]


@function("linalg")
def matrix_exp(A):
    """The exponentials of square matrices: ``1 + A + A^2/2 + ...``."""
    require_square("linalg.matrix_exp", A)
    require_floating("linalg.matrix_exp", A, low_precision=True)
    return _matrix_exp(A)


@function("torch", name="matrix_exp", method=True)
def _legacy_matrix_exp(input):
    """``linalg.matrix_exp``."""
    return matrix_exp(input)


# -- rank and condition ------------------------------------------------------------------------------------------------


@documented_as("(A, *, atol=None, rtol=None, hermitian=False, out=None)")
@function("linalg")
def matrix_rank(A, tol=None, hermitian: bool = False, *, atol=None, rtol=None, out=None):
    """How many singular values (``hermitian``: absolute eigenvalues) are above ``max(atol, rtol * largest)``; ``rtol`` is the precision
    times the larger side unless ``atol`` is given. ``tol`` is the former name of ``atol`` (with ``rtol=0``)."""
    require_matrix("linalg.matrix_rank", A)
    require_floating("linalg.matrix_rank", A)
    if hermitian:
        require_square("linalg.matrix_rank", A)
    for tolerance in (tol, atol, rtol):
        if isinstance(tolerance, Tensor) and tolerance.is_complex():
            raise RuntimeError("torch.linalg.matrix_rank: tolerances of complex type are not supported.")
    if tol is not None:
        atol, rtol = tol, 0.0
    A = A.detach()
    if not A.numel():
        return deliver("linalg_matrix_rank", A.new_zeros(A.shape[:-2], dtype=dtypes.int64), out, exact=False)
    atol, rtol = tolerances(A, atol, rtol)
    values = hermitian_eigenvalues(A)[0].abs() if hermitian else singular_values(A)[0]
    return deliver("linalg_matrix_rank", kept(values, column(atol), column(rtol)).sum(-1), out, exact=False)


@function("linalg")
def cond(A, p=None, *, out=None):
    """The condition number: the ``p``-norm of ``A`` times that of its inverse (2, -2 and None: the ratio of singular values). Infinite
    for singular matrices."""
    require_matrix("linalg.cond", A)
    if p is None or p in (2, -2):
        require_floating("linalg.cond", A)
        values, _ = singular_values(A)
        if not values.shape[-1]:
            return deliver("linalg_cond", values.sum(-1), out, exact=False)
        first, last = values[..., 0], values[..., -1]
        return deliver("linalg_cond", last / first if p == -2 else first / last, out, exact=False)
    require_square("linalg.cond", A)
    if isinstance(p, str) and p not in ("fro", "nuc"):
        raise RuntimeError(f"linalg.cond got an invalid norm type: {p}")
    if not isinstance(p, str) and abs(p) not in (1, math.inf):
        raise RuntimeError(f"linalg.cond got an invalid norm type: {p}")
    require_floating("linalg.cond", A)
    if not A.numel():
        return deliver("linalg_cond", linalg_norm(A, "fro", (-2, -1)), out, exact=False)
    inverse, info = unchecked_inverse(A)
    singular = info != 0
    inverse = where(unsqueeze(unsqueeze(singular, -1), -1), 0, inverse)
    sizes = linalg_norm(A, p, (-2, -1)) * linalg_norm(inverse, p, (-2, -1))
    return deliver("linalg_cond", where(singular, math.inf, sizes), out, exact=False)


# -- products ----------------------------------------------------------------------------------------------------------

export("linalg", "matmul", matmul)


@function("linalg")
def multi_dot(tensors, *, out=None):
    """The product of two or more matrices in the order that takes least work; the first and the last may be vectors."""
    if len(tensors) < 2:
        raise RuntimeError("multi_dot(): expected at least 2 tensors but got " + str(len(tensors)))
    first, *middle, last = tensors
    for i, x in enumerate(tensors):
        if x.ndim != 2 and 0 < i < len(tensors) - 1:
            raise RuntimeError(f"multi_dot(): tensor {i} must be 2D but got {x.ndim}D")
        if x.ndim not in (1, 2):
            raise RuntimeError(
                f"multi_dot(): the {'first' if i == 0 else 'last'} tensor must be 1D or 2D but got {x.ndim}D"
            )
        if x.dtype is not first.dtype:
            raise RuntimeError(
                f"multi_dot(): expected all tensors to have the same dtype but tensor 0 is {first.dtype} and tensor {i} {x.dtype}"
            )
    rows = unsqueeze(first, 0) if first.ndim == 1 else first
    columns = unsqueeze(last, -1) if last.ndim == 1 else last
    chain = [rows, *middle, columns]
    for i in range(len(chain) - 1):
        if chain[i].shape[1] != chain[i + 1].shape[0]:
            raise RuntimeError(
                f"multi_dot(): tensors {i} and {i + 1} with shapes {list(tensors[i].shape)} and {list(tensors[i + 1].shape)} "
                "cannot be multiplied"
            )
    result = multiply_chain(chain)
    shape = (*(first.shape[:1] if first.ndim == 2 else ()), *(last.shape[1:] if last.ndim == 2 else ()))
    return deliver("linalg_multi_dot", reshaped(result, shape), out)


@operator("linalg_cross(Tensor input, Tensor other, int dim)", namespace=None)
def _cross(input, other, dim):
    if input.dtype is not other.dtype:
        raise RuntimeError(f"linalg.cross: expected two tensors of one dtype, but got {input.dtype} and {other.dtype}")
    a, b = [[x.select(dim, i) for i in range(3)] for x in (input, other)]
    from .joining import stack

    return stack([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]], dim)


@_cross.gradient
def _(grad, saved):
    a, b, dim = saved.input.conj(), saved.other.conj(), saved.dim
    return _cross(b, grad, dim), _cross(grad, a, dim)


def _broadcast_cross(input, other, dim: int):
    shape = broadcast_shapes(input.shape, other.shape)
    return _cross(input.expand(shape), other.expand(shape), wrap_dim(dim, len(shape)))


@function("linalg", name="cross")
def _linalg_cross(input, other, *, dim: int = -1, out=None):
    """The cross products of vectors of 3 elements along ``dim``; the other dimensions broadcast."""
    if input.ndim != other.ndim:
        raise RuntimeError("linalg.cross: inputs must have the same number of dimensions.")
    sizes = [x.shape[wrap_dim(dim, x.ndim)] for x in (input, other)]
    if sizes != [3, 3]:
        raise RuntimeError(f"linalg.cross: inputs dimension {dim} must have length 3. Got {sizes[0]} and {sizes[1]}")
    return deliver("linalg_cross", _broadcast_cross(input, other, dim), out)


_warned: list = []


@function(method=True)
def cross(input, other, dim: int | None = None, *, out=None):
    """``linalg.cross``; without ``dim`` (deprecated) along the first dimension of size 3."""
    if dim is None:
        if not _warned:
            _warned.append(True)
            warnings.warn(
                "Using torch.cross without specifying the dim arg is deprecated.\nPlease either pass the dim explicitly or simply use "
                "torch.linalg.cross.",
                UserWarning,
                stacklevel=3,
            )
        dim = next((d for d, size in enumerate(input.shape) if size == 3), None)
        if dim is None:
            raise RuntimeError("no dimension of size 3 in input")
    return _linalg_cross(input, other, dim=dim, out=out)


@function("linalg")
def vecdot(x, y, *, dim: int = -1, out=None):
    """Sums of ``conj(x) * y`` over ``dim``; the other dimensions broadcast."""
    require_floating("linalg.vecdot", x, low_precision=True)
    if x.shape[wrap_dim(dim, x.ndim)] != y.shape[wrap_dim(dim, y.ndim)]:
        raise RuntimeError(
            f"linalg.vecdot: Expected x and y to have the same number of elements along dim {dim}, but got "
            f"{list(x.shape)} and {list(y.shape)}"
        )
    require_same_dtype("linalg.vecdot", x, y, "x", "y")
    return deliver("linalg_vecdot", (x.conj() * y).sum(dim), out)


# -- tensors as matrices -----------------------------------------------------------------------------------------------


@function("linalg")
def tensorinv(A, ind: int = 2, *, out=None):
    """The inverse of ``A`` seen as a matrix of its first ``ind`` dimensions by the others, with those exchanged."""
    if ind <= 0:
        raise RuntimeError("Expected a strictly positive integer for 'ind'")
    rows, columns = A.shape[:ind], A.shape[ind:]
    if rows.numel() != columns.numel():
        raise RuntimeError(
            f"Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but got "
            f"{columns.numel()} != {rows.numel()}"
        )
    made = reshaped(inv(reshaped(A, (rows.numel(), columns.numel()))), (*columns, *rows))
    return deliver("linalg_tensorinv", made, out, exact=False)


@function("linalg")
def tensorsolve(A, B, dims=None, *, out=None):
    """The X with ``tensordot(A, X, X.ndim) = B``; ``dims`` of ``A`` are moved to its end first."""
    if dims is not None:
        places = tuple(range(A.ndim - len(dims), A.ndim))
        A = A.movedim(tuple(dims), places)
    shape = A.shape[B.ndim :]
    if shape.numel() != B.numel():
        raise RuntimeError(
            f"Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == prod(self.shape[:other.ndim]), but got "
            f"{shape.numel()} != {B.numel()}"
        )
    matrix = reshaped(A, (B.numel(), shape.numel()))
    return deliver("linalg_tensorsolve", reshaped(solve(matrix, reshaped(B, (B.numel(),))), shape), out, exact=False)


@function("linalg")
def diagonal(A, *, offset: int = 0, dim1: int = -2, dim2: int = -1):
    """``torch.diagonal`` of the last two dimensions by default: a view."""
    return _diagonal(A, offset, dim1, dim2)
