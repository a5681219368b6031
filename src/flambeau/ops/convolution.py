"""Convolutions in one to three dimensions and their transposes.

Three primitives, each the gradient of the others: ``output`` of input and weight, ``input`` of output and weight, ``weight``
of output and input.
"""

from __future__ import annotations

from .. import dtypes
from ..compiler.plans import Convolution
from ..compiler.reference import widen
from ..lazy.spec import dense
from ..tensor import Tensor
from .convolution_kernels import MEANINGS, output_size
from .elementwise import refusal
from .matmul import _type_name
from .memory_order import keeps_order
from .operator import Operator, operator, publish
from .registry import export, function
from .reshaping import reshaped
from .schema import argument as checked
from .views import _expand


def _reference(code, arrays, numbers):
    plan = code.extra
    first, second = [widen(a, s.dtype) for a, s in zip(arrays, code.inputs)]
    return (MEANINGS[plan.kind](first, second, plan, tuple(code.outputs[0].shape)),)


def _infer_output(op, specs, values):
    x, weight = specs
    plan = values[2]
    sizes = map(output_size, x.shape[2:], weight.shape[2:], plan.stride, plan.padding, plan.dilation)
    return (dense((x.shape[0], weight.shape[0], *sizes), x.dtype, x.device),), plan._replace(dtype=x.dtype)


def _infer_input(op, specs, values):
    grad, weight = specs
    _, _, plan, sizes = values
    shape = (grad.shape[0], weight.shape[1] * plan.groups, *sizes)
    return (dense(shape, grad.dtype, grad.device),), plan._replace(kind="input", dtype=grad.dtype)


