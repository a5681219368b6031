"""The dtype of nested sequences that hold NumPy's numbers or tensors among Python's."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .. import dtypes
from ..tensor import Tensor
from .promotion import number_dtype

PYTHON = frozenset({bool, int, float, complex})


def elements_dtype(data) -> dtypes.dtype | None:
    """The common dtype of all elements, if some of them have one of their own; None where all are Python's numbers."""
    own: set[dtypes.dtype] = set()
    plain: set[type] = set()
    for kind, values in _by_kind(data):
        if kind in PYTHON:
            plain.add(kind)
        elif issubclass(kind, np.generic) and kind not in (np.str_, np.bytes_, np.object_):
            own.add(dtypes.from_numpy_dtype(kind))
        elif issubclass(kind, Tensor):
            own.update(value.dtype for value in values)
        elif issubclass(kind, np.ndarray):
            own.update(dtypes.from_numpy_dtype(value.dtype) for value in values)
    if not own:
        return None
    common = None
    for found in (*own, *(number_dtype(kind()) for kind in plain)):
        common = found if common is None else dtypes.promote_types(common, found)
    return common


def _by_kind(data) -> Iterator[tuple[type, list]]:
    """The elements of nested lists and tuples by class. The common case, numbers of one class, costs one pass of ``set``."""
    kinds = set(map(type, data))
    for kind in kinds:
        if kind in PYTHON:
            yield kind, []
            continue
        values = [value for value in data if type(value) is kind]
        if issubclass(kind, (list, tuple)):
            for value in values:
                yield from _by_kind(value)
        else:
            yield kind, values
