"""``torch.utils.cpp_extension``: extensions in C++ are written against PyTorch's own core, which is not here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["BuildExtension", "CUDAExtension", "CppExtension", "include_paths", "load", "load_inline", "verify_ninja_availability"]

CUDA_HOME = ROCM_HOME = None


def _refused(name: str) -> Callable:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(
            f"flambeau: cpp_extension.{name} is not supported: extensions in C++ are written against PyTorch's own core. "
            "Write the operator in Python with torch.library.custom_op or torch.autograd.Function"
        )

    refuse.__name__, refuse.__doc__ = name, "Not supported."
    return refuse


BuildExtension, CUDAExtension, CppExtension, SyclExtension, include_paths, library_paths, load, load_inline = map(
    _refused,
    ("BuildExtension", "CUDAExtension", "CppExtension", "SyclExtension", "include_paths", "library_paths", "load", "load_inline"),
)


def is_ninja_available() -> bool:
    """False: nothing is built."""
    return False


def verify_ninja_availability() -> None:
    """Raises RuntimeError, as where Ninja is missing."""
    raise RuntimeError("Ninja is required to load C++ extensions (flambeau builds none)")
