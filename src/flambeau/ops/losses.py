"""Losses of classes: class indices and class probabilities; and what all losses share.

A loss is one instruction and its gradient another. ``reduction`` is "mean", "sum" or "none" everywhere.
"""

from __future__ import annotations

from ..dtypes import SCALAR_NAMES, float32
from ..runtime.warning import warn
from ..tensor import Tensor
from .gradient import in_opmath, in_opmath_gradient
from .operator import operator
from .positions import positions
from .reductions import HALVES, amax, sum
from .registry import function
from .reshaping import reshaped
from .selection import where
from .statistics import mean
from .views import _expand, unsqueeze


def reduction_name(reduction: str, size_average=None, reduce=None) -> str:
    """The reduction asked for, also by the two flags of old programs; ``ValueError`` for unknown names."""
    if size_average is not None or reduce is not None:
        warn("size_average and reduce args will be deprecated, please use reduction instead.")
        if reduce is False:
            return "none"
        return "sum" if size_average is False else "mean"
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return reduction


def reduced(losses: Tensor, reduction: str) -> Tensor:
    """The losses one by one, their sum or their mean."""
    if reduction == "none":
        return losses
    return sum(losses) if reduction == "sum" else mean(losses)


def per_element(grad: Tensor, n: int, reduction: str) -> Tensor:
    """What each of ``n`` losses receives of the gradient of the reduced ones."""
    return grad / n if reduction == "mean" and n != 1 else grad


def compute(x: Tensor) -> Tensor:
    """float16 and bfloat16 as float32, in which losses are computed."""
    return x.to(float32) if x.dtype in HALVES else x


# -- class indices -------------------------------------------------------------------------------------------


def _class_dim(input) -> int:
    return 1 if input.ndim > 1 else 0


def _weights(weight, target, valid, dim: int):
    """The weight of each target's class, 0 for ignored ones; None for weights of one."""
    if weight is None:
        return None
    picked = weight.gather(0, reshaped(target, (-1,)))
    return where(valid, compute(reshaped(picked, tuple(target.shape))), 0)


def _total(weights, valid, like):
    return sum(valid, dtype=like.dtype) if weights is None else sum(weights)


def _weighted(losses, weights, valid):
    return where(valid, losses if weights is None else losses * weights, 0)


def _scaled(losses, total, reduction: str):
    if reduction == "none":
        return losses
    return sum(losses) / total if reduction == "mean" else sum(losses)


def _row_gradient(grad, total, reduction: str):
    return grad / total if reduction == "mean" else grad


def _classes(input, dim: int):
    """The class numbers along ``dim``."""
    n = input.shape[dim]
    return reshaped(positions(n), tuple([n if d == dim else 1 for d in range(input.ndim)]))


def _class_loss(input, target, weight, ignore_index, label_smoothing, reduction):
    """The loss; the logarithm of the sum of exponentials of each row; the total weight that a mean is divided
    by."""
    dim = _class_dim(input)
    valid = target != ignore_index
    index = where(valid, target, 0)
    x = compute(input)
    top = amax(x, dim, True)
    normalizer = sum((x - top).exp(), dim, True).log() + top
    picked = compute(input.gather(dim, unsqueeze(index, dim)))
    losses = (normalizer - picked).squeeze(dim)
    weights = _weights(weight, index, valid, dim)
    total = _total(weights, valid, losses)
    losses = losses if weights is None else losses * weights
    if label_smoothing:
        spread = normalizer - x if weight is None else (normalizer - x) * _along(weight, input, dim)
        losses = losses * (1 - label_smoothing) + sum(spread, dim) * (label_smoothing / input.shape[dim])
    loss = _scaled(where(valid, losses, 0), total, reduction)
    return loss.to(input.dtype), normalizer, total


