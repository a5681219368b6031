"""Reductions: ``sum``, ``prod``, extrema and their positions, ``any``, ``all``.

The primitives are ``Reduce`` instructions over a set of dimensions; everything else that reduces is composed
of them and of elementwise operators, so that it fuses into one pass over rows.
"""

from __future__ import annotations

import numpy as np

from .. import dtypes
from ..autograd.mode import state
from ..compiler.plans import Map, Reduce
from ..compiler.reference import widen
from ..lazy.spec import dense
from ..tensor import Tensor, wrap_dim
from .destinations import OutDecides, dtype_of
from .elementwise import refusal
from .operator import Operator, operator, publish
from .overrides import write_out
from .partial_dtypes import check_reduction
from .positions import positions
from .registry import NAMESPACES, function
from .reshaping import reshaped
from .return_types import named_result
from .schema import argument
from .selection import where
from .views import _expand

HALVES = (dtypes.float16, dtypes.bfloat16)


def reduced_dims(name: str, dim, ndim: int) -> tuple[int, ...]:
    """The dimensions that ``dim`` (int, sequence, None or empty: all) names, sorted; a 0-dim tensor has none.

    Raises ``IndexError`` out of range, ``RuntimeError`` for duplicates.
    """
    if dim is None or dim == ():
        return tuple(range(ndim))
    dims = [wrap_dim(d, ndim) for d in (dim if isinstance(dim, tuple) else (dim,))]
    repeated = next((d for i, d in enumerate(dims) if d in dims[:i]), None)
    if repeated is not None:
        raise RuntimeError(f"{name}(): dim {repeated} appears multiple times in the list of dims")
    return tuple(sorted(dims)) if ndim else ()


def reduced_shape(shape, dims: tuple[int, ...], keepdim: bool) -> tuple[int, ...]:
    """The shape after a reduction over ``dims``."""
    if keepdim:
        return tuple(1 if d in dims else s for d, s in enumerate(shape))
    return tuple(s for d, s in enumerate(shape) if d not in dims)


def with_dims(x: Tensor, shape, dims: tuple[int, ...]) -> Tensor:
    """A reduction's result with its reduced dimensions back as ones, to broadcast against ``shape``."""
    return reshaped(x, reduced_shape(shape, dims, True))


def spread(x: Tensor, shape, dims: tuple[int, ...]) -> Tensor:
    """A reduction's result (or its gradient) repeated over the dimensions that were reduced."""
    return _expand(with_dims(x, shape, dims), tuple(shape))


# -- the primitives --------------------------------------------------------------------------------------


_MEANINGS = {
    "sum": lambda array, dims: np.sum(array, axis=dims, keepdims=True, dtype=array.dtype),
    "prod": lambda array, dims: np.prod(array, axis=dims, keepdims=True, dtype=array.dtype),
    "max": lambda array, dims: np.max(array, axis=dims, keepdims=True),
    "min": lambda array, dims: np.min(array, axis=dims, keepdims=True),
    "any": lambda array, dims: np.any(array, axis=dims, keepdims=True),
    "all": lambda array, dims: np.all(array, axis=dims, keepdims=True),
    "argmax": lambda array, dims: np.argmax(array, axis=dims[0], keepdims=True),
    "argmin": lambda array, dims: np.argmin(array, axis=dims[0], keepdims=True),
}


def _reference(code, arrays, numbers):
    plan, spec = code.extra, code.inputs[0]
    array = widen(arrays[0], spec.dtype)
    if isinstance(plan, Map):
        return (array.astype(plan.compute.compute) if array.dtype.kind != "c" or plan.out.is_complex else array,)
    if plan.kind not in ("any", "all") and array.dtype != plan.compute.compute:
        array = array.astype(plan.compute.compute)
    return (_MEANINGS[plan.kind](array, plan.dims).reshape(code.outputs[0].shape),)


class Reduction(OutDecides):
    """A reduction primitive: ``name(Tensor input, any dim, bool keepdim, ...)``. ``dtype_rule(op, spec,
    values)`` gives the computing dtype and that of the result."""

    def __init__(self, schema: str, kind: str, dtype_rule, needs_elements: bool):
        super().__init__(schema, infer=self._shape, reference=_reference)
        self.kind = kind
        self.dtype_rule = dtype_rule
        self.needs_elements = needs_elements

    def normalized(self, values) -> tuple:
        values = super().normalized(values)
        dim = _dim_argument(self.name, values[1])
        return values if dim is values[1] else (values[0], dim, *values[2:])

    def _shape(self, op, specs, values):
        (spec,) = specs
        compute, out = self.dtype_rule(self, spec, values)
        check_reduction(self.name, self.kind, spec.dtype, compute)
        dims = reduced_dims(self.name, values[1], spec.ndim)
        if values[1] == () and self.kind in ("any", "all"):
            dims = ()  # here, unlike elsewhere, no dimensions are none
        if self.needs_elements:
            check_has_elements(self.name, spec.shape, dims, values[1])
        shape = reduced_shape(spec.shape, dims, values[2])
        if not dims and self.kind not in ("argmax", "argmin"):
            return (dense(shape, out, spec.device),), Map("identity", compute, out, (("t", 0),))
        return (dense(shape, out, spec.device),), Reduce(self.kind, dims, values[2], compute, out)


