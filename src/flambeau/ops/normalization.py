"""Normalization layers' functions: layer, RMS, group, batch, instance and local response normalization."""

from __future__ import annotations

from ..dtypes import finfo, float32
from ..runtime.devices import channels_last, channels_last_3d
from .creation import zeros
from .elementwise import refusal
from .losses import compute
from .memory_order import in_order_of, keeps_order
from .operator import operator
from .overrides import write_out
from .recorded import recorded
from .reductions import HALVES, sum
from .registry import export, function
from .reshaping import reshaped
from .slicing import narrow
from .statistics import mean
from .transformed import Transformed


def compute_dtype(dtype):
    """The dtype in which normalizations compute."""
    return float32 if dtype in HALVES else dtype


def _check_dtypes(name: str, input, *parameters) -> None:
    """``NotImplementedError`` for inputs that are no floats, ``RuntimeError`` for parameters of another dtype.

    Beside a half-precision input all of them may be float32.
    """
    own = input.dtype
    given = {p.dtype for p in parameters if p is not None}
    if len(given) > 1 or not given <= ({own, float32} if own in HALVES else {own}):
        raise RuntimeError(f"{name}(): mixed dtype: expected parameters of dtype {own}, got {', '.join(sorted(map(str, given)))}")
    if own.category != 2:
        raise refusal(name, own, "bic")


def _row_dims(input, normalized_shape) -> tuple[int, ...]:
    return tuple(range(input.ndim - len(normalized_shape), input.ndim))


def _lead_dims(input, normalized_shape) -> tuple[int, ...]:
    return tuple(range(input.ndim - len(normalized_shape)))


@operator(
    "native_layer_norm(Tensor input, any normalized_shape, Tensor? weight, Tensor? bias, float eps)",
    namespace=None,
)
def _layer_norm(input, normalized_shape, weight, bias, eps):
    """The normalized rows; the mean and the inverse standard deviation of each."""
    _check_dtypes("layer_norm", input, weight, bias)
    dims = _row_dims(input, normalized_shape)
    x = compute(input)
    center = mean(x, dims, True)
    shifted = x - center
    scale = (mean(shifted * shifted, dims, True) + eps).rsqrt()
    y = shifted * scale
    if weight is not None:
        y = y * compute(weight)
    if bias is not None:
        y = y + compute(bias)
    return y.to(input.dtype).contiguous(), center, scale


@_layer_norm.gradient
def _(grads, saved):
    x, weight = compute(saved.input), saved.weight
    dims, lead = _row_dims(x, saved.normalized_shape), _lead_dims(x, saved.normalized_shape)
    grad = compute(grads[0])
    _, center, scale = saved.outputs
    normal = (x - center) * scale
    inner = grad if weight is None else grad * compute(weight)
    gradients = [scale * (inner - mean(inner, dims, True) - normal * mean(inner * normal, dims, True))]
    if weight is not None:
        gradients.append(sum(grad * normal, lead) if lead else grad * normal)
    if saved.bias is not None:
        gradients.append(sum(grad, lead) if lead else grad)
    return tuple(gradients)


_layer_norm.operator.differentiable_results = (True, False, False)
_layer_norm.operator.node_name = "NativeLayerNormBackward0"


def _check_normalized_shape(name: str, input, normalized_shape, **parameters) -> tuple[int, ...]:
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if not shape:
        raise RuntimeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, "
            f"but got normalized_shape = {list(shape)}"
        )
    for parameter, value in parameters.items():
        if value is not None and tuple(value.shape) != shape:
            raise RuntimeError(
                f"Expected {parameter} to be of same shape as normalized_shape, but got {parameter} of "
                "shape "
                f"{list(value.shape)} and normalized_shape = {list(shape)}"
            )
    if input.ndim < len(shape) or tuple(input.shape[input.ndim - len(shape) :]) != shape:
        raise RuntimeError(
            f"Given normalized_shape={list(shape)}, expected input with shape [*, "
            f"{', '.join(map(str, shape))}], but got "
            f"input of size{list(input.shape)}"
        )
    return shape


@function("nn.functional")
def layer_norm(input, normalized_shape, weight=None, bias=None, eps: float = 1e-5):
    """Rows (the last dimensions, of shape ``normalized_shape``) shifted and scaled to mean 0 and variance 1,
    then ``* weight + bias``. The variance is the biased one; ``eps`` is added to it."""
    shape = _check_normalized_shape("layer_norm", input, normalized_shape, weight=weight, bias=bias)
    return _layer_norm(input, shape, weight, bias, eps)[0]


