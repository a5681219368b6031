"""Backward: walks the graph from the results to the leaves."""

from __future__ import annotations

import heapq
import threading

from ..lazy import window as _window
from . import anomaly
from .graph import Meta
from .mode import state


class _Run:
    """One backward pass."""

    __slots__ = ("create_graph", "keep_graph", "wanted", "answers", "pending", "given", "start", "incoming", "needed", "roots",
                 "__weakref__")

    def __init__(self, create_graph: bool, keep_graph: bool, wanted: dict | None, foreign: set):
        self.create_graph = create_graph
        self.keep_graph = keep_graph
        self.wanted = wanted  # (node, nr) -> positions in the answer of grad(); None when leaves accumulate
        self.answers: dict[int, object] = {}
        self.pending: dict = {}  # node -> gradients of its results by number
        self.given = foreign  # ids of storages that somebody else may hold: a leaf does not take them over
        self.start = (_window.current.epoch, len(_window.current.outputs))
        self.incoming: dict = {}
        self.needed: set | None = None
        self.roots: list = []

    def owns(self, storage) -> bool:
        """Whether this backward made ``storage`` and gave it to nobody."""
        if storage.buffer is not None or id(storage) in self.given:
            return False
        epoch, first = self.start
        return storage.slot >= (first if storage.epoch == epoch else 0)


    def reaches(self, edge) -> bool:
        """Whether this backward passes ``edge``."""
        node = edge[0]
        if node not in self.incoming and node not in self.roots:
            return False
        return self.wanted is None or node in self.needed or edge in self.wanted


_running = threading.local()


def backward_runs() -> bool:
    """Whether a backward pass is under way in this thread."""
    return bool(_running.__dict__.get("stack"))


def current_run() -> _Run:
    """The backward pass that is calling a hook."""
    return _running.stack[-1]


def _reachable(roots: list) -> dict:
    """How many edges lead into each node from the roots' graph."""
    incoming: dict = {}
    stack = list(dict.fromkeys(roots))
    seen = set(stack)
    while stack:
        node = stack.pop()
        for edge in node.edges:
            if edge is None:
                continue
            target = edge[0]
            incoming[target] = incoming.get(target, 0) + 1
            if target not in seen:
                seen.add(target)
                stack.append(target)
    return incoming


def _needed(roots: list, wanted: dict) -> set:
    """The nodes whose gradients lead to a wanted edge (so that ``grad`` does no work for others)."""
    targets = {node for node, _ in wanted}
    needed: set = set()
    seen: set = set()
    stack = [(node, False) for node in roots]
    while stack:
        node, done = stack.pop()
        if done:
            if any(e is not None and (e[0] in needed or e[0] in targets) for e in node.edges):
                needed.add(node)
            continue
        if node in seen:
            continue
        seen.add(node)
        stack.append((node, True))
        stack.extend((e[0], False) for e in node.edges if e is not None and e[0] not in seen)
    return needed


def _deposit(run: _Run, edge, gradient) -> None:
    """Add a gradient to what waits for ``edge``."""
    node, nr = edge
    slots = run.pending.get(node)
    if slots is None:
        slots = run.pending[node] = {}
    old = slots.get(nr)
    slots[nr] = gradient if old is None else old + gradient


def _called(hook) -> str:
    return getattr(hook, "__name__", "") or str(hook)


def _call_hooks(run: _Run, hooks: dict, gradient):
    """The gradient after its hooks; from now on others may hold it."""
    for hook in list(hooks.values()):
        run.given.add(id(gradient._storage))
        answer = hook(gradient)
        if answer is None:
            continue
        if not hasattr(answer, "_storage"):
            raise TypeError(f"expected Variable, but hook returned '{type(answer).__name__}'")
        if answer.shape != gradient.shape:
            raise RuntimeError(f"hook {_called(hook)!r} has changed the size of value")
        if answer.dtype is not gradient.dtype:
            raise RuntimeError(f"hook {_called(hook)!r} has changed the type of value (was {gradient.type()} got {answer.type()})")
        gradient = answer
        run.given.add(id(gradient._storage))
    return gradient


