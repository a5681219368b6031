"""``x[...]`` and ``x[...] = value``: what an index means, and the split into views and gathered elements."""

from __future__ import annotations

import operator as _operator

import numpy as np

from .. import dtypes
from ..autograd.mode import state
from ..lazy.run import NUMPY_ONLY
from ..runtime import devices
from ..runtime.warning import warn
from ..tensor import Tensor, from_array
from . import overrides
from .copying import raw_copy
from .filling import fill_place
from .gathering import index_at
from .slicing import basic, basic_place, row, view_at, whole


class Plan:
    """A normalised index: a basic key, then index tensors for dimensions of the view that it takes."""

    __slots__ = ("key", "name", "indices")

    def __init__(self, key, name, indices):
        self.key = key
        self.name = name
        self.indices = indices


def _is_int(entry) -> bool:
    if isinstance(entry, (int, np.integer)):
        return not isinstance(entry, bool)
    return (
        isinstance(entry, Tensor)
        and not entry.ndim
        and entry.dtype.category == 1
        and entry.dtype is not dtypes.uint8
        and not entry._spec.override
    )


def _is_sequence(entry) -> bool:
    return isinstance(entry, (list, tuple, range, np.ndarray))


def slice_bounds(entry: slice, size: int) -> tuple[int, int, int]:
    """``(start, length, step)`` of a slice of a dimension of ``size``."""
    step = 1 if entry.step is None else _bound(entry.step)
    if step <= 0:
        raise ValueError("step must be greater than zero")
    start = 0 if entry.start is None else _bound(entry.start)
    end = size if entry.stop is None else _bound(entry.stop)
    start = max(0, start + size) if start < 0 else min(start, size)
    end = max(0, end + size) if end < 0 else min(end, size)
    return start, max(0, -(-(end - start) // step)), step


def _bound(value) -> int:
    try:
        return _operator.index(value)
    except TypeError:
        raise TypeError("slice indices must be integers or None or have an __index__ method") from None


def _consumed(entry) -> int:
    """How many dimensions of the tensor an entry stands for."""
    if entry is None or entry is Ellipsis or isinstance(entry, (bool, np.bool_)):
        return 0
    if isinstance(entry, Tensor) and entry.dtype in (dtypes.bool_, dtypes.uint8):
        return entry.ndim
    return 1


def _entries(index) -> list:
    """The entries of an index; sequences and arrays become tensors."""
    entries = list(index) if isinstance(index, tuple) or _stands_for_tuple(index) else [index]
    return [_as_index(e) if _is_sequence(e) else e for e in entries]


def _stands_for_tuple(index) -> bool:
    """Whether a list is an index of several entries, as PyTorch still takes short lists with more than ints in them."""
    if not isinstance(index, list) or len(index) >= 32:
        return False
    return any(e is None or e is Ellipsis or isinstance(e, (slice, Tensor)) or _is_sequence(e) for e in index)


def _as_index(sequence) -> Tensor:
    from .creation import tensor

    if isinstance(sequence, range):
        sequence = list(sequence)
    made = tensor(sequence)
    return made.to(dtypes.int64) if not made.numel() and made.dtype.category >= 2 else made


def plan(shape, index, *, positions: bool = False) -> Plan:
    """Normalise an index of a tensor of ``shape``. Raises ``IndexError`` for what does not fit.

    With ``positions`` an integer tensor without dimensions is an index tensor like others, not an int.
    """
    entries = _entries(index)
    ndim = len(shape)
    spoken_for = sum(map(_consumed, entries))
    if spoken_for > ndim:
        raise IndexError(f"too many indices for tensor of dimension {ndim}")
    key: list = []
    indices: list = []  # (dimension of the view, index tensor)
    name = "SliceBackward0"
    d = viewed = 0
    for entry in entries:
        if entry is Ellipsis:
            for size in shape[d : d + ndim - spoken_for]:
                key.append((0, size, 1))
            viewed += ndim - spoken_for
            d += ndim - spoken_for
            spoken_for = ndim
        elif entry is None:
            key.append(None)
            viewed += 1
            name = "UnsqueezeBackward0"
        elif isinstance(entry, slice):
            key.append(slice_bounds(entry, shape[d]))
            viewed += 1
            d += 1
            name = "SliceBackward0"
        elif _is_int(entry) and not (positions and isinstance(entry, Tensor)):
            key.append(_position(int(entry), d, shape[d]))
            d += 1
            name = "SelectBackward0"
        else:
            taken, found = _advanced(entry, shape, d)
            if not taken:
                key.append(None)
            key.extend([(0, size, 1) for size in shape[d : d + taken]])
            indices.extend([(viewed + i, x) for i, x in enumerate(found)])
            viewed += max(taken, 1)
            d += taken
    return Plan(tuple(key), name, indices)


def _position(index: int, d: int, size: int) -> int:
    if not -size <= index < size:
        raise IndexError(f"index {index} is out of bounds for dimension {d} with size {size}")
    return index + size if index < 0 else index


def _advanced(entry, shape, d: int) -> tuple[int, list[Tensor]]:
    """``(dimensions taken, an index tensor for each)``; a lone bool takes none and indexes a dimension that is inserted for it."""
    from .creation import zeros

    if isinstance(entry, (bool, np.bool_)):
        return 0, [zeros((int(entry),), dtype=dtypes.int64)]
    if isinstance(entry, str):
        raise TypeError("new(): invalid data type 'str'")
    if not isinstance(entry, Tensor):
        raise IndexError(
            "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices "
            f"(got {type(entry).__name__})"
        )
    if entry.dtype in (dtypes.bool_, dtypes.uint8):
        if entry.dtype is dtypes.uint8:
            warn("indexing with dtype torch.uint8 is deprecated, please use a dtype torch.bool instead.")
        return _masked(entry, shape, d)
    if entry.dtype not in (dtypes.int64, dtypes.int32):
        raise IndexError(f"tensors used as indices must be long, int, byte or bool tensors (got {entry.dtype})")
    return 1, [entry]


def _masked(mask: Tensor, shape, d: int) -> tuple[int, list[Tensor]]:
    from .creation import zeros
    from .searching import nonzero_tuple

    for i, size in enumerate(mask.shape):
        if size != shape[d + i]:
            raise IndexError(
                f"The shape of the mask {list(mask.shape)} at index {i} does not match the shape of the indexed tensor "
                f"{list(shape)} at index {d + i}"
            )
    if not mask.ndim:
        return 0, [zeros((int(bool(mask)),), dtype=dtypes.int64)]
    return mask.ndim, list(nonzero_tuple(mask))


# -- reading --------------------------------------------------------------------------------------------------------------------


def get_item(self, index):
    """``self[index]``: ints, slices, None and Ellipsis give views; index tensors, lists and masks gather elements."""
    watched = overrides.modes.stack or self._spec.override
    if watched and overrides.active((self, *index) if index.__class__ is tuple else (self, index)):
        return overrides.offer(get_item, (self, index), {})
    return _read(self, index)


def selected(x: Tensor, where: Tensor) -> Tensor:
    """The elements of ``x`` at a mask for which ``selects`` holds; of large tensors by machine code."""
    array, mask = x._array(), where._array()
    if array.size >= _MANY and not NUMPY_ONLY and array.flags.c_contiguous:
        from ..compiler.targets.cpu import selecting

        found = selecting.selected(mask, array) if selecting.takes(mask) else None
        if found is not None:
            return from_array(found, x.dtype)
    return from_array(array[mask], x.dtype)


_MANY = 1 << 15
_ALL = slice(None)


def _plain_parts(index: tuple):
    """The basic index that comes first (None: there is none) and the index tensors, with their dimensions, of the usual indices: those of
    slices, ints and int64 tensors alone."""
    key, indices, viewed, plain = [], [], 0, True
    for entry in index:
        kind = entry.__class__
        if kind is Tensor:
            if entry.dtype is not dtypes.int64 or not entry.ndim:
                return None
            indices.append((viewed, entry))
            key.append(_ALL)
            viewed += 1
        elif kind is slice or kind is int:
            key.append(entry)
            viewed += kind is slice
            plain = plain and kind is slice and entry == _ALL
        else:
            return None
    return (None if plain else tuple(key)), indices


def _read(self, index):
    if self._spec.override:  # of a class that has no geometry of its own
        found = plan(self._spec.shape, index)
        viewed = view_at(self, found.key, found.name)
        return index_at(viewed, found.indices) if found.indices else viewed
    if index.__class__ is int:
        return row(self, index)
    kind = index.__class__
    if kind is Tensor and index.ndim and index.dtype is dtypes.int64 and self.ndim:
        return index_at(self, ((0, index),))
    if kind is tuple or kind is slice:
        view = basic(self, index if kind is tuple else (index,))
        if view is not None:
            return view
        parts = _plain_parts(index) if kind is tuple else None
        if parts is not None and len(index) <= self.ndim:
            key, indices = parts
            view = self if key is None else basic(self, key)
            if view is not None:
                return index_at(view, indices)
    if kind is Tensor and index.dtype is dtypes.bool_ and selects(self, index):
        return selected(self, index)
    found = plan(self._spec.shape, index)
    viewed = view_at(self, found.key, found.name)
    if not found.indices:
        return viewed
    return index_at(viewed, found.indices)


def selects(x: Tensor, mask: Tensor) -> bool:
    """Whether a mask of all elements is all there is to see to: no history, no class of its own, memory of the CPU."""
    plain, other = x._spec, mask._spec
    return (plain.shape == other.shape and plain.ndim > 0 and not (state.enabled and plain.requires_grad or other.override)
            and plain.device is other.device is devices.cpu)


get_item.__wrapped__ = _read
get_item.__name__ = "__getitem__"
Tensor.__getitem__ = get_item


# -- writing --------------------------------------------------------------------------------------------------------------------


def set_item(self, index, value):
    """``self[index] = value``: a number or a tensor, broadcast and cast."""
    if overrides.active((self, index, value)):
        overrides.offer(set_item, (self, index, value), {})
        return
    _write(self, index, value)


def _write(self, index, value):
    if not _written_at_once(self, index, value):
        _write_any(self, index, value)


def _written_at_once(self, index, value) -> bool:
    """Write a number, or a tensor of the same dtype, at a basic index where nobody differentiates; False: not of that kind."""
    spec, kind = self._spec, index.__class__
    if spec.override or (state.enabled and spec.requires_grad) or spec.device is not devices.cpu or 0 in spec.stride:
        return False
    if kind is not int and kind is not tuple and kind is not slice:
        return False
    number = value.__class__ in _REAL_NUMBERS
    if not number:
        if value.__class__ is not Tensor:
            return False
        own = value._spec
        if own.override or own.requires_grad or own.dtype is not spec.dtype or own.device is not devices.cpu:
            return False
        if value._storage is self._storage:
            return False
    place = basic_place(self, index if kind is tuple else (index,))
    if place is None or not number and value._spec.ndim > place._spec.ndim:
        return False
    if number:
        fill_place(place, value)
    else:
        raw_copy(place, value)
    return True


_REAL_NUMBERS = frozenset([bool, int, float])


def _write_any(self, index, value):
    found = plan(self._spec.shape, index)
    value = _value_for(self, value)
    if not found.indices:
        target = view_at(self, found.key, found.name)
        target.copy_(_without_leading_ones(value, target.ndim))
        return
    from .index_writing import put_at

    if (
        value.numel() == 1
        and value.dtype is not self.dtype
        and index.__class__ is Tensor
        and index.dtype is dtypes.bool_
    ):
        value = value.to(self.dtype)  # as masked_fill would
    everything = found.key == whole(self.shape[: len(found.key)])
    put_at(self if everything else view_at(self, found.key, found.name), found.indices, value)


set_item.__wrapped__ = _write
set_item.__name__ = "__setitem__"
Tensor.__setitem__ = set_item


def _value_for(target: Tensor, value) -> Tensor:
    if isinstance(value, Tensor):
        return value
    from .creation import filled, tensor, written

    if isinstance(value, (bool, int, float, complex)):
        return filled((), written(value, target.dtype), target.dtype, target.device)
    if isinstance(value, np.ndarray):
        raise TypeError(f"can't assign a numpy.ndarray to a {target.dtype} tensor")
    if isinstance(value, np.generic):
        return tensor(value)
    raise TypeError(f"can't assign a {type(value).__name__} to a {target.dtype} tensor")


def _without_leading_ones(value: Tensor, ndim: int) -> Tensor:
    """``value`` without the first dimensions of size 1 that the place it goes to does not have."""
    extra = 0
    while value.ndim - extra > ndim and value.shape[extra] == 1:
        extra += 1
    return view_at(value, (0,) * extra) if extra else value