@operator("rms_norm(Tensor input, any normalized_shape, Tensor? weight, float eps)", namespace=None)
def _rms_norm(input, normalized_shape, weight, eps):
    """The normalized rows; the inverse root mean square of each."""
    dims = _row_dims(input, normalized_shape)
    x = compute(input)
    scale = (mean(x * x, dims, True) + eps).rsqrt()
    y = x * scale
    return (y if weight is None else y * compute(weight)).to(input.dtype).contiguous(), scale


@_rms_norm.gradient
def _(grads, saved):
    x, weight = compute(saved.input), saved.weight
    dims, lead = _row_dims(x, saved.normalized_shape), _lead_dims(x, saved.normalized_shape)
    grad, scale = compute(grads[0]), saved.outputs[1]
    normal = (x * scale).conj()
    inner = grad if weight is None else grad * compute(weight).conj()
    to_input = scale.conj() * (inner - normal * mean(inner * normal, dims, True))
    if weight is None:
        return to_input
    return to_input, sum(grad * normal, lead) if lead else grad * normal


_rms_norm.operator.differentiable_results = (True, False)


@function("nn.functional")
def rms_norm(input, normalized_shape, weight=None, eps: float | None = None):
    """Rows (the last dimensions, of shape ``normalized_shape``) divided by ``sqrt(mean(row**2) + eps)``, then
    ``* weight``.

    ``eps`` defaults to that of the dtype.
    """
    shape = _check_normalized_shape("rms_norm", input, normalized_shape, weight=weight)
    if eps is None:
        eps = finfo(compute_dtype(input.dtype)).eps
    return _rms_norm(input, shape, weight, eps)[0]


export("torch", "rms_norm", rms_norm)


@function(name="layer_norm")
def _torch_layer_norm(input, normalized_shape, weight=None, bias=None, eps: float = 1e-5, cudnn_enable: bool = True):
    """As ``nn.functional.layer_norm``; ``cudnn_enable`` is a hint that a CPU has no use for."""
    return layer_norm(input, normalized_shape, weight, bias, eps)


@function()
def native_layer_norm(input, normalized_shape, weight, bias, eps: float):
    """``layer_norm``, the mean and the inverse standard deviation of each row."""
    shape = _check_normalized_shape("native_layer_norm", input, normalized_shape, weight=weight, bias=bias)
    return _as_input(input, _layer_norm(input, shape, weight, bias, eps))


def _as_input(input, results):
    """Results of the input's dtype: statistics of float16 and bfloat16 are computed in float32."""
    return tuple([r.to(input.dtype) for r in results])


# -- groups of channels --------------------------------------------------------------------------------------