def _class_loss_gradient(grads, saved):
    input, target, smoothing = saved.input, saved.target, saved.label_smoothing
    dim = _class_dim(input)
    valid = target != saved.ignore_index
    weights = _weights(saved.weight, where(valid, target, 0), valid, dim)
    if input.ndim == 1 and target.ndim:
        target = reshaped(target, ())
    grad = _row_gradient(compute(grads[0]), saved.outputs[2], _reduction_of(saved))
    grad = unsqueeze(where(valid, _expand(grad, tuple(target.shape)), 0), dim)
    p = (compute(input) - saved.outputs[1]).exp()
    hit = _classes(input, dim) == unsqueeze(target, dim)
    if not smoothing:
        row = grad if weights is None else grad * unsqueeze(weights, dim)
        gradient = where(hit, p - 1, p) * row
    elif weights is None:
        gradient = (where(hit, p - (1 - smoothing), p) - smoothing / input.shape[dim]) * grad
    else:
        every = _along(saved.weight, input, dim)
        sharp = where(hit, p - 1, p) * unsqueeze(weights, dim) * (1 - smoothing)
        gradient = (sharp + (p * sum(every) - every) * (smoothing / input.shape[dim])) * grad
    return (gradient, None) if saved.weight is None else (gradient, None, None)


def _along(weight, input, dim: int):
    return compute(reshaped(weight, tuple([-1 if d == dim else 1 for d in range(input.ndim)])))


# -- class probabilities -------------------------------------------------------------------------------------


