"""Tensors that modules own."""

from __future__ import annotations

from ...tensor import Tensor
from ..modules.module import Module
from ..parameter import Parameter


def register_tensor(module: Module, name: str, tensor: Tensor) -> None:
    """Register a parameter as a parameter, any other tensor as a buffer."""
    if isinstance(tensor, Parameter):
        module.register_parameter(name, tensor)
    else:
        module.register_buffer(name, tensor)


def require_tensor(module: Module, name: str) -> Tensor:
    """Return the parameter, buffer or other tensor of this name. Raises ValueError where there is none."""
    tensor = getattr(module, name, None)
    if not isinstance(tensor, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    return tensor
