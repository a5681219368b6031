"""Batching rules of functions that are no operators: those that write, and those that make tensors like others."""

from __future__ import annotations

from ..autograd.engine import backward_runs
from ..lazy.spec import span
from ..tensor import Tensor, make
from . import copying, creation, differentiation, filling, requirements, restriding, scattering, selection, slicing
from .batching import RULES, BatchedTensor, batch_size, batched, beneath, body_of, expanded
from .batching_lift import _operand, apply, neighbours, padded, samples
from .gathering import checked_shape, indexed_shape, result_place
from .transformed import DataDependent, Transformed, active


def rule(*functions):
    """Decorator: ``rule(level, *args, **kwargs)`` says what these public functions do with batches."""

    def declare(body):
        for function in functions:
            RULES[function] = body
        return body

    return declare


# -- writing -------------------------------------------------------------------------------------------------------------


def writable(name: str, target: Tensor, level: int, others) -> Tensor:
    """The batch that is written to when samples of it are.

    A tensor that all samples share cannot take their different values: RuntimeError; but one that an operator's own body or gradient
    has just made becomes a batch.
    """
    value = beneath(target, level)
    if value is not None:
        return value
    if any(kind.number == level for kind in active.levels) and not backward_runs():
        raise RuntimeError(
            f"vmap: inplace arithmetic(self, *extra_args) is not possible because there exists a Tensor `other` in extra_args that has "
            f"more elements than `self`. This happened due to `other` being vmapped over but `self` not being vmapped over in a vmap: "
            f"{name}. Please try to use out-of-place operators instead of inplace arithmetic."
        )
    return spread_over_batch(target, level, batch_size(level, others))


def spread_over_batch(target: Tensor, level: int, size: int) -> Tensor:
    """Make ``target`` a batch of ``size`` copies of itself, in place; gives the batch."""
    base = None if target._autograd is None else target._autograd.base
    if base is not None and beneath(base, level) is None:
        whole = spread_over_batch(base, level, size)
        spec = target._spec
        distance = (target._offset - base._offset) // spec.dtype.itemsize
        value = _strided(whole, (size, *spec.shape), (whole._spec.stride[0], *spec.stride), distance)
    elif not isinstance(target, Transformed) and target._storage.nbytes > target._spec.nbytes:
        raise DataDependent("vmap: a part of a tensor is written to that is not known as its view")
    else:
        value = _copies(_same(target), size)
    target.__class__ = BatchedTensor
    target._value, target._level = value, level
    return value


def _same(target: Tensor) -> Tensor:
    if isinstance(target, BatchedTensor):
        return batched(target._value, target._level)
    return make(target._storage, target._spec, target._offset)


def _copies(x: Tensor, size: int) -> Tensor:
    """``size`` copies of ``x``, each laid out as ``x`` is."""
    if isinstance(x, Transformed):
        return x.unsqueeze(0).expand(size, *x.shape).clone()
    span = max(x._spec.span, 1)
    memory = creation.zeros((size, span), dtype=x.dtype)
    made = _strided(memory, (size, *x.shape), (span, *x._spec.stride), 0)
    return made.copy_(x)


def _strided(x: Tensor, size, stride, distance: int) -> Tensor:
    from .views import as_strided

    return as_strided(x, tuple(size), tuple(stride), distance)


@rule(copying.copy_)
def _(level, self, src, non_blocking=False):
    target = writable("copy_", self, level, (src,))
    if src.ndim > self.ndim:
        raise RuntimeError(f"copy_: a source of shape {list(src.shape)} does not broadcast to {list(self.shape)}")
    target.copy_(_operand(src, level, self.ndim, None))
    return self


@rule(copying.raw_copy)
def _(level, target, source):
    whole = beneath(target, level)
    if whole is None:  # made by the function that writes it
        whole = spread_over_batch(target, level, batch_size(level, source))
    copying.raw_copy(whole, _operand(source, level, target.ndim, None))
    return target


@rule(filling.fill_)
def _(level, self, value):
    if not isinstance(value, Tensor):
        beneath(self, level).fill_(value)
        return self
    if value.ndim:
        raise RuntimeError(f"fill_ only supports 0-dimension value tensor but got tensor with {value.ndim} dimensions.")
    writable("fill_", self, level, (value,)).copy_(_operand(value, level, self.ndim, None))
    return self


