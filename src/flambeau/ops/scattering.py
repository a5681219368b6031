"""Writing elements at positions given by tensors: the ``scatter`` and ``index_*`` families.

Two primitives write into their first argument: ``Scatter`` (a position along one dimension for every element) and
``IndexWrite`` (positions for some dimensions, broadcast together). Elements are taken in row-major order, so that results are the
same in every run; of several written to one place by ``set`` the last one stays.
"""

from __future__ import annotations

import numpy as np

from .. import dtypes
from ..compiler.plans import IndexWrite, Scatter
from ..lazy.run import NUMPY_ONLY
from ..lazy.window import record
from ..tensor import Tensor, wrap_dim
from .copying import _contiguous
from .creation import filled, numbers_fit
from .gathering import array_key, checked, checked_shape, indexed_shape, lifted, require_index, result_place
from .inplace import InplaceOperator
from .operator import Operator, operator
from .overrides import dispatching
from .registry import function
from .reshaping import reshaped
from .views import _expand


def writing():
    """The module with the machine code; LLVM is loaded when something is written."""
    from ..compiler.targets.cpu import writing as module

    return module


_COMBINE = {"add": np.add, "multiply": np.multiply, "amax": np.maximum, "amin": np.minimum}


def _combine(target: np.ndarray, where, values: np.ndarray, reduce: str) -> None:
    if reduce == "set":
        target[where] = values
    elif target.dtype == np.bool_ and reduce == "add":
        np.logical_or.at(target, where, values)
    else:
        _COMBINE[reduce].at(target, where, values)


def _write(memory: np.ndarray, values: np.ndarray, native, by_numpy) -> None:
    """``native(memory, values)`` writes by machine code, or says False; ``by_numpy(memory, values)`` does the same."""
    if np.may_share_memory(memory, values):
        values = values.copy()
    if NUMPY_ONLY or not native(memory, values):
        by_numpy(memory, values)


# -- primitives ---------------------------------------------------------------------------------------------------------------


def _infer_scatter(op, specs, values):
    return (), Scatter(values[3], values[4])


def _reference_scatter(code, arrays, numbers):
    target, positions, source = arrays
    dim, reduce = code.extra
    positions = checked(positions, target.shape[dim], dim, False)
    source = source[tuple(slice(0, n) for n in positions.shape)]

    def native(memory, values):
        return writing().scatter(memory, dim, positions.astype(np.int64, copy=False), values, reduce)

    def by_numpy(memory, values):
        where = list(np.ogrid[tuple(slice(0, n) for n in positions.shape)])
        where[dim] = positions
        _combine(memory, tuple(where), values, reduce)

    _write(target, source, native, by_numpy)
    return ()


_scatter = Operator(
    "scatter_(Tensor target, Tensor index, Tensor source, int dim, str reduce)",
    infer=_infer_scatter,
    reference=_reference_scatter,
    sited=True,
    mutates=(0,),
)


def _infer_index_write(op, specs, values):
    return (), IndexWrite(values[3], result_place(values[3]), values[5], values[4])


def _reference_index_write(code, arrays, numbers):
    target, *indices, source = arrays
    plan: IndexWrite = code.extra
    if not source.size:
        return ()
    where = array_key(code, indices, target.shape, plan.dims, plan.wrap)

    def native(memory, values):
        return writing().write(memory, plan.dims, plan.at, [where[d] for d in plan.dims], values, plan.reduce)

    def by_numpy(memory, values):
        _combine(memory, where, values, plan.reduce)

    _write(target, source, native, by_numpy)
    return ()


_index_write = Operator(
    "index_put_(Tensor target, Tensor[] indices, Tensor source, any dims, str reduce, bool wrap)",
    infer=_infer_index_write,
    reference=_reference_index_write,
    sited=True,
    mutates=(0,),
)


@dispatching
def scatter_write(target: Tensor, dim: int, positions: Tensor, source: Tensor, reduce: str) -> Tensor:
    """Write into ``target`` along ``dim``; autograd is not told."""
    positions = lifted(positions)
    if _needs_room(target.dtype, reduce):
        return _in_float32(target, lambda wide: scatter_write(wide, dim, positions, source.to(wide.dtype), reduce))
    if positions.numel():
        values = (lifted(target), positions, lifted(source), dim, reduce)
        record(_scatter.find(values).code, values[:3])
    return target


