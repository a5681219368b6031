"""Reading elements at positions given by tensors: ``gather``, ``index_select``, ``take`` and advanced indexing.

Two primitives do it all: ``Gather`` (a position along one dimension for every result) and ``Index`` (positions for some
dimensions, broadcast together). Which elements exist is known when they run: they raise ``IndexError`` then.
"""

from __future__ import annotations

import numpy as np

from .. import dtypes
from ..compiler.plans import Gather, Index
from ..lazy.spec import dense, spec
from ..tensor import Tensor, wrap_dim
from .operator import Operator, operator, publish
from .promotion import broadcast_shapes, elementwise_spec
from .registry import function
from .reshaping import reshaped


def checked(index: np.ndarray, size: int, dim: int, wrap: bool) -> np.ndarray:
    """Positions counted from the front; ``IndexError`` for those outside a dimension of ``size``."""
    if not index.size:
        return index
    if index.dtype == np.int64 and index.view(np.uint64).max() < size:
        return index  # one look at each tells both ends: a negative number would be huge
    low = -size if wrap else 0
    if index.min() < low or index.max() >= size:
        bad = index[(index < low) | (index >= size)].flat[0]
        raise IndexError(f"index {bad} is out of bounds for dimension {dim} with size {size}")
    return np.where(index < 0, index + size, index) if wrap and index.min() < 0 else index


def require_index(name: str, index: Tensor, *, narrow: bool = True) -> None:
    """``RuntimeError``/``IndexError`` as PyTorch unless ``index`` is int64 (or, where ``narrow``, int32)."""
    if index.dtype is not dtypes.int64 and not (narrow and index.dtype is dtypes.int32):
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index, got {index.dtype}")


def lifted(x: Tensor) -> Tensor:
    """``x``, with one dimension where it has none."""
    return x if x.ndim else reshaped(x, (1,))


# -- primitives ---------------------------------------------------------------------------------------------------------------


def _infer_gather(op, specs, values):
    source, index = specs
    return (dense(index.shape, source.dtype, source.device),), Gather(values[2])


def _reference_gather(code, arrays, numbers):
    source, index = arrays
    dim = code.extra.dim
    index = checked(index, source.shape[dim], dim, False)
    region = tuple(slice(0, n) if d != dim else slice(None) for d, n in enumerate(index.shape))
    return (np.take_along_axis(source[region], index, dim),)


_gather = Operator(
    "gather(Tensor input, Tensor index, int dim)", infer=_infer_gather, reference=_reference_gather, sited=True
)
_gather_at = publish(_gather, namespace=None).function


def result_place(dims) -> int:
    """Where the index shape goes: at the first indexed dimension when they are neighbours, else in front."""
    return dims[0] if dims == tuple(range(dims[0], dims[0] + len(dims))) else 0


def indexed_shape(shape, index_shape, dims) -> tuple[int, ...]:
    """The shape of what is read at positions of ``index_shape`` for ``dims``."""
    rest = [s for d, s in enumerate(shape) if d not in dims]
    at = result_place(dims)
    return (*rest[:at], *index_shape, *rest[at:])


def _infer_index(op, specs, values):
    source, *indices = specs
    dims, wrap = values[2], values[3]
    positions = checked_shape(source.shape, indices, dims)
    shape = indexed_shape(source.shape, positions, dims)
    if not wrap or all(s.contiguous for s in specs):
        made = dense(shape, source.dtype, source.device)
    else:
        made = _ordered(source, indices, dims, positions, shape)
    return (made,), Index(dims, result_place(dims), wrap)


def _ordered(source, indices, dims, positions, shape):
    """The spec of an advanced indexing's result: an elementwise one of the source and the index tensors, each spread over it."""
    at = result_place(dims)
    rest = [s for d, s in enumerate(source.stride) if d not in dims]
    spread = spec(shape, (*rest[:at], *[0] * len(positions), *rest[at:]), source.dtype, source.device)
    ones = (1,) * (len(rest) - at)
    placed = [spec((*i.shape, *ones), (*i.stride, *ones), i.dtype, i.device) for i in indices]
    return elementwise_spec([spread, *placed], shape, source.dtype)


