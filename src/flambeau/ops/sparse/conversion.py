"""Between layouts: ``to_dense``, ``to_sparse`` and the conversions to compressed layouts."""

from __future__ import annotations

from ...runtime import devices
from ..registry import function
from .coo import CooTensor, coo_to_dense, dense_to_coo, empty_coo
from .handle import SparseTensor, rule


def without_entries(shape, dtype, layout) -> SparseTensor:
    """Zeros in a sparse layout; NotImplementedError for the blocked ones, which need a block size."""
    if layout is devices.sparse_coo:
        return empty_coo(shape, len(shape), 0, dtype)
    if layout not in (devices.sparse_csr, devices.sparse_csc):
        raise NotImplementedError(f"flambeau: layout={layout!r} is not supported yet")
    if len(shape) < 2:
        raise RuntimeError(
            f"torch.empty: Only batched sparse compressed (non-block) tensors are supported, but got size {list(shape)}"
        )
    return to_sparse(empty_coo(shape, len(shape), 0, dtype), layout=layout)


@rule("to_dense")
def to_dense(self, dtype=None, *, masked_grad=None):
    """All elements. The gradient has this tensor's entries alone, which is what ``masked_grad`` asks for by default."""
    if dtype is not None:
        raise RuntimeError("dtype argument is not supported by sparse_to_dense")
    if masked_grad is not None and not masked_grad and self.requires_grad:
        raise NotImplementedError("flambeau: to_dense: argument masked_grad is not supported yet")
    if isinstance(self, CooTensor):
        return coo_to_dense(self)
    from .compressed import compressed_to_dense

    return compressed_to_dense(self)


@function(None, method=True)
def to_sparse(self, sparse_dim=None, *, layout=None, blocksize=None, dense_dim=None):
    """The tensor in a sparse ``layout`` (COO unless given): its elements that are not zero.

    The first ``sparse_dim`` dimensions are sparse, all of them by default; the others are dense.
    """
    if isinstance(sparse_dim, devices.layout):
        sparse_dim, layout = None, sparse_dim
    if layout is None or layout is devices.sparse_coo:
        if blocksize is not None:
            raise RuntimeError(f"to_sparse for {self.layout} to sparse_coo conversion does not use specified blocksize")
        return _to_coo(self, sparse_dim)
    if layout is devices.strided:
        raise RuntimeError("to_sparse: unexpected layout torch.strided")
    if sparse_dim is not None:
        raise RuntimeError("to_sparse: sparse_dim is for the COO layout")
    from .compressed import to_compressed

    return to_compressed(self, layout, blocksize, dense_dim)


def _to_coo(self, sparse_dim):
    if isinstance(self, CooTensor):
        if sparse_dim is not None and sparse_dim != self.sparse_count:
            raise RuntimeError(
                "to_sparse: conversion from Sparse to Sparse with sparse_dim argument !=self.sparse_dim() is not supported"
            )
        return self
    if isinstance(self, SparseTensor):
        from .compressed import compressed_to_coo

        return compressed_to_coo(self)
    return dense_to_coo(self, sparse_dim)


@function(None, method=True)
def to_sparse_coo(self):
    """The tensor as a COO tensor."""
    return to_sparse(self)
