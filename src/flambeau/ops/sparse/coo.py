"""Coordinate (COO) tensors: ``indices`` (sparse dimensions, entries) and ``values`` (entries, *dense sizes)."""

from __future__ import annotations

import inspect
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
from .handle import SparseTensor, linked, untransformed
from .pattern import Grouping, Pattern, flattened, index_tensor, pointers_of, unflattened
from .products import segment_sum


class CooTensor(SparseTensor):
    """A sparse tensor by coordinates; made by ``sparse_coo_tensor`` and ``to_sparse``."""

    layout = devices.sparse_coo
    backend = "SparseCPU"
    is_sparse = property(lambda self: True)
    _pattern: Pattern

    def stride(self, dim: int | None = None):
        """Zeros: elements have no fixed distance."""
        return 0 if dim is not None else (0,) * self.ndim

    @property
    def sparse_count(self) -> int:
        """The number of sparse dimensions; dense ones come after them."""
        return self._pattern.indices.shape[0]


def coo(indices: Tensor, values: Tensor, size, coalesced: bool = False) -> CooTensor:
    """A COO tensor of components that fit."""
    return of_pattern(Pattern(indices, coalesced or indices.shape[1] < 2), values, size)


def of_pattern(pattern: Pattern, values: Tensor, size) -> CooTensor:
    """A COO tensor of values at the places of ``pattern``."""
    made = object.__new__(CooTensor)
    made._held, made._pattern, made._size = untransformed(values), pattern, Size(size)
    return made


def empty_coo(size, sparse_dim: int, dense_dim: int, dtype) -> CooTensor:
    """A COO tensor without entries."""
    indices = filled((sparse_dim, 0), 0, dtypes.int64)
    return coo(indices, filled((0, *size[sparse_dim : sparse_dim + dense_dim]), 0, dtype), size, True)


def _sparse_coo_tensor(indices=None, values=None, size=None, *, dtype=None, device=None, pin_memory=False, requires_grad=False,
                       check_invariants=None, is_coalesced=None):  # fmt: skip
    """A COO tensor of ``values`` (entries, *dense sizes) at ``indices`` (sparse dimensions, entries).

    Several entries at one place are added up by ``coalesce``. ``size`` is as small as can be where it is left out; with a ``size``
    alone the tensor has no entries. Gradients flow to ``values``. Raises RuntimeError for components that do not fit;
    whether indices are within ``size`` is checked with ``check_invariants`` (or by whoever reads them).
    """
    if pin_memory:
        raise RuntimeError("Cannot access accelerator device when none is available.")
    require_cpu("sparse_coo_tensor", device)
    if values is None and (size is None) != (indices is None):
        shape = check_size("sparse_coo_tensor", indices if size is None else size)
        made = empty_coo(shape, len(shape), 0, dtype or dtypes.get_default_dtype())
        return made.requires_grad_(requires_grad)
    if indices is None or values is None:
        raise TypeError(
            "sparse_coo_tensor() received an invalid combination of arguments: it takes indices and values, or a size"
        )
    indices = _indices(indices)
    values = as_values(values, dtype)
    values = values.reshape(1) if not values.ndim else values
    if size is None:
        size = _smallest_size(indices, values)
    size = check_size("sparse_coo_tensor", size)
    _check_components(indices, values, size)
    if math.prod(size) >= 1 << 63:
        raise RuntimeError(f"numel: integer multiplication overflow, size {list(size)} has too many elements")
    if invariants.wanted(check_invariants):
        invariants.check_coo(indices, values, size, bool(is_coalesced))
    held = linked(values, "SparseCooTensorWithDimsAndTensorsBackward0")
    made = coo(indices, held, size, bool(is_coalesced))
    return made.requires_grad_(True) if requires_grad else made


_sparse_coo_tensor.__name__ = "sparse_coo_tensor"
sparse_coo_tensor = dispatching(_sparse_coo_tensor)
_known = inspect.signature(_sparse_coo_tensor)
# The form that is documented: a size alone, and memory of an accelerator, are for old programs.
sparse_coo_tensor.__signature__ = _known.replace(
    parameters=[p.replace(default=p.empty) if p.name in ("indices", "values") else p
                for p in _known.parameters.values() if p.name != "pin_memory"]
)  # fmt: skip
export("torch", "sparse_coo_tensor", sparse_coo_tensor)


def require_cpu(name: str, device) -> None:
    """NotImplementedError for devices that sparse tensors cannot be on."""
    if devices.resolve(device).type != "cpu":
        raise NotImplementedError(f"flambeau: {name}: argument device={device!r} is not supported yet")