@rule(scattering.scatter_write)
def _(level, target, dim, positions, source, reduce):
    whole = writable("scatter_", target, level, (positions, source))
    size = whole.shape[0]
    positions, source = expanded(positions, level, size), expanded(source, level, size)
    whole, positions, source = [padded(x, 1) if x.ndim == 1 else x for x in (whole, positions, source)]
    scattering.scatter_write(whole, dim + 1, positions, source, reduce)
    return target


@rule(scattering.index_write)
def _(level, target, indices, source, dims, reduce, wrap=False):
    whole = writable("index_put_", target, level, (*indices, source))
    size, dims = whole.shape[0], tuple(dims)
    shape = indexed_shape(target.shape, checked_shape(target.shape, indices, dims), dims)
    rank = max(i.ndim for i in indices)
    while source.ndim > len(shape) and source.shape[0] == 1:
        source = source.squeeze(0)
    source = expanded(source.expand(shape), level, size)
    at = result_place(dims)
    if at and rank:  # positions come first, as the numbers of the samples do
        source = source.movedim(tuple(range(1 + at, 1 + at + rank)), tuple(range(1, 1 + rank)))
    positions = [_operand(i, level, rank, None) for i in indices]
    scattering.index_write(whole, (samples(size, rank), *positions), source, (0, *[d + 1 for d in dims]), reduce, wrap)
    return target


@rule(slicing.view_at)
def _(level, x, key, node_name):
    value = beneath(x, level)
    return batched(slicing.view_at(value, (*slicing.whole(value.shape[:1]), *key), node_name), level)


@rule(slicing.placed)
def _(level, x, shape, key, tracked=False):
    value = beneath(x, level)
    size = value.shape[0]
    return batched(slicing.placed(value, (size, *shape), (*slicing.whole((size,)), *key), tracked), level)


@rule(restriding.strided_view)
def _(level, input, size, stride, storage_offset=None):
    value = beneath(input, level)
    place = storage_offset or 0  # from the first element of the sample
    if span(size, stride) + place > input._spec.span:
        raise RuntimeError(
            f"as_strided: sizes {list(size)}, strides {list(stride)} and storage offset {place} are out of bounds of the sample"
        )
    return batched(_strided(value, (value.shape[0], *size), (value.stride(0), *stride), place), level)


# -- history -------------------------------------------------------------------------------------------------------------


@rule(differentiation.detach)
def _(level, input):
    return batched(beneath(input, level).detach(), level)


@rule(differentiation.detach_)
def _(level, self):
    beneath(self, level).detach_()
    return self


@rule(requirements.look_up)
def _(level, table, fault, complaint):
    faults = beneath(fault, level)
    return requirements.look_up(table, faults.any(0).to(fault.dtype), complaint)


@rule(selection.masked_fill)
def _(level, input, mask, value):
    if isinstance(value, Tensor) and beneath(value, level) is not None:
        if value.ndim:
            raise RuntimeError(
                f"masked_fill only supports a 0-dimensional value tensor, but got tensor with {value.ndim} dimension(s)."
            )
        return selection.where(mask, value.to(input.dtype), input)
    op = selection.masked_fill.operator
    return apply(op, level, op.normalized((input, mask, value)))


# -- tensors like others ---------------------------------------------------------------------------------------------------
# They have a batch of their own, so that samples can be written to.


def _own_batch(function) -> None:
    def made(level, *args, **kwargs):
        result = body_of(function)(*args, **kwargs)
        if beneath(result, level) is not None:
            return result
        return batched(_copies(result, batch_size(level, (args, kwargs))), level)

    RULES[function] = made


for _name in ("new_zeros", "new_ones", "new_empty", "new_full", "new_empty_strided"):
    _own_batch(getattr(Tensor, _name))
for _name in ("zeros_like", "ones_like", "empty_like", "full_like"):
    _own_batch(getattr(creation, _name))

__all__ = ["neighbours", "rule", "spread_over_batch", "writable"]
