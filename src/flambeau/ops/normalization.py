"""Normalization layers' functions: layer, RMS, group, batch, instance and local response normalization."""

from __future__ import annotations

from .operator import operator
from .reductions import sum
from .registry import function
from .losses import compute
from .statistics import mean


def _row_dims(input, normalized_shape) -> tuple[int, ...]:
    return tuple(range(input.ndim - len(normalized_shape), input.ndim))


def _lead_dims(input, normalized_shape) -> tuple[int, ...]:
    return tuple(range(input.ndim - len(normalized_shape)))


@operator("native_layer_norm(Tensor input, any normalized_shape, Tensor? weight, Tensor? bias, float eps)", namespace=None)
def _layer_norm(input, normalized_shape, weight, bias, eps):
    """The normalized rows; the mean and the inverse standard deviation of each."""
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
    return y.to(input.dtype), center, scale


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
        raise RuntimeError("Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, "
                           f"but got normalized_shape = {list(shape)}")
    for parameter, value in parameters.items():
        if value is not None and tuple(value.shape) != shape:
            raise RuntimeError(f"Expected {parameter} to be of same shape as normalized_shape, but got {parameter} of shape "
                               f"{list(value.shape)} and normalized_shape = {list(shape)}")
    if input.ndim < len(shape) or tuple(input.shape[input.ndim - len(shape):]) != shape:
        raise RuntimeError(f"Given normalized_shape={list(shape)}, expected input with shape [*, {', '.join(map(str, shape))}], but got "
                           f"input of size{list(input.shape)}")
    return shape


@function("nn.functional")
def layer_norm(input, normalized_shape, weight=None, bias=None, eps: float = 1e-5):
    """Rows (the last dimensions, of shape ``normalized_shape``) shifted and scaled to mean 0 and variance 1, then
    ``* weight + bias``. The variance is the biased one; ``eps`` is added to it."""
    shape = _check_normalized_shape("layer_norm", input, normalized_shape, weight=weight, bias=bias)
    return _layer_norm(input, shape, weight, bias, eps)[0]
