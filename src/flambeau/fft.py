"""The operators of ``torch.fft``."""

from __future__ import annotations

from .ops.registry import NAMESPACES

globals().update(NAMESPACES.get("fft", {}))
