"""Tensors as Python containers: iteration, ``in``, and Python functions over elements."""

from __future__ import annotations

import numpy as np

from ..compiler.reference import narrow, widen
from ..tensor import Tensor, from_array
from .registry import function


def __iter__(self):
    """The slices along the first dimension."""
    if not self.ndim:
        raise TypeError("iteration over a 0-d tensor")
    return iter(self.unbind(0))


Tensor.__iter__ = __iter__


@function(None, method=True)
def __reversed__(self):
    """The tensor with all dimensions flipped."""
    return self.flip(tuple(range(self.ndim))) if self.ndim else self


@function(None, method=True)
def __contains__(self, element):
    """Whether some element equals ``element``, a number or a tensor that broadcasts."""
    if isinstance(element, (Tensor, int, float, complex, bool)):
        return bool((element == self).any())
    raise RuntimeError(
        f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}."
    )


def _store(target: Tensor, values: list) -> Tensor:
    array = narrow(np.array(values, dtype=target.dtype.compute).reshape(target.shape), target.dtype)
    return target.copy_(from_array(array, target.dtype))


def _refuse_grad(name: str, *tensors: Tensor) -> None:
    if any(t.requires_grad for t in tensors):
        raise RuntimeError(f"Can't call {name}() on Variable that requires grad. Use var.detach().{name}() instead.")


@function(None, method=True)
def apply_(self, callable):
    """Replace each element by ``callable(element)``, in place. Slow: it calls Python for each element."""
    _refuse_grad("apply_", self)
    return _store(self, [callable(v) for v in widen(self._array(), self.dtype).ravel().tolist()])


@function(None, method=True)
def map_(self, tensor, callable):
    """Replace each element by ``callable(element, other)`` with the elements of ``tensor``, which broadcasts."""
    _refuse_grad("map_", self, tensor)
    return _zipped(self, [tensor], callable)


@function(None, method=True)
def map2_(self, x, y, callable):
    """As ``map_`` with two further tensors."""
    _refuse_grad("map2_", self, x, y)
    return _zipped(self, [x, y], callable)


def _zipped(target: Tensor, others: list, callable) -> Tensor:
    for t in others:
        if t.dtype is not target.dtype:
            raise TypeError(f"map_: expected {target.type()} for 'other' (got {t.type()})")
    columns = [widen(t.expand(target.shape)._array(), t.dtype).ravel().tolist() for t in (target, *others)]
    return _store(target, [callable(*row) for row in zip(*columns)])
