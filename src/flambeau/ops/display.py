"""The text of a tensor."""

from __future__ import annotations

import numpy as np

from .. import printing
from ..compiler.reference import widen
from ..dtypes import get_default_dtype
from ..tensor import Tensor
from .registry import function


@function(None, method=True)
def __repr__(self, *, tensor_contents=None):
    """What ``print`` shows: the elements, then what is not as usual about the tensor."""
    grad_fn = self.grad_fn
    if self.is_meta:
        array = np.broadcast_to(np.zeros((), self.dtype.compute), self.shape)
    else:
        array = widen(self._array(), self.dtype)
    kind = type(self)
    plain = kind is Tensor or kind.__name__ == "Parameter"
    return printing.format_tensor(
        array,
        self.dtype.name,
        requires_grad=self.requires_grad,
        grad_fn_name=None if grad_fn is None else type(grad_fn).__name__,
        device=str(self.device),
        default_dtype=get_default_dtype().name,
        class_name="tensor" if plain else kind.__name__,
        contents=tensor_contents,
    )


@function(None, method=True)
def __format__(self, format_spec):
    """A 0-dim tensor formats as its number; others as their text."""
    if self.ndim == 0 and not self.is_meta and type(self) is Tensor:
        return self.item().__format__(format_spec)
    return object.__format__(self, format_spec)


Tensor.__str__ = lambda self: self.__repr__()
