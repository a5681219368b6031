"""``torch.cuda.amp.common``."""

from __future__ import annotations

from importlib.util import find_spec

__all__ = ["amp_definitely_not_available"]


def amp_definitely_not_available() -> bool:
    """Whether neither CUDA nor XLA is there for mixed precision."""
    return find_spec("torch_xla") is None
