"""Batch normalization of evaluation folded into the layer before it."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

from ...tensor import Tensor
from ..modules.module import Module
from ..parameter import Parameter

__all__ = ["fuse_conv_bn_eval", "fuse_conv_bn_weights", "fuse_linear_bn_eval", "fuse_linear_bn_weights"]

T_module = TypeVar("T_module", bound=Module)


def fuse_conv_bn_eval(conv: T_module, bn: Module, transpose: bool = False) -> T_module:
    """Return a copy of ``conv`` that also does what the batch normalization ``bn`` after it does in evaluation.

    ``transpose`` says that ``conv`` is a transposed convolution. Raises AssertionError where one of them is in training mode
    or ``bn`` keeps no running statistics.
    """
    _check_evaluation(conv, bn)
    fused: Any = copy.deepcopy(conv)
    fused.weight, fused.bias = fuse_conv_bn_weights(fused.weight, fused.bias, *_statistics(bn), transpose)
    return fused


def fuse_conv_bn_weights(
    conv_w: Tensor,
    conv_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """Return the weight and bias of a convolution followed by batch normalization in evaluation.

    ``bn_rm`` and ``bn_rv`` are the running mean and variance; without ``bn_w`` and ``bn_b`` the factor is one and zero is added.
    Weight and bias keep the dtypes of the convolution's.
    """
    shape = [1] * conv_w.dim()
    shape[1 if transpose else 0] = -1
    return _fused(conv_w, conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, shape)


def fuse_linear_bn_eval(linear: T_module, bn: Module) -> T_module:
    """Return a copy of ``linear`` that also does what the batch normalization ``bn`` after it does in evaluation.

    Raises AssertionError where one of them is in training mode, or ``bn`` has neither one feature nor as many as ``linear``.
    """
    _check_evaluation(linear, bn)
    fused: Any = copy.deepcopy(linear)
    features = getattr(bn, "num_features", None)
    if features not in (1, fused.out_features):
        raise AssertionError(
            "To fuse, linear.out_features == bn.num_features or bn.num_features == 1, got "
            f"linear.out_features={fused.out_features} and bn.num_features={features}"
        )
    fused.weight, fused.bias = fuse_linear_bn_weights(fused.weight, fused.bias, *_statistics(bn))
    return fused


def fuse_linear_bn_weights(
    linear_w: Tensor,
    linear_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
) -> tuple[Parameter, Parameter]:
    """Return the weight ``(out, in)`` and bias ``(out,)`` of a linear layer followed by batch normalization in evaluation.

    Raises TypeError without ``bn_w`` or ``bn_b``.
    """
    if bn_w is None or bn_b is None:
        raise TypeError("fuse_linear_bn_weights: expected tensors for bn_w and bn_b, but got None")
    return _fused(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, [-1, 1])


def _fused(
    weight: Tensor,
    bias: Tensor | None,
    mean: Tensor,
    variance: Tensor,
    eps: float,
    factor: Tensor | None,
    offset: Tensor | None,
    shape: list[int],
) -> tuple[Parameter, Parameter]:
    """``factor * ((w x + b) - mean) / sqrt(variance + eps) + offset`` as one affine map; ``shape`` puts factors beside ``weight``."""
    scale = (variance + eps).rsqrt()
    if factor is not None:
        scale = factor * scale
    shift = -mean if bias is None else bias - mean
    new_bias = shift * scale
    if offset is not None:
        new_bias = new_bias + offset
    new_weight = weight * scale.reshape(shape)
    bias_dtype = weight.dtype if bias is None else bias.dtype
    bias_trained = False if bias is None else bias.requires_grad
    return (
        Parameter(new_weight.detach().to(weight.dtype), weight.requires_grad),
        Parameter(new_bias.detach().to(bias_dtype), bias_trained),
    )


def _check_evaluation(layer: Module, bn: Module) -> None:
    if layer.training or bn.training:
        raise AssertionError("Fusion only for eval!")


def _statistics(bn: Any) -> tuple[Tensor, Tensor, float, Tensor | None, Tensor | None]:
    if bn.running_mean is None or bn.running_var is None:
        raise AssertionError("bn.running_mean and bn.running_var must not be None")
    return bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