def _groups(x, groups: int):
    return reshaped(x, (x.shape[0], groups, x.shape[1:].numel() // max(groups, 1)))


def _channels(parameter, x):
    """A parameter for each channel, shaped to broadcast against ``x``."""
    return compute(reshaped(parameter, tuple([-1 if d == 1 else 1 for d in range(x.ndim)])))


def _all_but_channels(x) -> tuple[int, ...]:
    return tuple(d for d in range(x.ndim) if d != 1)


@operator("native_group_norm(Tensor input, Tensor? weight, Tensor? bias, int groups, float eps)", namespace=None)
def _group_norm(input, weight, bias, groups, eps):
    """The normalized tensor; the mean, the inverse standard deviation and the variance of each group."""
    _check_dtypes("group_norm", input, weight, bias)
    rows = _groups(compute(input), groups)
    center = mean(rows, 2, True)
    shifted = rows - center
    variance = mean(shifted * shifted, 2, True)
    scale = (variance + eps).rsqrt()
    y = reshaped(shifted * scale, tuple(input.shape))
    if weight is not None:
        y = y * _channels(weight, y)
    if bias is not None:
        y = y + _channels(bias, y)
    return y.to(input.dtype).contiguous(), center.squeeze(2), scale.squeeze(2), variance.squeeze(2)


@_group_norm.gradient
def _(grads, saved):
    x, grad, weight = compute(saved.input), compute(grads[0]), saved.weight
    center, scale = saved.outputs[1].unsqueeze(2), saved.outputs[2].unsqueeze(2)
    normal = (_groups(x, saved.groups) - center) * scale
    inner = _groups(grad if weight is None else grad * _channels(weight, grad), saved.groups)
    to_input = scale * (inner - mean(inner, 2, True) - normal * mean(inner * normal, 2, True))
    gradients = [in_order_of(reshaped(to_input, tuple(x.shape)), saved.input)]
    if weight is not None:
        gradients.append(sum(grad * reshaped(normal, tuple(x.shape)), _all_but_channels(x)))
    if saved.bias is not None:
        gradients.append(sum(grad, _all_but_channels(x)))
    return tuple(gradients)


_group_norm.operator.differentiable_results = (True, False, False, False)
_group_norm.operator.node_name = "NativeGroupNormBackward0"
_group_norm_in_order = keeps_order(_group_norm, (4,))


def _check_channels(name: str, input, **parameters) -> None:
    channels = input.shape[1]
    for parameter, value in parameters.items():
        if value is not None and tuple(value.shape) != (channels,):
            raise RuntimeError(
                f"{name}: expected {parameter} to be a vector of size equal to the number of channels in "
                f"input, {channels}, "
                f"but got {parameter} of shape {list(value.shape)} and input of shape {list(input.shape)}"
            )


@function("nn.functional")
def group_norm(input, num_groups: int, weight=None, bias=None, eps: float = 1e-5):
    """The channels (dimension 1) of each sample, in ``num_groups`` groups, shifted and scaled to mean 0 and
    variance 1; then ``* weight + bias`` for each channel."""
    if input.ndim < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {input.ndim}")
    if num_groups <= 0:
        raise RuntimeError(f"Expected num groups to be greater than 0, got {num_groups}")
    if input.shape[1] % num_groups:
        raise RuntimeError(
            f"Expected number of channels in input to be divisible by num_groups, but got input of shape "
            f"{list(input.shape)} and num_groups={num_groups}"
        )
    _check_channels("group_norm", input, weight=weight, bias=bias)
    if input.shape[0] and input.numel() // input.shape[0] // num_groups * input.shape[0] == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {list(input.shape)}")
    return _group_norm_in_order(input, weight, bias, num_groups, eps)[0]


@function(name="group_norm")
def _torch_group_norm(input, num_groups: int, weight=None, bias=None, eps: float = 1e-5, cudnn_enabled: bool = True):
    """As ``nn.functional.group_norm``; ``cudnn_enabled`` is a hint that a CPU has no use for."""
    return group_norm(input, num_groups, weight, bias, eps)


@function()
def native_group_norm(input, weight, bias, N: int, C: int, HxW: int, group: int, eps: float):
    """``group_norm`` of ``N`` samples of ``C`` channels, and the mean and inverse standard deviation ``(N,
    group)``."""
    if input.numel() != N * C * HxW:
        raise RuntimeError(
            f"Expected X.numel() == N * C * HxW to be true, but got {input.numel()} elements for {N}, {C}, {HxW}"
        )
    if not input.numel():
        nothing = zeros((N, group), dtype=input.dtype) + sum(input)
        return input.clone(), nothing, nothing.clone()
    y, center, scale, _ = _group_norm(input, weight, bias, group, eps)
    if input.requires_grad or isinstance(input, Transformed):
        center, scale = _group_statistics(input, group, eps)
    return _as_input(input, (y, center, scale))


def _group_statistics(input, groups: int, eps: float):
    """The mean and the inverse standard deviation of each group, which have gradients of their own."""
    rows = _groups(compute(input), groups)
    center = mean(rows, 2, True)
    shifted = rows - center
    return center.squeeze(2), (mean(shifted * shifted, 2) + eps).rsqrt()


# -- batches -------------------------------------------------------------------------------------------------


def _laid_out(y):
    """``y`` with channels last where they are, else in row-major order."""
    last = y.is_contiguous(memory_format=channels_last) or y.is_contiguous(memory_format=channels_last_3d)
    return y if last else y.contiguous()


@operator("native_batch_norm(Tensor input, Tensor? weight, Tensor? bias, float eps)", namespace=None)
def _batch_norm(input, weight, bias, eps):
    """The normalized tensor; the mean, the inverse standard deviation and the variance of each channel."""
    _check_dtypes("batch_norm", input, weight, bias)
    x = compute(input)
    dims = _all_but_channels(x)
    center = mean(x, dims, True)
    shifted = x - center
    variance = mean(shifted * shifted, dims, True)
    scale = (variance + eps).rsqrt()
    y = shifted * scale
    if weight is not None:
        y = y * _channels(weight, y)
    if bias is not None:
        y = y + _channels(bias, y)
    return _laid_out(y.to(input.dtype)), reshaped(center, (-1,)), reshaped(scale, (-1,)), reshaped(variance, (-1,))


@_batch_norm.gradient
def _(grads, saved):
    x, grad, weight = compute(saved.input), compute(grads[0]), saved.weight
    dims = _all_but_channels(x)
    normal = (x - _channels(saved.outputs[1], x)) * _channels(saved.outputs[2], x)
    total, along = sum(grad, dims, True), sum(grad * normal, dims, True)
    count = x.numel() // x.shape[1]
    scale = _channels(saved.outputs[2], x)
    scale = scale if weight is None else scale * _channels(weight, x)
    gradients = [scale * (grad - (total + normal * along) / count)]
    if weight is not None:
        gradients.append(reshaped(along, (-1,)))
    if saved.bias is not None:
        gradients.append(reshaped(total, (-1,)))
    return tuple(gradients)


_batch_norm.operator.differentiable_results = (True, False, False, False)
_batch_norm.operator.node_name = "NativeBatchNormBackward0"


@operator(
    "batch_norm(Tensor input, Tensor running_mean, Tensor running_var, Tensor? weight, Tensor? bias, float eps)",
    namespace=None,
)
def _fixed_batch_norm(input, running_mean, running_var, weight, bias, eps):
    _check_dtypes("batch_norm", input, running_mean, running_var, weight, bias)
    x = compute(input)
    y = (x - _channels(running_mean, x)) * (_channels(running_var, x) + eps).rsqrt()
    if weight is not None:
        y = y * _channels(weight, y)
    if bias is not None:
        y = y + _channels(bias, y)
    return _laid_out(y.to(input.dtype))


@_fixed_batch_norm.gradient
def _(grad, saved):
    x, grad, weight = compute(saved.input), compute(grad), saved.weight
    scale = (_channels(saved.running_var, x) + saved.eps).rsqrt()
    normal = (x - _channels(saved.running_mean, x)) * scale
    gradients = [grad * scale if weight is None else grad * scale * _channels(weight, x), None, None]
    if weight is not None:
        gradients.append(sum(grad * normal, _all_but_channels(x)))
    if saved.bias is not None:
        gradients.append(sum(grad, _all_but_channels(x)))
    return tuple(gradients)


_fixed_batch_norm.operator.node_name = "NativeBatchNormBackward0"


@recorded("update_running(Tensor running, Tensor seen, Scalar keep, Scalar share)")
def _update(running, seen, keep, share):
    running.copy_(compute(running) * keep + compute(seen) * share)


def _update_running(running, seen, momentum: float) -> None:
    """``running`` moves by ``momentum`` towards what was seen."""
    if running is not None:
        _update(running, seen.detach(), 1.0 - momentum, float(momentum))


@function("nn.functional")
def batch_norm(
    input,
    running_mean,
    running_var,
    weight=None,
    bias=None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
):
    """Each channel (dimension 1) shifted and scaled to mean 0 and variance 1, then ``* weight + bias``.

    While training, by the batch's own statistics, and the running ones (where given) move towards them by
    ``momentum`` in place (the variance unbiased); else by the running ones. ``ValueError`` for one value per
    channel while training.
    """
    if input.ndim < 2:
        if input.numel():
            raise RuntimeError(f"batch_norm(): expected an input of at least 2 dimensions, got {input.ndim}")
        return input.clone()
    if training and eps <= 0:
        raise ValueError(f"batch_norm eps must be positive during training, but got {eps}")
    count = input.numel() // input.shape[1] if input.shape[1] else 0
    if training and count == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {input.shape}")
    for name, value in (
        ("running_mean", running_mean),
        ("running_var", running_var),
        ("weight", weight),
        ("bias", bias),
    ):
        if value is not None and value.numel() != input.shape[1]:
            raise RuntimeError(f"{name} should contain {input.shape[1]} elements not {value.numel()}")
        if value is None and not training and name.startswith("running"):
            raise RuntimeError(f"Expected {name} to be defined when training=False")
    if not training:
        return _fixed_batch_norm(input, running_mean, running_var, weight, bias, eps)
    y, center, _, variance = _batch_norm(input, weight, bias, eps)
    if count:
        _update_running(running_mean, center, momentum)
    if running_var is not None and count > 1:
        _update_running(running_var, variance * (count / (count - 1)), momentum)
    return y


@function(name="batch_norm")
def _torch_batch_norm(
    input,
    weight,
    bias,
    running_mean,
    running_var,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
):
    """As ``nn.functional.batch_norm``; ``cudnn_enabled`` is a hint that a CPU has no use for."""
    return batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)


@function()
def native_batch_norm(input, weight, bias, running_mean, running_var, training: bool, momentum: float, eps: float, *, out=None):
    """``batch_norm``, the mean and the inverse standard deviation of each channel (empty unless training)."""
    results = _native_batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps)
    return results if out is None else write_out("native_batch_norm", results, out)