@in_opmath
def _share_loss(input, target, weight, label_smoothing, reduction):
    dim = _class_dim(input)
    losses = sum((_normalizer(input, dim) - input) * _wanted(input, target, weight, label_smoothing, dim), dim)
    if reduction == "mean":
        return sum(losses) / (input.numel() // input.shape[dim])
    return reduced(losses, reduction)


def _normalizer(x, dim: int):
    top = amax(x, dim, True)
    return sum((x - top).exp(), dim, True).log() + top


def _wanted(input, target, weight, smoothing: float, dim: int):
    """The weighted share of each class."""
    if smoothing:
        target = target * (1 - smoothing) + smoothing / input.shape[dim]
    return target if weight is None else target * _along(weight, input, dim)


@in_opmath_gradient
def _share_loss_gradient(grad, saved):
    input, target, weight = saved.input, saved.target, saved.weight
    dim = _class_dim(input)
    reduction = _reduction_of(saved)
    grad = per_element(grad, input.numel() // input.shape[dim], reduction)
    grad = unsqueeze(grad, dim) if reduction == "none" else grad
    log_p = input - _normalizer(input, dim)
    wanted = _wanted(input, target, weight, saved.label_smoothing, dim)
    to_input = (log_p.exp() * sum(wanted, dim, True) - wanted) * grad
    to_target = -log_p * grad * (1 - saved.label_smoothing)
    if weight is None:
        return to_input, to_target
    return to_input, to_target * _along(weight, input, dim), None


# -- the public functions of classes -------------------------------------------------------------------------


def _check_classes(name: str, input, target, weight) -> None:
    """Shapes and dtypes of logits ``(N, C, ...)`` or ``(C,)`` with class indices ``(N, ...)`` or ``()``."""
    if not input.ndim:
        raise ValueError(f"Expected 1 or more dimensions (got 0) in {name}")
    if input.dtype.category < 2:
        raise NotImplementedError(f"\"{name}\" not implemented for '{_printed(input.dtype)}'")
    if target.dtype.name not in ("int64", "uint8"):
        raise RuntimeError(f"{name}(): expected scalar type Long but found {_printed(target.dtype)}")
    if input.ndim > 1:
        if not target.ndim or input.shape[0] != target.shape[0]:
            got = target.shape[0] if target.ndim else 0
            raise ValueError(f"Expected input batch_size ({input.shape[0]}) to match target batch_size ({got}).")
        expected = (input.shape[0], *input.shape[2:])
        if tuple(target.shape) != expected:
            raise RuntimeError(f"{name}(): Expected target size {list(expected)}, got {list(target.shape)}")
    elif target.ndim:
        if target.ndim == 1 and target.shape[0] == 1:
            return
        raise ValueError(
            f"{name}(): expected a 0-dim target for an input of shape {list(input.shape)}, got {list(target.shape)}"
        )
    if weight is not None and weight.dtype is not input.dtype:
        raise RuntimeError(f"{name}(): expected weight of type {_printed(input.dtype)} but found {_printed(weight.dtype)}")
    _check_weight(name, input, weight)


def _check_weight(name: str, input, weight) -> None:
    classes = input.shape[_class_dim(input)]
    if weight is not None and tuple(weight.shape) != (classes,):
        raise RuntimeError(
            f"{name}(): weight tensor should be defined either for all {classes} classes or no classes but "
            "got weight "
            f"tensor of shape: {list(weight.shape)}"
        )


def _printed(d) -> str:
    return SCALAR_NAMES[d.name]


@operator(
    "cross_entropy(Tensor input, Tensor target, Tensor? weight=None, any size_average=None, "
    "int ignore_index=-100, any reduce=None, any reduction='mean', float label_smoothing=0.0)",
    namespace="nn.functional",
    visible=1,
)
def cross_entropy(input, target, weight, size_average, ignore_index, reduce, reduction, label_smoothing):
    """The cross entropy of logits ``input`` ``(N, C, ...)`` or ``(C,)`` with class indices or class
    probabilities.

    ``target`` has class indices (int64, without the class dimension; ``ignore_index`` ones count for nothing)
    or, with the shape and a floating dtype like ``input``, probabilities. ``weight`` ``(C,)`` scales classes;
    a mean divides by the total weight. ``label_smoothing`` in [0, 1] mixes the target with the uniform
    distribution.
    """
    reduction = reduction_name(reduction, size_average, reduce)
    if not 0.0 <= label_smoothing <= 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    if _has_shares(input, target):
        if ignore_index >= 0:
            raise RuntimeError("ignore_index is not supported for floating point target")
        _check_weight("cross_entropy_loss", input, weight)
        return _share_loss(input, target, weight, label_smoothing, reduction)
    if input.shape == target.shape and input.ndim:
        raise RuntimeError(
            f"Expected floating point type for target with class probabilities, got {_printed(target.dtype)}"
        )
    _check_classes("cross_entropy_loss", input, target, weight)
    if input.ndim == 1 and target.ndim:
        target = reshaped(target, ())
    return _class_loss(input, target, weight, ignore_index, label_smoothing, reduction)


def _has_shares(input, target) -> bool:
    """Whether the target has a probability for each class."""
    return input.ndim > 0 and input.shape == target.shape and target.dtype.category == 2


@cross_entropy.gradient
def _(grads, saved):
    if _has_shares(saved.input, saved.target):
        return _share_loss_gradient(grads, saved)
    return _class_loss_gradient(grads, saved)


cross_entropy.operator.differentiable_results = (True, False, False)


def _reduction_of(saved) -> str:
    """The reduction of a call that passed the checks."""
    if saved.size_average is None and saved.reduce is None:
        return saved.reduction
    return "none" if saved.reduce is False else "sum" if saved.size_average is False else "mean"


@operator(
    "nll_loss(Tensor input, Tensor target, Tensor? weight=None, any size_average=None, int ignore_index=-100, "
    "any reduce=None, any reduction='mean')",
    namespace="nn.functional",
    visible=1,
)
def nll_loss(input, target, weight, size_average, ignore_index, reduce, reduction):
    """The negative log likelihood of class indices ``target`` under log-probabilities ``input`` ``(N, C,
    ...)`` or ``(C,)``."""
    # Kept for backward: the total weight that a mean is divided by.
    reduction = reduction_name(reduction, size_average, reduce)
    _check_classes("nll_loss", input, target, weight)
    if input.ndim == 1 and target.ndim:
        target = reshaped(target, ())
    dim = _class_dim(input)
    valid = target != ignore_index
    index = where(valid, target, 0)
    weights = _weights(weight, index, valid, dim)
    picked = compute(input.gather(dim, unsqueeze(index, dim))).squeeze(dim)
    total = _total(weights, valid, picked)
    loss = _scaled(_weighted(-picked, weights, valid), total, reduction)
    return loss.to(input.dtype), total


@nll_loss.gradient
def _(grads, saved):
    input, target = saved.input, saved.target
    dim = _class_dim(input)
    if input.ndim == 1 and target.ndim:
        target = reshaped(target, ())
    valid = target != saved.ignore_index
    weights = _weights(saved.weight, where(valid, target, 0), valid, dim)
    grad = _row_gradient(compute(grads[0]), saved.outputs[1], _reduction_of(saved))
    grad = -grad if weights is None else -grad * weights
    grad = unsqueeze(_expand(grad, tuple(target.shape)), dim)
    hit = (_classes(input, dim) == unsqueeze(target, dim)) & unsqueeze(valid, dim)
    gradient = where(hit, grad, 0)
    return (gradient, None) if saved.weight is None else (gradient, None, None)


nll_loss.operator.differentiable_results = (True, False)


def _check_linear(input, linear_weight, linear_bias) -> None:
    if input.ndim not in (1, 2):
        raise RuntimeError(f"expected input with dimensionality 1 or 2, got {input.ndim}")
    if linear_weight.ndim < 2:
        raise RuntimeError(f"expected linear_weight with dimensionality at least 2, got {linear_weight.ndim}")
    if input.shape[-1] != linear_weight.shape[-1]:
        raise RuntimeError(
            "expected equal input and linear_weight last dimensions (in_features), "
            f"got {input.shape[-1]} and {linear_weight.shape[-1]}, respectively"
        )
    if linear_weight.ndim > 2 and input.ndim == 1:
        raise RuntimeError(
            f"K-dimensional loss defined by linear_weight shape {tuple(linear_weight.shape)} requires "
            f"batched input, got unbatched input with shape {tuple(input.shape)}"
        )
    if linear_bias is not None and linear_bias.shape != linear_weight.shape[:-1]:
        raise RuntimeError(
            f"expected linear_bias shape {tuple(linear_weight.shape[:-1])}, got {tuple(linear_bias.shape)}"
        )


@function("nn.functional")
def linear_cross_entropy(
    input,
    linear_weight,
    target,
    *,
    linear_bias=None,
    weight=None,
    reduction: str = "mean",
    ignore_index=None,
    label_smoothing: float = 0.0,
    options=None,
):
    """``cross_entropy(linear(input, linear_weight, linear_bias), target)``.

    ``linear_weight`` is ``(C, in_features)``, or ``(C, d1, ..., in_features)`` for logits ``(N, C, d1,
    ...)``. ``options`` say in which chunks PyTorch is to compute; no value depends on them, and here fusion
    decides.
    """
    classes = tuple(linear_weight.shape[:-1])
    _check_linear(input, linear_weight, linear_bias)
    if ignore_index is not None and target.is_floating_point():
        raise RuntimeError("ignore_index cannot be specified when target contains probabilities")
    if input.ndim > 1 and target.ndim and input.shape[0] != target.shape[0]:
        raise ValueError(f"Expected input batch_size ({input.shape[0]}) to match target batch_size ({target.shape[0]}).")
    logits = input.matmul(reshaped(linear_weight, (-1, linear_weight.shape[-1])).t())
    logits = reshaped(logits, (*input.shape[:-1], *classes))
    if linear_bias is not None:
        logits = logits + linear_bias
    ignored = -100 if ignore_index is None else ignore_index
    return cross_entropy(
        logits, target, weight, ignore_index=ignored, reduction=reduction, label_smoothing=label_smoothing
    )
