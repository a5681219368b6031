"""The functions of ``torch.masked``."""

from __future__ import annotations

from ..ops.registry import NAMESPACES
from . import _ops

globals().update(NAMESPACES.get("masked", {}))
