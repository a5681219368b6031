"""``torch.nn.functional``: every function that the operators export under this name."""

from __future__ import annotations

from importlib import import_module

from .. import ops

globals().update(ops.NAMESPACES["nn.functional"])


def __getattr__(name: str):
    if name == "grad":  # PyTorch's documentation calls its functions by this name
        return import_module(".grad", __package__)
    raise AttributeError(f"module 'torch.nn.functional' has no attribute '{name}'")
