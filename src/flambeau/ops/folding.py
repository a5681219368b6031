"""Windows as columns (``unfold``, ``fold``), and moving channels into space and back."""

from __future__ import annotations

import math

from ..compiler.plans import Convolution, Fold
from ..compiler.reference import widen
from ..lazy.spec import dense
from ..runtime.devices import contiguous_format
from ..tensor import Tensor
from .convolution_kernels import _add_columns, padded, windows
from .elementwise import refusal
from .memory_order import in_order_of
from .operator import Operator, operator, publish
from .pooling import per_dim
from .registry import export, function
from .reshaping import reshaped
from .views import permute


def _counts(sizes, kernel, plan: Convolution) -> tuple[int, ...]:
    return tuple((n + 2 * p - d * (k - 1) - 1) // s + 1
                 for n, k, s, (p, _), d in zip(sizes, kernel, plan.stride, plan.padding, plan.dilation))


def _infer_columns(op, specs, values):
    (x,), (_, plan, kernel) = specs, values
    shape = (x.shape[0], x.shape[1] * math.prod(kernel), math.prod(_counts(x.shape[2:], kernel, plan)))
    return (dense(shape, x.dtype, x.device),), plan


def _reference_columns(code, arrays, numbers):
    kernel = code.attrs[2]
    x = padded(arrays[0], code.extra.padding)
    return (windows(x, kernel, code.extra.stride, code.extra.dilation).reshape(code.outputs[0].shape),)


