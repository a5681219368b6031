"""Parameters and buffers: the tensors that a module owns."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from .. import ops
from ..tensor import Tensor, _disabled_torch_function_impl, as_subclass

__all__ = ["Parameter", "Buffer"]


class _ParameterMeta(type(Tensor)):  # type: ignore[misc]
    """Lets a tensor of a custom subclass count as a Parameter once ``_is_param`` is set on it."""

    def __instancecheck__(cls, instance: object) -> bool:
        if super().__instancecheck__(instance):
            return True
        return cls is Parameter and isinstance(instance, Tensor) and getattr(instance, "_is_param", False)


class Parameter(Tensor, metaclass=_ParameterMeta):
    """A tensor that a module registers as trainable when it is assigned as an attribute.

    ``data`` is shared, not copied; without it the parameter is an empty float tensor. A tensor of
    a custom subclass keeps its class and is marked as a parameter. Raises RuntimeError where
    gradients are asked of a dtype that has none.
    """

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True):
        if data is None:
            data = ops.empty(0)
        if type(data) is Tensor or type(data) is Parameter:
            return as_subclass(data.data, cls).requires_grad_(requires_grad)
        return _mark_parameter(data, requires_grad)

    def __deepcopy__(self, memo: dict) -> Parameter:
        if id(self) in memo:
            return memo[id(self)]
        copied = type(self)(self.data.clone(), self.requires_grad)
        memo[id(self)] = copied
        return copied

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()

    def __reduce_ex__(self, protocol: Any):
        # Hooks are never saved; the empty mapping keeps the argument list that PyTorch's files have.
        if self.__dict__:
            from .._utils import _rebuild_parameter_with_state

            return _rebuild_parameter_with_state, (self.data, self.requires_grad, OrderedDict(), dict(self.__dict__))
        return _rebuild_parameter, (self.data, self.requires_grad, OrderedDict())

    # Operators on parameters give plain tensors.
    __torch_function__ = _disabled_torch_function_impl


def _mark_parameter(data: Tensor, requires_grad: bool) -> Tensor:
    marked = data.detach().requires_grad_(requires_grad)
    if type(marked) is not type(data):
        raise RuntimeError(
            f"Creating a Parameter from an instance of type {type(data).__name__} requires that "
            f"detach() returns an instance of the same type, "
            f"but return type {type(marked).__name__} was found instead."
        )
    marked._is_param = True
    return marked


def _rebuild_parameter(data: Tensor, requires_grad: bool, backward_hooks: Any) -> Parameter:
    """Make a parameter from what a file holds; ``backward_hooks`` is empty, as hooks are not saved."""
    return Parameter(data, requires_grad)


class _BufferMeta(type(Tensor)):  # type: ignore[misc]
    """Makes ``isinstance(tensor, Buffer)`` ask for the mark that :class:`Buffer` leaves on a tensor."""

    def __instancecheck__(cls, instance: object) -> bool:
        if super().__instancecheck__(instance):
            return True
        return cls is Buffer and isinstance(instance, Tensor) and getattr(instance, "_is_buffer", False)


class Buffer(Tensor, metaclass=_BufferMeta):
    """A tensor that a module registers as a buffer when it is assigned as an attribute.

    The result keeps the class of ``data`` (an empty float tensor by default). With
    ``persistent=False`` it is left out of the module's state dict.
    """

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True):
        if data is None:
            data = ops.empty(0)
        marked = data.detach().requires_grad_(data.requires_grad)
        marked.persistent = persistent
        marked._is_buffer = True
        return marked
