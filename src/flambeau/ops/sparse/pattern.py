"""Where the entries of sparse tensors are: index arithmetic on NumPy arrays, remembered while the indices stay as they are."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np

from ... import dtypes
from ...tensor import Tensor, from_array


def index_tensor(array: np.ndarray) -> Tensor:
    """An int64 tensor of positions."""
    return from_array(np.ascontiguousarray(array, np.int64), dtypes.int64)


def array_of(indices: Tensor) -> np.ndarray:
    """Positions as an int64 array."""
    return np.asarray(indices._array(), np.int64)


def flattened(indices: np.ndarray, sizes) -> np.ndarray:
    """Each column of ``indices`` as one row-major position in ``sizes``; RuntimeError where positions pass 64 bits."""
    if math.prod(sizes) >= 1 << 63:
        raise RuntimeError(f"numel: integer multiplication overflow, sizes {list(sizes)} have too many elements")
    flat = np.zeros(indices.shape[1], np.int64)
    for row, size in zip(indices, sizes):
        flat = flat * size + row
    return flat


def unflattened(flat: np.ndarray, sizes) -> np.ndarray:
    """The inverse of ``flattened``: one row for each dimension."""
    rows = np.empty((len(sizes), flat.size), np.int64)
    for d in range(len(sizes) - 1, -1, -1):
        flat, rows[d] = np.divmod(flat, max(sizes[d], 1))
    return rows


def pointers_of(sorted_groups: np.ndarray, count: int) -> np.ndarray:
    """Where each of ``count`` groups begins among sorted group numbers, and the end."""
    starts = np.zeros(count + 1, np.int64)
    np.cumsum(np.bincount(sorted_groups, minlength=count), out=starts[1:])
    return starts


def expand_pointers(pointers: np.ndarray) -> np.ndarray:
    """The group number of each entry; the inverse of ``pointers_of``."""
    return np.repeat(np.arange(pointers.size - 1, dtype=np.int64), np.diff(pointers))


class Grouping:
    """Entries put together by a number: those of group ``g`` are ``order[pointers[g]:pointers[g + 1]]``."""

    def __init__(self, groups: np.ndarray, count: int):
        if groups.size and not (groups.min() >= 0 and groups.max() < count):
            raise RuntimeError(
                f"size is inconsistent with indices: expected indices between 0 and {count - 1}, found index "
                f"{int(groups.max()) if groups.min() >= 0 else int(groups.min())}"
            )
        in_order = bool((groups[1:] >= groups[:-1]).all())
        order = np.arange(groups.size) if in_order else np.argsort(groups, kind="stable")
        self.count = count
        self.groups = index_tensor(groups)
        self.order = index_tensor(order)
        self.pointers = index_tensor(pointers_of(groups[order], count))


class Edges:
    """The entries of a matrix: a row and a column each, and the groupings that products with it walk along."""

    def __init__(self, rows: np.ndarray, cols: np.ndarray, shape):
        self.row_array, self.col_array, self.shape = rows, cols, tuple(shape)

    @cached_property
    def by_row(self) -> Grouping:
        return Grouping(self.row_array, self.shape[0])

    @cached_property
    def by_col(self) -> Grouping:
        return Grouping(self.col_array, self.shape[1])

    @cached_property
    def rows(self) -> Tensor:
        return self.by_row.groups

    @cached_property
    def cols(self) -> Tensor:
        self.check_cols()
        return index_tensor(self.col_array)

    def check_cols(self) -> None:
        """Refuse columns outside of the matrix: kernels read memory there."""
        cols, count = self.col_array, self.shape[1]
        if cols.size and not (cols.min() >= 0 and cols.max() < count):
            raise RuntimeError(
                f"size is inconsistent with indices: expected columns between 0 and {count - 1}, found {int(cols.max())}"
            )

    @cached_property
    def transposed(self) -> Edges:
        """The entries of the transposed matrix, with the same groupings."""
        made = Edges(self.col_array, self.row_array, self.shape[::-1])
        made.__dict__["transposed"] = self
        for ours, theirs in (("by_row", "by_col"), ("by_col", "by_row")):
            if ours in self.__dict__:
                made.__dict__[theirs] = self.__dict__[ours]
        return made


class Pattern:
    """The coordinates of a COO tensor: ``indices`` is (sparse dimensions, entries)."""

    def __init__(self, indices: Tensor, coalesced: bool):
        self.indices, self.coalesced = indices, coalesced
        self._edges: dict = {}

    def same(self, other) -> bool:
        """Whether the other's entries are surely at the same places in the same order."""
        return self is other or (isinstance(other, Pattern) and self.indices is other.indices)

    def array(self) -> np.ndarray:
        """The coordinates as a NumPy array."""
        return array_of(self.indices)

    def edges(self, size) -> Edges:
        """The entries of a matrix, or of a batch of matrices side by side along the diagonal of a larger one."""
        key = tuple(size)
        version = self.indices._storage.version if not self.indices._storage.inference else -1
        found = self._edges.get(key)
        if found is None or found[0] != version:
            array = self.array()
            batch = flattened(array[:-2], size[:-2])
            rows, cols = (batch * n + row for n, row in zip(size[-2:], array[-2:]))
            copies = math.prod(size[:-2])
            found = self._edges[key] = version, Edges(rows, cols, (copies * size[-2], copies * size[-1]))
        return found[1]

    def adopt(self, size, edges: Edges) -> Pattern:
        """Remember edges that are known already."""
        version = self.indices._storage.version if not self.indices._storage.inference else -1
        self._edges[tuple(size)] = version, edges
        return self


