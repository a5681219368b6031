"""The graph of differentiation: what a tensor knows of its history, and nodes."""

from __future__ import annotations

import itertools
import weakref
from typing import Any, NamedTuple

_sequence = itertools.count(1)


class Meta:
    """Autograd's share of a tensor. A leaf's Meta is also the sink that gradients flow into.

    ``node`` and ``nr`` name the operator (and which of its results) that made the tensor. ``base`` is the tensor that a
    view was taken of; ``history`` counts in-place changes of a base's graph, ``seen`` is the base's count for which a
    view's ``node`` holds.
    """

    __slots__ = ("node", "nr", "__dict__", "__weakref__")

    # What few tensors have lies in the instance's dictionary, over these defaults.
    grad = None
    hooks = None  # on the gradient that arrives
    pre_hooks = None  # as a node, around accumulation
    node_hooks = None
    post_hooks = None  # on the tensor, after accumulation
    base = None
    history = 0
    seen = 0
    retains = False
    tensor = None
    inference = False
    sequence = 0  # as a sink in the graph it comes last, and has no inputs
    edges = ()

    def __init__(self, node=None, nr: int = 0):
        self.node = node
        self.nr = nr

    @property
    def variable(self):
        """The leaf that this sink belongs to."""
        return self.tensor() if self.tensor is not None else None

    @property
    def next_functions(self) -> tuple:
        return ()

    def name(self) -> str:
        return "AccumulateGrad"

    def register_hook(self, hook):
        """Call ``hook((), grad_outputs)`` after the gradient was accumulated."""
        if self.node_hooks is None:
            self.node_hooks = {}
        return RemovableHandle(self.node_hooks, hook)

    def register_prehook(self, hook):
        """Call ``hook(grad_outputs)`` before the gradient is accumulated; what it gives replaces it."""
        if self.pre_hooks is None:
            self.pre_hooks = {}
        return RemovableHandle(self.pre_hooks, hook)

    def __repr__(self) -> str:
        return f"<AccumulateGrad object at {id(self):#x}>"


class Node:
    """An operator that was applied to tensors requiring grad.

    ``edges`` holds, for every tensor input, ``(node or leaf's Meta, output number)``, or None where none is needed.
    Subclasses define ``apply(gradients, create_graph)``: gradients of the results (None for absent ones) to gradients of the inputs.
    """

    __slots__ = ("edges", "sequence", "__dict__", "__weakref__")

    hooks = None  # called with (grad_inputs, grad_outputs)
    pre_hooks = None
    tensor_hooks = None  # result number -> hooks on that result's gradient
    retained = None  # result number -> Meta whose grad is to be kept
    line = None

    def __init__(self, edges: tuple):
        self.edges = edges
        self.sequence = next(_sequence)

    @property
    def metadata(self) -> dict:
        """A dictionary for whoever annotates the graph."""
        return self.__dict__.setdefault("_metadata", {})

    def name(self) -> str:
        raise NotImplementedError

    def apply(self, gradients: list, create_graph: bool):
        raise NotImplementedError

    def release(self) -> None:
        """Forget what was saved for backward."""

    @property
    def next_functions(self) -> tuple:
        return tuple((None, 0) if edge is None else edge for edge in self.edges)

    def register_hook(self, hook):
        """Call ``hook(grad_inputs, grad_outputs)`` after this node's gradient is computed."""
        if self.hooks is None:
            self.hooks = {}
        return RemovableHandle(self.hooks, hook)

    def register_prehook(self, hook):
        """Call ``hook(grad_outputs)`` before this node's gradient is computed."""
        if self.pre_hooks is None:
            self.pre_hooks = {}
        return RemovableHandle(self.pre_hooks, hook)

    def __repr__(self) -> str:
        return f"<{self.name()} object at {id(self):#x}>"


class RemovableHandle:
    """Removes a hook again: ``handle.remove()``, or as a context manager."""

    next_id = 0

    def __init__(self, hooks: dict, hook=None, *, extra_dict=None):
        self.hooks_dict_ref = weakref.ref(hooks) if hasattr(hooks, "__weakref__") else (lambda: hooks)
        self.id = RemovableHandle.next_id
        RemovableHandle.next_id += 1
        extra = extra_dict if isinstance(extra_dict, (list, tuple)) else [extra_dict] if extra_dict is not None else []
        self.extra_dicts = extra
        if hook is not None:
            hooks[self.id] = hook

    def remove(self) -> None:
        """Take the hook away; harmless when it is gone."""
        hooks = self.hooks_dict_ref()
        if hooks is not None:
            hooks.pop(self.id, None)
        for extra in self.extra_dicts:
            extra.pop(self.id, None)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.remove()


class GradientEdge(NamedTuple):
    """A place in the graph that gradients flow through: result ``output_nr`` of ``node``."""

    node: Any
    output_nr: int
    ownership_token: Any = None


def edge_of(tensor):
    """The edge into the graph at ``tensor``, or None when it does not require grad."""
    if not tensor._spec.requires_grad:
        return None
    meta = tensor._autograd
    if meta is None:
        meta = tensor._autograd = Meta()
    if meta.base is not None and meta.base._autograd is not None and meta.seen != meta.base._autograd.history:
        refresh_view(tensor)
    if meta.node is not None:
        return meta.node, meta.nr
    if meta.tensor is None:
        meta.tensor = weakref.ref(tensor)
    return meta, 0


_rebase = None


def set_rebaser(function) -> None:
    """``function(tensor, edge)`` gives a tensor that was written in place its new history; set by the operators."""
    global _rebase
    _rebase = function


def rebase(tensor, edge) -> None:
    """Make ``edge`` the history of a tensor that was just written."""
    _rebase(tensor, edge)


_refresh_view = None


def set_view_refresher(function) -> None:
    """``function(view)`` re-derives a view's node from its base; set by the operators."""
    global _refresh_view
    _refresh_view = function


def refresh_view(tensor) -> None:
    """Bring a view's node up to date after its base was changed in place."""
    _refresh_view(tensor)
