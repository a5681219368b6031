"""Positions in a flattened tensor as coordinates: ``unravel_index``."""

from __future__ import annotations

from .. import dtypes
from ..tensor import Tensor
from .registry import function


def _checked_shape(shape) -> tuple[int, ...]:
    if isinstance(shape, int):
        shape = (shape,)
    elif not isinstance(shape, (tuple, list)):
        raise TypeError(f"unravel_index: expected 'shape' to be int or sequence of ints, but got {type(shape)}")
    wrong = next((n for n in shape if not isinstance(n, int)), None)
    if wrong is not None:
        raise TypeError(f"unravel_index: expected 'shape' sequence to only contain ints, but got {type(wrong)}")
    if any(n < 0 for n in shape):
        raise ValueError(f"unravel_index: 'shape' cannot have negative values, but got {tuple(shape)}")
    return tuple(shape)


@function()
def unravel_index(indices, shape):
    """The coordinates, one int64 tensor a dimension, of positions in a flattened tensor of ``shape``.

    ``indices`` is an integer tensor of any shape, ``shape`` an int or ints. Positions beyond the last element go
    around. Raises ``TypeError`` for other types, ``ValueError`` for negative sizes, ``RuntimeError`` for positions in
    a shape without elements.
    """
    if not isinstance(indices, Tensor):
        raise TypeError(f"unravel_index: expected 'indices' to be Tensor, but got {type(indices)}")
    if indices.dtype.category != 1:
        raise TypeError(f"unravel_index: expected 'indices' to be integer dtype, but got {indices.dtype}")
    shape = _checked_shape(shape)
    if 0 in shape and indices.numel():
        raise RuntimeError(f"unravel_index: a tensor of shape {shape} has no elements")
    rest, coordinates = indices.to(dtypes.int64), []
    for n in reversed(shape):
        coordinates.append(rest % max(n, 1))
        rest = rest.div(max(n, 1), rounding_mode="floor")
    return tuple(reversed(coordinates))
