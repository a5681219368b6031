"""Python's infix operators on tensors.

They are the operators' own fast functions; an operand of a foreign type is left to its own class, as in
PyTorch.
"""

from __future__ import annotations

import numpy as np

from ..compiler.graph import Param
from ..tensor import Tensor
from . import overrides
from .operator import make_function
from .schema import NUMBERS

# The methods that classes and modes are offered for infix operators; the others are offered themselves.
_OFFERED = {
    "__add__": "add", "__radd__": "add", "__sub__": "sub", "__mul__": "mul", "__rmul__": "mul", "__truediv__": "div", "__div__": "div",
    "__mod__": "remainder", "__rand__": "bitwise_and", "__ror__": "bitwise_or", "__rxor__": "bitwise_xor",
    "__eq__": "eq", "__ne__": "ne", "__lt__": "lt", "__le__": "le", "__gt__": "gt", "__ge__": "ge",
    "__iadd__": "add_", "__isub__": "sub_", "__imul__": "mul_", "__itruediv__": "div_", "__idiv__": "div_", "__imod__": "remainder_",
    "__ifloordiv__": "floor_divide_",
}  # fmt: skip


class Infix:
    """An operator as the interpreter calls it for ``a + b``: gives NotImplemented for operands that it
    does not know."""

    def __init__(self, op):
        self.op = op

    def __getattr__(self, name: str):
        return getattr(self.op, name)

    def __call__(self, *values):
        return self.op(*values) if known(values[-1]) else NotImplemented


def known(operand) -> bool:
    """Whether an operand is a tensor, a number or of a class that takes part in ``__torch_function__``."""
    if isinstance(operand, (Tensor, *NUMBERS, np.generic, Param)):
        return True
    return hasattr(type(operand), "__torch_function__")


class Equality(Infix):
    """``==``, the one operator of PyTorch that looks into arrays of NumPy itself."""

    def __call__(self, tensor, other):
        if isinstance(other, np.ndarray) and other.dtype.kind in "biufc":
            from .creation import as_tensor

            other = as_tensor(other)
        return super().__call__(tensor, other)


class ReverseQuotient(Infix):
    """``other / tensor``. An array of NumPy is left to divide by, as a product with the reciprocal."""

    def __call__(self, tensor, other):
        if not isinstance(other, np.ndarray):
            return super().__call__(tensor, other)
        try:
            return tensor.reciprocal() * other
        except TypeError:
            return NotImplemented


def attach_infix(function, *names: str, kind: type[Infix] = Infix) -> None:
    """Make an operator's function the methods ``names`` of Tensor."""
    for name in names:
        _attach(make_function(kind(function.operator), name=name), name, function.operator)


def _attach(method, name: str, op) -> None:
    overrides.offer_as(method, op, _OFFERED.get(name, name))
    method.operator = op
    setattr(Tensor, name, method)


def attach_inplace(function, *names: str) -> None:
    """Make an in-place operator's function the methods ``names``: ``x += a`` is ``x = x + a`` where ``a`` is foreign."""
    from .inplace import _function as make_inplace

    if not hasattr(function, "operator"):
        attach_guarded(function, *names)
        return
    for name in names:
        _attach(make_inplace(Infix(function.operator), name), name, function.operator)


def attach_guarded(function, *names: str) -> None:
    """As ``attach_infix`` for a plain function of two operands."""
    body = getattr(function, "__wrapped__", function)

    def method(self, other):
        return body(self, other) if known(other) else NotImplemented

    method.__doc__ = function.__doc__
    for name in names:
        bound = overrides.dispatching(method)
        bound.__name__ = name
        bound.offered = _OFFERED.get(name, bound)
        if body is not function:
            bound.plain = function
        setattr(Tensor, name, bound)
