"""Nested tensors of ``layout=torch.jagged``: one dimension differs, packed in values with offsets.

The shape is ``(B, ..., j1, ...)``: ``j1`` stands for the sizes of the ragged dimension. The values have all dimensions but the batch;
along the ragged one component ``i`` lies at ``offsets[i]``, and ends at ``offsets[i + 1]`` unless lengths are given.
"""

from __future__ import annotations

import itertools
import weakref

import numpy as np

from ..lazy.spec import Size, contiguous_strides
from ..tensor import Tensor, from_array, wrap_dim
from .handle import NestedTensor, jagged

_numbers = itertools.count(1)


class NestedInt:
    """The size of a ragged dimension: equal to itself only. Prints as ``j1``, or as ``3*j1`` for a stride."""

    __slots__ = ("number", "factor")
    symbolic = True  # a Size takes it

    def __init__(self, number: int, factor: int = 1):
        self.number = number
        self.factor = factor

    def __mul__(self, factor: int) -> NestedInt:
        return NestedInt(self.number, self.factor * factor)

    __rmul__ = __mul__

    def __eq__(self, other) -> bool:
        return isinstance(other, NestedInt) and (self.number, self.factor) == (other.number, other.factor)

    def __hash__(self) -> int:
        return hash((self.number, self.factor))

    def __repr__(self) -> str:
        return f"j{self.number}" if self.factor == 1 else f"{self.factor}*j{self.number}"


class Ragged:
    """Where components lie along the ragged dimension. Tensors made with the same offsets tensor share one, and so may be paired."""

    def __init__(self, offsets: Tensor, lengths: Tensor | None = None):
        self.offsets = offsets
        self.lengths = lengths
        self.symbol = NestedInt(next(_numbers))
        bounds = offsets.tolist()
        self.starts: list[int] = bounds if lengths is not None and lengths.numel() == len(bounds) else bounds[:-1]
        self.sizes: list[int] = lengths.tolist() if lengths is not None else [b - a for a, b in zip(bounds, bounds[1:])]
        self.total = bounds[-1] if bounds else 0

    @property
    def batch(self) -> int:
        """The number of components."""
        return len(self.sizes)

    @property
    def longest(self) -> int:
        """The largest size."""
        return max(self.sizes, default=0)

    def rows(self) -> np.ndarray:
        """The component that each position of the packed dimension belongs to."""
        return np.repeat(np.arange(self.batch), self.sizes)

    def columns(self) -> np.ndarray:
        """The place of each packed position within its component."""
        return np.concatenate([np.arange(n) for n in self.sizes]) if self.sizes else np.zeros(0, np.int64)

    def padded_places(self, length: int) -> tuple[np.ndarray, np.ndarray]:
        """For a (batch, length) table: the packed position of each element, and whether there is one."""
        column = np.arange(length)[None, :]
        inside = column < np.asarray(self.sizes, np.int64).reshape(-1, 1)
        places = np.asarray(self.starts, np.int64).reshape(-1, 1) + column
        return np.where(inside, places, 0), inside


_known: weakref.WeakValueDictionary = weakref.WeakValueDictionary()  # by the identity of (offsets, lengths), which it keeps alive


def ragged_of(offsets: Tensor, lengths: Tensor | None = None) -> Ragged:
    """The sizes that these offsets (and lengths) describe: one object for one pair of tensors."""
    key = id(offsets), id(lengths)
    found = _known.get(key)
    if found is None:
        found = _known[key] = Ragged(offsets, lengths)
    return found


def ragged_of_sizes(sizes) -> Ragged:
    """As ``ragged_of``, for sizes packed without gaps."""
    bounds = np.concatenate([[0], np.cumsum(np.asarray(list(sizes), np.int64))]).astype(np.int64)
    return ragged_of(index_tensor(bounds))


def index_tensor(array) -> Tensor:
    """An int64 tensor of a NumPy array."""
    from ..dtypes import int64

    return from_array(np.asarray(array, np.int64), int64)


def _rebuilt(values: Tensor, offsets: Tensor, lengths: Tensor | None, axis: int) -> JaggedNested:
    return JaggedNested.over(values, ragged_of(offsets, lengths), axis)


