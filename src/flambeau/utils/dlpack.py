"""DLPack: tensors of other libraries over the same memory."""

from __future__ import annotations

from ..ops.dlpack import DLDeviceType, from_dlpack, to_dlpack

__all__ = ["DLDeviceType", "from_dlpack", "to_dlpack"]