def _arrive(run: _Run, meta: Meta, gradient) -> None:
    """The sink: a leaf's hooks, then the answer of ``grad()`` or the leaf's ``.grad``."""
    if run.wanted is not None and (meta, 0) not in run.wanted:
        return
    if meta.hooks:
        gradient = _call_hooks(run, meta.hooks, gradient)
    if run.wanted is not None:
        for position in run.wanted[meta, 0]:
            run.answers[position] = gradient
        return
    if meta.pre_hooks:
        gradient = _replaced(meta.pre_hooks, (gradient,))[0]
    tensor = meta.variable
    _add_to_grad(run, meta, gradient, tensor)
    if meta.post_hooks and tensor is not None:
        _call_post_hooks(meta.post_hooks, tensor)
    if meta.node_hooks:
        for hook in list(meta.node_hooks.values()):
            hook((), (gradient,))


def _call_post_hooks(hooks: dict, tensor) -> None:
    """The hooks on a leaf whose ``.grad`` is complete."""
    for hook in list(hooks.values()):
        answer = hook(tensor)
        if answer is None or answer is tensor:  # an update in place gives the tensor
            continue
        if not hasattr(answer, "_storage"):
            raise TypeError(f"expected Variable, but hook returned '{type(answer).__name__}'")
        raise RuntimeError("Tensor post accumulate grad hooks should return None.")


def _add_to_grad(run: _Run, meta: Meta, gradient, tensor) -> None:
    if tensor is not None and not tensor._spec.requires_grad:
        return  # it was frozen after the graph was made
    if meta.grad is None:
        meta.grad = _own(run, gradient, tensor)
    elif run.create_graph or (meta.grad.__class__ is not gradient.__class__ and meta.grad.is_sparse):
        meta.grad = _sum(meta.grad, gradient)
    else:
        meta.grad.add_(gradient)


def _sum(old, gradient):
    """The sum of two gradients; a sparse and a dense one make a dense one."""
    return gradient + old if old.is_sparse and not gradient.is_sparse else old + gradient


def _own(run: _Run, gradient, tensor):
    """A tensor for ``.grad`` that shares memory with nobody, laid out as the leaf."""
    if run.create_graph:
        return gradient
    storage, spec = gradient._storage, gradient._spec
    leaf = tensor._spec if tensor is not None else spec
    if leaf.stride != spec.stride and leaf.span == leaf.numel:
        gradient = gradient.new_empty_strided(tuple(spec.shape), leaf.stride).copy_(gradient.detach())
    elif storage.nbytes != spec.nbytes or not run.owns(storage):
        gradient = gradient.detach().clone()
    run.given.add(id(gradient._storage))
    return gradient


def accumulate(target, gradient, create_graph: bool) -> None:
    """Add ``gradient`` to ``target.grad``, as backward does at a leaf."""
    meta = target._autograd
    run = _Run(create_graph, True, None, {id(gradient._storage)})
    _add_to_grad(run, meta, gradient, target)
    if meta.post_hooks:
        _call_post_hooks(meta.post_hooks, target)


def _replaced(hooks: dict, gradients: tuple) -> tuple:
    """What node pre-hooks make of the gradients."""
    for hook in list(hooks.values()):
        answer = hook(gradients)
        if answer is not None:
            gradients = answer if isinstance(answer, tuple) else (answer,)
    return gradients


def _checked_answer(hook, answer, count: int) -> tuple:
    """What a node's hook puts in place of its ``count`` gradients."""
    if not isinstance(answer, tuple):
        raise TypeError(f"expected tuple, but hook returned '{type(answer).__name__}'")
    if len(answer) != count:
        raise RuntimeError(f"hook {_called(hook)!r} has returned an incorrect number of values (got {len(answer)}, but expected {count})")
    return answer