def _infer_weight(op, specs, values):
    grad, x = specs
    _, _, plan, kernel = values
    shape = (grad.shape[1], x.shape[1] // plan.groups, *kernel)
    return (dense(shape, grad.dtype, grad.device),), plan._replace(kind="weight", dtype=grad.dtype)


def _primitive(schema: str, infer):
    return publish(Operator(schema, infer=infer, reference=_reference), namespace=None).function


_output = _primitive("convolution(Tensor input, Tensor weight, any plan)", _infer_output)
_input = _primitive("convolution_input(Tensor grad, Tensor weight, any plan, any sizes)", _infer_input)
_weight = _primitive("convolution_weight(Tensor grad, Tensor input, any plan, any kernel)", _infer_weight)
_output.operator.node_name = _input.operator.node_name = _weight.operator.node_name = "ConvolutionBackward0"


@_output.gradient
def _(grad, saved):
    x, weight = saved.input, saved.weight
    return _input(grad, weight.conj(), saved.plan, tuple(x.shape[2:])), _weight(grad, x.conj(), saved.plan, tuple(weight.shape[2:]))


@_input.gradient
def _(grad, saved):
    weight = saved.weight
    return _output(grad, weight.conj(), saved.plan), _weight(saved.grad.conj(), grad, saved.plan, tuple(weight.shape[2:]))


@_weight.gradient
def _(grad, saved):
    x = saved.input
    return _output(x.conj(), grad, saved.plan), _input(saved.grad.conj(), grad, saved.plan, tuple(x.shape[2:]))


def _widened(primitive):
    """The primitive, of 16-bit floats in float32 and rounded once."""

    def apply(first, second, *geometry):
        if first.dtype not in (dtypes.float16, dtypes.bfloat16):
            return primitive(first, second, *geometry)
        return primitive(first.to(dtypes.float32), second.to(dtypes.float32), *geometry).to(first.dtype)

    return apply


_output, _input, _weight = [_widened(keeps_order(primitive, (4,))) for primitive in (_output, _input, _weight)]

# -- with a bias: one instruction each way -----------------------------------------------------------------------------------


def _along_channels(bias: Tensor, ndim: int) -> Tensor:
    return reshaped(bias, (1, bias.shape[0], *[1] * (ndim - 2)))


def _bias_gradient(grad: Tensor) -> Tensor:
    return grad.sum((0, *range(2, grad.ndim)))


@operator("convolution(Tensor input, Tensor weight, Tensor bias, any plan)", namespace=None, opmath=True)
def _output_with_bias(input, weight, bias, plan):
    return _output(input, weight, plan) + _along_channels(bias, input.ndim)


@_output_with_bias.gradient
def _(grad, saved):
    x, weight, plan = saved.input, saved.weight, saved.plan
    return (_input(grad, weight.conj(), plan, tuple(x.shape[2:])), _weight(grad, x.conj(), plan, tuple(weight.shape[2:])),
            _bias_gradient(grad))


@operator("convolution_input(Tensor input, Tensor weight, Tensor bias, any plan, any sizes)", namespace=None, opmath=True)
def _transposed_with_bias(input, weight, bias, plan, sizes):
    return _input(input, weight, plan, sizes) + _along_channels(bias, input.ndim)


@_transposed_with_bias.gradient
def _(grad, saved):
    x, weight, plan = saved.input, saved.weight, saved.plan
    return (_output(grad, weight.conj(), plan), _weight(x.conj(), grad, plan, tuple(weight.shape[2:])), _bias_gradient(grad))


_output_with_bias.operator.node_name = _transposed_with_bias.operator.node_name = "ConvolutionBackward0"
_output_with_bias, _transposed_with_bias = keeps_order(_output_with_bias, (4,)), keeps_order(_transposed_with_bias, (4,))


# -- arguments ---------------------------------------------------------------------------------------------------------------


def _per_dim(name: str, argument: str, value, n: int) -> tuple[int, ...]:
    """``value`` (an int, or one or ``n`` ints) for each of ``n`` dimensions."""
    if value.__class__ is int:
        return (value,) * n
    value = checked(name, argument, "int[]", value)
    if len(value) == 1:
        return value * n
    if len(value) != n:
        raise RuntimeError(f"expected {argument} to be a single integer value or a list of {n} values to match the convolution "
                           f"dimensions, but got {argument}={list(value)}")
    return value


def _check_operands(name: str, n: int, input, weight, bias) -> None:
    for x, argument in ((input, "input"), (weight, "weight"), (bias, "bias")):
        if not isinstance(x, Tensor) and not (x is None and argument == "bias"):
            raise TypeError(f"{name}(): argument '{argument}' must be Tensor, not {type(x).__name__}")
    if weight.ndim != n + 2:
        raise RuntimeError(f"{name}: expected a weight with {n + 2} dimensions, but got weight of size {list(weight.shape)}")
    if 0 in weight.shape[2:]:
        raise RuntimeError(f"kernel size should be greater than zero, but got weight of size {list(weight.shape)}")
    if input.ndim not in (n + 1, n + 2):
        raise RuntimeError(f"Expected {n + 1}D (unbatched) or {n + 2}D (batched) input to {name}, but got input of size: "
                           f"{list(input.shape)}")
    for x, what in ((weight, "weight"), (bias, "bias")):
        if x is not None and x.dtype is not input.dtype:
            raise RuntimeError(f"Input type ({_type_name(input)}) and {what} type ({_type_name(x)}) should be the same")
    if input.dtype.kind == "b":
        raise refusal(f"slow_{name}_cpu", input.dtype, "b")


def _check_steps(stride, padding, dilation, groups: int) -> None:
    if groups <= 0:
        raise RuntimeError("non-positive groups is not supported")
    if min(stride, default=1) <= 0:
        raise RuntimeError("non-positive stride is not supported")
    if min(padding, default=0) < 0:
        raise RuntimeError("negative padding is not supported")
    if min(dilation, default=1) <= 0:
        raise RuntimeError("dilation should be greater than zero")


def _check_bias(weight: Tensor, bias, channels: int) -> None:
    if bias is not None and tuple(bias.shape) != (channels,):
        raise RuntimeError(f"Given weight of size {list(weight.shape)}, expected bias to be 1-dimensional with {channels} elements, "
                           f"but got bias of size {list(bias.shape)} instead")


def _check_channels(name: str, x: Tensor, weight: Tensor, bias, plan: Convolution) -> None:
    groups, out = plan.groups, weight.shape[0]
    if out % groups or out < groups:
        raise RuntimeError(f"Given groups={groups}, expected weight to be at least {groups} at dimension 0 and divisible by it, "
                           f"but got weight of size {list(weight.shape)} instead")
    if x.shape[1] != weight.shape[1] * groups:
        raise RuntimeError(f"Given groups={groups}, weight of size {list(weight.shape)}, expected input{list(x.shape)} to have "
                           f"{weight.shape[1] * groups} channels, but got {x.shape[1]} channels instead")
    _check_bias(weight, bias, out)
    reach = [d * (k - 1) + 1 for k, d in zip(weight.shape[2:], plan.dilation)]
    room = [n + before + after for n, (before, after) in zip(x.shape[2:], plan.padding)]
    if any(k > n for k, n in zip(reach, room)):
        raise RuntimeError(f"Calculated padded input size per channel: ({' x '.join(map(str, room))}). Kernel size: "
                           f"({' x '.join(map(str, reach))}). Kernel size can't be greater than actual input size")


def _paddings(name: str, padding, n: int, stride, dilation, kernel) -> tuple[tuple[int, int], ...]:
    """Pairs (before, after) from ints, ``"valid"`` or ``"same"``."""
    if not isinstance(padding, str):
        return tuple((p, p) for p in _per_dim(name, "padding", padding, n))
    if padding == "valid":
        return ((0, 0),) * n
    if padding != "same":
        raise RuntimeError(f"Invalid padding string: '{padding}' ({name} takes 'valid' and 'same')")
    if any(s != 1 for s in stride):
        raise RuntimeError("padding='same' is not supported for strided convolutions")
    totals = [d * (k - 1) for k, d in zip(kernel, dilation)]
    return tuple((total // 2, total - total // 2) for total in totals)


# -- public functions --------------------------------------------------------------------------------------------------------


def _convolve(name: str, n: int, input, weight, bias, stride, padding, dilation, groups) -> Tensor:
    _check_operands(name, n, input, weight, bias)
    stride, dilation = _per_dim(name, "stride", stride, n), _per_dim(name, "dilation", dilation, n)
    _check_steps(stride, (), dilation, groups)
    pairs = _paddings(name, padding, n, stride, dilation, weight.shape[2:])
    _check_steps((), [before for before, _ in pairs], (), groups)
    plan = Convolution("output", stride, pairs, dilation, groups)
    x = input if input.ndim == n + 2 else input.unsqueeze(0)
    _check_channels(name, x, weight, bias, plan)
    result = _output(x, weight, plan) if bias is None else _output_with_bias(x, weight, bias, plan)
    return result if x is input else result.squeeze(0)


def _convolve_transposed(name: str, n: int, input, weight, bias, stride, padding, output_padding, groups, dilation) -> Tensor:
    _check_operands(name, n, input, weight, bias)
    stride, dilation = _per_dim(name, "stride", stride, n), _per_dim(name, "dilation", dilation, n)
    padding, extra = _per_dim(name, "padding", padding, n), _per_dim(name, "output_padding", output_padding, n)
    _check_steps(stride, (*padding, *extra), dilation, groups)
    for e, s, d in zip(extra, stride, dilation):
        if e >= s and e >= d:
            raise RuntimeError(f"output padding must be smaller than either stride or dilation, but got output_padding={list(extra)}, "
                               f"stride={list(stride)}, dilation={list(dilation)}")
    x = input if input.ndim == n + 2 else input.unsqueeze(0)
    if x.shape[1] != weight.shape[0] or x.shape[1] % groups:
        raise RuntimeError(f"Given transposed=1, weight of size {list(weight.shape)}, expected input{list(x.shape)} to have "
                           f"{weight.shape[0]} channels divisible by groups={groups}, but got {x.shape[1]} channels instead")
    _check_bias(weight, bias, weight.shape[1] * groups)
    sizes = tuple((i - 1) * s - 2 * p + d * (k - 1) + e + 1
                  for i, s, p, d, k, e in zip(x.shape[2:], stride, padding, dilation, weight.shape[2:], extra))
    if min(sizes) <= 0:
        raise RuntimeError(f"Given input size per channel: {list(x.shape[2:])}. Calculated output size per channel: {list(sizes)}. "
                           "Output size is too small")
    # The output padding is room that the convolution back to the input would not read.
    plan = Convolution("output", stride, tuple((p, p - e) for p, e in zip(padding, extra)), dilation, groups)
    result = _input(x, weight, plan, sizes) if bias is None else _transposed_with_bias(x, weight, bias, plan, sizes)
    return result if x is input else result.squeeze(0)


def _export(name: str, body, doc: str):
    body.__name__ = body.__qualname__ = name
    body.__doc__ = doc
    public = function("torch")(body)
    export("nn.functional", name, public)
    return public


def _declare(n: int):
    forward, backward = f"conv{n}d", f"conv_transpose{n}d"

    def convolution(input, weight, bias=None, stride=1, padding=0, dilation=1, groups: int = 1):
        return _convolve(forward, n, input, weight, bias, stride, padding, dilation, groups)

    def transposed(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups: int = 1, dilation=1):
        return _convolve_transposed(backward, n, input, weight, bias, stride, padding, output_padding, groups, dilation)

    sizes = ", ".join("DHW"[3 - n:])
    return (_export(forward, convolution, f"""Slide ``weight (out, channels / groups, ...)`` over ``input (batch, channels, {sizes})``.

    The batch dimension may be absent. ``padding`` is ints, ``"valid"`` or ``"same"``. One dtype throughout;
    float16 and bfloat16 are computed in float32 and rounded once. Raises RuntimeError for sizes that do not fit.
    """), _export(backward, transposed, f"""The transpose of ``{forward}``: what its gradient does to the output, done to ``input``.

    ``weight (channels, out / groups, {n} sizes)``; ``output_padding`` adds to one side of the result, whose size would be ambiguous
    with strides.
    """))


conv1d, conv_transpose1d = _declare(1)
conv2d, conv_transpose2d = _declare(2)
conv3d, conv_transpose3d = _declare(3)


@function()
def convolution(input, weight, bias, stride, padding, dilation, transposed: bool, output_padding, groups: int):
    """Any of the convolutions, by the number of dimensions of ``weight``; every argument is given."""
    n = weight.ndim - 2
    if transposed:
        return _convolve_transposed(f"conv_transpose{n}d", n, input, weight, bias, stride, padding, output_padding, groups, dilation)
    return _convolve(f"conv{n}d", n, input, weight, bias, stride, padding, dilation, groups)


@function()
def conv_tbc(input, weight, bias, pad=0):
    """``conv1d`` of ``input (time, batch, channels)`` with ``weight (kernel, channels, out)``."""
    result = conv1d(input.permute(1, 2, 0), weight.permute(2, 1, 0), bias, padding=pad)
    return result.permute(2, 0, 1)


export("nn.functional", "conv_tbc", conv_tbc)


@function("nn.functional")
def bilinear(input1, input2, weight, bias=None):
    """``y[..., o] = input1[..., i] weight[o, i, j] input2[..., j] + bias[o]``."""
    from .matmul import matmul
    if any(x is not None and x.dtype is not input1.dtype for x in (input2, weight, bias)):
        raise RuntimeError("bilinear(): expected all arguments to have the same dtype")
    if input1.shape[:-1] != input2.shape[:-1]:
        raise RuntimeError(f"bilinear(): input dimensions do not match: got {list(input1.shape)} and {list(input2.shape)}")
    if input1.shape[-1] != weight.shape[1] or input2.shape[-1] != weight.shape[2]:
        raise RuntimeError(f"bilinear(): inputs of sizes {input1.shape[-1]} and {input2.shape[-1]} do not fit the weight "
                           f"{list(weight.shape)}")
    rows = reshaped(input1, (1, input1.numel() // max(input1.shape[-1], 1), input1.shape[-1]))
    other = reshaped(input2, (1, rows.shape[1], input2.shape[-1]))
    sums = (matmul(rows, weight) * _expand(other, (weight.shape[0], *other.shape[1:]))).sum(2, dtype=input1.dtype)
    result = reshaped(sums.t().contiguous(), (*input1.shape[:-1], weight.shape[0]))
    return result if bias is None else result + bias


export("torch", "bilinear", bilinear)