@dispatching
def index_write(target: Tensor, indices, source: Tensor, dims, reduce: str, wrap: bool = False) -> Tensor:
    """Write ``source`` (broadcast) into ``target`` where ``indices`` say; autograd is not told."""
    indices, dims = tuple(indices), tuple(dims)
    if _needs_room(target.dtype, reduce):
        return _in_float32(target, lambda wide: index_write(wide, indices, source.to(wide.dtype), dims, reduce, wrap))
    shape = indexed_shape(target.shape, checked_shape(target.shape, indices, dims), dims)
    values = (target, indices, _broadcast_source(source, shape), dims, reduce, wrap)
    record(_index_write.find(values).code, (target, *indices, values[2]))
    return target


def _needs_room(dtype, reduce: str) -> bool:
    """Whether several values of the dtype are combined in a wider one, to be rounded once."""
    return reduce != "set" and (dtype.packed or dtype is dtypes.float16)


def _in_float32(target: Tensor, write) -> Tensor:
    from .copying import raw_copy

    return raw_copy(target, write(target.to(dtypes.complex64 if target.dtype.is_complex else dtypes.float32)))


def _broadcast_source(source: Tensor, shape) -> Tensor:
    while source.ndim > len(shape) and source.shape[0] == 1:
        source = reshaped(source, tuple(source.shape[1:]))
    if source.shape == shape:
        return source
    try:
        return _expand(source, tuple(shape))
    except RuntimeError:
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(source.shape)} cannot be broadcast to indexing result of shape "
            f"{list(shape)}"
        ) from None


def writer(schema: str, **options):
    """Decorator: declare an operator by the function that writes its result into the first argument.

    The out-of-place form writes into a copy; the in-place form writes at once. That of an operator without a public name is the
    attribute ``in_place`` of its function.
    """

    def declare(write):
        def body(input, *rest):
            return write(_contiguous(input), *rest)

        body.__doc__ = write.__doc__
        named = options.get("namespace", "torch") is not None
        public = operator(schema, inplace=named, **{"method": True, "out": True, **options})(body)
        public.operator.writer = write
        if not named:
            public.in_place = InplaceOperator(public.operator)
        return public

    return declare


# -- scatter ------------------------------------------------------------------------------------------------------------------


def _check_scatter(name: str, target: Tensor, dim: int, positions: Tensor, source: Tensor | None) -> int:
    d = wrap_dim(dim, target.ndim)
    if positions.numel():
        require_index(name, positions)
    if source is not None and source.dtype is not target.dtype:
        raise RuntimeError(
            f"{name}(): Expected self.dtype to be equal to src.dtype, got {target.dtype} and {source.dtype}"
        )
    if not positions.numel():
        return d
    ranks = {max(x.ndim, 1) for x in (target, positions, source) if x is not None}
    if len(ranks) > 1:
        raise RuntimeError(
            f"Index tensor must have the same number of dimensions as {'self' if source is None else 'src'} tensor: {name}() "
            f"got {positions.ndim} dimensions for index and {target.ndim} for self"
        )
    for k, n in enumerate(lifted(positions).shape):
        if k != d and n > lifted(target).shape[k] or source is not None and n > lifted(source).shape[k]:
            raise RuntimeError(
                f"Expected index {list(positions.shape)} to be no larger than self {list(target.shape)} apart from dimension "
                f"{d} and to be no larger than src {list(target.shape if source is None else source.shape)}"
            )
    return d


def filled_like(positions: Tensor, value, dtype) -> Tensor:
    """A number as a source for every position."""
    return _expand(filled((), value, dtype), tuple(positions.shape))


_REDUCTIONS = {None: "set", "add": "add", "multiply": "multiply"}


def _reduction(reduce) -> str:
    if reduce not in _REDUCTIONS:
        raise RuntimeError("reduce argument must be either add or multiply.")
    return _REDUCTIONS[reduce]


