"""The functions of the Python array API standard, version 2024.12, on flambeau's tensors.

This is the namespace that ``Tensor.__array_namespace__`` gives: libraries that are written for the standard find here
the names, arguments and type promotion that it prescribes, where PyTorch's own differ. Gradients flow through all of them.
https://data-apis.org/array-api/2024.12/
"""

from __future__ import annotations

from math import e, inf, nan, pi

from .. import (
    bool,
    complex64,
    complex128,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
)
from . import fft, linalg
from .creation import *  # noqa: F403
from .data_types import *  # noqa: F403
from .elementwise import *  # noqa: F403
from .info import __array_namespace_info__
from .manipulation import *  # noqa: F403
from .products import *  # noqa: F403
from .reductions import *  # noqa: F403
from .searching import *  # noqa: F403

__array_api_version__ = "2024.12"
newaxis = None