def _native_batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps):
    if not training:
        none = zeros(0, dtype=input.dtype)
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps), none, none
    y, center, scale, variance = _batch_norm(input, weight, bias, eps)
    count = input.numel() // input.shape[1]
    _update_running(running_mean, center, momentum)
    if running_var is not None and count > 1:
        _update_running(running_var, variance * (count / (count - 1)), momentum)
    return y, center.to(input.dtype), scale.to(input.dtype)


@function("nn.functional")
def instance_norm(
    input,
    running_mean=None,
    running_var=None,
    weight=None,
    bias=None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
):
    """Each channel of each sample shifted and scaled to mean 0 and variance 1, then ``* weight + bias``.

    Running statistics, where given, move towards the samples' mean ones; with ``use_input_stats=False`` they
    are used instead.
    """
    if not use_input_stats:
        if running_mean is None or running_var is None:
            raise RuntimeError("Expected running_mean and running_var to be defined when use_input_stats is false")
        return _fixed_batch_norm(input, running_mean, running_var, weight, bias, eps)
    count = 1
    for size in input.shape[2:]:
        count *= size
    if count == 1:
        raise ValueError(f"Expected more than 1 spatial element when training, got input size {input.shape}")
    _check_channels("instance_norm", input, weight=weight, bias=bias)
    y, center, _, variance = _group_norm(input, weight, bias, input.shape[1], eps)
    _update_running(running_mean, mean(center, 0), momentum)
    if running_var is not None:
        _update_running(running_var, mean(variance, 0) * (count / (count - 1)), momentum)
    return y


