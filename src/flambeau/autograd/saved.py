"""Tensors that a user-defined operator saved for backward."""

from __future__ import annotations

from ..tensor import Tensor, make
from . import saved_hooks
from .graph import Meta


class Saved:
    """Saved tensors with the versions they had. Results of the node itself are kept without their history: a cycle otherwise."""

    __slots__ = ("tensors", "versions", "results", "packed")

    def __init__(self, node, tensors: list):
        self.results = [_result_number(node, t) for t in tensors]
        kept = [t if t is None or nr is None else detached(t) for t, nr in zip(tensors, self.results)]
        self.versions = [None if t is None else t._storage.version for t in kept]
        self.tensors = kept
        self.packed = None
        if saved_hooks.stack:
            self.packed = saved_hooks.Packed([t for t in kept if t is not None])
            self.tensors = [t is not None for t in kept]

    def unpack(self, node) -> tuple:
        """The tensors, checked to be what they were, with the history of ``node`` where they are its results."""
        if self.packed is not None:
            unpacked = iter(self.packed.unpack())
            tensors = [next(unpacked) if there else None for there in self.tensors]
        else:
            tensors = self.tensors
            for tensor, version in zip(tensors, self.versions):
                if tensor is not None and tensor._storage.version != version:
                    raise RuntimeError(saved_hooks.modified(tensor, version, node))
        return tuple(t if nr is None else _with_history(t, node, nr) for t, nr in zip(tensors, self.results))


def _result_number(node, tensor: Tensor | None) -> int | None:
    meta = None if tensor is None else tensor._autograd
    return meta.nr if meta is not None and meta.node is node else None


def detached(tensor: Tensor) -> Tensor:
    """The same memory without history."""
    return make(tensor._storage, tensor._spec.plain, tensor._offset)


def _with_history(tensor: Tensor, node, nr: int) -> Tensor:
    alias = make(tensor._storage, tensor._spec.with_grad(True), tensor._offset)
    alias._autograd = Meta(node, nr)
    return alias
