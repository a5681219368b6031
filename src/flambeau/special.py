"""The operators of ``torch.special``."""

from __future__ import annotations

from .ops.registry import NAMESPACES

globals().update(NAMESPACES.get("special", {}))
