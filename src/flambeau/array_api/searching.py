"""Searching, sorting and sets."""

from __future__ import annotations

from typing import NamedTuple

import flambeau as fb
from flambeau import Tensor

from .data_types import same_dtype
from .unsigned import through_int64


class UniqueAllResult(NamedTuple):
    values: Tensor
    indices: Tensor
    inverse_indices: Tensor
    counts: Tensor


class UniqueCountsResult(NamedTuple):
    values: Tensor
    counts: Tensor


class UniqueInverseResult(NamedTuple):
    values: Tensor
    inverse_indices: Tensor


def argsort(x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """Where the elements in order are along ``axis``."""
    return fb.argsort(x, dim=axis, descending=descending, stable=stable)


def nonzero(x: Tensor, /) -> tuple[Tensor, ...]:
    """The positions of elements that are not zero, one array a dimension. ``ValueError`` for a 0-dim array."""
    if x.ndim == 0:
        raise ValueError("nonzero(): expected an array with dimensions, but received a 0-dim one")
    return tuple(fb.nonzero(x, as_tuple=True))


def searchsorted(x1: Tensor, x2: Tensor, /, *, side: str = "left", sorter: Tensor | None = None) -> Tensor:
    """Where each element of ``x2`` would be inserted into the sorted ``x1``."""
    return through_int64(fb.searchsorted, "order", keeps_dtype=False)(*same_dtype(x1, x2), side=side, sorter=sorter)


def sort(x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The elements in order along ``axis``."""
    return fb.sort(x, dim=axis, descending=descending, stable=stable).values


def where(condition: Tensor, x1: Tensor | complex, x2: Tensor | complex, /) -> Tensor:
    """``x1`` where ``condition`` holds, ``x2`` elsewhere."""
    return fb.where(condition, *same_dtype(x1, x2))


def unique_all(x: Tensor, /) -> UniqueAllResult:
    """The different elements in order, where each first is, which of them each element is, and how often it comes.

    A NaN equals nothing, so each is an element of its own.
    """
    flat = x.flatten()
    order = _order(flat)
    ordered = flat[order]
    new = fb.ones_like(order, dtype=fb.bool)
    new[1:] = ordered[1:] != ordered[:-1]
    starts = fb.nonzero(new).flatten()
    ends = fb.cat([starts[1:], starts.new_full((1 if len(starts) else 0,), len(flat))])
    inverse = fb.empty_like(order)
    inverse[order] = fb.cumsum(new, 0) - 1
    return UniqueAllResult(ordered[starts], order[starts], inverse.reshape(x.shape), ends - starts)


def _order(flat: Tensor) -> Tensor:
    """A stable order; of complex numbers by real parts, then imaginary ones."""
    if not flat.is_complex():
        return fb.argsort(flat, stable=True)
    order = fb.argsort(flat.imag, stable=True)
    return order[fb.argsort(flat.real[order], stable=True)]


def unique_counts(x: Tensor, /) -> UniqueCountsResult:
    """The different elements, and how often each comes."""
    found = unique_all(x)
    return UniqueCountsResult(found.values, found.counts)


def unique_inverse(x: Tensor, /) -> UniqueInverseResult:
    """The different elements, and which of them each element is."""
    found = unique_all(x)
    return UniqueInverseResult(found.values, found.inverse_indices)


def unique_values(x: Tensor, /) -> Tensor:
    """The different elements."""
    return unique_all(x).values


__all__ = ["argsort", "nonzero", "searchsorted", "sort", "unique_all", "unique_counts", "unique_inverse", "unique_values", "where"]
