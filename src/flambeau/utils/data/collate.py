"""From a list of samples to a batch."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

from ... import ops
from ...dtypes import float64
from ...tensor import Tensor

__all__ = ["collate", "default_collate", "default_collate_fn_map", "default_convert"]

_NOT_NUMERIC = re.compile(r"[SaUO]")  # NumPy's type codes of strings and objects
_CANNOT_COLLATE = (
    "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"
)

CollateMap = Mapping[Any, Callable]


def _is_named_tuple(value: Any) -> bool:
    return isinstance(value, tuple) and hasattr(value, "_fields")


def _rebuild_mapping(original: Any, items: dict) -> Mapping:
    """A mapping of the same type as ``original``, or a dict where the type cannot be built so."""
    try:
        if isinstance(original, MutableMapping):
            clone = copy.copy(original)
            clone.update(items)
            return clone
        return type(original)(items)
    except TypeError:
        return items


def _rebuild_sequence(original: Any, items: list) -> Sequence:
    """A sequence of the same type as ``original``, or a list where the type cannot be built so."""
    try:
        if isinstance(original, MutableSequence):
            clone = copy.copy(original)
            for place, item in enumerate(items):
                clone[place] = item
            return clone
        return type(original)(items)
    except TypeError:
        return items


def default_convert(data: Any) -> Any:
    """Turn NumPy arrays and scalars within ``data`` into tensors; leave everything else as it is."""
    if isinstance(data, Tensor):
        return data
    if isinstance(data, (np.ndarray, np.generic)):
        if isinstance(data, np.str_) or _NOT_NUMERIC.search(data.dtype.str):
            return data
        return ops.as_tensor(data)
    if isinstance(data, Mapping):
        return _rebuild_mapping(data, {key: default_convert(data[key]) for key in data})
    if _is_named_tuple(data):
        return type(data)(*(default_convert(item) for item in data))
    if isinstance(data, tuple):
        return [default_convert(item) for item in data]
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return _rebuild_sequence(data, [default_convert(item) for item in data])
    return data


def _function_for(sample: Any, collate_fn_map: CollateMap) -> Callable | None:
    """What joins samples of this type; the very type comes before those that it is an instance of."""
    if type(sample) in collate_fn_map:
        return collate_fn_map[type(sample)]
    for types, function in collate_fn_map.items():
        if isinstance(sample, types):
            return function
    return None


def collate(batch: Sequence, *, collate_fn_map: CollateMap | None = None) -> Any:
    """Join samples: what to do with leaves is looked up by type in ``collate_fn_map``.

    Mappings, named tuples and sequences are joined entry by entry.

    Args:
        batch: a non-empty list of samples of one structure.
        collate_fn_map: from a type, or a tuple of types, to ``function(batch, *, collate_fn_map)``.

    Raises:
        TypeError: the samples are of a type that nothing is known of.
        RuntimeError: sequences of unequal lengths.
    """
    first = batch[0]
    kind = type(first)
    function = _function_for(first, collate_fn_map or {})
    if function is not None:
        return function(batch, collate_fn_map=collate_fn_map)

    if isinstance(first, Mapping):
        joined = {
            key: collate([sample[key] for sample in batch], collate_fn_map=collate_fn_map) for key in first
        }
        return _rebuild_mapping(first, joined)
    if _is_named_tuple(first):
        return kind(*(collate(column, collate_fn_map=collate_fn_map) for column in zip(*batch, strict=False)))
    if isinstance(first, Sequence):
        if any(len(sample) != len(first) for sample in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        columns = [collate(column, collate_fn_map=collate_fn_map) for column in zip(*batch, strict=False)]
        return columns if isinstance(first, tuple) else _rebuild_sequence(first, columns)
    raise TypeError(_CANNOT_COLLATE.format(kind))


def collate_tensor_fn(batch: Sequence[Tensor], *, collate_fn_map: CollateMap | None = None) -> Tensor:
    first = batch[0]
    if not all(_is_plain_row(sample, first) for sample in batch):
        return ops.stack(batch, 0)
    # Rows that are there are copied now. Recorded, their places in memory would be part of the training step,
    # and with shuffled rows each step would be a new one to the compiler.
    stacked = ops.empty((len(batch), *first.shape), dtype=first.dtype)
    np.stack([sample._array() for sample in batch], out=stacked._array())
    return stacked


def _is_plain_row(sample: Any, first: Tensor) -> bool:
    """Whether the sample is a tensor like ``first`` that needs no gradient and lies computed in memory."""
    return (
        type(sample) is Tensor
        and sample.shape == first.shape
        and sample.dtype is first.dtype
        and not sample.requires_grad
        and sample._storage.buffer is not None
    )


def collate_numpy_array_fn(batch: Sequence, *, collate_fn_map: CollateMap | None = None) -> Any:
    if _NOT_NUMERIC.search(batch[0].dtype.str):
        raise TypeError(_CANNOT_COLLATE.format(batch[0].dtype))
    return collate([ops.as_tensor(array) for array in batch], collate_fn_map=collate_fn_map)


def collate_numpy_scalar_fn(batch: Sequence, *, collate_fn_map: CollateMap | None = None) -> Tensor:
    return ops.tensor(np.asarray(batch))


def collate_float_fn(batch: Sequence[float], *, collate_fn_map: CollateMap | None = None) -> Tensor:
    return ops.tensor(batch, dtype=float64)


def collate_int_fn(batch: Sequence[int], *, collate_fn_map: CollateMap | None = None) -> Tensor:
    return ops.tensor(batch)


def collate_str_fn(batch: Sequence, *, collate_fn_map: CollateMap | None = None) -> Sequence:
    return batch


default_collate_fn_map: dict[Any, Callable] = {
    Tensor: collate_tensor_fn,
    np.ndarray: collate_numpy_array_fn,
    (np.bool_, np.number, np.object_): collate_numpy_scalar_fn,
    float: collate_float_fn,
    int: collate_int_fn,
    str: collate_str_fn,
    bytes: collate_str_fn,
}


def default_collate(batch: Sequence) -> Any:
    """Join samples into a batch.

    Tensors and arrays are stacked along a new first dimension; ints become int64 tensors, floats float64
    ones; strings stay a list; mappings, tuples and lists are joined entry by entry (a tuple becomes a list).
    """
    return collate(batch, collate_fn_map=default_collate_fn_map)
