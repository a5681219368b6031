"""Scans: running sums, products and extrema; differences and integrals along a dimension."""

from __future__ import annotations

import numpy as np

from .. import dtypes
from ..autograd.mode import state
from ..compiler.plans import Scan
from ..compiler.reference import widen
from ..lazy.spec import dense
from ..tensor import Tensor, wrap_dim
from .destinations import OutDecides
from .elementwise import refusal
from .operator import Operator, publish
from .overrides import write_out
from .positions import positions
from .reductions import HALVES, sum
from .registry import function
from .reshaping import reshaped
from .return_types import named_result
from .selection import where
from .slicing import narrow
from .views import slice_

# -- running sums and products -------------------------------------------------------------------------------


def _scan(schema: str, kind: str, meaning, **published) -> Operator:
    """Declare a scan along one dimension. ``meaning(array, dim)`` gets arrays of the computing type."""

    def infer(op, specs, values):
        (spec,) = specs
        dim = wrap_dim(values[1], spec.ndim)
        out = values[2] or (dtypes.int64 if spec.dtype.category < 2 else spec.dtype)
        return (dense(spec.shape, out, spec.device),), Scan(kind, dim)

    def reference(code, arrays, numbers):
        spec, out = code.inputs[0], code.outputs[0].dtype
        array = widen(arrays[0], spec.dtype)
        kind = np.dtype("float32") if out in HALVES else out.numpy
        array = array.astype(kind) if array.dtype.kind != "c" or kind.kind == "c" else array.real.astype(kind)
        return (meaning(array, wrap_dim(code.attrs[1], spec.ndim)) if spec.ndim else array,)

    op = OutDecides(schema, infer=infer, reference=reference)
    return publish(op, **published)


cumsum = _scan(
    "cumsum(Tensor input, int dim, *, dtype? dtype=None)",
    "sum",
    lambda a, dim: np.cumsum(a, axis=dim, dtype=a.dtype),
    method=True,
    out=True,
    inplace=True,
).function
cumsum.__doc__ = "Running sums along ``dim``. Integers and bools add up in int64 unless ``dtype`` is given."
cumprod = _scan(
    "cumprod(Tensor input, int dim, *, dtype? dtype=None)",
    "prod",
    lambda a, dim: np.cumprod(a, axis=dim, dtype=a.dtype),
    method=True,
    out=True,
    inplace=True,
).function
cumprod.__doc__ = "Running products along ``dim``. Integers and bools multiply in int64 unless ``dtype`` is given."


def _reversed_sum(x, dim: int):
    """Running sums from the end."""
    return cumsum(x.flip(dim), dim).flip(dim)


@cumsum.gradient
def _(grad, saved):
    return _reversed_sum(grad, saved.dim) if grad.ndim else grad


@cumprod.gradient
def _(grad, saved):
    x, dim = saved.input, saved.dim
    x = x if x.dtype is grad.dtype else x.to(grad.dtype)
    if not x.ndim:
        return grad
    if state.enabled:  # to be differentiated again: exact, at the price of memory for all pairs of factors
        return _product_slopes(grad, x, dim)
    # Before the first zero the usual quotient; at it, products with that zero left out; after it nothing.
    zeros = cumsum(x == 0, dim)
    first = (x == 0) & (zeros == 1)
    filled = where(first, 1, x)
    before = _reversed_sum(grad * saved.output.conj(), dim) / where(x == 0, 1, x).conj()
    at = _reversed_sum(grad * cumprod(filled, dim).conj(), dim)
    # The product up to the first zero is contained in ``at`` only from there on.
    return where(zeros == 0, before, where(first, at, 0))


def _product_slopes(grad, x, dim: int):
    """The gradient of running products without division: each output's products with one factor left out."""
    rows = x.movedim(dim, -1)
    n = rows.shape[-1]
    left_out = reshaped(positions(n), (n, 1)) == positions(n)
    products = cumprod(where(left_out, 1, rows.unsqueeze(-2)), -1)
    reached = reshaped(positions(n), (n, 1)) <= positions(n)
    slopes = where(reached, products.conj() * grad.movedim(dim, -1).unsqueeze(-2), 0)
    return sum(slopes, -1).movedim(-1, dim)


def _running_logsumexp(array, dim: int):
    if array.dtype.kind != "c":
        return np.logaddexp.accumulate(array, axis=dim)
    rows = np.moveaxis(array, dim, 0).copy()
    for i in range(1, len(rows)):
        larger = rows[i - 1].real >= rows[i].real
        high, low = np.where(larger, rows[i - 1], rows[i]), np.where(larger, rows[i], rows[i - 1])
        rows[i] = high + np.log(1 + np.exp(low - high))
    return np.moveaxis(rows, 0, dim)


def _infer_logcumsumexp(op, specs, values):
    (spec,) = specs
    wrap_dim(values[1], spec.ndim)
    if spec.dtype.category < 2:
        raise refusal("logcumsumexp_out_cpu", spec.dtype, "bi")
    return (dense(spec.shape, spec.dtype, spec.device),), None


