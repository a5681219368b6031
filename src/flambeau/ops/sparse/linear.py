"""Products with sparse matrices."""

from __future__ import annotations

from ...tensor import Tensor
from .coo import CooTensor
from .handle import SparseTensor, rule
from .products import product


def require_matrices(name: str, a: Tensor, b: Tensor) -> None:
    """RuntimeError for operands of other ranks, sizes that do not fit or different dtypes."""
    if a.ndim != 2 or b.ndim != 2:
        raise RuntimeError(f"{name}: Tensors must be matrices, got {a.ndim}D and {b.ndim}D tensors")
    if a.shape[1] != b.shape[0]:
        raise RuntimeError(f"{name}: Argument #3 (dense): Expected dim 0 size {a.shape[1]}, got {b.shape[0]}")
    if a.dtype is not b.dtype:
        raise RuntimeError(f"{name}: expected matrices of the same dtype, but got {a.dtype} and {b.dtype}")


def sparse_dense(a: SparseTensor, b: Tensor) -> Tensor:
    """A sparse matrix (of single numbers) times a dense one."""
    if isinstance(a, CooTensor) and a.split == 2:
        return product(a._pattern.edges(a._size), a._held, b)
    raise NotImplementedError("addmm: sparse matrices with dense dimensions are not supported")


@rule("mm")
def mm(input, mat2, *, out=None):
    """The matrix product where a matrix is sparse."""
    require_matrices("addmm", input, mat2)
    return sparse_dense(input, mat2)
