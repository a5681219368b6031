"""Products of matrices and vectors, also found in ``linalg``."""

from __future__ import annotations

from collections.abc import Sequence

import flambeau as fb
from flambeau import Tensor

from .data_types import same_dtype
from .unsigned import through_int64


def matmul(x1: Tensor, x2: Tensor, /) -> Tensor:
    """Products of matrices; see ``flambeau.matmul``."""
    return through_int64(fb.matmul, "bits")(*same_dtype(x1, x2))


def tensordot(x1: Tensor, x2: Tensor, /, *, axes: int | tuple[Sequence[int], Sequence[int]] = 2) -> Tensor:
    """Sums of products over the last ``axes`` dimensions of one array and the first of the other, or over given ones."""
    return through_int64(fb.tensordot, "bits")(*same_dtype(x1, x2), dims=axes)


def vecdot(x1: Tensor, x2: Tensor, /, *, axis: int = -1) -> Tensor:
    """Dot products of vectors along ``axis``, the first conjugated. ``ValueError`` for vectors of different lengths."""
    x1, x2 = same_dtype(x1, x2)
    if x1.shape[axis] != x2.shape[axis]:
        raise ValueError(f"vecdot(): vectors of {x1.shape[axis]} and {x2.shape[axis]} elements")
    first, second = fb.broadcast_tensors(fb.moveaxis(x1, axis, -1), fb.moveaxis(x2, axis, -1))
    return through_int64(fb.matmul, "bits")(first.conj()[..., None, :], second[..., None])[..., 0, 0]


__all__ = ["matmul", "tensordot", "vecdot"]