def _reference_logcumsumexp(code, arrays, numbers):
    array = widen(arrays[0], code.inputs[0].dtype)
    return (_running_logsumexp(array, wrap_dim(code.attrs[1], array.ndim)) if array.ndim else array,)


logcumsumexp = publish(
    Operator("logcumsumexp(Tensor input, int dim)", infer=_infer_logcumsumexp, reference=_reference_logcumsumexp),
    method=True,
    out=True,
).function
logcumsumexp.__doc__ = "The logarithm of running sums of exponentials along ``dim``, without overflow."


@logcumsumexp.gradient
def _(grad, saved):
    x, y, dim = saved.input, saved.output, saved.dim
    if not x.ndim:
        return grad
    nothing = dtypes.finfo(x.dtype).min  # a finite stand-in for the logarithm of 0, so that this has a gradient

    def part(positive):
        logs = where(positive > 0, where(positive > 0, positive, 1).log(), nothing) - y
        return (logcumsumexp(logs.flip(dim), dim).flip(dim) + x).exp()

    if x.is_complex():
        logs = where(grad == 0, nothing, where(grad == 0, 1, grad).conj().log()) - y
        return (logcumsumexp(logs.flip(dim), dim).flip(dim) + x).exp().conj()
    return part(grad) - part(-grad)


# -- running extrema -----------------------------------------------------------------------------------------


def _running_extremum(name: str, ufunc, reaches):
    """``values, indices`` of the extremum so far; of equal ones the last, and NaN from the first one on."""

    def infer(op, specs, values):
        (spec,) = specs
        dim = wrap_dim(values[1], spec.ndim)
        if spec.dtype.is_complex:
            raise refusal(f"{name}_cpu", spec.dtype, "c")
        return (
            dense(spec.shape, spec.dtype, spec.device),
            dense(spec.shape, dtypes.int64, spec.device),
        ), Scan(name[3:], dim)

    def reference(code, arrays, numbers):
        array = widen(arrays[0], code.inputs[0].dtype)
        if not array.ndim:
            return array, np.zeros((), np.int64)
        dim = wrap_dim(code.attrs[1], array.ndim)
        best = ufunc.accumulate(array, axis=dim)
        along = np.arange(array.shape[dim]).reshape([-1 if d == dim else 1 for d in range(array.ndim)])
        index = np.maximum.accumulate(np.where((array == best) | (array != array), along, 0), axis=dim)
        return best, index

    op = publish(Operator(f"{name}(Tensor input, int dim)", infer=infer, reference=reference), namespace=None)
    op.node_name = f"{name.capitalize()}Backward0"

    @op.gradient
    def _(grads, saved):
        grad, index = grads[0], saved.outputs[1]
        if not grad.ndim:
            return grad
        from .creation import zeros

        return zeros(grad.shape, dtype=grad.dtype).scatter_add(saved.dim, index, grad)

    result_type = named_result(name, "values", "indices")

    def public(input, dim: int, *, out=None):
        result = result_type(op.function(input, dim))
        return result if out is None else write_out(name, result, out)

    public.__name__ = name
    public.__doc__ = f"The {reaches} element so far along ``dim`` and its position, as ``return_types.{name}``."
    return function(method=True)(public)


cummax = _running_extremum("cummax", np.maximum, "largest")
cummin = _running_extremum("cummin", np.minimum, "smallest")

# -- differences and integrals -------------------------------------------------------------------------------


def _between(x, dim: int, start: int, end: int):
    return slice_(x, dim, start, max(end, start), 1)


@function(method=True)
def diff(input, n: int = 1, dim: int = -1, prepend=None, append=None, *, out=None):
    """The ``n``-th difference between neighbours along ``dim``, after joining ``prepend`` and ``append`` to
    it."""
    if not input.ndim:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    d = wrap_dim(dim, input.ndim)
    joined = [x for x in (prepend, input, append) if x is not None]
    for x in joined:
        if x.ndim != input.ndim:
            raise RuntimeError("diff expects prepend or append to be the same dimension as input")
        if any(a != b for k, (a, b) in enumerate(zip(x.shape, input.shape)) if k != d):
            raise RuntimeError(
                "diff expects the shape of tensor to prepend or append to match that of input except along "
                "the "
                "differencing dimension"
            )
    x = input.clone() if n == 0 else input
    if n and len(joined) > 1:
        from .joining import cat

        x = cat(joined, d)
    for _ in range(min(n, x.shape[d])):
        size = x.shape[d]
        later, earlier = _between(x, d, 1, size), _between(x, d, 0, size - 1)
        x = later ^ earlier if x.dtype is dtypes.bool_ else later - earlier
    return x if out is None else write_out("diff", x, out)


def _areas(y, x, dx, dim: int):
    """The area of each interval: its width times the mean of its ends."""
    d = wrap_dim(dim, y.ndim)
    if not y.ndim:
        raise RuntimeError("trapezoid: y must be at least one-dimensional")
    size = y.shape[d]
    ends = _between(y, d, 1, size) + _between(y, d, 0, size - 1)
    if x is None:
        return ends * dx / 2.0
    if x.ndim == 1 and y.ndim > 1:
        if x.shape[0] != size:
            raise RuntimeError("trapezoid: There must be one `x` value for each sample point")
        widths = reshaped(_step(x, 0), tuple([-1 if k == d else 1 for k in range(y.ndim)])) if size > 1 else x[:0]
    else:
        lead = y.ndim - x.ndim
        widths = _step(x, d - lead) if x.ndim else x
    return ends * widths / 2.0


