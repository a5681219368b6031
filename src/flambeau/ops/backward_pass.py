"""A backward pass of a known form as one instruction.

A training loop passes through graphs of the same form again and again: the same operators on the same signatures, joined by
the same edges. When a form comes for the second time, the engine walks a copy of the graph whose tensors are abstract, and what it
records becomes the body of one instruction from the root's gradients and the saved tensors to the leaves' gradients. Later passes
check what was saved and append that instruction.

Graphs that somebody watches (hooks, retained gradients, anomaly mode) and nodes that are no recorded operator take the engine's
own walk, and so does whatever is wrong, so that errors have one source.
"""

from __future__ import annotations

from operator import itemgetter

from ..autograd import anomaly, engine, graph
from ..autograd.graph import Meta
from ..autograd.mode import state
from ..compiler.graph import Param, Trace, TraceError
from ..lazy import window as _window
from ..lazy.storage import Storage
from ..lazy.window import HARD_LIMIT, Code, record
from ..runtime.devices import meta
from ..tensor import Tensor, make
from .gradient import OperatorNode, prune, rename
from .operator import Placeholders

_new = object.__new__
MAX_FORMS = 1024
MAX_NODES = 4096
_known: dict = {}  # form -> Pass; None where it was seen once


class Pass:
    """The instruction of a form. ``results`` has, for each leaf whose gradient is new, ``(leaf, storage, spec, offset)``."""

    __slots__ = ("code", "chosen", "results")

    def __init__(self, code: Code | None, uses: list[int], results: list[tuple]):
        self.code = code
        # What the instruction reads of a walk's tensors.
        self.chosen = itemgetter(*uses) if len(uses) > 1 else lambda tensors: [tensors[i] for i in uses]
        self.results = results


_REFUSED = Pass(None, [], [])  # of a form that is no instruction


class _Walk:
    """What a pass reads of a graph: its nodes and leaves, their form, the tensors and numbers that they hold."""

    __slots__ = ("nodes", "leaves", "order", "form", "tensors", "numbers")

    def __init__(self, nodes: list, leaves: list, order: list | None, form: tuple, tensors: list, numbers: list):
        self.nodes = nodes
        self.leaves = leaves
        self.order = order  # positions of the nodes, the latest made first; None where they lie so
        self.form = form
        self.tensors = tensors  # the roots' gradients, what the nodes saved, the gradients that leaves have
        self.numbers = numbers


def attempt(roots: list, gradients: list, keep_graph: bool) -> bool:
    """Pass from ``roots`` to all leaves by one instruction; False, with nothing done, where the engine must walk."""
    if anomaly.enabled or _window.current.tracing:
        return False
    walk = _survey(roots, gradients)
    if walk is None:
        return False
    form = walk.form
    if form not in _known:
        _remember(form)
        return False
    known = _known[form]
    if known is None:
        known = _known[form] = _trace(walk, roots)
    if known is _REFUSED:
        return False
    tensors, leaves = walk.tensors, walk.leaves
    made = record(known.code, known.chosen(tensors), walk.numbers)
    for leaf, storage, spec, offset in known.results:
        gradient = leaves[leaf].grad = _new(Tensor)
        gradient._storage = made[storage]
        gradient._spec = spec
        gradient._offset = offset
        gradient._autograd = None
    if not keep_graph:
        for node in walk.nodes:
            node.release()
    return True