@writer("scatter(Tensor input, int dim, Tensor index, Tensor src, *, str? reduce=None)", namespace=None, method=False)
def _scatter_source(input, dim, index, src, reduce=None):
    d = _check_scatter("scatter", input, dim, index, src)
    return scatter_write(input, d, index, src, _reduction(reduce))


@_scatter_source.gradient
def _(grad, saved):
    _refuse_reduced(saved.reduce)
    return scatter(grad, saved.dim, saved.index, 0), None, _read_back(grad, saved.dim, saved.index, saved.src)


@writer("scatter(Tensor input, int dim, Tensor index, Scalar value, *, str? reduce=None)", namespace=None, method=False)
def _scatter_value(input, dim, index, value, reduce=None):
    d = _check_scatter("scatter", input, dim, index, None)
    return scatter_write(input, d, index, filled_like(index, value, input.dtype), _reduction(reduce))


numbers_fit(_scatter_value)
_scatter_value.in_place.normalized = _scatter_value.operator.normalized


@_scatter_value.gradient
def _(grad, saved):
    _refuse_reduced(saved.reduce)
    return scatter(grad, saved.dim, saved.index, 0), None


def _refuse_reduced(reduce) -> None:
    if reduce is not None:
        raise RuntimeError("derivative for aten::scatter with reduce is not implemented; use scatter_reduce")


def _read_back(grad: Tensor, dim: int, positions: Tensor, source: Tensor) -> Tensor:
    """The gradient of a source: what lies at its positions; zero for elements that no position used."""
    from .gathering import gather

    found = gather(grad, dim, positions)
    if found.shape == source.shape:
        return found
    from .slicing import placed

    return placed(found, source.shape, tuple([(0, n, 1) for n in found.shape]))


@function(method=True)
def scatter(input, dim, index, src=None, *, value=None, reduce=None, out=None):
    """``input`` with ``result[index[i][j]][j] = src[i][j]`` for ``dim`` 0, and so on; ``src`` is a tensor or a number.

    ``reduce`` "add" or "multiply" combines instead. Raises ``IndexError`` when run for positions out of range.
    """
    source = value if src is None else src
    chosen = _scatter_source if isinstance(source, Tensor) else _scatter_value
    return chosen(input, dim, index, source, reduce=reduce, out=out)


@function(None, method=True)
def scatter_(self, dim, index, src=None, *, value=None, reduce=None):
    """In-place form of ``scatter``."""
    source = value if src is None else src
    chosen = _scatter_source if isinstance(source, Tensor) else _scatter_value
    return chosen.in_place(self, dim, index, source, reduce)


@writer("scatter_add(Tensor input, int dim, Tensor index, Tensor src)")
def scatter_add(input, dim, index, src):
    """``input`` with every element of ``src`` added where ``index`` says along ``dim``; repeated positions add up."""
    return scatter_write(input, _check_scatter("scatter_add", input, dim, index, src), index, src, "add")


@scatter_add.gradient
def _(grad, saved):
    return grad, None, _read_back(grad, saved.dim, saved.index, saved.src)


# -- reductions to positions --------------------------------------------------------------------------------------------------

_REDUCE = {"sum": "add", "prod": "multiply", "amax": "amax", "amin": "amin", "mean": "add"}


def check_reduce(name: str, reduce: str, input: Tensor, choices) -> None:
    if reduce not in choices:
        raise RuntimeError(f"{name}(): reduce argument must be one of {', '.join(choices)}, got {reduce}")


def _identity(reduce: str, dtype):
    """What a reduction starts from where the input's own elements do not take part."""
    if reduce in ("sum", "mean"):
        return 0
    if reduce == "prod":
        return 1
    if dtype.kind == "b":
        return reduce == "amin"
    if dtype.kind == "i":
        bounds = np.iinfo(dtype.numpy)
        return bounds.min if reduce == "amax" else bounds.max
    return float("-inf") if reduce == "amax" else float("inf")


