"""The extension ``linalg`` of the standard."""

from __future__ import annotations

from typing import Any

import flambeau as fb
from flambeau import Tensor, dtype

from .data_types import same_dtype
from .manipulation import matrix_transpose
from .products import matmul, tensordot, vecdot
from .reductions import Axis, _reduce
from .reductions import sum as _sum
from .unsigned import through_int64

cholesky = fb.linalg.cholesky
det = fb.linalg.det
eigh = fb.linalg.eigh
eigvalsh = fb.linalg.eigvalsh
inv = fb.linalg.inv
matrix_power = fb.linalg.matrix_power
qr = fb.linalg.qr
slogdet = fb.linalg.slogdet
svdvals = fb.linalg.svdvals


def cross(x1: Tensor, x2: Tensor, /, *, axis: int = -1) -> Tensor:
    """Vector products along ``axis``, which has three elements in both. Raises ``ValueError`` otherwise."""
    x1, x2 = same_dtype(x1, x2)
    if not x1.shape[axis] == x2.shape[axis] == 3:
        raise ValueError(f"cross(): vectors of {x1.shape[axis]} and {x2.shape[axis]} elements, expected 3")
    return through_int64(fb.linalg.cross, "bits")(*fb.broadcast_tensors(x1, x2), dim=axis)


def diagonal(x: Tensor, /, *, offset: int = 0) -> Tensor:
    """Views of the diagonals of matrices."""
    return fb.diagonal(x, offset, -2, -1)


def matrix_norm(x: Tensor, /, *, keepdims: bool = False, ord: Any = "fro") -> Tensor:
    """Norms of matrices; see ``flambeau.linalg.matrix_norm``."""
    return fb.linalg.matrix_norm(x, ord, keepdim=keepdims)


def matrix_rank(x: Tensor, /, *, rtol: float | Tensor | None = None) -> Tensor:
    """How many singular values are above ``rtol`` times the greatest."""
    return fb.linalg.matrix_rank(x, rtol=rtol)


def outer(x1: Tensor, x2: Tensor, /) -> Tensor:
    """Products of all pairs of elements of two vectors."""
    return through_int64(fb.outer, "bits")(*same_dtype(x1, x2))


def pinv(x: Tensor, /, *, rtol: float | Tensor | None = None) -> Tensor:
    """Pseudo-inverses; singular values up to ``rtol`` times the greatest count as zero."""
    return fb.linalg.pinv(x, rtol=rtol)


def solve(x1: Tensor, x2: Tensor, /) -> Tensor:
    """The solutions of ``x1 @ x = x2``; ``x2`` is a vector only where it has one dimension."""
    x1, x2 = same_dtype(x1, x2)
    if x2.ndim == 1:
        return fb.linalg.solve(x1, x2[:, None].expand(*x1.shape[:-2], -1, 1))[..., 0]
    batch = fb.broadcast_shapes(x1.shape[:-2], x2.shape[:-2])
    return fb.linalg.solve(x1.expand(*batch, *x1.shape[-2:]), x2.expand(*batch, *x2.shape[-2:]))


def svd(x: Tensor, /, *, full_matrices: bool = True) -> Any:
    """Singular value decompositions ``(U, S, Vh)``."""
    return fb.linalg.svd(x, full_matrices=full_matrices)


def trace(x: Tensor, /, *, offset: int = 0, dtype: dtype | None = None) -> Tensor:
    """Sums of the diagonals of matrices."""
    return _sum(diagonal(x, offset=offset), axis=-1, dtype=dtype)


def vector_norm(x: Tensor, /, *, axis: Axis = None, keepdims: bool = False, ord: float = 2) -> Tensor:
    """Norms of the vectors along ``axis`` (all elements by default); see ``flambeau.linalg.vector_norm``."""
    return _reduce(lambda rows, dim: fb.linalg.vector_norm(rows, ord, dim), x, axis, keepdims)


__all__ = [
    "cholesky", "cross", "det", "diagonal", "eigh", "eigvalsh", "inv", "matmul", "matrix_norm", "matrix_power", "matrix_rank",
    "matrix_transpose", "outer", "pinv", "qr", "slogdet", "solve", "svd", "svdvals", "tensordot", "trace", "vecdot", "vector_norm",
]  # fmt: skip
