"""Compressed tensors: CSR and CSC, and their blocked forms BSR and BSC.

Entries are grouped by row (or column): ``compressed`` (batch, groups + 1) says where each group begins among ``plain`` (batch,
entries), which has the other index of each. Values are (batch, entries, *block, *dense sizes).
"""

from __future__ import annotations

import math

import numpy as np

from ... import dtypes
from ...lazy.spec import Size
from ...runtime import devices
from ...tensor import Tensor
from ..creation import check_size, filled, tensor
from ..overrides import dispatching
from ..registry import export, function
from . import invariants
from .coo import CooTensor, as_values, coo, dense_to_coo, layout_name, require_cpu
from .handle import SparseTensor, linked, untransformed
from .masking import looked_up
from .pattern import CompressedPattern, index_tensor

# Layout -> (grouped by row, blocked).
_LAYOUTS = {
    devices.sparse_csr: (True, False),
    devices.sparse_csc: (False, False),
    devices.sparse_bsr: (True, True),
    devices.sparse_bsc: (False, True),
}
_BY_FORM = {form: layout for layout, form in _LAYOUTS.items()}


class CompressedTensor(SparseTensor):
    """A compressed sparse tensor; made by ``sparse_csr_tensor`` and its relatives, and by conversions."""

    backend = "SparseCsrCPU"
    _pattern: CompressedPattern

    @property
    def layout(self):
        """Which of the compressed layouts it is."""
        return _BY_FORM[self._pattern.by_rows, self._pattern.block is not None]

    is_sparse_csr = property(lambda self: self.layout is devices.sparse_csr)

    @property
    def batch(self) -> tuple[int, ...]:
        """The sizes of the batch dimensions."""
        return tuple(self._pattern.compressed.shape[:-1])

    @property
    def matrix_size(self) -> tuple[int, int]:
        """Rows and columns."""
        first = len(self.batch)
        return self._size[first], self._size[first + 1]

    def stride(self, dim: int | None = None):
        """Raises RuntimeError: elements have no fixed distance."""
        raise RuntimeError("Sparse CSR tensors do not have strides")


def compressed_tensor(pattern: CompressedPattern, values: Tensor, size) -> CompressedTensor:
    """A compressed tensor of components that fit."""
    made = object.__new__(CompressedTensor)
    made._held, made._pattern, made._size = untransformed(values), pattern, Size(size)
    return made


# -- construction ----------------------------------------------------------------------------------------------------------


def _sparse_compressed_tensor(compressed_indices, plain_indices, values, size=None, *, dtype=None, layout=None, device=None,
                              pin_memory=False, requires_grad=False, check_invariants=None):  # fmt: skip
    """A tensor in the compressed ``layout`` (sparse_csr, sparse_csc, sparse_bsr or sparse_bsc).

    ``compressed_indices`` (batch, groups + 1) begin with 0 and end with the number of entries, ``plain_indices`` are (batch,
    entries), ``values`` (batch, entries, *block, *dense sizes). Gradients flow to ``values``. ``size`` is as small as can be where it
    is left out. ``check_invariants`` checks all that must hold of the components (RuntimeError).
    """
    if layout not in _LAYOUTS:
        got = "none" if layout is None else _name_of(layout)
        raise RuntimeError(f"sparse_compressed_tensor expected sparse compressed tensor layout but got {got}")
    if pin_memory:
        raise RuntimeError("Cannot access accelerator device when none is available.")
    require_cpu("sparse_compressed_tensor", device)
    by_rows, blocked = _LAYOUTS[layout]
    compressed, plain = _index_part(compressed_indices), _index_part(plain_indices)
    values = as_values(values, dtype)
    blocks_at = plain.ndim
    if not plain.ndim or not compressed.ndim or values.ndim < plain.ndim + 2 * blocked:
        raise RuntimeError(
            f"{layout.name}_tensor: expected indices of at least 1 dimension and values of at least {plain.ndim + 2 * blocked}, got "
            f"{compressed.ndim}, {plain.ndim} and {values.ndim}"
        )
    block = tuple(values.shape[blocks_at : blocks_at + 2]) if blocked else None
    pattern = CompressedPattern(compressed, plain, by_rows, block)
    if size is None:
        size = _smallest_size(pattern, values)
    size = check_size("sparse_compressed_tensor", size)
    if invariants.wanted(check_invariants):
        invariants.check_compressed(pattern, values, size)
    made = compressed_tensor(pattern, linked(values, "SparseCompressedTensorBackward0"), size)
    return made.requires_grad_(True) if requires_grad else made


