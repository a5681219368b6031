"""Names for type annotations (``torch.types``)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from .dtypes import dtype
from .lazy.spec import Size
from .ops.storages import UntypedStorage as Storage
from .runtime.devices import device
from .tensor import Tensor

Number = int | float | bool
Device = device | str | int | None
FileLike = str | os.PathLike | Any

_int, _float, _bool, _complex, _dtype, _device, _size = int, float, bool, complex, dtype, device, Size | list | tuple

__all__ = ["Device", "FileLike", "Number", "Sequence", "Storage", "Tensor"]
