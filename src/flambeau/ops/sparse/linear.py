"""Products with sparse matrices."""

from __future__ import annotations

import numpy as np

from ...runtime import devices
from ...tensor import Tensor
from ..registry import NAMESPACES, export, function
from .compressed import CompressedTensor, compressed_to_coo, flat_values, to_compressed
from .coo import CooTensor, coo, empty_coo, merged
from .elementwise import deliver
from .handle import SparseTensor, refusal, rule
from .pattern import Edges, index_tensor
from .products import product
from .shapes import spans


def require_matrices(name: str, a: Tensor, b: Tensor) -> None:
    """RuntimeError for operands of other ranks, sizes that do not fit or different dtypes."""
    if a.ndim != 2 or b.ndim != 2:
        raise RuntimeError(f"{name}: Tensors must be matrices, got {a.ndim}D and {b.ndim}D tensors")
    if a.shape[1] != b.shape[0]:
        raise RuntimeError(f"{name}: Argument #3 (dense): Expected dim 0 size {a.shape[1]}, got {b.shape[0]}")
    if a.dtype is not b.dtype:
        raise RuntimeError(f"{name}: expected matrices of the same dtype, but got {a.dtype} and {b.dtype}")


def entries(a: SparseTensor) -> tuple[Edges, Tensor]:
    """Places and values (one number an entry) of a sparse matrix, or of a batch of them along a diagonal."""
    if isinstance(a, CompressedTensor):
        if a._pattern.block or a.ndim > len(a.batch) + 2:
            return entries(compressed_to_coo(a))
        return a._pattern.edges(a._size), flat_values(a)
    if a.sparse_count != a.ndim:
        raise NotImplementedError("addmm: sparse matrices with dense dimensions are not supported")
    return a._pattern.edges(a._size), a._held


def matrix_product(name: str, a: Tensor, b: Tensor) -> Tensor:
    """The product of two matrices of which one is sparse, or both."""
    require_matrices(name, a, b)
    if not isinstance(b, SparseTensor):
        edges, values = entries(a)
        return product(edges, values, b)
    if not isinstance(a, SparseTensor):
        edges, values = entries(b)
        return product(edges.transposed, values, a.t()).t()
    found = _sparse_product(a, b)
    if not isinstance(a, CompressedTensor):
        return found
    return to_compressed(found, devices.sparse_csr if a._pattern.block else a.layout)


def _sparse_product(a: SparseTensor, b: SparseTensor) -> CooTensor:
    """The product of two sparse matrices: every entry of ``a`` meets the entries in the row of ``b`` that its column names."""
    (left, left_values), (right, right_values) = entries(a), entries(b)
    size = (a.shape[0], b.shape[1])
    starts, order = np.asarray(right.by_row.pointers._array()), np.asarray(right.by_row.order._array())
    left.check_cols()
    met, owner = spans(starts, left.col_array)
    if not met.size:
        return empty_coo(size, 2, 0, a.dtype)
    met = order[met]
    terms = left_values.index_select(0, index_tensor(owner)) * right_values.index_select(0, index_tensor(met))
    flat, values = merged(left.row_array[owner] * size[1] + right.col_array[met], terms)
    return coo(index_tensor(np.stack(np.divmod(flat, max(size[1], 1)))), values, size, True)


@rule("mm")
def mm(input, mat2, *, out=None):
    """The matrix product where a matrix is sparse."""
    return deliver("mm", matrix_product("addmm", input, mat2), out)


@rule("mv")
def mv(input, vec, *, out=None):
    """A sparse matrix times a vector."""
    if input.ndim != 2 or vec.ndim != 1:
        raise RuntimeError(
            f"mv: two tensor dim should be 2 and 1, but got SparseTensor Dim: {input.ndim}Tensor Dim: {vec.ndim}"
        )
    if input.shape[1] != vec.shape[0]:
        raise RuntimeError(f"mv: expected self.size(-1) == vec.size(-1), got {input.shape[1]} and {vec.shape[0]}")
    if isinstance(vec, SparseTensor):
        raise refusal("mv", (input, vec))
    return deliver("mv", matrix_product("mv", input, vec.unsqueeze(1)).squeeze(1), out)


@rule("bmm")
def bmm(input, mat2, *, out=None):
    """A batch of sparse matrices (batch, n, k) times a dense one (batch, k, m)."""
    if not isinstance(input, SparseTensor) or isinstance(mat2, SparseTensor):
        raise refusal("bmm", (input, mat2))
    if input.ndim != 3 or mat2.ndim != 3:
        raise RuntimeError(
            f"bmm_sparse: Tensors must be batches of matrices, got {input.ndim}D and {mat2.ndim}D tensors"
        )
    if input.shape[0] != mat2.shape[0]:
        raise RuntimeError("bmm_sparse: 'self.size(0)' and 'mat2.size(0)' must match")
    if input.shape[2] != mat2.shape[1]:
        raise RuntimeError("bmm_sparse: 'self.size(2)' and 'mat2.size(1)' must match")
    edges, values = entries(input)
    (batch, n, _), m = input.shape, mat2.shape[2]
    found = product(edges, values, mat2.reshape(batch * mat2.shape[1], m))
    return deliver("bmm", found.reshape(batch, n, m), out)


