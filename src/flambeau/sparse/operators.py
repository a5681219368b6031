"""The functions of ``torch.sparse``."""

from __future__ import annotations

import numpy as np

from .. import ops
from ..ops import linalg
from ..ops.sparse import reductions
from ..ops.sparse.compressed import CompressedTensor
from ..ops.sparse.coo import CooTensor, coo
from ..ops.sparse.elementwise import deliver
from ..ops.sparse.handle import SparseTensor
from ..ops.sparse.linear import entries
from ..ops.sparse.pattern import index_tensor
from ..ops.sparse.products import sampled
from ..runtime import devices
from ..tensor import Tensor

_REDUCTIONS = {"mean": "mean", "amax": "amax", "amin": "amin", "max": "amax", "min": "amin", "prod": "prod"}


def mm(mat1: Tensor, mat2: Tensor, reduce: str = "sum") -> Tensor:
    """The product of two matrices of which at least one is sparse; dense, or sparse where both are.

    With ``reduce`` "mean", "amax" ("max"), "amin" ("min") or "prod" (CSR times dense) the terms of each element are reduced that
    way instead of summed; elements without terms are 0. Gradients flow to the values of sparse matrices and to dense ones.
    """
    if reduce == "sum":
        return ops.mm(mat1, mat2)
    if reduce not in _REDUCTIONS:
        raise RuntimeError(f"reduce argument must be either sum, mean, amax, amin or prod, got {reduce}")
    if not isinstance(mat1, CompressedTensor) or isinstance(mat2, SparseTensor):
        raise RuntimeError(
            f"sparse.mm: reduce={reduce!r} expects a CSR matrix and a strided one, got {mat1.layout} and {mat2.layout}"
        )
    if mat1.shape[1] != mat2.shape[0]:
        raise RuntimeError(f"sparse.mm: mat1 has {mat1.shape[1]} columns and mat2 {mat2.shape[0]} rows")
    edges, values = entries(mat1)
    terms = values.unsqueeze(1) * mat2.index_select(0, edges.cols)
    empty = mat2.new_zeros((mat1.shape[0], mat2.shape[1]))
    return empty.index_reduce(0, edges.rows, terms, _REDUCTIONS[reduce], include_self=False)


def addmm(mat: Tensor, mat1: Tensor, mat2: Tensor, *, beta=1.0, alpha=1.0) -> Tensor:
    """``beta * mat + alpha * (mat1 @ mat2)`` for a sparse ``mat1``."""
    return ops.addmm(mat, mat1, mat2, beta=beta, alpha=alpha)


def sum(input: Tensor, dim=None, dtype=None) -> Tensor:
    """The sum of all elements of a COO tensor, or along ``dim``: sparse while sparse dimensions are left."""
    if not isinstance(input, CooTensor):
        raise NotImplementedError(f"sparse.sum: expected a sparse_coo tensor, got layout {input.layout}")
    return reductions.sum_(input, dim, dtype=dtype)


def softmax(input: Tensor, dim: int, *, dtype=None) -> Tensor:
    """Softmax along ``dim`` of a COO tensor, where elements that have no entry count as minus infinity."""
    return reductions.softmax(_coo("softmax", input), dim, dtype)


def log_softmax(input: Tensor, dim: int, *, dtype=None) -> Tensor:
    """The logarithm of ``softmax``."""
    return reductions.softmax(_coo("log_softmax", input), dim, dtype, logarithm=True)


def _coo(name: str, input: Tensor) -> Tensor:
    if not isinstance(input, CooTensor):
        raise NotImplementedError(f"sparse.{name}: expected a sparse_coo tensor, got layout {input.layout}")
    return input


def sampled_addmm(
    input: Tensor, mat1: Tensor, mat2: Tensor, *, beta=1.0, alpha=1.0, out: Tensor | None = None
) -> Tensor:
    """``beta * input + alpha * (mat1 @ mat2)`` at the entries of the CSR matrix ``input``; only those elements are computed."""
    if not isinstance(input, CompressedTensor) or input.layout is not devices.sparse_csr:
        raise RuntimeError(f"Expected `self` to be a sparse CSR matrix, got {input.layout}")
    if mat1.ndim != 2 or mat2.ndim != 2 or mat1.shape[1] != mat2.shape[0]:
        raise RuntimeError(
            f"sampled_addmm: mat1 and mat2 shapes cannot be multiplied ({list(mat1.shape)} and {list(mat2.shape)})"
        )
    if tuple(input.shape) != (mat1.shape[0], mat2.shape[1]):
        raise RuntimeError(
            f"sampled_addmm: expected an input of {[mat1.shape[0], mat2.shape[1]]}, got {list(input.shape)}"
        )
    edges, values = entries(input)
    found = sampled(edges, mat1, mat2.t()) * alpha
    return deliver("sampled_addmm", input.with_values(found if beta == 0 else values * beta + found), out)


def spdiags(diagonals: Tensor, offsets: Tensor, shape, layout=None) -> Tensor:
    """A sparse matrix of ``shape`` whose diagonals ``offsets`` are rows of ``diagonals``; element ``j`` of a row is in column ``j``.

    ``layout`` is sparse_coo (the default), sparse_csr or sparse_csc. Raises RuntimeError for offsets that repeat.
    """
    diagonals = diagonals.unsqueeze(0) if diagonals.ndim < 2 else diagonals
    offsets = offsets.reshape(-1)
    if len(shape) != 2 or diagonals.ndim != 2:
        raise RuntimeError("Output shape must be 2d")
    if layout not in (None, devices.sparse_coo, devices.sparse_csr, devices.sparse_csc):
        raise RuntimeError(f"Only output layouts (Sparse, SparseCsc, SparseCsr) are supported, got {layout}")
    if offsets.dtype.name != "int64":
        raise RuntimeError(f"Offset Tensor must have dtype Long but got {offsets.dtype}")
    if offsets.numel() != diagonals.shape[0]:
        raise RuntimeError(
            f"Number of diagonals ({diagonals.shape[0]}) does not match the number of offsets ({offsets.numel()})"
        )
    at = offsets.detach().numpy()
    if np.unique(at).size != at.size:
        raise RuntimeError("Offset tensor contains duplicate values")
    n, m = shape
    cols = np.arange(min(m, diagonals.shape[1]))
    rows = cols - at[:, None]
    which, col = np.nonzero((rows >= 0) & (rows < n))
    values = diagonals.reshape(-1).index_select(0, index_tensor(which * diagonals.shape[1] + col))
    made = coo(index_tensor(np.stack([rows[which, col], col])), values, shape)
    return made if layout in (None, devices.sparse_coo) else made.to_sparse(layout=layout)


def spsolve(input: Tensor, other: Tensor, *, left: bool = True) -> Tensor:
    """The solution ``x`` of ``input @ x = other`` for a square CSR matrix, by a dense solver."""
    if not isinstance(input, CompressedTensor):
        raise RuntimeError(f"spsolve: expected a CSR matrix, got layout {input.layout}")
    return linalg.solve(input.to_dense(), other, left=left)
