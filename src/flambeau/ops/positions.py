"""The positions 0, 1, 2, ... of a dimension: a range that composites may use, since it is recorded."""

from __future__ import annotations

import numpy as np

from ..compiler.plans import Positions
from ..dtypes import int64
from ..lazy.spec import dense
from .operator import Operator, publish


def _infer(op, specs, values):
    return (dense((values[0],), int64),), Positions(values[0])


def _reference(code, arrays, numbers):
    return (np.arange(code.outputs[0].shape[0], dtype=np.int64),)


_positions = publish(
    Operator("positions(int size)", infer=_infer, reference=_reference, lowering="positions"), namespace=None
)


def positions(size: int):
    """``0 .. size - 1`` as int64."""
    return _positions.function(int(size))