def _receive(run: _Run, node, slots: dict) -> list:
    """The gradients of a node's results, after hooks on them; kept and answered where somebody wants them."""
    gradients = [slots.get(i) for i in range(max(slots) + 1)]
    if node.tensor_hooks:
        for nr, hooks in node.tensor_hooks.items():
            if nr < len(gradients) and gradients[nr] is not None:
                gradients[nr] = _call_hooks(run, hooks, gradients[nr])
    if node.retained:
        for nr, meta in node.retained.items():
            if nr < len(gradients) and gradients[nr] is not None:
                meta.grad = gradients[nr].clone() if meta.grad is None else meta.grad + gradients[nr]
    if run.wanted is not None:
        for nr, gradient in enumerate(gradients):
            for position in run.wanted.get((node, nr), ()) if gradient is not None else ():
                run.answers[position] = gradient
                if not gradient._spec.override:
                    run.given.add(id(gradient._storage))
    return gradients


def _apply(run: _Run, node, gradients: list):
    if node.pre_hooks:
        gradients = list(_replaced(node.pre_hooks, tuple(gradients)))
    results = anomaly.guarded(node, gradients, run.create_graph) if anomaly.enabled else node.apply(gradients, run.create_graph)
    if node.hooks:
        for hook in list(node.hooks.values()):
            answer = hook(tuple(results), tuple(gradients))
            if answer is not None:
                results = _checked_answer(hook, answer, len(results))
    if not run.keep_graph:
        node.release()
    return results


def execute(
    roots: list,
    gradients: list,
    *,
    create_graph: bool,
    keep_graph: bool,
    wanted: dict | None = None,
    foreign: set | None = None,
) -> dict:
    """Send ``gradients`` into the edges ``roots``; accumulate at the leaves, or answer the wanted edges.

    ``foreign`` are the ids of storages that belong to the caller.
    """
    if wanted is None and not create_graph and _shortcut(roots, gradients, keep_graph):
        return {}
    run = _Run(create_graph, keep_graph, wanted, foreign if foreign is not None else set())
    nodes = run.roots = [edge[0] for edge in roots]
    incoming = run.incoming = _reachable(nodes)
    run.needed = None if wanted is None else _needed(nodes, wanted)
    ready: list = []
    previous = state.enabled
    state.enabled = create_graph
    stack = _running.__dict__.setdefault("stack", [])
    stack.append(run)
    try:
        for edge, gradient in zip(roots, gradients):
            _deposit(run, edge, gradient)
        for node in dict.fromkeys(nodes):
            if not incoming.get(node):
                _schedule(ready, node)
        _drain(run, ready, incoming, run.needed)
    finally:
        stack.pop()
        state.enabled = previous
    return run.answers


def _shortcut(roots: list, gradients: list, keep_graph: bool) -> bool:
    """Pass a whole graph at once where its form is known; set by the operators."""
    return False


def set_shortcut(function) -> None:
    """``function(roots, gradients, keep_graph)`` passes a graph to its leaves, or gives False and does nothing."""
    global _shortcut
    _shortcut = function


def _schedule(ready: list, node) -> None:
    """Queue a node whose gradients are complete: the latest made first.

    Leaves come last, when no pending gradient shares memory with what they take over; but as soon as can be
    where hooks are watching.
    """
    watched = node.__class__ is Meta and (node.hooks or node.post_hooks or node.pre_hooks or node.node_hooks)
    heapq.heappush(ready, (-_FIRST if watched else -node.sequence, id(node), node))


_FIRST = 1 << 62


def _drain(run: _Run, ready: list, incoming: dict, needed: set | None) -> None:
    pending = run.pending
    while ready:
        node = heapq.heappop(ready)[2]
        slots = pending.pop(node, None)
        if node.__class__ is Meta:
            if slots is not None:
                _arrive(run, node, slots[0])
            continue
        results = None
        if slots is not None:
            received = _receive(run, node, slots)
            if needed is None or node in needed:
                results = _apply(run, node, received)
        for i, edge in enumerate(node.edges):
            if edge is None:
                continue
            target = edge[0]
            if results is not None and results[i] is not None:
                _deposit(run, edge, results[i])
            left = incoming[target] - 1
            incoming[target] = left
            if not left:
                _schedule(ready, target)