def reduce_into(input, source, reduce: str, include_self: bool, write):
    """``write(target, source or number, how)`` writes to the positions; this makes the five reductions of it."""
    if not include_self:
        write(input, _identity(reduce, input.dtype), "set")
    write(input, source, _REDUCE[reduce])
    if reduce == "mean":
        counts = write(filled_shape(input, int(include_self)), 1, "add")
        counts = counts.clamp(min=1)
        from .copying import raw_copy

        rounding = None if input.dtype.category >= 2 else "floor"
        raw_copy(input, input.div(counts, rounding_mode=rounding))
    return input


def filled_shape(x: Tensor, value) -> Tensor:
    return filled(tuple(x.shape), value, x.dtype, x.device)


@writer("scatter_reduce(Tensor input, int dim, Tensor index, Tensor src, str reduce, *, bool include_self=True)")
def scatter_reduce(input, dim, index, src, reduce, include_self=True):
    """``input`` with the elements of ``src`` combined where ``index`` says along ``dim``.

    ``reduce`` is "sum", "prod", "mean", "amax" or "amin". Without ``include_self`` the places written to start afresh.
    """
    check_reduce("scatter_reduce", reduce, input, ("sum", "prod", "mean", "amax", "amin"))
    d = _check_scatter("scatter_reduce", input, dim, index, src)

    def write(target, source, how):
        source = source if isinstance(source, Tensor) else filled_like(index, source, target.dtype)
        return scatter_write(target, d, index, source, how)

    return reduce_into(input, src, reduce, include_self, write)


@scatter_reduce.gradient
def _(grad, saved):
    from .gathering import gather

    d, positions = saved.dim, saved.index

    def read(x):
        return gather(x, d, positions)

    def write(target, source, how):
        if how == "set":
            return scatter(target, d, positions, source)
        source = source if isinstance(source, Tensor) else filled_like(positions, source, target.dtype)
        return scatter_reduce(target, d, positions, source, how)

    source = saved.src
    used = source if source.shape == positions.shape else _first(source, positions.shape)
    to_input, to_source = reduce_gradient(grad, saved, used, read, write)
    if to_source.shape != source.shape:
        from .slicing import placed

        to_source = placed(to_source, source.shape, tuple([(0, n, 1) for n in to_source.shape]))
    return to_input, None, to_source


def _first(x: Tensor, shape) -> Tensor:
    """The leading part of ``x`` that has ``shape``."""
    from .slicing import view_at

    return view_at(x, tuple([(0, n, 1) for n in shape]))


def reduce_gradient(grad, saved, source, read, write):
    """Gradients of input and source. ``read`` gathers at the positions; ``write(target, source, "set"|"sum"|"prod")`` writes a copy."""
    reduce, include_self, x, result = saved.reduce, saved.include_self, saved.input, saved.output
    if reduce == "sum":
        to_input, to_source = grad, read(grad)
    elif reduce == "mean":
        counts = write(filled_shape(x, int(include_self)), 1, "sum").clamp(min=1)
        to_input, to_source = grad / counts, read(grad / counts)
    elif reduce == "prod":
        to_input, to_source = _product_gradient(grad, saved, source, read, write)
    else:
        # Everything that reached the extreme value shares its gradient evenly.
        winners = (source == read(result)).to(x.dtype)
        own = (x == result).to(x.dtype)
        if not include_self:
            own = write(own, 0, "set")
        shared = grad / write(own, winners, "sum").clamp(min=1)
        to_input, to_source = own * shared, winners * read(shared)
    if not include_self:
        to_input = write(to_input, 0, "set")
    return to_input, to_source


def _product_gradient(grad, saved, source, read, write):
    """Of a product: the product of the other factors, also where some are zero."""
    x = saved.input if saved.include_self else write(saved.input, 1, "set")
    zero_source, zero_own = (source == 0), (x == 0)
    zeros = write(zero_own.to(x.dtype), zero_source.to(x.dtype), "sum")
    rest = write(x.masked_fill(zero_own, 1), source.masked_fill(zero_source, 1), "prod")
    none, one = (zeros == 0).to(x.dtype), (zeros == 1).to(x.dtype)
    to_input = grad * rest * (none / x.masked_fill(zero_own, 1)).where(~zero_own, one)
    to_source = read(grad * rest) * (read(none) / source.masked_fill(zero_source, 1)).where(~zero_source, read(one))
    return to_input, to_source
