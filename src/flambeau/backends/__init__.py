"""``torch.backends``: settings of libraries and devices. Those that flambeau has none of are kept, and change nothing."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

__all__ = ["cpu", "cuda", "cudnn", "cusparselt", "kleidiai", "mha", "miopen", "mkl", "mkldnn", "mps", "nnpack", "openmp", "opt_einsum",
           "quantized", "xnnpack"]  # fmt: skip

fp32_precision = "none"  # kept, and changes nothing: float32 is computed in float32


def __getattr__(name: str) -> ModuleType:
    if name in __all__:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