def _indices(data) -> Tensor:
    made = data if isinstance(data, Tensor) else tensor(data)
    if made.ndim != 2:
        raise RuntimeError(f"indices must be sparse_dim x nnz, but got: {list(made.shape)}")
    return made.detach().to(dtypes.int64)


def as_values(data, dtype) -> Tensor:
    """Values as a tensor of ``dtype`` (their own for None)."""
    if not isinstance(data, Tensor):
        return tensor(data, dtype=dtype)
    return data if dtype is None else data.to(dtype)


def _smallest_size(indices: Tensor, values: Tensor) -> tuple[int, ...]:
    array = np.asarray(indices._array())
    if not array.shape[1]:
        return (*(0,) * array.shape[0], *values.shape[1:])
    lowest = array.min(axis=1)
    for d, low in enumerate(lowest):
        if low < 0:
            raise RuntimeError(f"found negative index {low} for dim {d}")
    return (*(int(n) + 1 for n in array.max(axis=1)), *values.shape[1:])


def _check_components(indices: Tensor, values: Tensor, size) -> None:
    sparse_dim, dense_dim = indices.shape[0], values.ndim - 1
    if len(size) != sparse_dim + dense_dim:
        raise RuntimeError(
            f"'len(size) == sparse_dim + dense_dim' is not satisfied: len(size) = {len(size)}, sparse_dim = {sparse_dim}, "
            f"dense_dim = {dense_dim}"
        )
    if indices.shape[1] != values.shape[0]:
        raise RuntimeError(
            f"indices and values must have same nnz, but got nnz from indices: {indices.shape[1]}, nnz from values: {values.shape[0]}"
        )
    if tuple(values.shape[1:]) != tuple(size[sparse_dim:]):
        raise RuntimeError(
            f"values has incorrect size, expected {[values.shape[0], *size[sparse_dim:]]}, got {list(values.shape)}"
        )


def require_coo(name: str, value) -> CooTensor:
    """The COO tensor that ``name`` needs; RuntimeError for other layouts."""
    if isinstance(value, CooTensor):
        return value
    raise RuntimeError(f"{name} expected sparse coordinate tensor layout but got {layout_name(value)}")


_LAYOUT_NAMES = {"strided": "Strided", "sparse_coo": "Sparse", "sparse_csr": "SparseCsr", "sparse_csc": "SparseCsc",
                 "sparse_bsr": "SparseBsr", "sparse_bsc": "SparseBsc"}  # fmt: skip


def layout_name(value: Tensor) -> str:
    """A tensor's layout as PyTorch's messages spell it."""
    return _LAYOUT_NAMES[value.layout.name]


# -- components ------------------------------------------------------------------------------------------------------------


@function(None, method=True)
def _indices_of(self):
    """The coordinates of the entries (sparse dimensions, entries), coalesced or not."""
    return require_coo("_indices", self)._pattern.indices.detach()


@function(None, method=True)
def _values_of(self):
    """The values of the entries, coalesced or not, outside of the graph."""
    return require_coo("_values", self)._held.detach()


Tensor._indices = _indices_of
Tensor._values = _values_of
del Tensor._indices_of, Tensor._values_of


@function(None, method=True)
def indices(self):
    """The coordinates (sparse dimensions, entries) of a coalesced COO tensor; RuntimeError for others."""
    if not require_coo("indices", self)._pattern.coalesced:
        raise RuntimeError("Cannot get indices on an uncoalesced tensor, please call .coalesce() first")
    return self._pattern.indices.detach()


@function(None, method=True)
def values(self):
    """The values of a coalesced COO tensor or of a compressed one, as part of the graph; RuntimeError for others."""
    if not isinstance(self, SparseTensor):
        raise RuntimeError(f"values expected sparse tensor layout but got {layout_name(self)}")
    if isinstance(self, CooTensor) and not self._pattern.coalesced:
        raise RuntimeError("Cannot get values on an uncoalesced tensor, please call .coalesce() first")
    return linked(self._held, "ValuesBackward0")


@function(None, method=True)
def _nnz(self):
    """The number of entries stored (blocks, for blocked layouts)."""
    if not isinstance(self, SparseTensor):
        raise NotImplementedError(
            "Could not run 'aten::_nnz' with arguments from the 'CPU' backend: it takes sparse tensors only."
        )
    if isinstance(self, CooTensor):
        return self._pattern.indices.shape[1]
    return self._pattern.plain.shape[-1]


@function(None, method=True)
def is_coalesced(self):
    """Whether a COO tensor's entries are in order and at different places."""
    return require_coo("is_coalesced", self)._pattern.coalesced


