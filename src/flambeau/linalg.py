"""The operators of ``torch.linalg``."""

from __future__ import annotations

from .ops.registry import NAMESPACES

globals().update(NAMESPACES.get("linalg", {}))