class CompressedPattern:
    """The places of a compressed tensor: ``compressed`` pointers (batch, groups + 1) and ``plain`` indices (batch, entries).

    ``by_rows``: groups are rows (CSR, BSR), else columns. ``block`` is the size of the blocks, None for single elements.
    """

    def __init__(self, compressed: Tensor, plain: Tensor, by_rows: bool, block: tuple[int, int] | None = None):
        self.compressed, self.plain, self.by_rows, self.block = compressed, plain, by_rows, block
        self._edges: tuple | None = None

    def same(self, other) -> bool:
        """Whether the other's entries are surely at the same places in the same order."""
        return self is other or (isinstance(other, CompressedPattern) and self.by_rows == other.by_rows
                                 and self.compressed is other.compressed and self.plain is other.plain)  # fmt: skip

    def groups(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """For each entry its batch, its group and its place in the group; batches are flattened to one dimension."""
        compressed, plain = array_of(self.compressed), array_of(self.plain)
        batches = math.prod(compressed.shape[:-1])
        compressed = compressed.reshape(batches, compressed.shape[-1])
        entries = plain.shape[-1]
        if batches == 1:
            return np.zeros(entries, np.int64), expand_pointers(compressed[0])[:entries], plain.reshape(-1)
        groups = [expand_pointers(row) for row in compressed]
        return (
            np.repeat(np.arange(batches), entries),
            np.concatenate(groups or [np.empty(0, np.int64)]),
            plain.reshape(-1),
        )

    def edges(self, size) -> Edges:
        """The entries of the matrix (blocks count as entries); batches side by side along the diagonal."""
        version = (self.compressed._version, self.plain._version) if not self.plain._storage.inference else None
        if self._edges is None or self._edges[0] != version:
            batch, group, place = self.groups()
            rows, cols = (group, place) if self.by_rows else (place, group)
            copies = math.prod(self.compressed.shape[:-1])
            n, m = (s // b for s, b in zip(size[self.compressed.ndim - 1 :], self.block or (1, 1)))
            edges = Edges(batch * n + rows, batch * m + cols, (copies * n, copies * m))
            self._edges = version, edges
        return self._edges[1]