def _infer_image(op, specs, values):
    (columns,), (_, plan, kernel, sizes) = specs, values
    shape = (columns.shape[0], columns.shape[1] // math.prod(kernel), *sizes)
    before = tuple([p for p, _ in plan.padding])
    fold = Fold(tuple(kernel), tuple(plan.stride), before, tuple(plan.dilation), _counts(sizes, kernel, plan))
    return (dense(shape, columns.dtype, columns.device),), fold


def _reference_image(code, arrays, numbers):
    _, plan, kernel, sizes = code.attrs
    columns = widen(arrays[0], code.inputs[0].dtype)
    counts = _counts(sizes, kernel, plan)
    columns = columns.reshape(columns.shape[0], code.outputs[0].shape[1], *kernel, *counts)
    return (_add_columns(columns, kernel, counts, plan, sizes),)


_columns = publish(Operator("im2col(Tensor input, any plan, any kernel)", infer=_infer_columns, reference=_reference_columns),
                   namespace=None).function
_image = publish(Operator("col2im(Tensor columns, any plan, any kernel, any sizes)", infer=_infer_image, reference=_reference_image),
                 namespace=None).function


_columns.operator.node_name, _image.operator.node_name = "Im2ColBackward0", "Col2ImBackward0"


@_columns.gradient
def _(grad, saved):
    return _image(grad, saved.plan, saved.kernel, tuple(saved.input.shape[2:]))


@_image.gradient
def _(grad, saved):
    return _columns(grad, saved.plan, saved.kernel)


def _window(name: str, kernel_size, dilation, padding, stride) -> tuple[tuple[int, ...], Convolution]:
    kernel, dilation = per_dim(name, "kernel_size", kernel_size, 2), per_dim(name, "dilation", dilation, 2)
    padding, stride = per_dim(name, "padding", padding, 2), per_dim(name, "stride", stride, 2)
    for what, word, values in (("kernel size", "kernel", kernel), ("dilation", "dilation", dilation), ("stride", "stride", stride)):
        if min(values) <= 0:
            raise RuntimeError(f"{what} should be greater than zero, but got {word}_height: {values[0]} {word}_width: {values[1]}")
    if min(padding) < 0:
        raise RuntimeError(f"padding should be non-negative, but got pad_height: {padding[0]} pad_width: {padding[1]}")
    return kernel, Convolution("output", stride, tuple((p, p) for p in padding), dilation, 1)


def _fixed(value):
    """A list of sizes as a tuple, which can be part of a signature."""
    return tuple(value) if isinstance(value, list) else value


@function("nn.functional")
def unfold(input, kernel_size, dilation=1, padding=0, stride=1):
    """Every window of ``input (batch, channels, height, width)`` as a column: ``(batch, channels * kernel, windows)``.

    The batch dimension may be absent. ``RuntimeError`` where no window fits.
    """
    return _unfold(input, _fixed(kernel_size), _fixed(dilation), _fixed(padding), _fixed(stride))


@operator("unfold(Tensor input, any kernel_size, any dilation, any padding, any stride)", namespace=None)
def _unfold(input, kernel_size, dilation, padding, stride):
    if input.ndim not in (3, 4) or 0 in input.shape[-3:]:
        raise RuntimeError(f"Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, "
                           f"but got: {list(input.shape)}")
    if input.dtype.category < 2 and input.dtype.kind != "b":
        raise refusal("im2col_out_cpu", input.dtype, "i")
    kernel, plan = _window("unfold", kernel_size, dilation, padding, stride)
    counts = _counts(input.shape[-2:], kernel, plan)
    if min(counts) < 1:
        raise RuntimeError(f"Given input with spatial size {tuple(input.shape[-2:])}, kernel_size={kernel}, dilation={plan.dilation}, "
                           f"padding={tuple(p for p, _ in plan.padding)}, calculated shape of the array of sliding blocks as {counts}, but "
                           "its components must be at least one.")
    return _columns(input, plan, kernel) if input.ndim == 4 else _columns(input.unsqueeze(0), plan, kernel).squeeze(0)


@function("nn.functional")
def fold(input, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """The reverse of ``unfold``: columns ``(batch, channels * kernel, windows)`` added up where their windows lie in an image."""
    return _fold(input, _fixed(output_size), _fixed(kernel_size), _fixed(dilation), _fixed(padding), _fixed(stride))


@operator("fold(Tensor input, any output_size, any kernel_size, any dilation, any padding, any stride)", namespace=None)
def _fold(input, output_size, kernel_size, dilation, padding, stride):
    if input.ndim not in (2, 3) or 0 in input.shape[-2:]:
        raise RuntimeError("Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for input, "
                           f"but got: {list(input.shape)}")
    if input.dtype.category < 2 and input.dtype.kind != "b":
        raise refusal("col2im_out_cpu", input.dtype, "i")
    if isinstance(output_size, (tuple, list)) and len(output_size) != 2:
        raise RuntimeError(f"It is expected output_size equals to 2, but got size {len(output_size)}")
    kernel, plan = _window("fold", kernel_size, dilation, padding, stride)
    sizes = per_dim("fold", "output_size", output_size, 2)
    counts = _counts(sizes, kernel, plan)
    if input.shape[-2] % math.prod(kernel):
        raise RuntimeError(f"Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got input.size(1)="
                           f"{input.shape[-2]} and kernel_size={kernel}.")
    if min(counts) < 1 or math.prod(counts) != input.shape[-1]:
        raise RuntimeError(f"Given output_size={sizes}, kernel_size={kernel}, dilation={plan.dilation}, padding="
                           f"{tuple(p for p, _ in plan.padding)}, stride={plan.stride}, expected size of input's dimension 2 to match the "
                           f"calculated number of sliding blocks {counts[0]} * {counts[1]} = {math.prod(counts)}, but got input.size(2)="
                           f"{input.shape[-1]}.")
    return _image(input, plan, kernel, sizes) if input.ndim == 3 else _image(input.unsqueeze(0), plan, kernel, sizes).squeeze(0)


# -- channels and space --------------------------------------------------------------------------------------------------------


def _check_image(name: str, x: Tensor, factor: int, argument: str) -> None:
    if x.ndim < 3:
        raise RuntimeError(f"{name} expects input to have at least 3 dimensions, but got input with {x.ndim} dimension(s)")
    if factor <= 0:
        raise RuntimeError(f"{name} expects a positive {argument}, but got {factor}")


def _own_memory(result: Tensor, x: Tensor) -> Tensor:
    """``result``, copied where moving elements about was not needed and it shows the memory of ``x``."""
    return result.clone(memory_format=contiguous_format) if result._storage is x._storage else result


def _shuffled(x: Tensor, r: int) -> Tensor:
    *lead, channels, height, width = x.shape
    n = len(lead)
    split = reshaped(x, (*lead, channels // (r * r), r, r, height, width))
    moved = permute(split, (*range(n), n, n + 3, n + 1, n + 4, n + 2))
    return reshaped(moved, (*lead, channels // (r * r), height * r, width * r))


def _unshuffled(x: Tensor, r: int) -> Tensor:
    *lead, channels, height, width = x.shape
    n = len(lead)
    split = reshaped(x, (*lead, channels, height // r, r, width // r, r))
    moved = permute(split, (*range(n), n, n + 2, n + 4, n + 1, n + 3))
    return reshaped(moved, (*lead, channels * r * r, height // r, width // r))


@operator("pixel_shuffle(Tensor input, int upscale_factor)")
def pixel_shuffle(input, upscale_factor):
    """``(..., c r^2, h, w)`` to ``(..., c, h r, w r)``: channels become finer pixels (Shi et al., 2016)."""
    _check_image("pixel_shuffle", input, upscale_factor, "upscale_factor")
    if input.shape[-3] % upscale_factor ** 2:
        raise RuntimeError("pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, but "
                           f"input.size(-3)={input.shape[-3]} is not divisible by {upscale_factor ** 2}")
    return in_order_of(_own_memory(_shuffled(input, upscale_factor), input), input)


@pixel_shuffle.gradient
def _(grad, saved):
    return in_order_of(_unshuffled(grad, saved.upscale_factor), saved.input)


@operator("pixel_unshuffle(Tensor input, int downscale_factor)")
def pixel_unshuffle(input, downscale_factor):
    """``(..., c, h r, w r)`` to ``(..., c r^2, h, w)``: the reverse of ``pixel_shuffle``."""
    _check_image("pixel_unshuffle", input, downscale_factor, "downscale_factor")
    for what, d in (("height", -2), ("width", -1)):
        if input.shape[d] % downscale_factor:
            raise RuntimeError(f"pixel_unshuffle expects {what} to be divisible by downscale_factor, but input.size({d})={input.shape[d]} "
                               f"is not divisible by {downscale_factor}")
    return in_order_of(_own_memory(_unshuffled(input, downscale_factor), input), input)


@pixel_unshuffle.gradient
def _(grad, saved):
    return in_order_of(_shuffled(grad, saved.downscale_factor), saved.input)


@operator("channel_shuffle(Tensor input, int groups)", aliases=("native_channel_shuffle",))
def channel_shuffle(input, groups):
    """Take channels in turn from each of ``groups`` equal groups; ``input (batch, channels, ...)``."""
    if input.ndim < 3:
        raise RuntimeError(f"channel_shuffle expects input with > 2 dims, but got input with sizes {list(input.shape)}")
    if groups <= 0:
        raise RuntimeError(f"Number of groups to divide channels in must be positive. Value of groups: {groups}")
    if input.shape[1] % groups:
        raise RuntimeError(f"Number of channels must be divisible by groups. Got {input.shape[1]} channels and {groups} groups.")
    return in_order_of(_own_memory(_dealt(input, groups), input), input)


def _dealt(x: Tensor, groups: int) -> Tensor:
    batch, channels, *sizes = x.shape
    split = reshaped(x, (batch, groups, channels // groups if groups else 0, *sizes))
    return reshaped(split.transpose(1, 2), x.shape)


@channel_shuffle.gradient
def _(grad, saved):
    return _dealt(grad, grad.shape[1] // saved.groups) if grad.shape[1] else grad


for _made in (pixel_shuffle, pixel_unshuffle, channel_shuffle):
    export("nn.functional", _made.operator.name, _made)
export("nn.functional", "native_channel_shuffle", channel_shuffle)
