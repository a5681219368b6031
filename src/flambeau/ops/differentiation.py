"""Autograd's share of the Tensor's methods: ``backward``, ``detach``."""

from __future__ import annotations

from ..autograd.differentiate import backward as _backward
from ..dtypes import int64
from ..tensor import make
from . import (
    backward_pass,  # noqa: F401  (the engine asks it first)
    node_attributes,  # noqa: F401
)
from .creation import check_size
from .gradient import sum_to_shape
from .registry import export, function
from .schema import spread


@function(None, method=True)
def backward(self, gradient=None, retain_graph=None, create_graph=False, inputs=None):
    """Add the gradient of this tensor to the ``.grad`` of the leaves it was computed from.

    ``gradient`` may be left out for a tensor with one element. See :func:`flambeau.autograd.backward`.
    """
    _backward(self, gradient, retain_graph, create_graph, inputs=inputs)


@function(method=True)
def detach(input):
    """A tensor over the same memory that is no part of the graph and does not require grad."""
    return make(input._storage, input._spec.plain, input._offset)


@function(None, method=True)
def detach_(input):
    """Take this tensor out of the graph, in place: it becomes a leaf that does not require grad."""
    meta = input._autograd
    if meta is None:
        return input
    if meta.base is not None:
        raise RuntimeError("Can't detach views in-place. Use detach() instead.")
    meta.node, meta.nr, meta.retains = None, 0, False
    input._spec = input._spec.with_grad(False)
    return input


export("torch", "detach_", detach_)


@function(None, method=True)
def sum_to_size(self, *sizes, size=None):
    """The sum over the dimensions that broadcasting ``size`` to this tensor's shape would add or repeat."""
    shape = check_size("sum_to_size", spread(sizes) if size is None else size)
    lead = self.ndim - len(shape)
    if lead < 0 or any(s not in (1, t) for s, t in zip(shape, self.shape[lead:])):
        raise RuntimeError(f"size {{{list(shape)}}} is not expandable to size {{{list(self.shape)}}}.")
    if (not shape or shape != tuple(self.shape)) and self.dtype.category < 2:
        return sum_to_shape(self.to(int64), shape)  # sums of integers are int64
    return sum_to_shape(self, shape)