class JaggedNested(NestedTensor):
    """``_held`` has the values, ``_ragged`` the sizes, ``_axis`` the ragged dimension of the whole (counting the batch)."""

    _ragged: Ragged
    _axis: int
    layout = jagged
    rules: dict = {}
    composes = True

    @staticmethod
    def over(values: Tensor, ragged: Ragged, axis: int = 1) -> JaggedNested:
        """A nested tensor over packed values."""
        made = object.__new__(JaggedNested)
        made._held, made._ragged, made._axis = values, ragged, axis
        return made

    def with_values(self, values: Tensor) -> JaggedNested:
        """Other values of the same sizes, and of the same ragged dimension."""
        return JaggedNested.over(values, self._ragged, self._axis)

    def __reduce_ex__(self, protocol):
        return _rebuilt, (self._held, self._ragged.offsets, self._ragged.lengths, self._axis)

    def components(self) -> tuple[Tensor, ...]:
        """The tensors of the batch: views of the packed values."""
        places = zip(self._ragged.starts, self._ragged.sizes)
        return tuple(self._held.narrow(self._axis - 1, start, size) for start, size in places)

    def same_sizes(self, other: NestedTensor) -> bool:
        """Whether ``other`` shares the offsets and has the same ragged dimension."""
        return isinstance(other, JaggedNested) and other._ragged is self._ragged and self.dim() - self._axis == other.dim() - other._axis

    @property
    def shape(self) -> Size:
        """The size of each dimension; that of the ragged one is a symbol."""
        sizes = list(self._held.shape)
        sizes[self._axis - 1] = self._ragged.symbol
        return Size([self._ragged.batch, *sizes])

    def dim(self) -> int:
        """The number of dimensions, the batch among them."""
        return self._held.ndim + 1

    def size(self, dim: int | None = None):
        """The shape, or the size of dimension ``dim``."""
        return self.shape if dim is None else self.shape[wrap_dim(dim, self.dim())]

    def stride(self, dim: int | None = None):
        """The strides of the values, and that of the batch: a multiple of the ragged size."""
        inner = tuple(self._held.stride())
        found = (self._ragged.symbol * max(inner, default=1), *inner)
        return found if dim is None else found[wrap_dim(dim, self.dim())]

    def numel(self) -> int:
        """The elements of the packed values."""
        return self._held.numel()

    nelement = numel

    def is_contiguous(self, memory_format=None) -> bool:
        """Whether components lie one after the other, without gaps, in row-major order."""
        dense = tuple(self._held.stride()) == contiguous_strides(self._held.shape) or self._held.is_contiguous()
        return self._ragged.lengths is None and self._axis == 1 and dense

    def values(self) -> Tensor:
        """The packed values."""
        return self._held

    def offsets(self) -> Tensor:
        """Where each component begins in the values, and where the last one ends."""
        return self._ragged.offsets

    def lengths(self) -> Tensor | None:
        """The sizes of the components where they do not fill the space between offsets, else None."""
        return self._ragged.lengths

    @property
    def _max_seqlen(self) -> int:
        return self._ragged.longest

    @property
    def _min_seqlen(self) -> int:
        return min(self._ragged.sizes, default=0)

    def __len__(self) -> int:
        return self._ragged.batch

    def __iter__(self):
        return iter(self.components())

    def tolist(self):
        """Raises RuntimeError, as PyTorch does."""
        raise RuntimeError(".tolist() is not supported for tensor subclasses, got NestedTensor")

    def numpy(self, *, force: bool = False):
        """Raises RuntimeError: NumPy has no arrays of different sizes."""
        raise RuntimeError(".numpy() is not supported for tensor subclasses.")

    def __repr__(self, *, tensor_contents=None) -> str:
        grad = f", grad_fn={self.grad_fn!r}" if self.grad_fn is not None else ", requires_grad=True" if self.requires_grad else ""
        sizes = f"({', '.join(map(str, self.shape))})"
        return f"NestedTensor(size={sizes}, offsets={self.offsets()!r}{grad}, contiguous={self.is_contiguous()})"

    __str__ = __repr__

    def fallback(self, name: str, func, args, kwargs):
        """Elementwise operators work on the packed values."""
        from .jagged_rules import pointwise

        return pointwise(name, func, args, kwargs)

    def refusal(self, name: str) -> Exception:
        """The error of an operator that has no rule."""
        return NotImplementedError(f"aten.{name}.default")
