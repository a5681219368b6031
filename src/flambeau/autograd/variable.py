"""``Variable``, from when tensors and their gradients were two things: it makes a Tensor."""

from __future__ import annotations

from ..tensor import Tensor


class VariableMeta(type):
    """Tensors are instances of Variable."""

    def __instancecheck__(cls, instance) -> bool:
        return isinstance(instance, Tensor)


class Variable(metaclass=VariableMeta):
    """``Variable(tensor, requires_grad)`` is a tensor over the same memory."""

    def __new__(cls, data: Tensor, requires_grad: bool = False, volatile: bool = False):
        return data.detach().requires_grad_(requires_grad)
