"""``torch.nn.functional``: every function that the operators export under this name."""

from __future__ import annotations

from .. import ops

globals().update(ops.NAMESPACES["nn.functional"])


def __getattr__(name: str):
    raise AttributeError(f"module 'torch.nn.functional' has no attribute '{name}'")
