"""Pooling: largest values and means over windows, of fixed or adaptive size; and the way back, ``max_unpool``."""

from __future__ import annotations

import functools

from ..compiler.plans import AdaptivePool, Pool, ScatterPlanes
from ..compiler.reference import widen
from ..dtypes import int64
from ..lazy.spec import count, dense
from ..tensor import Tensor
from . import pooling_kernels as kernels
from .elementwise import refusal
from .memory_order import in_order_of, keeps_order
from .operator import Operator, publish
from .registry import export, function
from .reshaping import reshaped
from .schema import argument as checked

# -- primitives, on (batch, channels, *sizes) --------------------------------------------------------------------------------


def _outputs(shape, sizes) -> tuple[int, ...]:
    return (*shape[:2], *sizes)


def _infer_max(op, specs, values):
    (x,), (_, plan, outputs) = specs, values
    shape = _outputs(x.shape, outputs)
    return (dense(shape, x.dtype, x.device), dense(shape, int64, x.device)), plan or _regions("max", x.shape[2:], outputs)


def _reference_max(code, arrays, numbers):
    x = widen(arrays[0], code.inputs[0].dtype)
    outputs = tuple(code.outputs[0].shape[2:])
    adaptive = code.extra.__class__ is AdaptivePool
    return kernels.adaptive_max_pool(x, outputs) if adaptive else kernels.max_pool(x, code.extra, outputs)


def _infer_sizes(op, specs, values):
    sizes = values[-1]
    return (dense(_outputs(specs[0].shape, sizes), specs[0].dtype, specs[0].device),), values[1]


def _by(kernel):
    """A reference that computes ``kernel(array, plan, sizes)``, or of adaptive regions ``kernel(array, sizes)``."""

    def reference(code, arrays, numbers):
        x = widen(arrays[0], code.inputs[0].dtype)
        sizes = tuple(code.outputs[0].shape[2:])
        return (kernel(x, sizes) if code.extra.__class__ is AdaptivePool else kernel(x, code.extra, sizes),)

    return reference


def _reference_scatter(code, arrays, numbers):
    return (kernels.scatter_planes(widen(arrays[0], code.inputs[0].dtype), arrays[1], tuple(code.outputs[0].shape[2:])),)


def _infer_scatter(op, specs, values):
    return (dense(_outputs(specs[0].shape, values[2]), specs[0].dtype, specs[0].device),), ScatterPlanes(tuple(values[2]))


def _primitive(schema: str, infer, reference):
    return publish(Operator(schema, infer=infer, reference=reference), namespace=None).function


_max = _primitive("max_pool_with_indices(Tensor input, any plan, any sizes)", _infer_max, _reference_max)
_scatter = _primitive("scatter_planes(Tensor values, Tensor indices, any sizes)", _infer_scatter, _reference_scatter)
_average = _primitive("avg_pool(Tensor input, any plan, any sizes)", _infer_sizes, _by(kernels.average_pool))
_spread = _primitive("avg_pool_backward(Tensor grad, any plan, any sizes)", _infer_sizes, _by(kernels.average_pool_gradient))


def _adaptive_primitive(schema: str, kind: str, even, uneven):
    """``even`` computes regions that are windows, ``uneven`` others."""

    def infer(op, specs, values):
        (spec,), (_, sizes) = specs, values
        large, small = (spec.shape[2:], sizes) if kind == "average" else (sizes, spec.shape[2:])
        return (dense(_outputs(spec.shape, sizes), spec.dtype, spec.device),), _regions(kind, large, small)

    def reference(code, arrays, numbers):
        return _by(uneven if code.extra.__class__ is AdaptivePool else even)(code, arrays, numbers)

    return _primitive(schema, infer, reference)


_FILLS_VECTORS = 8  # the kernels of windows go along outputs, those of adaptive regions along inputs