@rule("matmul")
def matmul(input, other, *, out=None):
    """``mm``, ``mv`` or ``bmm`` by the number of dimensions; a dense operand may have more."""
    if input.ndim == 2 and other.ndim == 1:
        return mv(input, other, out=out)
    if input.ndim == 1 and other.ndim == 2 and not isinstance(input, SparseTensor):
        return mv(other.t(), input, out=out)
    if input.ndim == 3 and other.ndim == 3:
        return bmm(input, other, out=out)
    if input.ndim > 2 and not isinstance(input, SparseTensor) and other.ndim == 2:
        rows = input.reshape(-1, input.shape[-1])
        return deliver("matmul", matrix_product("addmm", rows, other).reshape((*input.shape[:-1], other.shape[1])), out)
    if input.ndim != 2 or other.ndim != 2:
        raise RuntimeError(f"matmul: expected sparse matrices, got {input.ndim}D and {other.ndim}D tensors")
    return mm(input, other, out=out)


@rule("linear")
def linear(input, weight, bias=None):
    """``input @ weight.T + bias`` where ``input`` or ``weight`` is sparse."""
    found = matmul(input, weight.t())
    return found if bias is None else bias + found if isinstance(found, SparseTensor) else found + bias


@rule("addmm")
def addmm(input, mat1, mat2, *, beta=1, alpha=1, out=None):
    """``beta * input + alpha * (mat1 @ mat2)``."""
    found = matrix_product("addmm", mat1, mat2)
    found = found if alpha == 1 else found * alpha
    if beta != 0:
        scaled = input if beta == 1 else input * beta
        if isinstance(found, SparseTensor) or not isinstance(scaled, SparseTensor):
            found = scaled.expand(found.shape) + found if not isinstance(scaled, SparseTensor) else scaled + found
        else:
            found = found + scaled
    return deliver("addmm", found, out)


@rule("addmv")
def addmv(input, mat, vec, *, beta=1, alpha=1, out=None):
    """``beta * input + alpha * (mat @ vec)``."""
    found = mv(mat, vec) * alpha
    return deliver("addmv", found if beta == 0 else input * beta + found, out)


# -- PyTorch's older names -----------------------------------------------------------------------------------------------------


def _rowwise(name: str, a: Tensor, b: Tensor) -> CooTensor:
    """A sparse matrix times a dense one as a COO tensor with the rows that have entries."""
    if not isinstance(a, SparseTensor) or isinstance(b, SparseTensor):
        raise refusal(name, (a, b))
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[0]:
        raise RuntimeError(f"{name}: Argument #3: Expected dim 0 size {a.shape[-1]}, got {b.shape[0]}")
    dense = matrix_product(name, a, b)
    rows = np.unique(entries(a)[0].row_array)
    return coo(index_tensor(rows[None]), dense.index_select(0, index_tensor(rows)), dense.shape, True)


def _all_sparse(x: CooTensor) -> CooTensor:
    """A COO tensor of rows as one of single elements."""
    rows, width = x._pattern.array()[0], x._size[1]
    indices = np.stack([np.repeat(rows, width), np.tile(np.arange(width), rows.size)])
    return coo(index_tensor(indices), x._held.reshape(-1), x._size, True)


@function()
def hspmm(mat1, mat2, *, out=None):
    """A sparse matrix times a dense one, as a COO tensor with one sparse dimension."""
    return deliver("hspmm", _rowwise("hspmm", mat1, mat2), out)


@function(method=True)
def sspaddmm(input, mat1, mat2, *, beta=1, alpha=1, out=None):
    """``beta * input + alpha * (mat1 @ mat2)`` for sparse ``input`` and ``mat1`` and a dense ``mat2``, as a COO tensor."""
    if not isinstance(input, CooTensor):
        raise refusal("sspaddmm", (input, mat1))
    found = _all_sparse(_rowwise("sspaddmm", mat1, mat2))
    if tuple(input.shape) != tuple(found.shape):
        raise RuntimeError(f"sspaddmm: Argument #1: Expected dim 0 size {found.shape[0]}, got {input.shape[0]}")
    return deliver("sspaddmm", input * beta + found * alpha, out)


@function(method=True)
def smm(input, mat2):
    """A sparse matrix times a dense one, as a COO tensor."""
    return _all_sparse(_rowwise("sspaddmm", input, mat2))


@function(aliases=("dsmm",))
def spmm(input, mat2):
    """The product of two matrices of which at least one is sparse."""
    return NAMESPACES["torch"]["mm"](input, mat2)


@function()
def hsmm(input, mat2):
    """``hspmm`` by an older name."""
    return hspmm(input, mat2)


export("torch", "saddmm", NAMESPACES["torch"]["sspaddmm"])
