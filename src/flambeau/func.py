"""Functions of functions (``torch.func``): gradients, Jacobians, products with vectors; calls with other parameters.

Everything is done by differentiating the recorded graph, so derivatives nest. ``vmap`` is not there yet.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from .autograd import enable_grad
from .autograd import functional as _functional
from .autograd.differentiate import grad as _grad
from .autograd.graph import Meta, edge_of
from .tensor import Tensor

__all__ = ["functional_call", "grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "vjp", "vmap"]


def grad(func: Callable, argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> Callable:
    """The function that gives the gradient of ``func``, which gives a 0-dim tensor, by its arguments ``argnums``.

    With ``has_aux``, ``func`` gives ``(value, aux)`` and the result is ``(gradient, aux)``.
    """
    both = grad_and_value(func, argnums, has_aux)

    def gradient(*args: Any, **kwargs: Any) -> Any:
        found, value = both(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return gradient


def grad_and_value(func: Callable, argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> Callable:
    """As :func:`grad`, giving ``(gradient, value)``; with ``has_aux``, ``(gradient, (value, aux))``."""

    def both(*args: Any, **kwargs: Any) -> Any:
        positions = (argnums,) if isinstance(argnums, int) else tuple(argnums)
        with enable_grad():
            args = _tracked(args, positions)
            output = func(*args, **kwargs)
            value, aux = output if has_aux else (output, None)
            if not isinstance(value, Tensor):
                raise RuntimeError(f"grad_and_value(f)(*args): Expected f(*args) to return tensor, got type {type(value)}")
            if value.ndim:
                raise RuntimeError(
                    "grad_and_value(f)(*args): Expected f(*args) to return a scalar Tensor, "
                    f"got tensor with {value.ndim} dims. Maybe you wanted to use the vjp or jacrev APIs instead?"
                )
            leaves: list[Tensor] = []
            for p in positions:
                _collect(args[p], leaves)
            found = iter(_grad(value, leaves, create_graph=True, materialize_grads=True) if value.requires_grad
                         else [x.new_zeros(x.shape) for x in leaves])  # fmt: skip
            gradients = tuple(_rebuilt(args[p], found) for p in positions)
        result = gradients[0] if isinstance(argnums, int) else gradients
        value, aux, result = _settled((value, aux, result), leaves)
        return result, (value, aux) if has_aux else value

    return both


def vjp(func: Callable, *primals: Any, has_aux: bool = False) -> tuple:
    """``(func(*primals), product)``, where ``product(cotangents)`` gives ``cotangents @ Jacobian`` for each primal."""
    with enable_grad():
        values = _tracked(primals, range(len(primals)))
        output = func(*values)
    output, aux = output if has_aux else (output, None)
    roots: list[Tensor] = []
    _collect(output, roots)
    leaves: list[Tensor] = []
    _collect(values, leaves)

    def product(cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None) -> tuple:
        seeds: list[Tensor] = []
        _collect(cotangents, seeds)
        pairs = [(r, s) for r, s in zip(roots, seeds) if r.requires_grad]
        with enable_grad():
            found = _grad([r for r, _ in pairs], leaves, [s for _, s in pairs], retain_graph=True, create_graph=True,
                          materialize_grads=True) if pairs else [x.new_zeros(x.shape) for x in leaves]  # fmt: skip
        return _settled(_rebuilt(values, iter(found)), leaves)

    result, aux = _settled((output, aux), leaves)
    return (result, product, aux) if has_aux else (result, product)


def jvp(func: Callable, primals: tuple, tangents: tuple, *, strict: bool = False, has_aux: bool = False) -> tuple:
    """``(func(*primals), Jacobian @ tangents)``, by differentiating backward twice."""
    if has_aux:
        raise NotImplementedError("flambeau: func.jvp: argument has_aux is not supported yet")
    return _functional.jvp(func, tuple(primals), tuple(tangents), strict=strict)


def jacrev(
    func: Callable,
    argnums: int | tuple[int, ...] = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
    _preallocate_and_copy: bool = False,
) -> Callable:
    """The function that gives the Jacobian of ``func`` by its arguments ``argnums``. ``chunk_size`` concerns memory only."""
    if has_aux:
        raise NotImplementedError("flambeau: func.jacrev: argument has_aux is not supported yet")

    def jacobian(*args: Any, **kwargs: Any) -> Any:
        positions = (argnums,) if isinstance(argnums, int) else tuple(argnums)

        def partial(*chosen: Tensor) -> Any:
            full = list(args)
            for p, value in zip(positions, chosen):
                full[p] = value
            return func(*full, **kwargs)

        nested = any(isinstance(a, Tensor) and a.requires_grad for a in args)
        found = _functional.jacobian(partial, tuple(args[p] for p in positions), create_graph=nested)
        if isinstance(argnums, int):
            return tuple(row[0] for row in found) if isinstance(found[0], tuple) else found[0]
        return found

    return jacobian


jacfwd = jacrev


def hessian(func: Callable, argnums: int | tuple[int, ...] = 0) -> Callable:
    """The function that gives the Hessian of ``func`` by its arguments ``argnums``."""
    return jacrev(jacrev(func, argnums), argnums)


def functional_call(
    module: Any,
    parameter_and_buffer_dicts: dict[str, Tensor] | tuple[dict[str, Tensor], ...],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Call ``module`` with tensors in place of its parameters and buffers, which are named as in its state dict.

    ``tie_weights``: what replaces a tensor replaces it everywhere in the module. ``strict``: all must be given.
    """
    given: dict[str, Tensor] = {}
    for part in parameter_and_buffer_dicts if isinstance(parameter_and_buffer_dicts, (tuple, list)) else (parameter_and_buffer_dicts,):
        given.update(part)
    args = () if args is None else args if isinstance(args, tuple) else (args,)
    named = dict(module.named_parameters(remove_duplicate=False)) | dict(module.named_buffers(remove_duplicate=False))
    unknown = given.keys() - named.keys()
    if strict and (unknown or named.keys() - given.keys()):
        raise RuntimeError(f"functional_call: missing {sorted(named.keys() - given.keys())}, unexpected {sorted(unknown)}")
    if tie_weights:
        by_tensor = {id(named[name]): value for name, value in given.items() if name in named}
        given = {**{name: by_tensor[id(t)] for name, t in named.items() if id(t) in by_tensor}, **given}
    with ExitStack() as stack:
        for name, value in given.items():
            stack.callback(_swap(module, name, value))
        return module(*args, **(kwargs or {}))