def _dim_argument(name: str, dim):
    """``dim`` as signatures are keyed by it: None, an int or a tuple of ints."""
    if dim is None or dim.__class__ is int:
        return dim
    if isinstance(dim, (tuple, list)):
        return argument(name, "dim", "int[]", dim)
    return argument(name, "dim", "int[]", dim)[0]


def check_has_elements(name: str, shape, dims: tuple[int, ...], dim) -> None:
    """Refuse reductions without identity over nothing, with PyTorch's types of error."""
    if not any(shape[d] == 0 for d in dims):
        return
    if dim is None or dim == ():
        raise RuntimeError(
            f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the "
            "reduction dim "
            "with the 'dim' argument."
        )
    empty = next(d for d in dims if shape[d] == 0)
    raise IndexError(f"{name}(): Expected reduction dim {empty} to have non-zero size.")


def _computing(dtype):
    return dtypes.float32 if dtype in HALVES else dtype


def _accumulating(op, spec, values):
    out = values[3] or (dtypes.int64 if spec.dtype.category < 2 else spec.dtype)
    return _computing(out), out


def _ordered(op, spec, values):
    if spec.dtype.is_complex:
        raise refusal(op.name, spec.dtype, "c")
    return _computing(spec.dtype), spec.dtype


def _truth(op, spec, values):
    out = dtypes.uint8 if spec.dtype is dtypes.uint8 else dtypes.bool_
    return dtypes.bool_, out


def _position(op, spec, values):
    if spec.dtype.category in (0, 3):
        raise refusal(op.name, spec.dtype, "bc")
    return _computing(spec.dtype), dtypes.int64


def reduction(schema: str, kind: str, dtype_rule, *, doc: str = "", needs_elements: bool = False, **published):
    """Declare a reduction primitive; further options as ``publish`` takes them."""
    op = Reduction(schema, kind, dtype_rule, needs_elements)
    op.doc = doc
    return publish(op, **published).function


def saved_dims(saved) -> tuple[int, ...]:
    """The dimensions of a saved reduction."""
    return reduced_dims("backward", saved.dim, saved.input.ndim)


def counted_node(base: str):
    """Names of nodes that PyTorch counts: 0 for a reduction of everything, 1 over given dimensions."""
    return lambda values: f"{base}Backward{0 if values[1] is None else 1}"


# -- sum and prod ----------------------------------------------------------------------------------------

sum = reduction(
    "sum(Tensor input, any dim=None, bool keepdim=False, *, dtype? dtype=None)",
    "sum",
    _accumulating,
    method=True,
    out=True,
    doc="The sum over ``dim`` (an int, several, or all). Integers and bools add up in int64 unless ``dtype`` is given.",
)


sum.operator.node_name = counted_node("Sum")


@sum.gradient
def _(grad, saved):
    return spread(grad, saved.input.shape, saved_dims(saved))


_prod = reduction(
    "prod(Tensor input, any dim=None, bool keepdim=False, *, dtype? dtype=None)",
    "prod",
    _accumulating,
    namespace=None,
)


_prod.operator.node_name = counted_node("Prod")


@_prod.gradient
def _(grad, saved):
    x, dims = saved.input, saved_dims(saved)
    grad = spread(grad, x.shape, dims)
    if state.enabled:  # to be differentiated again: exact, at the price of memory for all pairs of factors
        return grad * _others(x, dims).conj()
    is_zero = x == 0
    zeros = with_dims(sum(is_zero, dims), x.shape, dims) if dims else is_zero
    rest = _prod(where(is_zero, 1, x), dims or None, True) if dims else where(is_zero, 1, x)
    quotient = rest / where(is_zero, 1, x)
    others = where(zeros == 0, quotient, where((zeros == 1) & is_zero, rest, 0))
    return grad * others.conj()


