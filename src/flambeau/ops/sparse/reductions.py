"""Sums, norms and softmaxes over the entries."""

from __future__ import annotations

import numpy as np

from ... import dtypes
from ...tensor import Tensor, from_array, wrap_dim
from .compressed import CompressedTensor, compressed_to_coo, to_compressed
from .coo import CooTensor, coo, of_pattern
from .elementwise import coalesced, deliver
from .handle import SparseTensor, refusal, rule
from .pattern import Grouping, flattened, index_tensor
from .products import segment_sum
from .shapes import unsqueeze


@rule("sum")
def sum_(input, dim=None, keepdim=False, *, dtype=None, out=None):
    """The sum of all elements, or along dimensions: sparse while sparse dimensions are left."""
    if dim is None or (isinstance(dim, (tuple, list)) and not len(dim)):
        return deliver("sum", input._held.sum(dtype=dtype), out)
    dims = sorted({wrap_dim(d, input.ndim) for d in ((dim,) if isinstance(dim, int) else dim)})
    if isinstance(input, CompressedTensor):
        if not keepdim:
            raise RuntimeError("reduction operations on CSR tensors with keepdim=False is unsupported")
        return to_compressed(
            sum_(compressed_to_coo(input), dims, True, dtype=dtype), input.layout, input._pattern.block
        )
    summed = _sum_along(input, dims, dtype)
    if keepdim:
        for d in dims:
            summed = unsqueeze(summed, d) if isinstance(summed, SparseTensor) else summed.unsqueeze(d)
    return deliver("sum", summed, out)


def _sum_along(x: CooTensor, dims: list[int], dtype) -> Tensor:
    inner = [d - x.sparse_count + 1 for d in dims if d >= x.sparse_count]
    held = x._held.sum(inner, dtype=dtype) if inner else x._held
    if not inner:
        target = dtype or (held.dtype if held.dtype.category >= 2 else dtypes.int64)
        held = held.to(target)
    kept = [d for d in range(x.sparse_count) if d not in dims]
    size = tuple([s for d, s in enumerate(x._size) if d not in dims])
    if len(kept) == x.sparse_count:
        return of_pattern(x._pattern, held, size).coalesce()
    if not kept:
        return held.sum(0, dtype=held.dtype)
    return coo(index_tensor(x._pattern.array()[kept]), held, size).coalesce()


@rule("norm")
def norm(input, p="fro", dim=None, keepdim=False, out=None, dtype=None):
    """The norm of all elements; RuntimeError for norms along dimensions."""
    if dim is not None and len((dim,) if isinstance(dim, int) else dim) not in (0, input.ndim):
        raise RuntimeError(
            f"norm_sparse currently only supports full reductions: 'dim' must be empty or have all dimensions of the input, got {dim}"
        )
    if p is not None and not isinstance(p, str) and p <= 0:
        raise refusal("norm", (input,))
    return deliver("norm", coalesced(input)._held.reshape(-1).norm(2 if p in (None, "fro") else p, dtype=dtype), out)


@rule("linalg.vector_norm", "linalg_vector_norm")
def vector_norm(x, ord=2, dim=None, keepdim=False, *, dtype=None, out=None):
    """The norm of all elements."""
    return norm(x, ord, dim, keepdim, out, dtype)


def softmax(input: Tensor, dim: int, dtype=None, *, logarithm: bool = False) -> CooTensor:
    """Softmax along ``dim`` of a COO tensor: elements that have no entry count as minus infinity."""
    x = (input if dtype is None else input.to(dtype)).coalesce()
    if x.dtype.category < 2:
        raise NotImplementedError(f"\"softmax\" not implemented for '{x.dtype.name.capitalize()}'")
    d = wrap_dim(dim, x.ndim)
    if d >= x.sparse_count:
        at = d - x.sparse_count + 1
        return x.with_values(x._held.log_softmax(at) if logarithm else x._held.softmax(at))
    others = [k for k in range(x.sparse_count) if k != d]
    groups = np.unique(flattened(x._pattern.array()[others], [x._size[k] for k in others]), return_inverse=True)[
        1
    ].reshape(-1)
    if not groups.size:
        return x
    grouping = Grouping(groups, int(groups.max()) + 1)
    shifted = x._held - _largest(x._held, grouping).index_select(0, grouping.groups)
    powers = shifted.exp()
    total = segment_sum(powers, grouping)
    if logarithm:
        return x.with_values(shifted - total.log().index_select(0, grouping.groups))
    return x.with_values(powers / total.index_select(0, grouping.groups))


def _largest(values: Tensor, grouping: Grouping) -> Tensor:
    """The largest value of each group, outside of the graph: the softmax does not depend on it."""
    from ...compiler.reference import narrow, widen

    array = widen(values.detach()._array(), values.dtype)
    order, starts = np.asarray(grouping.order._array()), np.asarray(grouping.pointers._array())
    highest = np.maximum.reduceat(array[order], starts[:-1], axis=0)
    highest = np.where(np.isfinite(highest), highest, 0)
    return from_array(narrow(highest.astype(array.dtype), values.dtype), values.dtype)
