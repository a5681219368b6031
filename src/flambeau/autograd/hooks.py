"""Hooks over several tensors at once, and edges of the graph as users hold them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from ..lazy.storage import note_write
from ..tensor import Tensor
from .graph import GradientEdge, Meta, edge_of
from .handles import RemovableHandle

__all__ = ["get_gradient_edge", "increment_version", "register_multi_grad_hook"]


def get_gradient_edge(tensor: Tensor) -> GradientEdge:
    """The place in the graph where the gradient of ``tensor`` arrives. Raises RuntimeError unless it requires grad."""
    edge = edge_of(tensor)
    if edge is None:
        raise RuntimeError("It is not possible to get the gradient edge for a Tensor that does not require gradients")
    return GradientEdge(*edge, tensor if isinstance(edge[0], Meta) else None)


def increment_version(tensor: Tensor | Sequence[Tensor]) -> None:
    """Let autograd know that the tensor (or each of several) was written behind its back."""
    for t in (tensor,) if isinstance(tensor, Tensor) else tensor:
        note_write(t._storage)


class _Handles(RemovableHandle):
    """Removes several hooks at once."""

    def __init__(self, handles: Sequence):
        self.handles = tuple(handles)

    def remove(self) -> None:
        for handle in self.handles:
            handle.remove()


def register_multi_grad_hook(tensors: Sequence[Tensor], fn: Callable, *, mode: str = "all") -> RemovableHandle:
    """Call ``fn`` once in each backward for several tensors.

    ``mode="all"``: ``fn(gradients)`` when all gradients that this backward gives have come, None for others.
    ``mode="any"``: ``fn(gradient)`` at the first.
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    lock = threading.Lock()
    if mode == "any":
        return _first_of(tensors, fn, lock)
    edges = [edge_of(t) for t in tensors]
    runs: dict[int, list] = {}

    def watch(i: int) -> Callable:
        def hook(gradient):
            from .engine import current_run

            run = current_run()
            with lock:
                state = runs.get(id(run))
                if state is None:
                    state = runs[id(run)] = [sum(run.reaches(edge) for edge in edges), [None] * len(tensors)]
                state[0] -= 1
                state[1][i] = gradient
                complete = not state[0]
                if complete:
                    del runs[id(run)]
            if complete:
                fn(state[1])

        return hook

    return _Handles([t.register_hook(watch(i)) for i, t in enumerate(tensors)])


def _first_of(tensors: Sequence[Tensor], fn: Callable, lock) -> RemovableHandle:
    seen: list = []

    def hook(gradient):
        from .engine import current_run

        run = current_run()
        with lock:
            if run in seen:
                return
            seen[:] = [run]
        fn(gradient)

    return _Handles([t.register_hook(hook) for t in tensors])