def checked_shape(shape, indices, dims) -> tuple[int, ...]:
    """The shape that index tensors for dimensions ``dims`` of ``shape`` broadcast to; ``IndexError`` when they do not.

    Also where a dimension without positions is indexed.
    """
    found = index_shape(indices)
    if 0 not in found and any(shape[d] == 0 for d in dims):
        raise IndexError("index is out of bounds for dimension with size 0")
    return found


def index_shape(indices) -> tuple[int, ...]:
    """The shape that index tensors broadcast to."""
    try:
        return broadcast_shapes(*[i.shape for i in indices])
    except RuntimeError:
        raise IndexError(
            "shape mismatch: indexing tensors could not be broadcast together with shapes "
            f"{', '.join(str(list(i.shape)) for i in indices)}"
        ) from None


def array_key(code, arrays, shape, dims, wrap: bool) -> tuple:
    """NumPy's index for ``dims``."""
    key: list = [slice(None)] * len(shape)
    for d, index in zip(dims, arrays):
        key[d] = checked(index, shape[d], d, wrap)
    return tuple(key)


def _reference_index(code, arrays, numbers):
    source, *indices = arrays
    plan: Index = code.extra
    if not code.outputs[0].numel:
        return (None,)
    if len(plan.dims) == 1:
        d = plan.dims[0]
        return (np.take(source, checked(indices[0], source.shape[d], d, plan.wrap), axis=d),)
    return (source[array_key(code, indices, source.shape, plan.dims, plan.wrap)],)


_index_op = Operator(
    "index(Tensor input, Tensor[] indices, any dims, bool wrap)",
    infer=_infer_index,
    reference=_reference_index,
    sited=True,
)
index = publish(_index_op, namespace=None).function


@_index_op.gradient
def _(grad, saved):
    from .index_writing import add_at

    return add_at(_zeros_like(saved.input, grad), saved.indices, saved.dims, grad), *[None] * len(saved.indices)


def _zeros_like(x, grad):
    from .creation import filled

    return filled(tuple(x.shape), 0, grad.dtype, grad.device)


def index_at(x: Tensor, indices) -> Tensor:
    """Advanced indexing: ``indices`` lists (dimension, index tensor)."""
    return index(x, tuple([i for _, i in indices]), tuple([d for d, _ in indices]), True)


# -- gather and its relatives -------------------------------------------------------------------------------------------------


def check_gather(name: str, input: Tensor, d: int, index: Tensor) -> None:
    """Shapes of ``gather``: as many dimensions, and no more positions than the input has elsewhere than in ``d``."""
    require_index(name, index)
    if max(input.ndim, 1) != max(index.ndim, 1):
        raise RuntimeError(
            f"{name}(): Index tensor must have the same number of dimensions as input tensor, got {index.ndim} "
            f"and {input.ndim}"
        )
    for k, (have, wanted) in enumerate(zip(lifted(input).shape, lifted(index).shape)):
        if k != d and wanted > have:
            raise RuntimeError(
                f"Size does not match at dimension {k} expected index {list(index.shape)} to be no larger than self "
                f"{list(input.shape)} apart from dimension {d}"
            )


@operator("gather(Tensor input, int dim, Tensor index, *, bool sparse_grad=False)", method=True, out=True)
def gather(input, dim, index, sparse_grad=False):
    """``result[i][j] = input[index[i][j]][j]`` for ``dim`` 0, and so on: an element along ``dim`` for every entry of ``index``.

    ``index`` (int64 or int32) has as many dimensions as ``input`` and gives the result's shape. Raises ``IndexError`` when run for
    positions out of range.
    """
    d = wrap_dim(dim, input.ndim)
    if not index.numel():
        from .creation import uninitialized

        return uninitialized(dense(tuple(index.shape), input.dtype, input.device))
    check_gather("gather", input, d, index)
    if sparse_grad:
        raise NotImplementedError("flambeau: gather: argument sparse_grad is not supported yet")
    found = _gather_at(lifted(input), lifted(index), d)
    return found if index.ndim else reshaped(found, ())


gather.operator.exact_out = True


@gather.gradient
@_gather.gradient  # on the meta device bodies run operator by operator
def _(grad, saved):
    return _zeros_like(saved.input, grad).scatter_add_(saved.dim, saved.index, grad), None