def _others(x, dims: tuple[int, ...]):
    """For each element the product of the others of its reduction, written so that zeros need no division."""
    if not dims:
        return x * 0 + 1
    kept = tuple(d for d in range(x.ndim) if d not in dims)
    order = (*kept, *dims)
    rows = x.permute(order).reshape(*[x.shape[d] for d in kept], -1)
    n = rows.shape[-1]
    own = positions(n).unsqueeze(-1) == positions(n)
    products = _prod(where(own, 1, rows.unsqueeze(-2)), -1, False)
    inverse = [order.index(d) for d in range(x.ndim)]
    return products.reshape([x.shape[d] for d in order]).permute(inverse)


@function(method=True)
def prod(input, dim=None, keepdim: bool = False, *, dtype=None, out=None):
    """The product over ``dim`` (one dimension, or all). Integers and bools multiply in int64 unless ``dtype``
    is given."""
    if isinstance(dim, (tuple, list)):
        dim = argument("prod", "dim", "int", dim)
    result = _prod(input, dim, keepdim, dtype=dtype_of(out, dtype))
    return result if out is None else write_out("prod", result, out)


# -- extrema ---------------------------------------------------------------------------------------------

_EXTREMUM = (
    "The {0} over ``dim`` (an int, several, or all); NaN where there is one. The gradient is shared evenly "
    "among equal "
    "elements. Raises ``IndexError`` where a reduced dimension is empty."
)
amax = reduction(
    "amax(Tensor input, any dim=(), bool keepdim=False)",
    "max",
    _ordered,
    doc=_EXTREMUM.format("largest"),
    needs_elements=True,
    method=True,
    out=True,
)
amin = reduction(
    "amin(Tensor input, any dim=(), bool keepdim=False)",
    "min",
    _ordered,
    doc=_EXTREMUM.format("smallest"),
    needs_elements=True,
    method=True,
    out=True,
)
_max_of_all = reduction(
    "max(Tensor input, any dim=None, bool keepdim=False)",
    "max",
    _ordered,
    needs_elements=True,
    namespace=None,
)
_min_of_all = reduction(
    "min(Tensor input, any dim=None, bool keepdim=False)",
    "min",
    _ordered,
    needs_elements=True,
    namespace=None,
)


def _shared(grad, saved):
    """The gradient of an extremum, in equal parts to the elements that attain it."""
    x, dims = saved.input, saved_dims(saved)
    extremum = with_dims(saved.output, x.shape, dims)
    attained = (x == extremum) | ((x != x) & (extremum != extremum))
    if not dims:
        return grad
    ties = with_dims(sum(attained, dims), x.shape, dims)
    return where(attained, with_dims(grad, x.shape, dims) / ties, 0)


for _extremum in (amax, amin, _max_of_all, _min_of_all):
    _extremum.gradient(_shared)
_max_of_all.operator.node_name, _min_of_all.operator.node_name = "MaxBackward1", "MinBackward1"


_argmax = reduction(
    "argmax(Tensor input, any dim, bool keepdim=False)",
    "argmax",
    _position,
    needs_elements=True,
    namespace=None,
)
_argmin = reduction(
    "argmin(Tensor input, any dim, bool keepdim=False)",
    "argmin",
    _position,
    needs_elements=True,
    namespace=None,
)


def _arg_extremum(name: str, primitive):
    @operator(f"{name}(Tensor input, int? dim=None, bool keepdim=False)", method=True, out=True)
    def arg(input, dim=None, keepdim=False):
        if dim is not None:
            wrap_dim(dim, input.ndim)
            return primitive(input, dim, keepdim) if input.ndim else primitive(reshaped(input, (1,)), 0, False)
        if not input.numel():
            raise IndexError(
                f"{name}(): Expected reduction dim to be specified for input.numel() == 0. "
                "Specify the reduction dim with the 'dim' argument."
            )
        found = primitive(reshaped(input, (-1,)), 0, False)
        return reshaped(found, (1,) * input.ndim) if keepdim else found

    return arg


argmax = _arg_extremum("argmax", _argmax)
argmin = _arg_extremum("argmin", _argmin)
_POSITION = "The position (int64) of the {} element along ``dim``, or in the flattened tensor; the first of equal ones."
argmax.__doc__ = _POSITION.format("largest")
argmin.__doc__ = _POSITION.format("smallest")


def put_at(grad, index, shape, dim: int):
    """Zeros of ``shape`` with ``grad`` at the positions ``index`` along ``dim`` (both with size 1 there)."""
    along = positions(shape[dim])
    along = reshaped(along, tuple(shape[dim] if d == dim else 1 for d in range(len(shape))))
    return where(along == index, grad, 0)


