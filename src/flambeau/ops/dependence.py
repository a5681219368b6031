"""Gradients that autograd takes to depend on a tensor although their derivative is 0 wherever there is one."""

from __future__ import annotations

from ..autograd.graph import Meta, Node, edge_of
from ..autograd.mode import state
from ..tensor import Tensor, make


class _Steps(Node):
    """History of a value that changes with its first edge, and in steps with its second."""

    __slots__ = ("source",)

    def __init__(self, edges: tuple, source):
        super().__init__(edges)
        self.source = source

    def name(self) -> str:
        return type(self).__name__

    def apply(self, gradients, create_graph: bool):
        from .creation import filled

        return [gradients[0], filled(tuple(self.source.shape), 0, self.source.dtype)]


_Steps.__name__ = "ThresholdBackwardBackward0"


def in_steps(value: Tensor, source: Tensor) -> Tensor:
    """``value``, which depends on ``source`` by comparisons alone.

    As in PyTorch, whose backward functions are operators too: in a graph of gradients it requires grad where ``source`` does, and
    its own gradient there is 0, so that second derivatives of nets of such activations are zeros and no error.
    """
    if not state.enabled or not source._spec.requires_grad or value._spec.override or source._spec.override:
        return value
    edge = edge_of(value) if value._spec.requires_grad else None
    shown = make(value._storage, value._spec.with_grad(True), value._offset)
    shown._autograd = Meta(_Steps((edge, edge_of(source)), source._spec.plain), 0)
    return shown
