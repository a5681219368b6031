"""Writing slices and single elements at positions: ``index_add`` and its kind, ``index_put``, ``put``, ``masked_scatter``."""

from __future__ import annotations

from .. import dtypes
from ..tensor import Tensor, wrap_dim
from .copying import _contiguous
from .creation import filled, numbers_fit
from .gathering import index, lifted
from .registry import function
from .reshaping import reshaped
from .scattering import check_reduce, filled_like, index_write, reduce_gradient, reduce_into, writer
from .views import _view

# -- whole slices along a dimension -------------------------------------------------------------------------------------------


def _check_slices(
    name: str, input: Tensor, dim: int, positions: Tensor, source: Tensor | None, *, same_dtype: bool = True
) -> int:
    d = wrap_dim(dim, input.ndim)
    if positions.ndim > 1:
        raise IndexError(
            f"{name}(): Index is supposed to be a vector, but got dim: {positions.ndim} with type: {positions.dtype}"
        )
    if positions.dtype not in (dtypes.int64, dtypes.int32):
        raise IndexError(f"{name}(): Expected dtype int32/int64 for index but got: {positions.dtype}")
    if source is None:
        return d
    if same_dtype and source.dtype is not input.dtype:
        raise RuntimeError(f"{name}(): self ({input.dtype}) and source ({source.dtype}) must have the same scalar type")
    n = positions.numel()
    have = lifted(source).shape
    if (have[d] if d < len(have) else 1) != n:
        raise _Mismatch(
            f"{name}(): Number of indices ({n}) should be equal to source.size(dim): ({list(source.shape)})"
        )
    wanted = (*lifted(input).shape[:d], n, *lifted(input).shape[d + 1 :])
    if tuple(have) != wanted:
        raise RuntimeError(
            f"{name}(): source tensor shape must match self tensor shape, excluding the specified dimension. Got "
            f"self.shape = {list(input.shape)} source.shape = {list(source.shape)}"
        )
    return d


class _Mismatch(IndexError, RuntimeError):
    """PyTorch raises one or the other for a wrong number of positions, depending on the operator."""


@writer("index_add(Tensor input, int dim, Tensor index, Tensor source, *, Scalar alpha=1)")
def index_add(input, dim, index, source, alpha=1):
    """``input`` with ``alpha * source``'s slices along ``dim`` added at the positions ``index``; repeated positions add up."""
    d = _check_slices("index_add", input, dim, index, source)
    kind = getattr(alpha, "kind", alpha.__class__)
    if kind is float and input.dtype.category < 2:
        raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.")
    scaled = (source * alpha).to(source.dtype)
    index_write(lifted(input), (lifted(index),), lifted(scaled), (d,), "add")
    return input


@index_add.gradient
def _(grad, saved):
    from .gathering import index_select

    return grad, None, reshaped(index_select(grad, saved.dim, saved.index), tuple(saved.source.shape)) * saved.alpha


@writer("index_copy(Tensor input, int dim, Tensor index, Tensor source)")
def index_copy(input, dim, index, source):
    """``input`` with ``source``'s slices along ``dim`` at the positions ``index``."""
    d = _check_slices("index_copy", input, dim, index, source)
    if index.dtype is not dtypes.int64:
        raise IndexError(f"index_copy_(): Expected a long tensor for index, but got {index.dtype}")
    index_write(lifted(input), (lifted(index),), lifted(source), (d,), "set")
    return input


@index_copy.gradient
def _(grad, saved):
    from .gathering import index_select

    return (
        index_fill(grad, saved.dim, saved.index, 0),
        None,
        reshaped(index_select(grad, saved.dim, saved.index), tuple(saved.source.shape)),
    )