def _remember(form: tuple) -> None:
    if len(_known) >= MAX_FORMS:
        for old in list(_known)[:MAX_FORMS // 4]:
            del _known[old]
    _known[form] = None


def _survey(roots: list, gradients: list) -> _Walk | None:
    """The form of a graph and what it holds; None where only the engine can pass it.

    An edge's place in the form is its target's number (negative for leaves), with the result's number where that is not 0.
    """
    nodes: list = []
    leaves: list = []
    place: dict = {}
    form: list = []
    tensors = list(gradients)
    numbers: list = []
    for (target, nr), gradient in zip(roots, gradients):
        if gradient._spec.override or gradient._spec.device is meta:
            return None
        if target not in place:
            place[target] = _add(target, nodes, leaves)
        form += (place[target], nr, gradient._spec.plain)
    watched = graph.watched
    last, sorted_by_age = nodes[0].sequence if nodes else 0, True
    for node in nodes:
        if watched and _is_watched(node):
            return None
        if isinstance(node, OperatorNode):
            rule, saved = node.rule, node.tensors
            if saved.__class__ is not list or rule.untraced:
                return None
            for tensor, version in zip(saved, node.versions):
                if tensor._storage.version != version:
                    return None
            tensors += saved
            if node.numbers:
                numbers += node.numbers
            form.append(rule)
        elif node.form is None:
            return None
        else:
            form.append(node.form)
        age = node.sequence
        if age > last:
            sorted_by_age = False
        last = age
        for edge in node.edges:
            if edge is None:
                form.append(None)
                continue
            target, nr = edge
            if target.sequence >= age:
                return None
            k = place.get(target)
            if k is None:
                if target.__class__ is Meta:
                    leaves.append(target)
                    k = place[target] = -len(leaves)
                else:
                    k = place[target] = len(nodes)
                    nodes.append(target)
            form.append((k, nr) if nr else k)
    if len(nodes) > MAX_NODES or not _add_leaves(leaves, form, tensors):
        return None
    order = None
    if not sorted_by_age:
        order = sorted(range(len(nodes)), key=[-node.sequence for node in nodes].__getitem__)
        form += order
    return _Walk(nodes, leaves, order, tuple(form), tensors, numbers)


def _add(target, nodes: list, leaves: list) -> int:
    """The number of a root that is met for the first time."""
    if target.__class__ is Meta:
        leaves.append(target)
        return -len(leaves)
    nodes.append(target)
    return len(nodes) - 1


def _is_watched(node) -> bool:
    """Whether somebody sees the gradients that pass a node."""
    return bool(node.hooks or node.pre_hooks or node.tensor_hooks or node.retained)


def _add_leaves(leaves: list, form: list, tensors: list) -> bool:
    """Add the leaves to a form; False where a gradient is not simply kept or added to."""
    watched = graph.watched
    for leaf in leaves:
        tensor = leaf.tensor()
        if tensor is None or (watched and (leaf.hooks or leaf.post_hooks or leaf.pre_hooks or leaf.node_hooks)):
            return False
        spec, gradient = tensor._spec, leaf.grad
        if not spec.requires_grad:
            return False
        form.append(spec)
        if gradient is None:
            form.append(None)
            continue
        known = gradient._spec
        if known.requires_grad or known.override or gradient._autograd is not None:
            return False
        form.append(known)
        tensors.append(gradient)
    return True


# -- the instruction ---------------------------------------------------------------------------------------------------


class _BackwardPass:
    """Names the instruction."""

    name = "backward"


def _trace(walk: _Walk, roots: list) -> Pass:
    """The pass of a form, from a walk of the engine over abstract tensors; ``_REFUSED`` where it is no instruction."""
    previous, state.enabled = state.enabled, False
    try:
        with _window.tracing() as window:
            return _traced(walk, roots, window)
    except TraceError:
        return _REFUSED
    finally:
        state.enabled = previous


def _traced(walk: _Walk, roots: list, window) -> Pass:
    holders = Placeholders(window)
    abstract = [holders.tensor(t._spec.plain) for t in walk.tensors]
    held = iter(abstract[len(roots):])
    saved = [[next(held) for _ in node.tensors] if isinstance(node, OperatorNode) else () for node in walk.nodes]
    leaves = [_leaf_copy(leaf, None if leaf.grad is None else next(held)) for leaf in walk.leaves]
    given = [leaf.grad for leaf in leaves]
    copies = _copies(walk, saved, leaves)
    engine.execute([(copies[node], nr) for node, nr in roots], abstract[:len(roots)], create_graph=False, keep_graph=True)
    if len(window.inputs) != len(holders.storages):
        return _REFUSED  # something in it reads a tensor of its own
    slots, specs, results, written = [], [], [], []
    for position, (leaf, before) in enumerate(zip(leaves, given)):
        made = leaf.grad
        if made is None:
            continue
        slot = made._storage.slot
        if before is not None:
            if made is not before:
                return _REFUSED
            written.append(slot)
            continue
        results.append((position, len(slots), made._spec, made._offset))
        slots.append(slot)
        specs.append(made._spec)
    if len(set(slots)) != len(slots) or min(slots, default=0) < 0:
        return _REFUSED
    return _finish(window, holders, slots, specs, written, results, len(walk.numbers))


def _copies(walk: _Walk, saved: list, leaves: list) -> dict:
    """For each node and leaf, its copy in a graph over abstract tensors."""
    copies: dict = dict(zip(walk.leaves, leaves))
    firsts, numbers = [], 0
    for node in walk.nodes:
        firsts.append(numbers)
        numbers += len(node.numbers) if isinstance(node, OperatorNode) else 0
    order = range(len(walk.nodes)) if walk.order is None else walk.order
    for position in reversed(order):  # the age of the copies is that of the nodes
        node = walk.nodes[position]
        edges = tuple([None if edge is None else (copies[edge[0]], edge[1]) for edge in node.edges])
        if not isinstance(node, OperatorNode):
            copies[node] = node.over(edges)
            continue
        params = [Param(firsts[position] + k, number.__class__) for k, number in enumerate(node.numbers)]
        copies[node] = node.__class__(node.rule, edges, saved[position], params)
    return copies


def _leaf_copy(leaf: Meta, gradient) -> Meta:
    copy = Meta()
    spec = leaf.variable._spec
    tensor = make(Storage(None, spec.nbytes), spec)  # only its layout is looked at
    copy.tensor = lambda: tensor
    copy.grad = gradient
    return copy


def _finish(window, holders, slots: list, specs: list, written: list, results: list, numbers: int) -> Pass:
    code_list, outputs, scalars, reads = prune(window.code, slots + written, list(window.scalars))
    outputs = outputs[:len(slots)]
    uses = [k for k in range(len(holders.specs)) if -k - 1 in reads]
    renamed = {-k - 1: -j - 1 for j, k in enumerate(uses)}
    code_list = [rename(instruction, renamed) for instruction in code_list]
    mutates = tuple(sorted({-renamed[slot] - 1 for slot in written}))
    code = Code(_BackwardPass, None, tuple([holders.specs[k] for k in uses]), tuple(specs), mutates, numbers,
                Trace(code_list, outputs, scalars), any(i[0].sited for i in code_list))
    code.weight = sum(i[0].weight for i in code_list)
    return Pass(code, uses, results) if code.weight < HARD_LIMIT else _REFUSED


engine.set_shortcut(attempt)