def _regions(kind: str, large, small) -> Pool | AdaptivePool:
    """The plan of adaptive pooling; regions of one size are windows."""
    if small[-1] < _FILLS_VECTORS or any(m < 1 or n < 1 or n % m for n, m in zip(large, small)):
        return AdaptivePool(kind)
    sizes = tuple(n // m for n, m in zip(large, small))
    return Pool(kind, sizes, sizes, ((0, 0),) * len(sizes), (1,) * len(sizes))


_adaptive = _adaptive_primitive("adaptive_avg_pool(Tensor input, any sizes)", "average", kernels.average_pool, kernels.adaptive_average)
_adaptive_spread = _adaptive_primitive("adaptive_avg_pool_backward(Tensor grad, any sizes)", "average gradient",
                                       kernels.average_pool_gradient, kernels.adaptive_average_gradient)


def _gathered(planes: Tensor, indices: Tensor) -> Tensor:
    """The elements of each plane at flat positions."""
    flat = reshaped(planes, (*planes.shape[:2], count(planes.shape[2:])))
    where = reshaped(indices, (*indices.shape[:2], count(indices.shape[2:])))
    return reshaped(flat.gather(2, where), indices.shape)


@_max.gradient
def _(grads, saved):
    values, indices = grads[0].contiguous(), saved.outputs[1].contiguous()
    return in_order_of(_scatter(values, indices, tuple(saved.input.shape[2:])), saved.input)


@_scatter.gradient
def _(grad, saved):
    return _gathered(grad, saved.indices), None


@_average.gradient
def _(grad, saved):
    return _spread(grad, saved.plan._replace(kind="average gradient"), tuple(saved.input.shape[2:]))


@_spread.gradient
def _(grad, saved):
    return _average(grad, saved.plan._replace(kind="average"), tuple(saved.grad.shape[2:]))


@_adaptive.gradient
def _(grad, saved):
    return _adaptive_spread(grad, tuple(saved.input.shape[2:]))


@_adaptive_spread.gradient
def _(grad, saved):
    return _adaptive(grad, tuple(saved.grad.shape[2:]))


_adaptive_max = keeps_order(_max, (4,))
_max, _average, _spread = keeps_order(_max), keeps_order(_average, (4,)), keeps_order(_spread, (4,))
_adaptive, _adaptive_spread = keeps_order(_adaptive, (4,)), keeps_order(_adaptive_spread, (4,))

# -- arguments ---------------------------------------------------------------------------------------------------------------


def per_dim(name: str, argument: str, value, n: int) -> tuple[int, ...]:
    """``value`` (an int, or one or ``n`` ints) for each of ``n`` dimensions."""
    if value.__class__ is int:
        return (value,) * n
    value = checked(name, argument, "int[]", value)
    if len(value) not in (1, n):
        raise RuntimeError(f"{name}: {argument} must either be a single int, or a tuple of {n} ints, got {list(value)}")
    return value * (n if len(value) == 1 else 1)


def batched(name: str, x, n: int) -> Tensor:
    """``(batch, channels, *sizes)``; a missing batch dimension is added. ``RuntimeError`` for other shapes."""
    if not isinstance(x, Tensor):
        raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(x).__name__}")
    if x.ndim not in (n + 1, n + 2) or 0 in x.shape[x.ndim - n - 1:]:
        raise RuntimeError(f"{name}: Expected {n + 1}D or {n + 2}D (batch mode) tensor with optional 0 dim batch size for input, "
                           f"but got: {list(x.shape)}")
    return x if x.ndim == n + 2 else x.unsqueeze(0)


def _window(name: str, n: int, kernel, stride, padding, dilation, kind: str, **more) -> Pool:
    kernel = per_dim(name, "kernel_size", kernel, n)
    stride = kernel if stride is None or stride == () or stride == [] else per_dim(name, "stride", stride, n)
    padding, dilation = per_dim(name, "padding", padding, n), per_dim(name, "dilation", dilation, n)
    for argument, given in (("kernel_size", kernel), ("stride", stride), ("dilation", dilation)):
        if min(given) <= 0:
            raise RuntimeError(f"{name}() {argument} must be greater than zero, but got {min(given)}")
    for p, k, d in zip(padding, kernel, dilation):
        if p < 0:
            raise RuntimeError(f"{name}() padding must be non-negative, but got {p}")
        if p > (d * (k - 1) + 1) // 2:
            raise RuntimeError(f"pad should be at most half of effective kernel size, but got pad={p}, kernel_size={k} and dilation={d}")
    return Pool(kind, kernel, stride, tuple((p, p) for p in padding), dilation, **more)


