"""The graph of differentiation: what a tensor knows of its history, and nodes."""

from __future__ import annotations

import itertools
import weakref
from typing import Any, NamedTuple

from ..lazy.storage import thread
from .handles import RemovableHandle
from .mode import state

_sequence = itertools.count(1)
watched = False  # until somebody registers a hook in the graph, or asks for a gradient inside it; anywhere, once and for all


def register_of(sink, kind: str) -> dict:
    """The hooks of a kind ("pre_hooks", "retained", ...) of a node or leaf, to be added to."""
    global watched
    watched = True
    found = getattr(sink, kind)
    if found is None:
        found = {}
        setattr(sink, kind, found)
    return found


class Meta:
    """Autograd's share of a tensor. A leaf's Meta is also the sink that gradients flow into.

    ``node`` and ``nr`` name the operator (and which of its results) that made the tensor. ``base`` is the tensor that a
    view was taken of; ``history`` counts in-place changes of a base's graph, ``seen`` is the base's count for which a
    view's ``node`` holds. ``views`` are the views that must learn of it when a base comes to require grad; one that ``follows``
    a leaf requires grad because the leaf does, but was taken before, so that no gradient flows through it. ``creation`` is
    "no_grad", "several" or "function" (a result of a user-defined Function) for views that grad mode may not write to; such a
    view is of use while its storage's version is ``version``; "inference" is as "no_grad".
    """

    __slots__ = ("node", "nr", "__dict__", "__weakref__")

    # What few tensors have lies in the instance's dictionary, over these defaults.
    grad = None
    hooks = None  # on the gradient that arrives
    pre_hooks = None  # as a node, around accumulation
    node_hooks = None
    post_hooks = None  # on the tensor, after accumulation
    base = None
    views = None
    follows = False
    creation = None
    version = 0
    history = 0
    seen = 0
    retains = False
    tensor = None
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
        return "torch::autograd::AccumulateGrad"

    def register_hook(self, hook):
        """Call ``hook((), grad_outputs)`` after the gradient was accumulated."""
        return RemovableHandle(register_of(self, "node_hooks"), hook)

    def register_prehook(self, hook):
        """Call ``hook(grad_outputs)`` before the gradient is accumulated; what it gives replaces it."""
        return RemovableHandle(register_of(self, "pre_hooks"), hook)

    def __repr__(self) -> str:
        return f"<AccumulateGrad object at {id(self):#x}>"


