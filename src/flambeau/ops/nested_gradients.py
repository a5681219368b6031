"""Backward through tensors of transformations: the graph lies beneath all of them."""

from __future__ import annotations

from ..autograd.differentiate import _root_gradients, set_through_duals
from ..autograd.differentiate import grad as _grad
from ..autograd.graph import Meta, edge_of
from ..tensor import Tensor
from . import user_functions  # noqa: F401 (Functions must know of transformations before the first one)
from .batching import BatchedTensor, batched, beneath, expanded
from .transformed import Transformed


def levels_in(tensors) -> tuple:
    """The transformations that tensors belong to, the outermost first: ``(number, batch size or None)`` each."""
    found: dict[int, int | None] = {}
    waiting = list(tensors)
    while waiting:
        t = waiting.pop()
        if isinstance(t, BatchedTensor):
            found[t._level] = t._value.shape[0]
            waiting.append(t._value)
        elif isinstance(t, Transformed):
            found[t._level] = None
            waiting += [t._primal, t._tangent]
    return tuple(sorted(found.items()))


def leaf(x: Tensor, levels) -> Tensor:
    """``x`` as a tensor to differentiate by. Under ``vmap`` each sample has its own; a history is kept beneath."""
    if not levels:
        return x.view_as(x) if x.requires_grad else x.detach().requires_grad_()
    *outer, (number, size) = levels
    if size is not None:
        return batched(leaf(expanded(x, number, size), outer), number)
    from .forward_mode import dual, parts

    primal, tangent = parts(x, number)
    inner = leaf(primal, outer)
    return inner if tangent is None else dual(inner, tangent, number)


def gradients(outputs, inputs, cotangents, levels, create_graph: bool) -> list:
    """The gradients of ``outputs`` with respect to leaves made for ``levels``; None where there is no dependence."""
    if not levels:
        return _plain_gradients(outputs, inputs, cotangents, create_graph)
    *outer, (number, size) = levels
    if size is not None:
        found = gradients(
            [expanded(o, number, size) for o in outputs],
            [expanded(x, number, size) for x in inputs],
            [expanded(c, number, size) for c in cotangents],
            outer, create_graph,
        )  # fmt: skip
        return [None if g is None else batched(g, number) for g in found]
    return _dual_gradients(outputs, inputs, cotangents, number, outer, create_graph)


def _dual_gradients(outputs, inputs, cotangents, number: int, outer, create_graph: bool) -> list:
    """The gradient, and its derivative: the gradient of the outputs' derivative."""
    from .forward_mode import _or_zeros, dual, parts

    results = [parts(o, number) for o in outputs]
    above = [parts(c, number) for c in cotangents]
    leaves = [parts(x, number)[0] for x in inputs]
    primal = gradients([o for o, _ in results], leaves, [c for c, _ in above], outer, create_graph)
    moved = [(t, c) for (_, t), (c, _) in zip(results, above) if t is not None]
    moved += [(o, t) for (o, _), (_, t) in zip(results, above) if t is not None]
    if not moved:
        return primal
    tangent = gradients([o for o, _ in moved], leaves, [c for _, c in moved], outer, create_graph)
    joined = []
    for p, t, x in zip(primal, tangent, leaves):
        joined.append(p if t is None else dual(_or_zeros(p, x), t, number))
    return joined


def _through_duals(outputs, inputs, grad_outputs, create_graph: bool) -> list | None:
    """``autograd.grad`` of dual tensors; None where there are none, or samples of ``vmap``."""
    tensors = [t for t in (*outputs, *inputs) if isinstance(t, Tensor)]
    levels = levels_in(tensors)
    if not levels or any(size is not None for _, size in levels) or len(tensors) < len(outputs) + len(inputs):
        return None
    cotangents, _ = _root_gradients(outputs, grad_outputs)
    return gradients(list(outputs), list(inputs), cotangents, levels, create_graph)


set_through_duals(_through_duals)


def _plain_gradients(outputs, inputs, cotangents, create_graph: bool) -> list:
    roots = [(o, c) for o, c in zip(outputs, cotangents) if o.requires_grad]
    if not roots:
        return [None] * len(inputs)
    fitting = [c if c.dtype is o.dtype else c.to(o.dtype) for o, c in roots]
    return list(
        _grad([o for o, _ in roots], inputs, fitting, retain_graph=True, create_graph=create_graph, allow_unused=True)
    )


# -- what else the graph leads to ----------------------------------------------------------------------------------------


def beneath_all(tensor: Tensor) -> list[Tensor]:
    """The tensors without transformation that ``tensor`` is made of."""
    if isinstance(tensor, BatchedTensor):
        return beneath_all(tensor._value)
    if isinstance(tensor, Transformed):
        return beneath_all(tensor._primal) + beneath_all(tensor._tangent)
    return [tensor]


def reaches_others(tensors, leaves) -> bool:
    """Whether the graph of ``tensors`` leads to leaves besides these."""
    own = {edge_of(t)[0] for leaf_ in leaves for t in beneath_all(leaf_) if t.requires_grad}
    edges = [edge_of(t) for x in tensors for t in beneath_all(x)]
    waiting = [e[0] for e in edges if e is not None]
    seen = set(waiting)
    while waiting:
        node = waiting.pop()
        if node.__class__ is Meta:
            if node not in own:
                return True
            continue
        for edge in node.edges:
            if edge is not None and edge[0] not in seen:
                seen.add(edge[0])
                waiting.append(edge[0])
    return False


def without_history(tensor: Tensor) -> Tensor:
    """The same tensor, taken out of the graph beneath its transformations."""
    if isinstance(tensor, BatchedTensor):
        return batched(without_history(tensor._value), tensor._level)
    if isinstance(tensor, Transformed):
        from .forward_mode import dual

        return dual(without_history(tensor._primal), without_history(tensor._tangent), tensor._level)
    return tensor.detach() if tensor.requires_grad else tensor


__all__ = ["beneath", "gradients", "leaf", "levels_in", "reaches_others", "without_history"]