def _swap(module: Any, name: str, value: Tensor) -> Callable[[], None]:
    """Put ``value`` where ``name`` is; gives the function that puts back what was there."""
    path, _, last = name.rpartition(".")
    owner = module.get_submodule(path) if path else module
    for store in (owner._parameters, owner._buffers):
        if last in store:
            kept = store[last]
            store[last] = value
            return lambda: store.__setitem__(last, kept)
    raise AttributeError(f"functional_call: {type(module).__name__} has no parameter or buffer {name!r}")


def vmap(func: Callable, in_dims: Any = 0, out_dims: Any = 0, randomness: str = "error", *, chunk_size: int | None = None) -> Callable:
    """Not there yet: raises NotImplementedError."""
    raise NotImplementedError("flambeau: func.vmap is not supported yet")


# -- nested structures of tensors -------------------------------------------------------------------------------------


def _tracked(args: tuple, positions: Any) -> tuple:
    """The arguments with tensors at ``positions`` as new places in the graph."""
    return tuple(_map(_place, a) if i in positions else a for i, a in enumerate(args))


def _place(x: Tensor) -> Tensor:
    return x.view_as(x) if x.requires_grad else x.detach().requires_grad_()


def _map(function: Callable, value: Any) -> Any:
    if isinstance(value, Tensor):
        return function(value)
    if isinstance(value, dict):
        return type(value)((k, _map(function, v)) for k, v in value.items())
    if isinstance(value, (tuple, list)):
        made = [_map(function, v) for v in value]
        return type(value)(*made) if hasattr(value, "_fields") else type(value)(made)
    return value


def _collect(value: Any, found: list) -> None:
    _map(lambda x: found.append(x) or x, value)


def _rebuilt(like: Any, leaves: Any) -> Any:
    """The structure of ``like`` with the tensors of the iterator ``leaves``."""
    return _map(lambda _: next(leaves), like)


def _settled(value: Any, leaves: list[Tensor]) -> Any:
    """Results without the graph that was made here, unless it leads on to tensors beside ``leaves``."""
    private = {edge_of(x)[0] for x in leaves}
    return _map(lambda x: x if x.requires_grad and _leads_elsewhere(x, private) else x.detach(), value)


def _leads_elsewhere(tensor: Tensor, private: set) -> bool:
    """Whether gradients of ``tensor`` reach a leaf that is not private."""
    pending, seen = [edge_of(tensor)[0]], set()
    while pending:
        node = pending.pop()
        if node in seen:
            continue
        seen.add(node)
        if isinstance(node, Meta) and node not in private:
            return True
        pending.extend(edge[0] for edge in node.edges if edge is not None)
    return False
