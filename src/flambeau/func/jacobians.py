"""Jacobians and Hessians: a basis of directions sent through ``vjp`` or ``jvp`` in one batch."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..ops import NAMESPACES
from ..tensor import Tensor
from .gradients import replaced, selected, vjp
from .tangents import jvp
from .trees import flatten, unflatten
from .vmap import vmap


def jacrev(
    func: Callable,
    argnums: int | tuple[int, ...] = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
    _preallocate_and_copy: bool = False,
) -> Callable:
    """The function that gives the Jacobian of ``func`` by the arguments ``argnums``, a row at a time in reverse mode.

    For each result (outer structure) and argument (inner structure) a tensor of shape ``result.shape + argument.shape``.
    ``chunk_size``: the most rows that are computed together.
    """
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError("jacrev: `chunk_size` should be greater than 0.")

    @functools.wraps(func)
    def wrapped(*args):
        chosen = selected(argnums, args)
        found = vjp(lambda values: func(*replaced(argnums, args, values)), chosen, has_aux=has_aux)
        output, vjp_fn = found[:2]
        outputs, form = flatten(output)
        inputs, structure = flatten(chosen)
        _require_real("jacrev", "outputs", outputs)
        _require_real("jacrev", "inputs", inputs)
        rows = vmap(lambda *directions: flatten(vjp_fn(unflatten(directions, form)))[0], chunk_size=chunk_size)(
            *_basis(outputs)
        )
        blocks = [_rows_of(column, outputs) for column in rows]  # for each input, for each output
        made = [
            unflatten([_shaped(blocks[i][o], out, x) for i, x in enumerate(inputs)], structure)
            for o, out in enumerate(outputs)
        ]
        jacobian = unflatten(made, form)
        return (jacobian, found[2]) if has_aux else jacobian

    return wrapped


def jacfwd(
    func: Callable, argnums: int | tuple[int, ...] = 0, has_aux: bool = False, *, randomness: str = "error"
) -> Callable:
    """As :func:`jacrev`, a column at a time in forward mode."""

    @functools.wraps(func)
    def wrapped(*args):
        chosen = selected(argnums, args)
        inputs, structure = flatten(chosen)
        _require_real("jacfwd", "inputs", inputs)
        kept: dict[str, Any] = {}

        def push(*directions):
            tangents = (unflatten(directions, structure),)
            found = jvp(lambda values: func(*replaced(argnums, args, values)), (chosen,), tangents, has_aux=has_aux)
            outputs, kept["form"] = flatten(found[1])
            _require_real("jacfwd", "outputs", outputs)
            extra, kept["aux"] = flatten(found[2]) if has_aux else ([], None)
            kept["outputs"] = len(outputs)
            return [*outputs, *extra]

        found = vmap(push, randomness=randomness)(*_basis(inputs))
        columns, extra = found[: kept["outputs"]], [x[0] for x in found[kept["outputs"] :]]
        made = []
        for column in columns:
            pieces = _rows_of(column, inputs)
            blocks = [p.movedim(0, -1).reshape((*p.shape[1:], *x.shape)) for p, x in zip(pieces, inputs)]
            made.append(unflatten(blocks, structure))
        jacobian = unflatten(made, kept["form"])
        return (jacobian, unflatten(extra, kept["aux"])) if has_aux else jacobian

    return wrapped


def hessian(func: Callable, argnums: int | tuple[int, ...] = 0) -> Callable:
    """The function that gives the Hessian of ``func``: forward mode over reverse mode."""
    return jacfwd(jacrev(func, argnums), argnums)


def _require_real(name: str, what: str, tensors: list[Tensor]) -> None:
    for i, t in enumerate(tensors):
        if t.is_complex():
            raise RuntimeError(
                f"{name}: Expected all {what} to be real but received complex tensor at flattened {what.removesuffix('s')} idx: {i}"
            )


def _basis(tensors: list[Tensor]) -> list[Tensor]:
    """For each tensor the unit directions of all elements of all tensors, as a batch."""
    total = sum(t.numel() for t in tensors)
    made, start = [], 0
    for t in tensors:
        rows = NAMESPACES["torch"]["eye"](total, dtype=t.dtype)[:, start : start + t.numel()]
        made.append(rows.reshape((total, *t.shape)))
        start += t.numel()
    return made


def _rows_of(column: Tensor, tensors: list[Tensor]) -> list[Tensor]:
    """The part of a batch of directions that belongs to each tensor."""
    pieces, start = [], 0
    for t in tensors:
        pieces.append(column[start : start + t.numel()])
        start += t.numel()
    return pieces


def _shaped(rows: Tensor, out: Tensor, x: Tensor) -> Tensor:
    return rows.reshape((*out.shape, *x.shape))