@function(None, method=True)
def _coalesced_(self, coalesced):
    """Say whether a COO tensor is coalesced, in place."""
    require_coo("_coalesced_", self)
    pattern = Pattern(self._pattern.indices, bool(coalesced))
    self._pattern = pattern
    return self


@function(None, method=True)
def sparse_dim(self):
    """The number of sparse dimensions; 0 for strided tensors."""
    if isinstance(self, CooTensor):
        return self.sparse_count
    return 2 if isinstance(self, SparseTensor) else 0


@function(None, method=True)
def dense_dim(self):
    """The number of dense dimensions; all of them for strided tensors."""
    if isinstance(self, CooTensor):
        return self.ndim - self.sparse_count
    if isinstance(self, SparseTensor):
        return self._held.ndim - self._pattern.plain.ndim - (2 if self._pattern.block else 0)
    return self.ndim


# -- coalescing ------------------------------------------------------------------------------------------------------------


@function(None, method=True)
def coalesce(self):
    """The COO tensor with its entries in row-major order, those at one place added up."""
    require_coo("coalesce", self)
    if self._pattern.coalesced:
        return self
    sizes = self._size[: self.sparse_count]
    flat = flattened(self._pattern.array(), sizes)
    if bool((flat[1:] > flat[:-1]).all()):
        pattern = Pattern(self._pattern.indices, True)
        pattern._edges = self._pattern._edges
        return of_pattern(pattern, linked(self._held, "CoalesceBackward0"), self._size)
    at, held = merged(flat, self._held)
    return coo(index_tensor(unflattened(at, sizes)), linked(held, "CoalesceBackward0"), self._size, True)


def merged(flat: np.ndarray, held: Tensor) -> tuple[np.ndarray, Tensor]:
    """Different places in order, with the sum of the values at each."""
    order = np.argsort(flat, kind="stable")
    ordered = flat[order]
    first = np.ones(flat.size, bool)
    first[1:] = ordered[1:] != ordered[:-1]
    if first.all():
        return ordered, held.index_select(0, index_tensor(order))
    grouping = object.__new__(Grouping)
    numbers = np.cumsum(first) - 1
    groups = np.empty_like(numbers)
    groups[order] = numbers
    grouping.count = int(numbers[-1]) + 1
    grouping.groups, grouping.order = index_tensor(groups), index_tensor(order)
    grouping.pointers = index_tensor(pointers_of(numbers, grouping.count))
    return ordered[first], segment_sum(held, grouping)


# -- to and from dense -----------------------------------------------------------------------------------------------------


def places(x: CooTensor) -> np.ndarray:
    """The flat position of each entry among the sparse dimensions; RuntimeError for entries outside of the tensor."""
    sizes = x._size[: x.sparse_count]
    array = x._pattern.array()
    for d, (row, size) in enumerate(zip(array, sizes)):
        if row.size and not (row.min() >= 0 and row.max() < size):
            found = int(row.min()) if row.min() < 0 else int(row.max())
            raise RuntimeError(
                f"size is inconsistent with indices: for dim {d}, size is {size} but found index {found}"
            )
    return flattened(array, sizes)


def coo_to_dense(x: CooTensor) -> Tensor:
    """All elements; entries at one place are added up."""
    sizes, dense = x._size[: x.sparse_count], tuple(x._size[x.sparse_count :])
    flat = index_tensor(places(x))
    total = filled((math.prod(sizes), *dense), 0, x.dtype)
    filled_in = total.index_put((flat,), x._held, accumulate=not x._pattern.coalesced)
    return linked(filled_in.reshape(x._size), "ToDenseBackward0")


def dense_to_coo(x: Tensor, sparse_dim: int | None = None) -> CooTensor:
    """The elements that are not zero; with fewer sparse dimensions, the slices that have some."""
    title = f"ToSparseBackward{int(sparse_dim is None)}"
    sparse_dim = x.ndim if sparse_dim is None else sparse_dim
    if not 0 <= sparse_dim <= x.ndim or (x.ndim and not sparse_dim):
        raise RuntimeError(
            f"dense_to_sparse: sparse_dim argument must be in [{1 if x.ndim else 0}, {x.ndim}] range, but {sparse_dim} is given"
        )
    sizes, dense = tuple(x.shape[:sparse_dim]), tuple(x.shape[sparse_dim:])
    array = np.asarray((x.detach() != 0)._array())
    array = array.any(axis=tuple(range(sparse_dim, x.ndim))) if dense else array
    flat = np.flatnonzero(array)
    rows = x.reshape((math.prod(sizes), *dense)).index_select(0, index_tensor(flat))
    return coo(index_tensor(unflattened(flat, sizes)), linked(rows, title), x.shape, True)
