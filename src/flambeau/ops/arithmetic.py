"""Arithmetic: sums, products, quotients, powers, and their in-place and ``out=`` forms."""

from __future__ import annotations

import numpy as np

from .. import dtypes
from ..tensor import Tensor
from .elementwise import binary, elementwise, unary
from .operator import operator

_add = binary("add", np.add, lowering="add", namespace=None, method=False, out=False, inplace=False)


@_add.gradient
def _(grad, saved):
    return (grad, grad) if isinstance(saved.other, Tensor) else grad


conj_physical = unary("conj_physical", np.conj, lowering="conj")


@conj_physical.gradient
def _(grad, saved):
    return conj_physical(grad)


Tensor.conj = lambda self: conj_physical(self) if self.is_complex() else self

mul = binary("mul", np.multiply, aliases=("multiply",))


@mul.gradient
def _(grad, saved):
    if not isinstance(saved.other, Tensor):
        return grad * saved.other
    return grad * saved.other.conj(), grad * saved.input.conj()


neg = unary("neg", np.negative, refuse="b", aliases=("negative",))


@neg.gradient
def _(grad, saved):
    return -grad


exp = unary("exp", np.exp, rule="float")


@exp.gradient
def _(grad, saved):
    return grad * saved.output.conj()


Tensor.__mul__ = mul
Tensor.__rmul__ = mul
Tensor.__neg__ = neg
Tensor.__add__ = _add
Tensor.__radd__ = _add
__all__ = ["operator", "elementwise", "dtypes"]