def _name_of(layout) -> str:
    return "".join(part.capitalize() for part in layout.name.split("_"))


def _index_part(data) -> Tensor:
    made = data if isinstance(data, Tensor) else tensor(data)
    return made.detach() if made.dtype in (dtypes.int32, dtypes.int64) else made.detach().to(dtypes.int64)


def _smallest_size(pattern: CompressedPattern, values: Tensor) -> tuple[int, ...]:
    plain = np.asarray(pattern.plain._array())
    groups = pattern.compressed.shape[-1] - 1
    others = int(plain.max()) + 1 if plain.size else 0
    rows, cols = (groups, others) if pattern.by_rows else (others, groups)
    height, width = pattern.block or (1, 1)
    dense = values.shape[pattern.plain.ndim + (2 if pattern.block else 0) :]
    return (*pattern.compressed.shape[:-1], rows * height, cols * width, *dense)


_sparse_compressed_tensor.__name__ = "sparse_compressed_tensor"
sparse_compressed_tensor = dispatching(_sparse_compressed_tensor)
export("torch", "sparse_compressed_tensor", sparse_compressed_tensor)


@function()
def sparse_csr_tensor(crow_indices, col_indices, values, size=None, *, dtype=None, device=None, pin_memory=False,
                      requires_grad=False, check_invariants=None):  # fmt: skip
    """A CSR tensor: entries grouped by row. See ``sparse_compressed_tensor``."""
    return sparse_compressed_tensor(crow_indices, col_indices, values, size, dtype=dtype, layout=devices.sparse_csr, device=device,
                                    pin_memory=pin_memory, requires_grad=requires_grad, check_invariants=check_invariants)  # fmt: skip


@function()
def sparse_csc_tensor(ccol_indices, row_indices, values, size=None, *, dtype=None, device=None, pin_memory=False,
                      requires_grad=False, check_invariants=None):  # fmt: skip
    """A CSC tensor: entries grouped by column. See ``sparse_compressed_tensor``."""
    return sparse_compressed_tensor(ccol_indices, row_indices, values, size, dtype=dtype, layout=devices.sparse_csc, device=device,
                                    pin_memory=pin_memory, requires_grad=requires_grad, check_invariants=check_invariants)  # fmt: skip


@function()
def sparse_bsr_tensor(crow_indices, col_indices, values, size=None, *, dtype=None, device=None, pin_memory=False,
                      requires_grad=False, check_invariants=None):  # fmt: skip
    """A BSR tensor: dense blocks grouped by row of blocks. See ``sparse_compressed_tensor``."""
    return sparse_compressed_tensor(crow_indices, col_indices, values, size, dtype=dtype, layout=devices.sparse_bsr, device=device,
                                    pin_memory=pin_memory, requires_grad=requires_grad, check_invariants=check_invariants)  # fmt: skip


@function()
def sparse_bsc_tensor(ccol_indices, row_indices, values, size=None, *, dtype=None, device=None, pin_memory=False,
                      requires_grad=False, check_invariants=None):  # fmt: skip
    """A BSC tensor: dense blocks grouped by column of blocks. See ``sparse_compressed_tensor``."""
    return sparse_compressed_tensor(ccol_indices, row_indices, values, size, dtype=dtype, layout=devices.sparse_bsc, device=device,
                                    pin_memory=pin_memory, requires_grad=requires_grad, check_invariants=check_invariants)  # fmt: skip


# -- components ------------------------------------------------------------------------------------------------------------


def _component(name: str, attribute: str, by_rows: bool):
    kind = "row" if by_rows else "column"

    def component(self):
        if not isinstance(self, CompressedTensor) or self._pattern.by_rows is not by_rows:
            raise RuntimeError(f"{name} expected sparse {kind} compressed tensor layout but got {layout_name(self)}")
        return getattr(self._pattern, attribute).detach()

    component.__name__ = name
    component.__doc__ = (
        f"The {attribute} indices of a tensor that is compressed by {kind}; RuntimeError for other layouts."
    )
    function(None, method=True)(component)


_component("crow_indices", "compressed", True)
_component("col_indices", "plain", True)
_component("ccol_indices", "compressed", False)
_component("row_indices", "plain", False)


# -- conversion ------------------------------------------------------------------------------------------------------------


def element_indices(x: CompressedTensor) -> np.ndarray:
    """Batch (flattened), row and column of every element stored, in the order of the flattened values."""
    batch, group, place = x._pattern.groups()
    rows, cols = (group, place) if x._pattern.by_rows else (place, group)
    if not x._pattern.block:
        return np.stack([batch, rows, cols])
    height, width = x._pattern.block
    down, across = np.divmod(np.arange(height * width), width)
    rows, cols = (rows[:, None] * height + down).reshape(-1), (cols[:, None] * width + across).reshape(-1)
    return np.stack([np.repeat(batch, height * width), rows, cols])


