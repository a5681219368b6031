"""Sorting and selecting by rank: ``sort``, ``argsort``, ``msort``, ``topk``, ``kthvalue``."""

from __future__ import annotations

import numpy as np

from .. import dtypes
from ..compiler.plans import Ranked
from ..compiler.reference import widen
from ..lazy.spec import dense
from ..tensor import wrap_dim
from .elementwise import refusal
from .numpy_threads import along
from .operator import Operator, publish
from .overrides import write_out
from .reductions import put_at
from .registry import function
from .reshaping import reshaped
from .return_types import named_result
from .schema import argument


def order_of(array: np.ndarray, dim: int, descending: bool) -> np.ndarray:
    """The stable order of ``array`` along ``dim``; NaN counts as the largest value."""

    def ascending(part):
        return np.argsort(part, axis=dim, kind="stable")

    if not descending:
        return along(ascending, array, dim)
    # From the back, so that equal elements come out in their order.
    backwards = np.flip(along(ascending, np.flip(array, dim), dim), dim)
    return array.shape[dim] - 1 - backwards


def _sort_shape(op, specs, values):
    (spec,) = specs
    dim = wrap_dim(values[1], spec.ndim)
    if spec.dtype.is_complex:
        raise RuntimeError("Sort does not support complex dtypes on CPU")
    return (dense(spec.shape, spec.dtype, spec.device), dense(spec.shape, dtypes.int64, spec.device)), _ranked(spec, dim, values[2], 0)


def _ranked(spec, dim: int, descending: bool, first) -> Ranked | None:
    return Ranked(dim, descending, first) if spec.ndim else None


def _sort_reference(code, arrays, numbers):
    raw, array = arrays[0], widen(arrays[0], code.inputs[0].dtype)
    if not array.ndim:
        return raw, np.zeros((), np.int64)
    dim = wrap_dim(code.attrs[1], array.ndim)
    order = order_of(array, dim, code.attrs[2])
    return np.take_along_axis(raw, order, dim), order


_sort = publish(
    Operator("sort(Tensor input, int dim, bool descending)", infer=_sort_shape, reference=_sort_reference),
    namespace=None,
)


def _scattered(grads, saved):
    """The gradient of values picked along a dimension: back to where they were."""
    from .creation import zeros

    x, grad = saved.input, grads[0]
    if not x.ndim:
        return reshaped(grad, ())
    return zeros(tuple(x.shape), dtype=grad.dtype).scatter(saved.dim, saved.outputs[1], grad)


_sort.gradient(_scattered)
_sort_result = named_result("sort", "values", "indices")


@function(method=True)
def sort(input, dim: int = -1, descending: bool = False, stable: bool | None = None, *, out=None):
    """The elements in order along ``dim`` and their former positions, as ``return_types.sort``. Always
    stable; NaN is the largest.

    Raises ``RuntimeError`` for complex tensors.
    """
    result = _sort_result(_sort.function(input, dim, descending))
    return result if out is None else write_out("sort", result, out)


@function(method=True)
def argsort(input, dim: int = -1, descending: bool = False, stable: bool = False, *, out=None):
    """The positions (int64) that put ``input`` in order along ``dim``; always stable."""
    result = _sort.function(input.detach(), argument("argsort", "dim", "int", dim), descending)[1]
    return result if out is None else write_out("argsort", result, out)


@function(method=True)
def msort(input, *, out=None):
    """The elements in ascending order along the first dimension."""
    result = sort(input, 0)[0]
    return result if out is None else write_out("msort", result, out)


def _ranked_shape(op, specs, values):
    spec = specs[0]
    k, dim = values[1], wrap_dim(values[2], spec.ndim)
    shape = tuple(k if d == dim else s for d, s in enumerate(spec.shape))
    return (dense(shape, spec.dtype, spec.device), dense(shape, dtypes.int64, spec.device)), _ranked(spec, dim, values[3], 0)


_FEW = 8


