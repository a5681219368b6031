"""Forward mode: ``jvp`` and ``linearize``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..ops.forward_mode import dual, parts
from ..tensor import Tensor
from .levels import Level, out_of_inference, running
from .trees import flatten, map_leaves, unflatten


def jvp(func: Callable, primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False):
    """``(func(*primals), derivative)``: the product of the Jacobian with ``tangents``; with ``has_aux`` also what else ``func`` gives.

    ``primals`` and ``tangents`` are tuples of one structure, their tensors of equal shapes. With ``strict`` a result that does not
    depend on the primals is an error. Raises RuntimeError for what does not fit.
    """
    if not isinstance(primals, tuple):
        raise RuntimeError(
            "jvp(f, primals, tangents): Expected primals to be a tuple. E.g. it should be valid to call f(*primals)."
        )
    inputs, structure = flatten(primals)
    directions, form = flatten(tangents)
    if structure != form:
        raise RuntimeError(
            "jvp(f, primals, tangents): Expected primals and tangents to have the same python structure."
        )
    if not inputs:
        raise RuntimeError("jvp(f, primals, tangents): Expected at least one Tensor in primals")
    for x, t in zip(inputs, directions):
        _check(x, t)
    level = Level("jvp")
    with running(level), out_of_inference():
        pairs = [dual(x, t, level.number) for x, t in zip(inputs, directions)]
        result = func(*unflatten(pairs, structure))
    aux = None
    if has_aux:
        if not isinstance(result, tuple) or len(result) != 2:
            raise RuntimeError(
                "jvp(f, primals, tangents): output of function f should be a tuple: (output, aux) if has_aux is True"
            )
        result, aux = result
        aux = map_leaves(lambda t: parts(t, level.number)[0] if isinstance(t, Tensor) else t, aux)
    outputs, shape = flatten(result)
    found = [_split(out, level.number, strict) for out in outputs]
    answer = unflatten([p for p, _ in found], shape), unflatten([t for _, t in found], shape)
    return (*answer, aux) if has_aux else answer


def _check(x: Any, t: Any) -> None:
    for value in (x, t):
        if not isinstance(value, Tensor):
            raise RuntimeError(f"jvp(f, primals, tangents): Expected all leaves to be Tensors, got {type(value)}")
    if x.dtype.category < 2:
        raise ValueError(f"Expected primal to be floating point or complex, but got: {x.dtype}")
    if t.dtype.category < 2:
        raise ValueError(f"Expected tangent to be floating point or complex, but got: {t.dtype}")
    if x.shape != t.shape:
        raise RuntimeError(
            "jvp(f, primals, tangents): Expected tangents to have the shapes of primals, "
            f"got {list(t.shape)} for {list(x.shape)}"
        )


def _split(out: Any, level: int, strict: bool):
    if not isinstance(out, Tensor):
        raise RuntimeError(
            f"jvp(f, primals, tangents): Expected f to return only tensors, got unsupported type {type(out)}"
        )
    primal, tangent = parts(out, level)
    if tangent is None:
        if strict:
            raise RuntimeError("jvp(f, primals, tangents, strict=True): The output of f is independent of the inputs. This is not allowed "
                               "with strict=True.")  # fmt: skip
        tangent = primal.new_zeros(tuple(primal.shape))
    return primal, tangent


def linearize(func: Callable, *primals: Any):
    """``(func(*primals), jvp_fn)``: ``jvp_fn(*tangents)`` is the product of the Jacobian at ``primals`` with tangents shaped like them."""
    structure = flatten(primals)[1]
    output = func(*primals)

    def jvp_fn(*tangents):
        if flatten(tangents)[1] != structure:
            raise RuntimeError(
                "linearize: Expected the tangents given to jvp_fn to have the same structure as the primals"
            )
        return jvp(func, primals, tangents)[1]

    return output, jvp_fn
