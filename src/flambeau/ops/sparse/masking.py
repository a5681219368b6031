"""Reading a tensor at the places of a sparse one: ``sparse_mask``, and gradients."""

from __future__ import annotations

import numpy as np

from ...tensor import Tensor
from ..registry import function
from .coo import CooTensor, places
from .handle import SparseTensor
from .pattern import index_tensor


def values_at(x: Tensor, mask: SparseTensor) -> Tensor:
    """The elements of ``x`` (of any layout) at the entries of ``mask``, as its values are laid out."""
    if not isinstance(mask, CooTensor):
        from .compressed import values_at_compressed

        return values_at_compressed(x, mask)
    if isinstance(x, SparseTensor):
        return looked_up(x.to_sparse().coalesce(), places(mask))
    if not mask._nnz():
        return x.new_zeros(mask._held.shape)
    return x.reshape((-1, *mask._held.shape[1:])).index_select(0, index_tensor(places(mask)))


def looked_up(x: CooTensor, asked: np.ndarray) -> Tensor:
    """The values of a coalesced tensor at flat positions, zero where it has none."""
    known = places(x)
    at = np.searchsorted(known, asked)
    at[at == known.size] = 0
    found = known[at] == asked if known.size else np.zeros(asked.size, bool)
    if not found.any():
        return x._held.new_zeros((asked.size, *x._held.shape[1:]))
    values = x._held.index_select(0, index_tensor(np.where(found, at, 0)))
    if found.all():
        return values
    return values.index_fill(0, index_tensor(np.flatnonzero(~found)), 0)


@function(None, method=True)
def sparse_mask(self, mask):
    """The elements of ``self`` at the entries of the sparse tensor ``mask``, as a tensor of its layout; RuntimeError for other sizes."""
    if not isinstance(mask, SparseTensor):
        raise RuntimeError(f"sparse_mask(): expected a sparse mask, got layout {mask.layout}")
    if tuple(self.shape) != tuple(mask.shape):
        raise RuntimeError(
            f"sparse_mask(): operands have incompatible sizes; self has size {list(self.shape)} but mask has size {list(mask.shape)}"
        )
    return mask.with_values(values_at(self, mask))