@writer("index_fill(Tensor input, int dim, Tensor index, Tensor|Scalar value)")
def index_fill(input, dim, index, value):
    """``input`` with the slices at the positions ``index`` of ``dim`` filled with ``value``, a number or a 0-dim tensor."""
    d = _check_slices("index_fill_", input, dim, index, None)
    if index.dtype is not dtypes.int64:
        raise IndexError(f"index_fill_(): Expected dtype int64 for index, got {index.dtype}")
    if isinstance(value, Tensor):
        if value.ndim:
            raise RuntimeError(
                f"index_fill_ only supports a 0-dimensional value tensor, but got tensor with {value.ndim} dimension(s)."
            )
        value = value.to(input.dtype)
    else:
        value = filled((), value, input.dtype)
    index_write(lifted(input), (lifted(index),), value, (d,), "set", True)
    return input


numbers_fit(index_fill, Tensor.index_fill_)


@index_fill.gradient
def _(grad, saved):
    to_input = index_fill(grad, saved.dim, saved.index, 0)
    if not isinstance(saved.value, Tensor):
        return to_input, None
    from .selection import where

    filled_places = index_fill(filled(tuple(grad.shape), False, dtypes.bool_), saved.dim, saved.index, True)
    return to_input, None, where(filled_places, grad, filled((), 0, grad.dtype)).sum()


@writer("index_reduce(Tensor input, int dim, Tensor index, Tensor source, str reduce, *, bool include_self=True)")
def index_reduce(input, dim, index, source, reduce, include_self=True):
    """``input`` with ``source``'s slices along ``dim`` combined at the positions ``index``; see ``scatter_reduce``."""
    check_reduce("index_reduce", reduce, input, ("prod", "mean", "amax", "amin"))
    d = _check_slices("index_reduce", input, dim, index, source)
    reduce_into(input, source, reduce, include_self, _slice_writer(d, index))
    return input


def _slice_writer(d: int, positions: Tensor):
    def write(target, source, how):
        source = lifted(source) if isinstance(source, Tensor) else filled((), source, target.dtype)
        index_write(lifted(target), (lifted(positions),), source, (d,), how)
        return target

    return write


@index_reduce.gradient
def _(grad, saved):
    d = wrap_dim(saved.dim, grad.ndim)

    def write(target, source, how):
        if not isinstance(source, Tensor):
            source = filled_like(saved.source, source, target.dtype)
        if how == "set":
            return index_copy(target, d, saved.index, source)
        if how == "sum":
            return index_add(target, d, saved.index, source)
        return index_reduce(target, d, saved.index, source, how)

    def read(x):
        return reshaped(index(lifted(x), (lifted(saved.index),), (d,), False), tuple(saved.source.shape))

    to_input, to_source = reduce_gradient(grad, saved, saved.source, read, write)
    return to_input, None, to_source


# -- any positions ------------------------------------------------------------------------------------------------------------


@writer("put(Tensor input, Tensor index, Tensor source, bool accumulate=False)", out=False)
def put(input, index, source, accumulate=False):
    """``input`` with ``source``'s elements at the positions ``index`` of the input seen as one dimension; ``accumulate`` adds."""
    if index.dtype is not dtypes.int64:
        raise RuntimeError(f"put_(): Expected a long tensor for index, but got {index.dtype}")
    if source.dtype is not input.dtype:
        raise RuntimeError(
            f"put_(): self and source expected to have the same dtype, but got self.dtype = {input.dtype} and "
            f"source.dtype = {source.dtype}"
        )
    if source.numel() != index.numel():
        raise IndexError(
            f"put_(): Expected source and index to have the same number of elements, but got source.numel() = "
            f"{source.numel()}, index.numel() = {index.numel()}"
        )
    if not input.numel() and index.numel():
        raise IndexError("put_(): Expected self to be non-empty, but it is empty")
    if not index.numel():
        return input
    flat = reshaped(input, (-1,))
    index_write(flat, (reshaped(index, (-1,)),), reshaped(source, (-1,)), (0,), "add" if accumulate else "set", True)
    if flat._storage is not input._storage:
        from .copying import raw_copy

        raw_copy(input, _view(flat, tuple(input.shape)))
    return input