def _step(x, dim: int):
    return _between(x, dim, 1, x.shape[dim]) - _between(x, dim, 0, x.shape[dim] - 1)


@function(aliases=("trapz",))
def trapezoid(y, x=None, *, dx=None, dim: int = -1):
    """The integral of samples ``y`` along ``dim`` by the trapezoidal rule, at points ``x`` or ``dx`` (default
    1) apart."""
    y, x, dx = _check_trapezoid("trapezoid", y, x, dx, dim)
    if y.shape[wrap_dim(dim, y.ndim)] == 0:
        return sum(y, dim) * 0.0
    return sum(_areas(y, x, dx, dim), dim)


@function()
def cumulative_trapezoid(y, x=None, *, dx=None, dim: int = -1):
    """Running integrals of samples ``y`` along ``dim`` by the trapezoidal rule; one fewer than samples."""
    y, x, dx = _check_trapezoid("cumulative_trapezoid", y, x, dx, dim)
    return cumsum(_areas(y, x, dx, dim), dim)


def _check_trapezoid(name: str, y, x, dx, dim: int):
    if x is not None and not isinstance(x, Tensor):
        x, dx = None, x
    if x is not None and dx is not None:
        raise TypeError(f"{name}() takes x or dx, not both")
    for argument, value in (("y", y), ("x", x)):
        if value is not None and value.dtype is dtypes.bool_:
            raise RuntimeError(f"{name}: received a bool input for `{argument}`, but bool is not supported")
    if isinstance(dx, complex):
        raise RuntimeError(f"{name}: Currently, we only support dx as a real number.")
    return y, x, 1 if dx is None else dx


@function(name="gradient")
def gradient(input, *, spacing=1, dim=None, edge_order: int = 1):
    """Estimates of the derivative along each of ``dim`` (default: all), by central differences inside and
    one-sided ones of order ``edge_order`` (1 or 2) at the ends. ``spacing`` is a distance, one for each
    dimension, or tensors of coordinates."""
    dims = _gradient_dims(input, dim)
    spacing = 1 if spacing is None else spacing
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    steps = spacing if isinstance(spacing, (tuple, list)) else [spacing] * len(dims)
    if len(steps) != len(dims):
        raise RuntimeError(
            f"torch.gradient expected spacing to be unspecified, a scalar or a list of length {len(dims)}, "
            f"but got a list of length {len(steps)}"
        )
    for d in dims:
        if input.shape[d] < edge_order + 1:
            raise RuntimeError("torch.gradient expected each dimension size to be at least edge_order+1")
    return tuple([_slope(input, d, step, edge_order) for d, step in zip(dims, steps)])


def _gradient_dims(input, dim) -> list[int]:
    if dim is None:
        return list(range(input.ndim))
    dims = [wrap_dim(d, input.ndim) for d in (dim if isinstance(dim, (tuple, list)) else (dim,))]
    if len(set(dims)) != len(dims):
        raise RuntimeError("dim appears multiple times in the list of dims")
    return dims


def _slope(x, d: int, step, edge_order: int):
    from .joining import cat

    n = x.shape[d]

    def at(i):
        return narrow(x, d, i % n, 1)

    if isinstance(step, Tensor) and step.ndim:
        widths = reshaped(_step(step, 0), tuple([-1 if k == d else 1 for k in range(x.ndim)]))
        first, last = narrow(widths, d, 0, 1), narrow(widths, d, n - 2, 1)
        left, right = _between(widths, d, 0, n - 2), _between(widths, d, 1, n - 1)
    else:
        first = last = left = right = step
    a, b, c = _between(x, d, 0, n - 2), _between(x, d, 1, n - 1), _between(x, d, 2, n)
    if left is right:
        inside = (c - a) / (left * 2)
    else:
        inside = (
            a * (-right / (left * (left + right)))
            + b * ((right - left) / (left * right))
            + c * (left / (right * (left + right)))
        )
    if edge_order == 1:
        ends = (at(1) - at(0)) / first, (at(-1) - at(-2)) / last
    elif left is right:
        ends = (
            (at(0) * -1.5 + at(1) * 2.0 - at(2) * 0.5) / first,
            (at(-1) * 1.5 - at(-2) * 2.0 + at(-3) * 0.5) / last,
        )
    else:
        h, k = first, narrow(widths, d, 1, 1)
        start = at(0) * (-(h * 2 + k) / (h * (h + k))) + at(1) * ((h + k) / (h * k)) - at(2) * (h / (k * (h + k)))
        h, k = narrow(widths, d, n - 3, 1), last
        end = at(-3) * (k / (h * (h + k))) - at(-2) * ((k + h) / (h * k)) + at(-1) * ((k * 2 + h) / (k * (h + k)))
        ends = start, end
    return cat([ends[0], inside, ends[1]], d)