def _topk_reference(code, arrays, numbers):
    raw, array = arrays[0], widen(arrays[0], code.inputs[0].dtype)
    _, k, dim, largest = code.attrs
    if not array.ndim:
        return (raw, np.zeros((), np.int64)) if k else (np.zeros((0,), raw.dtype), np.zeros((0,), np.int64))
    dim = wrap_dim(dim, array.ndim)
    n = array.shape[dim]
    order = _one_by_one(array, k, dim) if largest and array.dtype.kind == "f" and 0 < k <= _FEW and _FEW * k < n else None
    if order is not None:
        return np.take_along_axis(raw, order, dim), order
    candidates = _candidates(array, k, dim, n, largest)
    picked = np.take_along_axis(array, candidates, dim)
    order = np.take_along_axis(candidates, order_of(picked, dim, largest), dim)
    return np.take_along_axis(raw, order, dim), order


def _one_by_one(array, k: int, dim: int):
    """The positions of the ``k`` largest elements, each the largest of what is left; None where that is not to be seen."""

    def picked(part):
        left, found = part.copy(), []
        for _ in range(k):
            best = np.argmax(left, axis=dim, keepdims=True)
            found.append(best)
            # The copy is marked by the lowest value; where that is found itself, the positions do not tell what was taken.
            values = np.take_along_axis(left, best, dim)
            if np.any(values == -np.inf):
                return np.full((*part.shape[:dim], k, *part.shape[dim + 1 :]), -1)
            np.put_along_axis(left, best, -np.inf, dim)
        return np.concatenate(found, dim)

    order = along(picked, array, dim)
    return None if order.size and order.min() < 0 else order


def _candidates(array, k: int, dim: int, n: int, largest: bool):
    """The positions of the ``k`` extreme elements, in ascending order of position."""
    if not 0 < k < n:
        order = np.arange(k).reshape([-1 if d == dim else 1 for d in range(array.ndim)])
        return np.broadcast_to(order, (*array.shape[:dim], k, *array.shape[dim + 1 :]))
    parted = along(lambda part: np.argpartition(part, n - k if largest else k - 1, axis=dim), array, dim)
    chosen = np.take(parted, np.arange(n - k, n) if largest else np.arange(k), axis=dim)
    return np.sort(chosen, axis=dim)


_topk = publish(
    Operator("topk(Tensor input, int k, int dim, bool largest)", infer=_ranked_shape, reference=_topk_reference),
    namespace=None,
)
_topk.gradient(_scattered)
_topk_result = named_result("topk", "values", "indices")


@function(method=True)
def topk(input, k: int, dim: int = -1, largest: bool = True, sorted: bool = True, *, out=None):
    """The ``k`` largest (or smallest) elements along ``dim`` and their positions, as ``return_types.topk``;
    always in order.

    Raises ``RuntimeError`` when ``k`` is more than the dimension has.
    """
    if input.dtype.category in (0, 3):
        raise (
            refusal("topk_out", input.dtype, "bc")
            if input.dtype.category == 0
            else RuntimeError("topk does not support complex dtypes on CPU")
        )
    d = wrap_dim(argument("topk", "dim", "int", dim, 2), input.ndim)
    if not 0 <= k <= (input.shape[d] if input.ndim else 1):
        raise RuntimeError("selected index k out of range")
    result = _topk_result(_topk.function(input, k, dim, largest))
    return result if out is None else write_out("topk", result, out)


# -- one element by rank -------------------------------------------------------------------------------------


def _picked(array: np.ndarray, d: int, rank, arguments, ordered: bool) -> np.ndarray:
    """The positions of the elements of that rank in the stable order, with size 1 along ``d``."""
    if not ordered and array.size:
        ranks = rank(array, None, d, *arguments)
        place = int(ranks.flat[0])
        if np.all(ranks == place):
            return along(lambda part: _of_rank(part, d, place), array, d)
    order = order_of(array, d, False)
    return np.take_along_axis(order, rank(array, order, d, *arguments), d)