@operator("index_select(Tensor input, int dim, Tensor index)", method=True, out=True)
def index_select(input, dim, index):
    """The positions ``index`` (a vector of int64 or int32) of dimension ``dim``, in that order."""
    d = wrap_dim(dim, input.ndim)
    if index.ndim > 1:
        raise IndexError("index_select(): Index is supposed to be a vector")
    if not input.ndim and index.numel() != 1:
        raise IndexError(f"index_select(): Index to scalar can have only 1 value, got {index.numel()} value(s)")
    require_index("index_select", index)
    found = _index_one(lifted(input), d, lifted(index))
    return found if input.ndim else reshaped(found, ())


def _index_one(x: Tensor, dim: int, positions: Tensor, wrap: bool = False) -> Tensor:
    return index(x, (positions,), (dim,), wrap)


@index_select.gradient
def _(grad, saved):
    from .index_writing import add_at

    if not saved.input.ndim:
        return reshaped(grad.sum(), ()), None
    return add_at(_zeros_like(saved.input, grad), (lifted(saved.index),), (wrap_dim(saved.dim, grad.ndim),), grad), None


@operator("take(Tensor input, Tensor index)", method=True, out=True)
def take(input, index):
    """The elements of ``input``, seen as one dimension, at the positions ``index`` (int64; negative ones count from the end)."""
    if index.dtype is not dtypes.int64:
        raise RuntimeError(f"take(): Expected a long tensor for index, but got {index.dtype}")
    if not input.numel() and index.numel():
        raise IndexError("take(): tried to take from an empty tensor")
    return _index_one(reshaped(input, (-1,)) if input.numel() else reshaped(input, (0,)), 0, index, True)


@take.gradient
def _(grad, saved):
    return _zeros_like(saved.input, grad).put_(saved.index, grad, True), None


@function(method=True)
def take_along_dim(input, indices, dim=None, *, out=None):
    """``gather`` with ``input`` and ``indices`` broadcast elsewhere than in ``dim``; negative indices count from the end.

    Without ``dim`` both are seen as one dimension.
    """
    if indices.dtype is not dtypes.int64:
        raise RuntimeError(f"torch.take_along_dim(): dtype of indices should be Long but got {indices.dtype}")
    if dim is None:
        return gather(reshaped(input, (-1,)), 0, _from_the_front(reshaped(indices, (-1,)), input.numel()), out=out)
    if input.ndim != indices.ndim:
        raise RuntimeError(
            "torch.take_along_dim(): input and indices should have the same number of dimensions, but got "
            f"{input.ndim} dimensions for input, and {indices.ndim} dimensions for indices"
        )
    d = wrap_dim(dim, input.ndim)
    rest = broadcast_shapes(_without(input.shape, d), _without(indices.shape, d))
    indices = _from_the_front(indices, input.shape[d] if input.ndim else 1)
    return gather(input.expand(_with(rest, d, input)), d, indices.expand(_with(rest, d, indices)), out=out)


def _from_the_front(indices: Tensor, size: int) -> Tensor:
    """Negative positions counted from the front of a dimension of ``size``."""
    return indices + (indices < 0) * size


def _without(shape, d: int) -> tuple[int, ...]:
    return (*shape[:d], *shape[d + 1 :])


def _with(rest, d: int, x: Tensor) -> tuple[int, ...]:
    return (*rest[:d], x.shape[d], *rest[d:]) if x.ndim else ()


@function(method=True)
def masked_select(input, mask, *, out=None):
    """The elements of ``input`` where ``mask`` (bool, broadcast with it) is True, as one dimension."""
    if mask.dtype is not dtypes.bool_:
        raise RuntimeError(f"masked_select: expected BoolTensor for mask, got {mask.dtype}")
    from .searching import nonzero_tuple

    shape = broadcast_shapes(input.shape, mask.shape)
    source, where = input.expand(shape), mask.expand(shape)
    if out is None:
        from .indexing import selected, selects

        if selects(source, where):
            return selected(source, where)
    found = index_at(lifted(source), list(enumerate(nonzero_tuple(lifted(where)))))
    if out is None:
        return found
    from . import overrides

    return overrides.write_out("masked_select", found, out)