Meta.__name__ = Meta.__qualname__ = "AccumulateGrad"  # programs that draw the graph read the class' name


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
    form = None  # of a node that saved no tensors: all that its backward depends on besides the gradients, hashable

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

    def over(self, edges: tuple) -> Node:
        """Of a node with a ``form``: the same node in another graph."""
        raise NotImplementedError

    @property
    def next_functions(self) -> tuple:
        return tuple((None, 0) if edge is None else edge for edge in self.edges)

    def __call__(self, *gradients):
        """The gradients of this node's inputs for those of its results."""
        results = self.apply(list(gradients), state.enabled)
        return results[0] if len(results) == 1 else tuple(results)

    def _sequence_nr(self) -> int:
        """When the node was made: later ones have greater numbers."""
        return self.sequence

    def register_hook(self, hook):
        """Call ``hook(grad_inputs, grad_outputs)`` after this node's gradient is computed."""
        return RemovableHandle(register_of(self, "hooks"), hook)

    def register_prehook(self, hook):
        """Call ``hook(grad_outputs)`` before this node's gradient is computed."""
        return RemovableHandle(register_of(self, "pre_hooks"), hook)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} object at {id(self):#x}>"


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
    if meta.base is not None:
        if meta.creation is not None and not tensor._storage.inference and meta.version != tensor._storage.version:
            refuse_view(meta, "its base or another view of its base has been modified inplace")
        if meta.base._autograd is not None and meta.seen != meta.base._autograd.history:
            refresh_view(tensor)
    if meta.node is not None:
        return meta.node, meta.nr
    if meta.creation == "no_grad" or meta.creation == "inference" or meta.follows:
        return None
    if meta.tensor is None:
        meta.tensor = weakref.ref(tensor)
    return meta, 0


def become_view(view, source, *, several: bool = False) -> Meta:
    """Note that ``view`` shows ``source``'s memory; ``several``: the operator gave it together with other views."""
    known = source._autograd
    meta = view._autograd = Meta()
    base = meta.base = source if known is None or known.base is None else known.base
    creation = (_ungraded() if not state.enabled else "several" if several else
                known.creation if known is not None else None)
    if creation is not None:
        meta.creation = creation
        meta.version = 0 if view._storage.inference else view._storage.version
        meta.seen = base._autograd.history if base._autograd is not None else 0
        if creation != "several" and source._spec.requires_grad and not view._storage.inference:
            view._spec = view._spec.with_grad(True)
    if not base._spec.requires_grad and base._spec.dtype.category >= 2:
        _watch(base, view)
    return meta


def _ungraded() -> str:
    return "inference" if thread.inference else "no_grad"


def _watch(base, view) -> None:
    """Let ``view`` know when ``base`` comes to require grad (by a write in place)."""
    meta = base._autograd
    if meta is None:
        meta = base._autograd = Meta()
    views = meta.views
    if views is None:
        views = meta.views = []
    elif len(views) >= 64 and len(views) & (len(views) - 1) == 0:
        views[:] = [ref for ref in views if ref() is not None]
    views.append(weakref.ref(view))


def require_grad_of_base(base) -> None:
    """``base`` was written to and requires grad from now on, and so do its views, whose nodes are derived anew."""
    base._spec = base._spec.with_grad(True)
    meta = base._autograd
    if meta.views is None:
        return
    for ref in meta.views:
        view = ref()
        if view is not None and view._spec.dtype.category >= 2:
            view._spec = view._spec.with_grad(True)
            view._autograd.seen = -1
    meta.views = None


def let_views_follow(leaf) -> None:
    """Make the views that were taken of ``leaf`` require grad, or no more, as it does from now on."""
    wanted = leaf._spec.requires_grad
    for ref in leaf._autograd.views or ():
        view = ref()
        if view is None or view._spec.dtype.category < 2 or view._autograd.node is not None:
            continue
        if wanted != view._spec.requires_grad and (wanted or view._autograd.follows):
            view._spec = view._spec.with_grad(wanted)
            view._autograd.follows = wanted


def refuse_view(meta: Meta, what: str) -> None:
    """Raise the RuntimeError of a view that was made together with others, or without grad mode, and was changed."""
    if meta.creation == "several":
        of = "" if meta.node is None else f" of {meta.node.name()}"
        raise RuntimeError(f"Output {meta.nr}{of} is a view and {what}. This view is the output of a function that returns multiple views. "
                           "Such functions do not allow the output views to be modified inplace. You should replace the inplace operation "
                           "by an out-of-place one.")
    if meta.creation == "function":
        raise RuntimeError(f"Output {meta.nr} of {meta.node.name()} is a view and {what}. This view was created inside a custom Function "
                           "(or because an input was returned as-is): a write in place would override its backward. Clone the output of "
                           "the Function.")
    if meta.creation == "inference":
        raise RuntimeError(f"A view was created in inference mode and {what} in normal mode. Make both in inference mode, or both outside.")
    raise RuntimeError(f"A view was created in no_grad mode and {what} with grad mode enabled. Move both the view and the inplace "
                       "operation inside the no_grad block (if it is not to be tracked) or both outside (if it is).")


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


# What needs tensors themselves is found in other files of this folder when it is first named.
_LAZY = {
    "get_gradient_edge": "hooks",
    "increment_version": "hooks",
    "register_multi_grad_hook": "hooks",
    "saved_tensors_hooks": "saved_hooks",
    "save_on_cpu": "saved_hooks",
    "allow_mutation_on_saved_tensors": "saved_hooks",
    "disable_saved_tensors_hooks": "saved_hooks",
}


def __getattr__(name: str):
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(f".{_LAZY[name]}", __package__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
