"""Reverse mode: ``grad``, ``grad_and_value``, ``vjp``."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..autograd.mode import enable_grad, is_grad_enabled
from ..ops.nested_gradients import gradients, leaf, reaches_others, without_history
from ..ops.transformed import active
from ..tensor import Tensor
from .levels import out_of_inference
from .trees import flatten, map_leaves, unflatten


def current_levels() -> tuple:
    """The running transformations, as ``leaf`` and ``gradients`` take them."""
    return tuple([(level.number, level.size if level.kind == "vmap" else None) for level in active.levels])


def vjp(func: Callable, *primals: Any, has_aux: bool = False):
    """``(func(*primals), vjp_fn)``, and what else ``func`` gives with ``has_aux``.

    ``vjp_fn(cotangents)`` is the product of ``cotangents`` (structured as the result) with the Jacobian: a tuple with
    one entry for each primal, structured like it. Raises RuntimeError for structures and shapes that do not fit.
    """
    return _vjp(func, primals, has_aux)


def _vjp(func: Callable, primals: tuple, has_aux: bool):
    levels = current_levels()
    outer = is_grad_enabled()
    inputs, structure = flatten(primals)
    for x in inputs:
        _check_input("vjp", x)
    with out_of_inference(), enable_grad():
        leaves = [leaf(x, levels) for x in inputs]
        result = func(*unflatten(leaves, structure))
    result, aux = _with_aux("vjp", result, has_aux)
    outputs, form = flatten(result)
    for out in outputs:
        if not isinstance(out, Tensor):
            raise RuntimeError(
                f"vjp(f, *primals): Expected f(*primals) to return only tensors, got unsupported type {type(out)}"
            )
    others = outer and reaches_others(outputs, leaves)

    def vjp_fn(cotangents, retain_graph=True, create_graph=None):
        given, given_form = flatten(cotangents)
        if given_form != form:
            raise RuntimeError(
                f"Expected pytree structure of cotangents to be the same as pytree structure of outputs to the function. "
                f"cotangents: {len(given)} leaves, primal output: {len(outputs)} leaves"
            )
        for i, (c, o) in enumerate(zip(given, outputs)):
            if c.shape != o.shape:
                raise RuntimeError(
                    f"Mismatch in shape: grad_output[{i}] has a shape of {c.shape} and output[{i}] "
                    f"has a shape of {o.shape}."
                )
        enabled = is_grad_enabled() if create_graph is None else create_graph
        keep = enabled and (others or any(c.requires_grad for c in given))
        with out_of_inference():
            found = gradients(outputs, leaves, given, levels, keep)
        found = [x.new_zeros(tuple(x.shape)) if g is None else g for g, x in zip(found, inputs)]
        return unflatten(found, structure)

    shown = map_leaves(lambda t: t if others else without_history(t), result)
    return (shown, vjp_fn, _outside(aux, leaves, inputs, outer)) if has_aux else (shown, vjp_fn)


def grad(func: Callable, argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> Callable:
    """The function that gives the gradient of ``func``, whose result is one number, by the argument (or arguments) ``argnums``.

    With ``has_aux`` ``func`` gives ``(result, aux)``, and the gradient comes as ``(gradient, aux)``. Can be nested.
    """

    @functools.wraps(func)
    def wrapped(*args, **kwargs):
        found = _grad_and_value(func, argnums, has_aux, args, kwargs)
        return (found[0], found[1][1]) if has_aux else found[0]

    return wrapped


def grad_and_value(func: Callable, argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> Callable:
    """As :func:`grad`; gives ``(gradient, result)``, or ``(gradient, (result, aux))``."""

    @functools.wraps(func)
    def wrapped(*args, **kwargs):
        return _grad_and_value(func, argnums, has_aux, args, kwargs)

    return wrapped


def _grad_and_value(func: Callable, argnums, has_aux: bool, args: tuple, kwargs: dict):
    levels = current_levels()
    outer = is_grad_enabled()
    chosen = selected(argnums, args)
    inputs, structure = flatten(chosen)
    for x in inputs:
        _check_input("grad", x)
    with out_of_inference(), enable_grad():
        leaves = [leaf(x, levels) for x in inputs]
        result = func(*replaced(argnums, args, unflatten(leaves, structure)), **kwargs)
    result, aux = _with_aux("grad", result, has_aux)
    if not isinstance(result, Tensor):
        raise RuntimeError(f"Expected f(*args) to return a tensor with scalar output, got {type(result)}")
    if result.ndim:
        raise RuntimeError(f"Expected f(*args) to return a tensor with scalar output, got tensor with {result.ndim} dims. "
                           "Maybe you meant to "
                           "use the vjp or jacrev APIs instead?")  # fmt: skip
    if result.is_complex():
        raise RuntimeError(f"grad can be implicitly created only for real scalar outputs but got {result.dtype}")
    others = outer and reaches_others([result], leaves)
    with out_of_inference():
        with enable_grad():
            one = result.detach().new_ones(())
        found = gradients([result], leaves, [one], levels, others)
    found = [x.new_zeros(tuple(x.shape)) if g is None else g for g, x in zip(found, inputs)]
    if not others:
        result = without_history(result)
    return unflatten(found, structure), ((result, _outside(aux, leaves, inputs, outer)) if has_aux else result)


def _outside(aux: Any, leaves: list[Tensor], inputs: list[Tensor], outer: bool) -> Any:
    """What a function gives beside its result, without the history that ends at ``leaves``, which stand for ``inputs``."""

    def outside(value: Any) -> Any:
        if not isinstance(value, Tensor):
            return value
        for inner, given in zip(leaves, inputs):
            if value is inner:
                return given
        return value if outer and reaches_others([value], leaves) else without_history(value)

    return map_leaves(outside, aux)


def selected(argnums, args: tuple):
    """The argument, or the tuple of arguments, that ``argnums`` names. Raises RuntimeError for numbers that there are not."""
    if isinstance(argnums, int) and not isinstance(argnums, bool):
        return args[_position(argnums, len(args))]
    if not isinstance(argnums, tuple) or not all(isinstance(i, int) for i in argnums):
        raise RuntimeError(f"argnum in argnums must be int or a tuple of ints, got: {type(argnums)}")
    if not argnums:
        raise RuntimeError("argnums must be non-empty")
    positions = [_position(i, len(args)) for i in argnums]
    if len(set(positions)) != len(positions):
        raise RuntimeError(f"argnums elements must be unique, got {argnums}")
    return tuple(args[i] for i in positions)


def replaced(argnums, args: tuple, values) -> tuple:
    """The arguments with those that ``argnums`` names replaced."""
    changed = list(args)
    if isinstance(argnums, int):
        changed[argnums] = values
    else:
        for i, value in zip(argnums, values):
            changed[i] = value
    return tuple(changed)


def _position(i: int, count: int) -> int:
    if not -count <= i < count:
        raise RuntimeError(f"Got argnum={i}, but only {count} positional inputs")
    return i % count


def _check_input(name: str, x: Any) -> None:
    if not isinstance(x, Tensor):
        raise RuntimeError(f"{name}: Expected all inputs that are differentiated to be Tensors, got {type(x)}")
    if x.dtype.category < 2:
        raise RuntimeError(f"{name}: only Tensors of floating point dtype can require gradients, got {x.dtype}")


def _with_aux(name: str, result: Any, has_aux: bool):
    if not has_aux:
        return result, None
    if not isinstance(result, tuple) or len(result) != 2:
        raise RuntimeError(f"{name}: output of function f should be a tuple: (output, aux) if has_aux is True")
    return result
