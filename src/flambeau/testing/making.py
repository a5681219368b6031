"""Random tensors for tests."""

from __future__ import annotations

import math
from typing import Any

from .. import ops
from ..dtypes import dtype as DType
from ..dtypes import finfo, iinfo
from ..lazy.spec import Size
from ..tensor import Tensor


def make_tensor(
    *shape: Any,
    dtype: DType,
    device: Any,
    low: float | None = None,
    high: float | None = None,
    requires_grad: bool = False,
    noncontiguous: bool = False,
    exclude_zero: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """A tensor of random numbers of [low, high).

    Defaults: [0, 2) for bool, [0, 10) for uint8, [-9, 10) for other integers, [-9, 9) for floating point and for both
    parts of complex numbers. ``exclude_zero`` replaces zeros by the smallest positive number (1 for integers).
    Raises ValueError for an empty range, and RuntimeError for ``noncontiguous`` together with ``memory_format``.
    """
    size = tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], (tuple, list, Size)) else tuple(shape)
    if noncontiguous and memory_format is not None:
        raise ValueError(f"The parameters `noncontiguous` and `memory_format` are mutually exclusive, got {noncontiguous}, {memory_format}")
    low, high = _range(dtype, low, high)
    drawn_size = (*size, 2) if noncontiguous and size and math.prod(size) > 1 else size
    made = _drawn(drawn_size, dtype, low, high)
    if drawn_size != size:
        made = made[..., 0]
    if exclude_zero:
        made[made == 0] = 1 if dtype.category < 2 else finfo(dtype).tiny
    if memory_format is not None:
        made = made.clone(memory_format=memory_format)
    return made.to(device).requires_grad_(requires_grad)


def _range(dtype: DType, low: float | None, high: float | None) -> tuple[float, float]:
    defaults: tuple[float, float] = (-9, 9)
    if dtype.category == 0:
        defaults = (0, 2)
    elif dtype.category == 1:
        defaults = (-9, 10) if dtype.is_signed else (0, 10)
    low = defaults[0] if low is None else low
    high = defaults[1] if high is None else high
    if not low < high:
        raise ValueError(f"make_tensor: `low` must be less than `high`, but got {low} >= {high}")
    if dtype.category == 1:
        limits = iinfo(dtype)
        return max(math.floor(low), limits.min), min(math.ceil(high), limits.max + 1)
    return low, high


def _drawn(size: tuple, dtype: DType, low: float, high: float) -> Tensor:
    if dtype.category < 2:
        return ops.randint(int(low), int(high), size, dtype=dtype)
    if dtype.is_complex:
        parts = ops.empty((*size, 2), dtype=dtype.to_real()).uniform_(low, high)
        return ops.view_as_complex(parts)
    return ops.empty(size, dtype=dtype).uniform_(low, high)
