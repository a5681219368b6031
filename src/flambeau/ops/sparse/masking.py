"""Reading a tensor at the places of a sparse one: ``sparse_mask``, and gradients."""

from __future__ import annotations

import numpy as np

from ...tensor import Tensor
from ..registry import function
from .coo import CooTensor, of_pattern, places
from .handle import SparseTensor
from .pattern import index_tensor


def values_at(x: Tensor, mask: SparseTensor) -> Tensor:
    """The elements of ``x`` (of any layout) at the entries of ``mask``, as its values are laid out."""
    if not isinstance(mask, CooTensor):
        from .compressed import values_at_compressed

        return values_at_compressed(x, mask)
    if isinstance(x, CooTensor):
        return _looked_up(x.coalesce(), mask)
    if isinstance(x, SparseTensor):
        x = x.to_dense()
    rows = x.reshape((-1, *mask._held.shape[1:])) if mask._nnz() else x.new_zeros((1, *mask._held.shape[1:]))
    return rows.index_select(0, index_tensor(places(mask)))


def _looked_up(x: CooTensor, mask: CooTensor) -> Tensor:
    """The values of a coalesced tensor at other places, zero where it has none."""
    known, asked = places(x), places(mask)
    at = np.searchsorted(known, asked)
    at[at == known.size] = 0
    found = known[at] == asked if known.size else np.zeros(asked.size, bool)
    if not found.any():
        return x._held.new_zeros((asked.size, *x._held.shape[1:]))
    values = x._held.index_select(0, index_tensor(np.where(found, at, 0)))
    if found.all():
        return values
    missing = index_tensor(np.flatnonzero(~found))
    return values.index_fill(0, missing, 0)


@function(None, method=True)
def sparse_mask(self, mask):
    """The elements of ``self`` at the entries of the sparse tensor ``mask``, as a tensor of its layout; RuntimeError for other sizes."""
    if not isinstance(mask, SparseTensor):
        raise RuntimeError(f"sparse_mask(): expected a sparse mask, got layout {mask.layout}")
    if tuple(self.shape) != tuple(mask.shape):
        raise RuntimeError(
            f"sparse_mask(): operands have incompatible sizes; self has size {list(self.shape)} but mask has size {list(mask.shape)}"
        )
    if isinstance(mask, CooTensor):
        return of_pattern(mask._pattern, values_at(self, mask), mask._size)
    return mask.with_values(values_at(self, mask))
