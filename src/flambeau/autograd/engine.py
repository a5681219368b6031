"""Backward: walks the graph from the results to the leaves."""

from __future__ import annotations

import heapq

from . import anomaly
from .graph import Meta, edge_of
from .mode import state


class _Run:
    """One backward pass."""

    def __init__(self, create_graph: bool, keep_graph: bool, wanted: dict | None):
        self.create_graph = create_graph
        self.keep_graph = keep_graph
        self.wanted = wanted  # (node, nr) -> positions in the answer of grad(); None when leaves accumulate
        self.answers: dict[int, object] = {}
        self.pending: dict = {}  # node -> list of gradients of its results
        self.given: set[int] = set()  # storages that became a leaf's grad


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
    """The nodes from which a wanted edge is reached (so that ``grad`` does no work for others)."""
    targets = {node for node, _ in wanted}
    order, seen, stack = [], set(), [(node, False) for node in roots]
    needed = set()
    while stack:
        node, done = stack.pop()
        if done:
            if node in targets or any(e is not None and (e[0] in needed or e in wanted) for e in node.edges):
                needed.add(node)
            continue
        if node in seen:
            continue
        seen.add(node)
        order.append(node)
        stack.append((node, True))
        stack.extend((e[0], False) for e in node.edges if e is not None and e[0] not in seen)
    return needed


def _add(a, b):
    return a + b


def _deposit(run: _Run, edge, gradient) -> None:
    """Add a gradient to what waits for ``edge``."""
    node, nr = edge
    slots = run.pending.get(node)
    if slots is None:
        slots = run.pending[node] = {}
    old = slots.get(nr)
    slots[nr] = gradient if old is None else _add(old, gradient)


def _call_hooks(hooks, gradient):
    for hook in list(hooks.values()):
        answer = hook(gradient)
        if answer is not None:
            gradient = answer
    return gradient


def _accumulate(run: _Run, meta: Meta, gradient) -> None:
    """The sink: a leaf's hooks, then its ``.grad``."""
    if meta.hooks:
        gradient = _call_hooks(meta.hooks, gradient)
    tensor = meta.variable
    if run.wanted is not None:
        for position in run.wanted.get((meta, 0), ()):
            run.answers[position] = gradient
        return
    if meta.grad is None:
        meta.grad = _own(run, gradient, tensor)
    elif run.create_graph:
        meta.grad = meta.grad + gradient
    else:
        meta.grad.add_(gradient)
    if meta.post_hooks and tensor is not None:
        for hook in list(meta.post_hooks.values()):
            hook(tensor)


def _own(run: _Run, gradient, tensor):
    """A tensor for ``.grad`` that shares memory with nobody."""
    if run.create_graph:
        return gradient
    storage = gradient._storage
    stride = tensor._spec.stride if tensor is not None else None
    spec = gradient._spec
    dense = stride == spec.stride or (stride is None and spec.contiguous)
    if not dense or id(storage) in run.given or storage.nbytes != spec.nbytes or storage.buffer is not None:
        gradient = gradient.detach().clone() if stride == spec.stride else gradient.detach().contiguous().clone()
    run.given.add(id(gradient._storage))
    return gradient


def _apply(run: _Run, node, slots: dict):
    gradients = [slots.get(i) for i in range(max(slots) + 1)]
    if node.tensor_hooks:
        for nr, hooks in node.tensor_hooks.items():
            if nr < len(gradients) and gradients[nr] is not None:
                gradients[nr] = _call_hooks(hooks, gradients[nr])
    if node.retained:
        for nr, meta in node.retained.items():
            if nr < len(gradients) and gradients[nr] is not None:
                meta.grad = gradients[nr] if meta.grad is None else meta.grad + gradients[nr]
    if run.wanted is not None:
        for nr, gradient in enumerate(gradients):
            for position in run.wanted.get((node, nr), ()):
                run.answers[position] = gradient
    if node.pre_hooks:
        for hook in list(node.pre_hooks.values()):
            answer = hook(tuple(gradients))
            if answer is not None:
                gradients = list(answer) if isinstance(answer, tuple) else [answer]
    results = anomaly.guarded(node, gradients, run.create_graph) if anomaly.enabled else node.apply(gradients, run.create_graph)
    if node.hooks:
        for hook in list(node.hooks.values()):
            answer = hook(tuple(results), tuple(gradients))
            if answer is not None:
                results = answer if isinstance(answer, tuple) else (answer,)
    if not run.keep_graph:
        node.release()
    return results


def execute(roots: list, gradients: list, *, create_graph: bool, keep_graph: bool, wanted: dict | None = None) -> dict:
    """Send ``gradients`` into the edges ``roots``; accumulate at the leaves, or answer the wanted edges."""
    run = _Run(create_graph, keep_graph, wanted)
    nodes = [edge[0] for edge in roots]
    incoming = _reachable(nodes)
    needed = None if wanted is None else _needed(nodes, wanted)
    ready: list = []
    for edge, gradient in zip(roots, gradients):
        _deposit(run, edge, gradient)
    for node in dict.fromkeys(nodes):
        if not incoming.get(node):
            heapq.heappush(ready, (-node.sequence, id(node), node))
    previous = state.enabled
    state.enabled = create_graph
    try:
        _drain(run, ready, incoming, needed)
    finally:
        state.enabled = previous
    return run.answers


def _drain(run: _Run, ready: list, incoming: dict, needed: set | None) -> None:
    pending = run.pending
    while ready:
        _, _, node = heapq.heappop(ready)
        slots = pending.pop(node, None)
        if node.__class__ is Meta:
            if slots is not None:
                _accumulate(run, node, slots[0])
            continue
        results = None
        if slots is not None and (needed is None or node in needed):
            results = _apply(run, node, slots)
        for i, edge in enumerate(node.edges):
            if edge is None:
                continue
            target = edge[0]
            if results is not None and results[i] is not None:
                _deposit(run, edge, results[i])
            left = incoming[target] - 1
            incoming[target] = left
            if not left:
                heapq.heappush(ready, (-target.sequence, id(target), target))


def root_edge(tensor):
    """The edge that backward starts from."""
    edge = edge_of(tensor)
    if edge is None:
        raise RuntimeError("element 0 of tensors does not require grad and does not have a grad_fn")
    return edge
