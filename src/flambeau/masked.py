"""The functions of ``torch.masked``."""

from __future__ import annotations

from .ops.registry import NAMESPACES

globals().update(NAMESPACES.get("masked", {}))