def flat_values(x: CompressedTensor) -> Tensor:
    """The values with one dimension for all elements stored, then the dense ones."""
    dense = tuple(x._size[len(x.batch) + 2 :])
    stored = math.prod(x._held.shape[: x._held.ndim - len(dense)])
    return x._held.reshape((stored, *dense))


def compressed_to_coo(x: CompressedTensor) -> CooTensor:
    """The same entries by coordinates, in order."""
    batch, rows, cols = element_indices(x)
    outer = np.unravel_index(batch, x.batch) if x.batch else ()
    indices = index_tensor(np.stack([*outer, rows, cols]))
    values = flat_values(x)
    return coo(indices, linked(values, "ToSparseBackward0"), x._size).coalesce()


def compressed_to_dense(x: CompressedTensor) -> Tensor:
    """All elements."""
    dense = tuple(x._size[len(x.batch) + 2 :])
    flat = index_tensor(_places(x))
    total = filled((math.prod((*x.batch, *x.matrix_size)), *dense), 0, x.dtype)
    return linked(total.index_put((flat,), flat_values(x), accumulate=True).reshape(x._size), "ToDenseBackward0")


def _places(x: CompressedTensor) -> np.ndarray:
    n, m = x.matrix_size
    batch, rows, cols = element_indices(x)
    if rows.size and not (rows.min() >= 0 and rows.max() < n and cols.min() >= 0 and cols.max() < m):
        raise RuntimeError(
            f"size is inconsistent with indices: an entry of a {layout_name(x)} tensor is outside of {list(x._size)}"
        )
    return (batch * n + rows) * m + cols


def values_at_compressed(x: Tensor, mask: CompressedTensor) -> Tensor:
    """The elements of ``x`` at the entries of ``mask``, in the shape of its values."""
    dense = tuple(mask._size[len(mask.batch) + 2 :])
    asked = _places(mask)
    if isinstance(x, CompressedTensor):
        x = compressed_to_coo(x)
    if isinstance(x, CooTensor):
        found = looked_up(x.coalesce(), asked)
    elif not asked.size:
        return x.new_zeros(mask._held.shape)
    else:
        found = x.reshape((-1, *dense)).index_select(0, index_tensor(asked))
    return found.reshape(mask._held.shape)


def to_compressed(x: Tensor, layout, blocksize=None, dense_dim=None) -> CompressedTensor:
    """``x``, of any layout, in a compressed one."""
    if layout not in _LAYOUTS:
        raise RuntimeError(f"to_sparse: unexpected layout {layout}")
    by_rows, blocked = _LAYOUTS[layout]
    if blocked and (blocksize is None or len(blocksize) != 2):
        raise RuntimeError(f"to_sparse: conversion to {layout.name} needs a blocksize of two numbers, got {blocksize}")
    if not blocked and blocksize is not None:
        raise RuntimeError(f"to_sparse: conversion to {layout.name} does not use specified blocksize")
    block = tuple(blocksize) if blocked else None
    if isinstance(x, CompressedTensor):
        if x.layout is layout and x._pattern.block == block:
            return x
        x = compressed_to_coo(x)
    if not isinstance(x, CooTensor):
        return _from_dense(x, by_rows, block, dense_dim or 0)
    if dense_dim not in (None, x.ndim - x.sparse_count):
        raise RuntimeError("to_sparse: conversion from a sparse layout with dense_dim argument is not supported")
    if x.sparse_count < 2:
        raise RuntimeError(
            f"to_sparse: only tensors of at least 2 sparse dimensions can be compressed, got {x.sparse_count}"
        )
    x = x.coalesce()
    indices = x._pattern.array()
    sizes = tuple(x._size[: x.sparse_count])
    batch = (
        np.ravel_multi_index(tuple(indices[:-2]), sizes[:-2])
        if len(sizes) > 2
        else np.zeros(indices.shape[1], np.int64)
    )
    rows, cols, held = indices[-2], indices[-1], x._held
    if block:
        _check_blocks(sizes[-2:], block)
        batch, rows, cols, held = _gather_blocks(batch, rows, cols, held, sizes[-2:], block)
    return _compress(batch, rows, cols, held, x._size, sizes[:-2], by_rows, block)


