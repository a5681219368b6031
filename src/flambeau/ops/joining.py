"""Joining tensors: ``cat``, ``stack`` and what is made of them; and repeating."""

from __future__ import annotations

from ..lazy.spec import dense
from ..tensor import Tensor, wrap_dim
from .copying import raw_copy
from .creation import uninitialized
from .memory_order import memory_format_of, spec_in
from .operator import operator
from .promotion import result_type_of
from .registry import function
from .reshaping import atleast_1d, atleast_2d, atleast_3d, reshaped
from .schema import argument
from .slicing import select, slice_
from .views import unbind


def _is_skipped(x: Tensor) -> bool:
    """Old programs start a list with an empty 1-dim tensor: it joins nothing whatever the others' shapes."""
    return x.ndim == 1 and x.numel() == 0


def _joined_shape(tensors, dim: int) -> tuple[tuple[int, ...], int]:
    """The shape of ``cat`` and its dimension counted from the front."""
    if not tensors:
        raise ValueError("torch.cat(): expected a non-empty list of Tensors")
    for i, x in enumerate(tensors):
        if not x.ndim:
            raise RuntimeError(f"zero-dimensional tensor (at position {i}) cannot be concatenated")
    full = [x for x in tensors if not _is_skipped(x)]
    first = full[0] if full else tensors[0]
    if not full:  # nothing but tensors of shape (0,), which are left out: any dimension will do
        return (0,), 0
    d = wrap_dim(dim, first.ndim)
    total = 0
    for i, x in enumerate(full):
        if x.ndim != first.ndim:
            raise RuntimeError(f"Tensors must have same number of dimensions: got {first.ndim} and {x.ndim}")
        for k, (a, b) in enumerate(zip(first.shape, x.shape)):
            if k != d and a != b:
                raise RuntimeError(
                    f"Sizes of tensors must match except in dimension {d}. Expected size {a} but got size {b} "
                    f"for tensor number {i} in the list."
                )
        total += x.shape[d]
    shape = tuple(first.shape)
    return (*shape[:d], total, *shape[d + 1 :]), d


@operator("cat(Tensor[] tensors, int dim=0)", out=True, aliases=("concat", "concatenate"))
def cat(tensors, dim=0):
    """The tensors one after the other along ``dim``; other sizes must agree, dtypes are promoted."""
    shape, d = _joined_shape(tensors, dim)
    formats = {memory_format_of(x._spec) for x in tensors if not _is_skipped(x)}
    order = formats.pop() if len(formats) == 1 else None
    result = uninitialized(spec_in(order, shape, result_type_of(tensors), tensors[0].device))
    at = 0
    for x in tensors:
        if _is_skipped(x):
            continue
        raw_copy(slice_(result, d, at, at + x.shape[d], 1), x)
        at += x.shape[d]
    return result


@cat.gradient
def _(grad, saved):
    full = [x for x in saved.tensors if not _is_skipped(x)]
    if not full:
        return [grad] * len(saved.tensors)
    d = wrap_dim(saved.dim, grad.ndim)
    gradients, at = [], 0
    for x in saved.tensors:
        size = 0 if _is_skipped(x) else x.shape[d]
        piece = slice_(grad, d, at, at + size, 1)
        gradients.append(reshaped(piece, (0,)) if _is_skipped(x) else piece)
        at += size
    return gradients


@operator("stack(Tensor[] tensors, int dim=0)", out=True)
def stack(tensors, dim=0):
    """The tensors, all of one shape, along a new dimension ``dim``."""
    if not tensors:
        raise RuntimeError("stack expects a non-empty TensorList")
    first = tensors[0]
    for i, x in enumerate(tensors):
        if x.shape != first.shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(first.shape)} at entry 0 "
                f"and {list(x.shape)} at entry {i}"
            )
    d = wrap_dim(dim, first.ndim + 1)
    shape = (*first.shape[:d], len(tensors), *first.shape[d:])
    result = uninitialized(dense(tuple(shape), result_type_of(tensors), first.device))
    for i, x in enumerate(tensors):
        raw_copy(select(result, d, i), x)
    return result


@stack.gradient
def _(grad, saved):
    return list(unbind(grad, saved.dim))


def _stacker(name: str, lift, dim_of, aliases=()):
    def stacked(tensors, *, out=None):
        tensors = argument(name, "tensors", "Tensor[]", tensors, 0)
        if not tensors:
            raise RuntimeError(f"{name} expects a non-empty TensorList")
        lifted = [lift(x) for x in tensors]
        return cat(lifted, dim_of(lifted[0]), out=out)

    stacked.__name__ = stacked.__qualname__ = name
    stacked.__doc__ = (
        f"``cat`` of the tensors along the dimension that {name} stands for, after giving them enough dimensions."
    )
    return function(aliases=aliases)(stacked)


hstack = _stacker("hstack", atleast_1d, lambda x: 0 if x.ndim == 1 else 1)
vstack = _stacker("vstack", atleast_2d, lambda x: 0, aliases=("row_stack",))
dstack = _stacker("dstack", atleast_3d, lambda x: 2)
column_stack = _stacker("column_stack", lambda x: reshaped(x, (x.numel(), 1)) if x.ndim <= 1 else x, lambda x: 1)


@function()
def block_diag(*tensors):
    """A matrix with the given matrices (vectors are rows, numbers 1 x 1) along its diagonal and zeros elsewhere."""
    for i, x in enumerate(tensors):
        if x.ndim > 2:
            raise RuntimeError(
                f"torch.block_diag: Input tensors must have 2 or fewer dimensions. Input {i} has {x.ndim} dimensions"
            )
    return _block_diag([atleast_2d(x) for x in tensors]) if tensors else _block_diag_of_nothing()


def _block_diag_of_nothing() -> Tensor:
    from .creation import zeros

    return zeros((1, 0))


@operator("block_diag(Tensor[] tensors)", namespace=None)
def _block_diag(tensors):
    result = _zeros(sum(x.shape[0] for x in tensors), sum(x.shape[1] for x in tensors), result_type_of(tensors))
    for x, place in zip(tensors, _blocks(result, tensors)):
        raw_copy(place, x)
    return result


def _zeros(rows: int, columns: int, dtype) -> Tensor:
    from .creation import filled

    return filled((rows, columns), 0, dtype)


def _blocks(matrix: Tensor, tensors):
    """The places of the tensors along the diagonal, each made when it is asked for."""
    i, j = 0, 0
    for x in tensors:
        rows, columns = x.shape
        yield slice_(slice_(matrix, 0, i, i + rows), 1, j, j + columns)
        i, j = i + rows, j + columns


@_block_diag.gradient
def _(grad, saved):
    return tuple(_blocks(grad, saved.tensors))
