"""Helpers around the operators: hooks and data loading.

Submodules are imported when they are first named, so that the tensor layer may use ``utils.hooks``
without pulling in the data loader.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from weakref import ref

from ..tensor import Tensor

__all__ = ["swap_tensors"]
_SUBMODULES = ("_device", "_pytree", "checkpoint", "cpp_extension", "data", "dlpack", "flop_counter", "hooks",
               "model_zoo")


def __getattr__(name: str) -> ModuleType:
    if name in _SUBMODULES:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_SUBMODULES})


def swap_tensors(t1: Tensor, t2: Tensor) -> None:
    """Let two tensors change places: class, attributes, memory and history. Whoever holds one holds the other's contents.

    A graph that leads to one of them accumulates its gradient in the other from now on.
    """
    t1.__class__, t2.__class__ = type(t2), type(t1)
    t1.__dict__, t2.__dict__ = t2.__dict__, t1.__dict__
    for name in ("_storage", "_spec", "_offset", "_autograd"):
        first, second = getattr(t1, name), getattr(t2, name)
        setattr(t1, name, second)
        setattr(t2, name, first)
    for t in (t1, t2):
        if t._autograd is not None and t._autograd.tensor is not None:
            t._autograd.tensor = ref(t)