def _planned(name: str, n: int, x: Tensor, kernel, stride, padding, dilation, ceil_mode, kind: str, more=()):
    """The plan of a pooling and the sizes of its result: worked out once for the same arguments."""
    if stride is not None:
        stride = None if stride.__class__ in (tuple, list) and not stride else _ints(name, "stride", stride, n)
    kernel, padding, dilation = (_ints(name, argument, value, n) for argument, value in
                                 (("kernel_size", kernel), ("padding", padding), ("dilation", dilation)))
    return _plan_and_sizes(name, n, tuple(x.shape[1:]), kernel, stride, padding, dilation, bool(ceil_mode), kind, more)


def _ints(name: str, argument: str, value, n: int):
    """What is an int stays one, which is quick; all else that says ints becomes a tuple of them."""
    return value if value.__class__ is int else per_dim(name, argument, value, n)


@functools.lru_cache(1024)
def _plan_and_sizes(name: str, n: int, shape: tuple[int, ...], kernel, stride, padding, dilation, ceil_mode: bool, kind: str, more):
    plan = _window(name, n, kernel, stride, padding, dilation, kind, **dict(more))
    return plan, _pooled_sizes(name, shape, plan, ceil_mode)


def _pooled_sizes(name: str, shape: tuple[int, ...], plan: Pool, ceil_mode: bool) -> tuple[int, ...]:
    """How many windows fit; with ``ceil_mode`` also a last one that begins inside the input (or its left padding)."""
    sizes = []
    for size, k, s, (before, after), d in zip(shape[1:], plan.kernel, plan.stride, plan.padding, plan.dilation):
        room = size + before + after - d * (k - 1) - 1
        n = (-(-room // s) if ceil_mode else room // s) + 1
        if ceil_mode and (n - 1) * s >= size + before:
            n -= 1
        sizes.append(n)
    if min(sizes) <= 0:
        raise RuntimeError(f"{name}: Given input size: {list(shape)}. Calculated output size: {sizes}. Output size is too small")
    return tuple(sizes)


def _like_input(result, x: Tensor, given: Tensor):
    """Results without the batch dimension where the input had none."""
    if x is given:
        return result
    return tuple(r.squeeze(0) for r in result) if isinstance(result, tuple) else result.squeeze(0)


# -- max pooling ---------------------------------------------------------------------------------------------------------------


def _max_pool(name: str, n: int, input, kernel_size, stride, padding, dilation, ceil_mode):
    x = batched(name, input, n)
    if x.dtype.kind in "bc":
        raise refusal(name, x.dtype, "bc")
    plan, sizes = _planned(name, n, x, kernel_size, stride, padding, dilation, ceil_mode, "max")
    return _like_input(_max(x, plan, sizes), x, input)


def _max_family(n: int):
    name = f"max_pool{n}d"
    doc = f"""The largest value of each window over the last {n} dimension{'s' if n > 1 else ''} of ``input``.

    ``stride`` is ``kernel_size`` by default; ``padding`` never wins; ``ceil_mode`` keeps windows that reach beyond the end.
    With ``return_indices`` also the flat position of each value in the input plane, for ``max_unpool{n}d``.
    """

    def plain(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode: bool = False):
        return _max_pool(name, n, input, kernel_size, stride, padding, dilation, ceil_mode)[0]

    def functional(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode: bool = False, return_indices=False):
        both = _max_pool(name, n, input, kernel_size, stride, padding, dilation, ceil_mode)
        return both if return_indices else both[0]

    def with_indices(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode: bool = False, return_indices=False):
        return _max_pool(name, n, input, kernel_size, stride, padding, dilation, ceil_mode)

    for namespace, exported, body in (("torch", name, plain), ("nn.functional", name, functional),
                                      ("nn.functional", name + "_with_indices", with_indices)):
        body.__name__, body.__doc__ = exported, doc
        function(namespace)(body)
    if n == 1:
        def values_and_indices(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode: bool = False):
            return with_indices(input, kernel_size, stride, padding, dilation, ceil_mode)

        function(name="max_pool1d_with_indices")(values_and_indices)
    return functional


max_pool1d, max_pool2d, max_pool3d = _max_family(1), _max_family(2), _max_family(3)


def _adaptive_sizes(name: str, value, n: int, x: Tensor) -> tuple[int, ...]:
    if isinstance(value, (tuple, list)) and len(value) != n:
        raise RuntimeError(f"{name}: output_size must be {n} values, got {list(value)}")
    given = value if isinstance(value, (tuple, list)) else (value,) * n
    sizes = tuple(size if v is None else checked(name, "output_size", "int", v) for v, size in zip(given, x.shape[2:]))
    if min(sizes) < 0:
        raise RuntimeError(f"{name}: elements of output_size must be greater than or equal to 0, but received {list(sizes)}")
    return sizes


def _adaptive_input(name: str, input, output_size, n: int) -> Tensor:
    if n > 1 and isinstance(output_size, (tuple, list)) and isinstance(input, Tensor) and input.ndim <= len(output_size):
        raise ValueError(f"Input dimension should be at least {len(output_size) + 1} ({name}), got {input.ndim}")
    return batched(name, input, n)


def _adaptive_max_family(n: int):
    name = f"adaptive_max_pool{n}d"
    doc = f"The largest value of each of ``output_size`` regions that cover the last {n} dimensions; optionally its flat position."

    def both(input, output_size):
        x = _adaptive_input(name, input, output_size, n)
        if x.dtype.category != 2:
            raise refusal(name, x.dtype, "bic")
        return _like_input(_adaptive_max(x, None, _adaptive_sizes(name, output_size, n, x)), x, input)

    def functional(input, output_size, return_indices=False):
        values, indices = both(input, output_size)
        return (values, indices) if return_indices else values

    def with_indices(input, output_size, return_indices=False):
        return both(input, output_size)

    for namespace, exported, body in (("nn.functional", name, functional), ("nn.functional", name + "_with_indices", with_indices)):
        body.__name__, body.__doc__ = exported, doc
        function(namespace)(body)
    if n == 1:
        def values_and_indices(input, output_size):
            return both(input, output_size)

        function(name=name)(values_and_indices)
    return functional


for _n in (1, 2, 3):
    _adaptive_max_family(_n)


# -- means -----------------------------------------------------------------------------------------------------------------------


def _average_pool(name: str, n: int, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override):
    x = batched(name, input, n)
    if x.dtype.category != 2 and x.dtype is not int64:
        raise refusal(name, x.dtype, "bic")
    if divisor_override == 0:
        raise RuntimeError("divisor must be not zero")
    more = (("count_padding", bool(count_include_pad)), ("divisor", divisor_override))
    plan, sizes = _planned(name, n, x, kernel_size, stride, padding, 1, ceil_mode, "average", more)
    return _like_input(_average(x, plan, sizes), x, input)


def _average_family(n: int):
    name = f"avg_pool{n}d"
    doc = f"""The mean of each window over the last {n} dimension{'s' if n > 1 else ''} of ``input``.

    ``stride`` is ``kernel_size`` by default; ``count_include_pad`` counts the zeros of the padding;
    ``divisor_override`` (two and three dimensions) replaces the number of elements.
    """

    def one(input, kernel_size, stride=None, padding=0, ceil_mode: bool = False, count_include_pad: bool = True):
        return _average_pool(name, n, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)

    def several(input, kernel_size, stride=None, padding=0, ceil_mode: bool = False, count_include_pad: bool = True, divisor_override=None):
        return _average_pool(name, n, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)

    body = one if n == 1 else several
    body.__name__, body.__doc__ = name, doc
    public = function("nn.functional")(body)
    if n == 1:
        export("torch", name, public)
    return public


avg_pool1d, avg_pool2d, avg_pool3d = _average_family(1), _average_family(2), _average_family(3)


def _adaptive_average_family(n: int):
    name = f"adaptive_avg_pool{n}d"

    def body(input, output_size):
        x = _adaptive_input(name, input, output_size, n)
        if x.dtype.category != 2:
            raise refusal(name, x.dtype, "bic")
        sizes = _adaptive_sizes(name, output_size, n, x)
        if all(size == 1 for size in sizes):
            return _like_input(x.mean(tuple(range(2, n + 2)), keepdim=True), x, input)
        return _like_input(_adaptive(x, sizes), x, input)

    body.__name__ = name
    body.__doc__ = f"The mean of each of ``output_size`` regions that cover the last {n} dimensions; None keeps a size."
    public = function("nn.functional")(body)
    if n == 1:
        export("torch", name, public)


for _n in (1, 2, 3):
    _adaptive_average_family(_n)


def _power_family(n: int, average):
    name = f"lp_pool{n}d"

    def body(input, norm_type, kernel_size, stride=None, ceil_mode: bool = False):
        size = count(per_dim(name, "kernel_size", kernel_size, n))
        mean = average(input.pow(norm_type), kernel_size, stride, 0, ceil_mode)
        return (mean.sign() * mean.abs().relu()).mul(size).pow(1.0 / norm_type)

    body.__name__ = name
    body.__doc__ = f"``(sum of x ** norm_type) ** (1 / norm_type)`` over each window of the last {n} dimensions."
    function("nn.functional")(body)


for _n, _pool in ((1, avg_pool1d), (2, avg_pool2d), (3, avg_pool3d)):
    _power_family(_n, _pool)


# -- the way back ------------------------------------------------------------------------------------------------------------


def _unpool_sizes(name: str, x: Tensor, plan: Pool, output_size, n: int) -> tuple[int, ...]:
    default = tuple((size - 1) * s - 2 * before + k
                    for size, s, (before, _), k in zip(x.shape[2:], plan.stride, plan.padding, plan.kernel))
    if output_size is None:
        return default
    given = tuple(output_size)[-n:]
    if len(output_size) not in (n, n + 1, n + 2):
        raise ValueError(f"{name}: output_size should be a sequence containing {n} or {n + 2} elements, but it has a length of "
                         f"'{len(output_size)}'")
    for size, middle, s in zip(given, default, plan.stride):
        if not middle - s < size < middle + s:
            raise ValueError(f'invalid output_size "{list(given)}" ({name}: each must be within a stride of {list(default)})')
    return given


def _unpool_family(n: int):
    name = f"max_unpool{n}d"

    def body(input, indices, kernel_size, stride=None, padding=0, output_size=None):
        if indices.dtype is not int64:
            raise RuntimeError(f"elements in indices should be type int64 but got: {indices.dtype}")
        if indices.shape != input.shape:
            raise RuntimeError(f"Expected shape of indices to be same as that of the input tensor ({list(input.shape)}) "
                               f"but got indices tensor with shape: {list(indices.shape)}")
        x = batched(name, input, n)
        plan = _window(name, n, kernel_size, stride, padding, 1, "max")
        sizes = _unpool_sizes(name, x, plan, output_size, n)
        planes = x.new_zeros((*x.shape[:2], count(sizes)))
        places = reshaped(indices, (*x.shape[:2], count(x.shape[2:])))
        filled = planes.scatter(2, places, reshaped(x, places.shape))
        return _like_input(reshaped(filled, (*x.shape[:2], *sizes)), x, input)

    body.__name__ = name
    body.__doc__ = (f"Zeros with the values of ``max_pool{n}d`` put back at their ``indices``. ``output_size`` says which of the possible "
                    "input sizes it was. Where an index occurs more than once, the last value stays.")
    function("nn.functional")(body)


for _n in (1, 2, 3):
    _unpool_family(_n)
