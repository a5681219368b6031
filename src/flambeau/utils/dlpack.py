"""DLPack: tensors of other libraries over the same memory."""

from __future__ import annotations

from ..ops.numpy_interchange import from_dlpack, to_dlpack

__all__ = ["from_dlpack", "to_dlpack"]