def _extremum_along(name: str, value_of, position_of):
    """``values, indices`` of an extremum along one dimension, as an operator whose gradient goes to the
    index."""
    op = Operator(f"{name}(Tensor input, int dim, bool keepdim=False)")

    def body(input, dim, keepdim):
        if not input.ndim:
            wrap_dim(dim, 0)
            from .creation import zeros

            return input.clone(), zeros((), dtype=dtypes.int64)
        x = input.to(dtypes.uint8) if input.dtype is dtypes.bool_ else input
        return value_of(input, dim, keepdim), position_of(x, dim, keepdim)

    op.body = body

    @op.gradient
    def _(grads, saved):
        x = saved.input
        if not x.ndim:
            return grads[0]
        dim = wrap_dim(saved.dim, x.ndim)
        grad, index = with_dims(grads[0], x.shape, (dim,)), with_dims(saved.outputs[1], x.shape, (dim,))
        return put_at(grad, index, x.shape, dim)

    op.node_name = f"{name.capitalize()}Backward0"
    publish(op, namespace=None)
    return op


_max_along = _extremum_along("max", amax, _argmax)
_min_along = _extremum_along("min", amin, _argmin)


def _extremum_function(name: str, over_all, along, elementwise: str):
    result_type = named_result(name, "values", "indices")

    def extremum(input, dim=None, keepdim: bool = False, *, out=None, other=None):
        if not isinstance(input, Tensor):
            raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
        if isinstance(dim, Tensor) or other is not None:
            return NAMESPACES["torch"][elementwise](input, dim if other is None else other, out=out)
        if dim is None:
            if keepdim:
                raise TypeError(f'{name}() missing 1 required positional arguments: "dim"')
            result = over_all(input)
            return result if out is None else write_out(name, result, out)
        if input.dtype.is_complex:
            raise refusal(name, input.dtype, "c")
        if input.ndim:
            check_has_elements(name, input.shape, (wrap_dim(_int_dim(name, dim), input.ndim),), dim)
        result = result_type(along(input, dim, keepdim))
        return result if out is None else write_out(name, result, out)

    extremum.__name__ = name
    extremum.__doc__ = (
        f"``{name}(input)``: the {name}imum of all elements. ``{name}(input, dim)``: values and int64 "
        f"indices along ``dim``, as ``return_types.{name}``. ``{name}(input, other)``: ``{elementwise}``."
    )
    return function(method=True)(extremum)


def _int_dim(name: str, dim) -> int:
    return argument(name, "dim", "int", dim)


max_ = _extremum_function("max", _max_of_all, _max_along, "maximum")
min_ = _extremum_function("min", _min_of_all, _min_along, "minimum")

aminmax_result = named_result("aminmax", "min", "max")
_aminmax = Operator(
    "aminmax(Tensor input, int? dim, bool keepdim)",
    lambda x, dim, keepdim: (amin(x, dim, keepdim), amax(x, dim, keepdim)),
)
publish(_aminmax, namespace=None)


@_aminmax.gradient
def _(grads, saved):
    x = saved.input
    total = None
    for grad, output in zip(grads, saved.outputs):
        part = _shared(grad, type(saved)(input=x, dim=saved.dim, output=output))
        total = part if total is None else total + part
    return total


@function(method=True)
def aminmax(input, *, dim=None, keepdim: bool = False, out=None):
    """The smallest and the largest element, of all or along ``dim``, as ``return_types.aminmax``."""
    if dim is None and not input.numel():
        raise RuntimeError(
            "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity."
        )
    result = aminmax_result(_aminmax(input, dim, keepdim))
    return result if out is None else write_out("aminmax", result, out)


# -- any and all -----------------------------------------------------------------------------------------

any_ = reduction(
    "any(Tensor input, any dim=None, bool keepdim=False)",
    "any",
    _truth,
    method=True,
    out=True,
    doc="Whether any element along ``dim`` (an int, several, or all) is nonzero; bool, and uint8 of uint8.",
)
all_ = reduction(
    "all(Tensor input, any dim=None, bool keepdim=False)",
    "all",
    _truth,
    method=True,
    out=True,
    doc="Whether all elements along ``dim`` (an int, several, or all) are nonzero; bool, and uint8 of uint8.",
)
for _flag in (any_, all_):
    _flag.operator.differentiable = False

__all__ = [
    "amax",
    "amin",
    "any_",
    "all_",
    "argmax",
    "argmin",
    "max_",
    "min_",
    "prod",
    "reduced_dims",
    "spread",
    "sum",
    "with_dims",
]
