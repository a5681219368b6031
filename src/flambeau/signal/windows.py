"""The functions of ``torch.signal.windows``."""

from __future__ import annotations

from ..ops.registry import NAMESPACES

globals().update(NAMESPACES.get("signal.windows", {}))