@function(name="instance_norm")
def _torch_instance_norm(
    input,
    weight,
    bias,
    running_mean,
    running_var,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
):
    """As ``nn.functional.instance_norm``; ``cudnn_enabled`` is a hint that a CPU has no use for."""
    return instance_norm(input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)


# -- neighbouring channels -----------------------------------------------------------------------------------


@operator(
    "local_response_norm(Tensor input, int size, float alpha, float beta, float k)",
    namespace=None,
    opmath=True,
)
def _local_response_norm(input, size, alpha, beta, k):
    return input / (_neighbours(input * input, size) * (alpha / size) + k).pow(beta)


def _neighbours(x, size: int, mirrored: bool = False):
    """For each channel the sum over the ``size`` channels around it (``size // 2`` of them before it, or
    after it if mirrored)."""
    channels = x.shape[1]
    before = size // 2 if not mirrored else (size - 1) // 2
    total = zeros(tuple(x.shape), dtype=x.dtype, device=x.device)
    for shift in range(-before, size - before):
        first, last = max(0, -shift), min(channels, channels - shift)
        if first < last:
            narrow(total, 1, first, last - first).add_(narrow(x, 1, first + shift, last - first))
    return total


@_local_response_norm.gradient
def _(grad, saved):
    x, beta = saved.input, saved.beta
    base = _neighbours(x * x, saved.size) * (saved.alpha / saved.size) + saved.k
    around = _neighbours(grad * x * base.pow(-beta - 1), saved.size, True)
    return grad * base.pow(-beta) - x * around * (2 * beta * saved.alpha / saved.size)


@function("nn.functional")
def local_response_norm(input, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0):
    """``input / (k + alpha * mean of the squares of size channels around)**beta``."""
    if input.ndim < 3:
        raise ValueError(f"Expected 3D or higher dimensionality input (got {input.ndim} dimensions)")
    if not input.numel():
        return input
    return _local_response_norm(input, size, alpha, beta, k)