def _of_rank(array: np.ndarray, d: int, place: int) -> np.ndarray:
    """As ``_picked`` for one rank, without putting all in order. Of a NaN, which equals nothing, the order is asked."""
    values = np.take(np.partition(array, place, axis=d), [place], axis=d)
    if (values != values).any():
        return np.take(order_of(array, d, False), [place], axis=d)
    equal = array == values
    earlier = place - np.count_nonzero(array < values, axis=d, keepdims=True)  # equal elements that come before it
    if earlier.any():
        equal &= np.cumsum(equal, axis=d) > earlier
    return np.argmax(equal, axis=d, keepdims=True)


def picking_operator(name: str, schema: str, rank, first=None, ordered: bool = False):
    """An operator that gives ``values, indices`` of one element of each slice along ``dim`` (third-last of
    ``dim, keepdim``).

    ``rank(array, order, dim, *arguments)`` gives the position in ``order`` (ascending, stable; None unless ``ordered``), with size 1
    along ``dim``. ``first(*arguments)`` tells it to the compiler as ``Ranked`` has it; None: NumPy does it all.
    """

    def infer(op, specs, values):
        (spec,) = specs
        dim, keepdim = values[-2:]
        d = wrap_dim(dim, spec.ndim)
        shape = tuple([1 if k == d else s for k, s in enumerate(spec.shape) if keepdim or k != d]) if spec.ndim else ()
        plan = _ranked(spec, d, False, first(*values[1:-2])) if first else None
        return (dense(shape, spec.dtype, spec.device), dense(shape, dtypes.int64, spec.device)), plan

    def reference(code, arrays, numbers):
        raw, array = arrays[0], widen(arrays[0], code.inputs[0].dtype)
        if not array.ndim:
            return raw, np.zeros((), np.int64)
        d = wrap_dim(code.attrs[-2], array.ndim)
        shape = code.outputs[0].shape
        index = _picked(array, d, rank, code.attrs[1:-2], ordered)
        return np.take_along_axis(raw, index, d).reshape(shape), index.reshape(shape)

    op = publish(Operator(schema, infer=infer, reference=reference), namespace=None)
    op.node_name = f"{name.capitalize()}Backward0"

    @op.gradient
    def _(grads, saved):
        shape = tuple(saved.input.shape)
        if not shape:
            return grads[0]
        d = wrap_dim(saved.dim, len(shape))
        ones = tuple([1 if k == d else s for k, s in enumerate(shape)])
        return put_at(reshaped(grads[0], ones), reshaped(saved.outputs[1], ones), shape, d)

    return op


def constant_rank(array, dim: int, rank: int):
    """The same rank for every slice."""
    shape = [1 if d == dim else s for d, s in enumerate(array.shape)]
    return np.full(shape, rank)


_kthvalue = picking_operator(
    "kthvalue",
    "kthvalue(Tensor input, int k, int dim, bool keepdim)",
    lambda array, order, dim, k: constant_rank(array, dim, k - 1),
    first=lambda k: k - 1,
)
_kthvalue_result = named_result("kthvalue", "values", "indices")


def check_pickable(name: str, input, dim: int) -> None:
    """Refuse bool and complex tensors, and empty slices."""
    if input.dtype.category in (0, 3):
        raise refusal(name, input.dtype, "bc")
    d = wrap_dim(dim, input.ndim)
    if input.ndim and input.shape[d] == 0:
        raise IndexError(f"{name}(): Expected reduction dim {d} to have non-zero size.")


@function(method=True)
def kthvalue(input, k: int, dim: int = -1, keepdim: bool = False, *, out=None):
    """The ``k``-th smallest element (from 1) along ``dim`` and its position, as ``return_types.kthvalue``."""
    check_pickable("kthvalue", input, dim)
    size = input.shape[wrap_dim(dim, input.ndim)] if input.ndim else 1
    if not 1 <= k <= size:
        raise RuntimeError(f"kthvalue(): selected number k out of range for dimension {dim}")
    result = _kthvalue_result(_kthvalue.function(input, k, dim, keepdim))
    return result if out is None else write_out("kthvalue", result, out)
