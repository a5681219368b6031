"""Helpers around the operators: hooks and data loading.

Submodules are imported when they are first named, so that the tensor layer may use ``utils.hooks``
without pulling in the data loader.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

__all__ = ["_pytree", "checkpoint", "data", "dlpack", "hooks", "model_zoo"]


def __getattr__(name: str) -> ModuleType:
    if name in __all__:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
