"""``torch._VF``: the functions of ``torch`` under the name that PyTorch's own Python code calls them by."""

from __future__ import annotations

from typing import Any

from .ops import NAMESPACES


def __getattr__(name: str) -> Any:
    found = NAMESPACES["torch"].get(name)
    if found is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return found