def _check_blocks(sizes, block) -> None:
    if block[0] <= 0 or block[1] <= 0 or sizes[0] % block[0] or sizes[1] % block[1]:
        raise RuntimeError(
            f"tensor sparse size with runtime shape ({sizes[0]}, {sizes[1]}) must be divisible by blocksize ({block[0]}, {block[1]})"
        )


def _gather_blocks(batch, rows, cols, held: Tensor, sizes, block):
    """Entries put together into the blocks that they lie in."""
    (height, width), across, down = block, sizes[1] // block[1], sizes[0] // block[0]
    number = (batch * down + rows // height) * across + cols // width
    blocks, owner = np.unique(number, return_inverse=True)
    at = (owner.reshape(-1) * height + rows % height) * width + cols % width
    total = filled((blocks.size * height * width, *held.shape[1:]), 0, held.dtype)
    values = total.index_put((index_tensor(at),), held).reshape((blocks.size, height, width, *held.shape[1:]))
    rest, cols = np.divmod(blocks, max(across, 1))
    batch, rows = np.divmod(rest, max(down, 1))
    return batch, rows, cols, values


def _from_dense(x: Tensor, by_rows: bool, block, dense_dim: int) -> CompressedTensor:
    first = x.ndim - 2 - dense_dim
    if first < 0:
        raise RuntimeError(f"to_sparse: expected a tensor of at least {2 + dense_dim} dimensions, got {x.ndim}")
    batch, (n, m), dense = tuple(x.shape[:first]), tuple(x.shape[first : first + 2]), tuple(x.shape[first + 2 :])
    height, width = block or (1, 1)
    if block:
        _check_blocks((n, m), block)
    cells = x.reshape((math.prod(batch), n // height, height, m // width, width, *dense)).transpose(2, 3)
    sparse = dense_to_coo(cells.reshape((*cells.shape[:3], *(block or ()), *dense)), 3)
    owner, rows, cols = sparse._pattern.array()
    return _compress(owner, rows, cols, sparse._held, tuple(x.shape), batch, by_rows, block)


def _compress(batch, rows, cols, held: Tensor, size, batch_size, by_rows: bool, block) -> CompressedTensor:
    """A compressed tensor of entries in row-major order."""
    sizes = tuple(size[len(batch_size) : len(batch_size) + 2])
    count = sizes[0 if by_rows else 1] // (block or (1, 1))[0 if by_rows else 1]
    group, place = (rows, cols) if by_rows else (cols, rows)
    batches = math.prod(batch_size)
    if not by_rows:
        order = np.lexsort((place, group, batch))
        batch, group, place, held = batch[order], group[order], place[order], held.index_select(0, index_tensor(order))
    each = np.bincount(batch, minlength=batches)
    if each.size and (each != each[0]).any():
        raise RuntimeError("Expect the same number of specified elements per batch.")
    entries = int(each[0]) if each.size else 0
    pointers = np.zeros((batches, count + 1), np.int64)
    np.cumsum(
        np.bincount(batch * count + group, minlength=batches * count).reshape(batches, count),
        axis=1,
        out=pointers[:, 1:],
    )
    pattern = CompressedPattern(index_tensor(pointers.reshape((*batch_size, count + 1))),
                                index_tensor(place.reshape((*batch_size, entries))), by_rows, block)  # fmt: skip
    values = held.reshape((*batch_size, entries, *held.shape[1:])) if batch_size else held
    title = f"ToSparse{'Bs' if block else 'Cs'}{'r' if by_rows else 'c'}Backward0"
    return compressed_tensor(pattern, linked(values, title), size)


@function(None, method=True)
def to_sparse_csr(self, dense_dim=None):
    """The tensor in the CSR layout; all but two dimensions (and ``dense_dim`` dense ones) are batches."""
    return to_compressed(self, devices.sparse_csr, None, dense_dim)


@function(None, method=True)
def to_sparse_csc(self, dense_dim=None):
    """The tensor in the CSC layout; see ``to_sparse_csr``."""
    return to_compressed(self, devices.sparse_csc, None, dense_dim)


@function(None, method=True)
def to_sparse_bsr(self, blocksize, dense_dim=None):
    """The tensor in the BSR layout, in blocks of ``blocksize``; see ``to_sparse_csr``."""
    return to_compressed(self, devices.sparse_bsr, blocksize, dense_dim)


@function(None, method=True)
def to_sparse_bsc(self, blocksize, dense_dim=None):
    """The tensor in the BSC layout, in blocks of ``blocksize``; see ``to_sparse_csr``."""
    return to_compressed(self, devices.sparse_bsc, blocksize, dense_dim)
