"""What both generations of weight and spectral normalization compute."""

from __future__ import annotations

from ... import ops
from ...autograd import no_grad
from ...tensor import Tensor
from .. import functional as F


def norm_of_slices(v: Tensor, dim: int) -> Tensor:
    """The norm of each slice of ``v`` along ``dim``, with the other dims of size one; for -1 the norm of all, 0-dimensional."""
    if not isinstance(v, Tensor):
        raise TypeError(f"weight_norm: expected a tensor, but got {type(v).__name__}")
    axes = v.dim()
    if not -axes <= dim < axes:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-axes}, {axes - 1}], but got {dim})")
    return ops.norm_except_dim(v, 2, dim)


def scaled_to_norm(v: Tensor, g: Tensor, dim: int) -> Tensor:
    """``v`` with the norm ``g`` of each slice along ``dim``, or of all for -1."""
    return v * (g / norm_of_slices(v, dim))


def as_matrix(weight: Tensor, dim: int) -> Tensor:
    """The slices of ``weight`` along ``dim`` as rows."""
    if dim != 0:
        weight = weight.movedim(dim, 0)
    return weight.flatten(1) if weight.dim() > 1 else weight.unsqueeze(1)


@no_grad()
def power_iteration(matrix: Tensor, u: Tensor, v: Tensor, steps: int, eps: float) -> None:
    """Bring ``u``, then ``v``, in place, nearer to the singular vectors of the largest singular value.

    To begin with ``v``, exchange the vectors and give the conjugate transpose of the matrix.
    """
    first, second = u, v
    for _ in range(steps):
        first = F.normalize(ops.mv(matrix, second), dim=0, eps=eps)
        second = F.normalize(ops.mv(matrix.mH, first), dim=0, eps=eps)
    u.copy_(first)
    v.copy_(second)
