"""The functions of ``torch.masked`` under the name that PyTorch's documentation calls them by."""

from __future__ import annotations

from ..ops.registry import NAMESPACES

globals().update(NAMESPACES.get("masked", {}))