@put.gradient
def _(grad, saved):
    from .gathering import take

    to_input = (
        grad if saved.accumulate else put(grad, saved.index, filled(tuple(saved.source.shape), 0, grad.dtype), False)
    )
    return to_input, None, reshaped(take(grad, saved.index), tuple(saved.source.shape))


@writer(
    "index_put(Tensor input, Tensor[] indices, Tensor values, any dims, bool accumulate)",
    namespace=None,
    method=False,
    out=False,
)
def _index_put(input, indices, values, dims, accumulate):
    if values.dtype is not input.dtype:
        raise RuntimeError(
            f"Index put requires the source and destination dtypes match, got {input.dtype} for the destination and "
            f"{values.dtype} for the source."
        )
    return index_write(input, indices, values, dims, "add" if accumulate else "set", True)


@_index_put.gradient
def _(grad, saved):
    to_input = (
        grad if saved.accumulate else _index_put(grad, saved.indices, filled((), 0, grad.dtype), saved.dims, False)
    )
    return (to_input, *[None] * len(saved.indices), index(grad, tuple(saved.indices), saved.dims, True))


def add_at(x: Tensor, indices, dims, source: Tensor) -> Tensor:
    """In place: ``source`` added where ``indices`` for ``dims`` say."""
    return _index_put.in_place(x, tuple(indices), source, tuple(dims), True)


def put_at(x: Tensor, indices, values: Tensor, accumulate: bool = False) -> Tensor:
    """In place: ``values`` at the positions that ``indices`` (dimension, index tensor) name."""
    return _index_put.in_place(x, tuple([i for _, i in indices]), values, tuple([d for d, _ in indices]), accumulate)


def _listed(name: str, input: Tensor, indices):
    """``(dimension, index tensor)`` for the entries of an ``indices`` argument that are given; masks become positions."""
    from .indexing import plan

    if not isinstance(indices, (tuple, list)):
        raise TypeError(
            f"{name}(): argument 'indices' (position 1) must be tuple of Tensors, not {type(indices).__name__}"
        )
    found = plan(tuple(input.shape), tuple([slice(None) if i is None else i for i in indices]), positions=True)
    return found.indices


@function(method=True)
def index_put(input, indices, values, accumulate: bool = False):
    """``input`` with ``values`` (broadcast) where the index tensors say; repeated positions add up with ``accumulate``."""
    listed = _listed("index_put", input, indices)
    return _index_put(input, tuple([i for _, i in listed]), values, tuple([d for d, _ in listed]), accumulate)


@function(method=True)
def index_put_(input, indices, values, accumulate: bool = False):
    """In-place form of ``index_put``."""
    return put_at(input, _listed("index_put_", input, indices), values, accumulate)


# -- masks --------------------------------------------------------------------------------------------------------------------


@function(method=True)
def masked_scatter(input, mask, source):
    """``input`` (broadcast with ``mask``) with ``source``'s elements, in order, where ``mask`` is True."""
    from .promotion import broadcast_shapes

    shape = broadcast_shapes(input.shape, mask.shape)
    return masked_scatter_(_contiguous(input.expand(shape)), mask, source)


@function(None, method=True)
def masked_scatter_(self, mask, source):
    """In-place form of ``masked_scatter``."""
    from .searching import nonzero_tuple

    if mask.dtype is not dtypes.bool_:
        raise RuntimeError(f"masked_scatter_ only supports boolean masks, but got mask with dtype {mask.dtype}")
    if source.dtype is not self.dtype:
        raise RuntimeError(
            f"masked_scatter: expected self and source to have same dtypes but got {self.dtype} and {source.dtype}"
        )
    where = nonzero_tuple(mask.expand(self.shape))
    count = where[0].numel()
    if count > source.numel():
        raise RuntimeError(
            "masked_scatter: expected the number of elements of source to be at least the number of ones in mask"
        )
    taken = reshaped(source, (source.numel(),))[:count]
    if not self.ndim:
        return self.copy_(taken[0]) if count else self
    return put_at(self, list(enumerate(where)), taken)
