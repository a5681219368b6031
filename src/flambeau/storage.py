"""Storages by the names of ``torch.storage``."""

from __future__ import annotations

from .ops.storages import TypedStorage, UntypedStorage

__all__ = ["TypedStorage", "UntypedStorage"]
