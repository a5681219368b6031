"""Losses that compare an input with a target element by element."""

from __future__ import annotations

import math

from ..autograd.mode import no_grad
from ..runtime.warning import warn
from ..tensor import Tensor
from .elementwise import refusal
from .losses import per_element, reduced, reduction_name
from .operator import Operator, publish
from .promotion import broadcast_shapes, result_type_of
from .reductions import sum
from .registry import function
from .requirements import unless
from .selection import where


def _count(*tensors) -> int:
    n = 1
    for size in broadcast_shapes(*[t.shape for t in tensors]):
        n *= size
    return n


def _in_floats(name: str, input, target):
    """The two of a loss that has no kernel for integers: bools are numbers of the other's dtype."""
    common = result_type_of((input, target))
    if common.category != 2:
        raise refusal(name, common, "bic")
    return [t.to(common) if t.dtype.category == 0 else t for t in (input, target)]


def pairwise(name: str, losses, slopes, arguments: str = "", node: str | None = None, floats: bool = False, checked=None):
    """A loss of ``input`` and ``target`` as one instruction, and its gradient as another.

    ``losses(input, target, *arguments)`` are the losses of the elements; ``slopes`` gives their derivatives
    by input and target. ``floats``: PyTorch refuses integers. ``checked(result, input, target)`` is the result, if they are valid.
    """

    def body(input, target, *rest):
        *extra, reduction = rest
        if floats:
            input, target = _in_floats(name, input, target)
        result = reduced(losses(input, target, *extra), reduction)
        return result if checked is None else checked(result, input, target)

    op = Operator(f"{name}(Tensor input, Tensor target, {arguments}str reduction)", body, opmath=True)
    op.node_name = node or op.node_name
    names = [p.name for p in op.parameters[2:-1]]

    @op.gradient
    def _(grad, saved):
        extra = [getattr(saved, n) for n in names]
        grad = per_element(grad, _count(saved.input, saved.target), saved.reduction)
        pair = _in_floats(name, saved.input, saved.target) if floats else (saved.input, saved.target)
        to_input, to_target = slopes(*pair, *extra)
        return (grad * to_input, grad * to_target, *[None for e in extra if isinstance(e, Tensor)])

    return publish(op, namespace=None).function


def _check_pair(name: str, input, target) -> None:
    for argument, value in (("input", input), ("target", target)):
        if not isinstance(value, Tensor):
            raise TypeError(f"{name}(): argument '{argument}' must be Tensor, not {type(value).__name__}")
    if target.shape != input.shape:
        warn(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}). "
            "This will likely lead "
            "to incorrect results due to broadcasting. Please ensure they have the same size."
        )


def _opposite(slope):
    return slope, -slope


def _weighted(loss, input, target, weight, reduction: str, *extra):
    """A loss whose elements are weighted; its mean divides by the weights' sum."""
    if weight.shape != input.shape:
        raise ValueError("Weights and input must have the same size.")
    losses = loss(input, target, *extra, "none") * weight
    if reduction == "mean":
        return sum(losses) / sum(weight)
    return sum(losses) if reduction == "sum" else losses


# -- distances -----------------------------------------------------------------------------------------------


def _square(x):
    return x * x


_mse_loss = pairwise("mse_loss", lambda x, t: _square(x - t), lambda x, t: _opposite((x - t) * 2), floats=True)
_l1_loss = pairwise("l1_loss", lambda x, t: (x - t).abs(), lambda x, t: _opposite((x - t).sgn()))


def _smooth(x, t, beta):
    z = (x - t).abs()
    return where(z < beta, z * z * 0.5 / beta, z - 0.5 * beta)


def _smooth_slope(x, t, beta):
    z = x - t
    return _opposite(where(z.abs() >= beta, z.sgn(), z / beta))  # NaN stays NaN


_smooth_l1_loss = pairwise("smooth_l1_loss", _smooth, _smooth_slope, "float beta, ", floats=True)


def _huber(x, t, delta):
    z = (x - t).abs()
    return where(z <= delta, z * z * 0.5, (z - 0.5 * delta) * delta)


_huber_loss = pairwise(
    "huber_loss", _huber, lambda x, t, delta: _opposite((x - t).clamp(-delta, delta)), "float delta, ", floats=True
)


@function("nn.functional")
def mse_loss(input, target, size_average=None, reduce=None, reduction: str = "mean", weight=None):
    """``(input - target)**2``, each scaled by ``weight`` if given, reduced (a weighted mean divides by the
    weights' sum)."""
    reduction = reduction_name(reduction, size_average, reduce)
    _check_pair("mse_loss", input, target)
    return (
        _mse_loss(input, target, reduction)
        if weight is None
        else _weighted(_mse_loss, input, target, weight, reduction)
    )


@function("nn.functional")
def l1_loss(input, target, size_average=None, reduce=None, reduction: str = "mean", weight=None):
    """``|input - target|``, each scaled by ``weight`` if given, reduced."""
    reduction = reduction_name(reduction, size_average, reduce)
    _check_pair("l1_loss", input, target)
    return (
        _l1_loss(input, target, reduction) if weight is None else _weighted(_l1_loss, input, target, weight, reduction)
    )


@function("nn.functional")
def smooth_l1_loss(input, target, size_average=None, reduce=None, reduction: str = "mean", beta: float = 1.0):
    """Quadratic (over ``2 * beta``) where ``|input - target| < beta``, else linear of slope 1; reduced."""
    reduction = reduction_name(reduction, size_average, reduce)
    _check_pair("smooth_l1_loss", input, target)
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    return _l1_loss(input, target, reduction) if beta == 0 else _smooth_l1_loss(input, target, beta, reduction)


@function("nn.functional")
def huber_loss(input, target, reduction: str = "mean", delta: float = 1.0, weight=None):
    """Half the square where ``|input - target| <= delta``, else linear of slope ``delta``; each scaled by
    ``weight``; reduced."""
    reduction = reduction_name(reduction)
    _check_pair("huber_loss", input, target)
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    if weight is not None:
        return _weighted(_huber_loss, input, target, weight, reduction, delta)
    return _huber_loss(input, target, delta, reduction)


# -- probabilities -------------------------------------------------------------------------------------------


def _entropy(x, t, weight):
    # Logarithms are bounded, so that probabilities of 0 and 1 give finite losses.
    losses = (t - 1) * (-x).log1p().clamp(min=-100) - t * x.log().clamp(min=-100)
    return losses if weight is None else losses * weight


def _entropy_slope(x, t, weight):
    to_input = (x - t) / ((1 - x) * x).clamp(min=1e-12)
    to_target = (1 - x).log().clamp(min=-100) - x.log().clamp(min=-100)
    return (to_input, to_target) if weight is None else (to_input * weight, to_target * weight)


def _of_probabilities(result, x, t):
    for name, value in (("input", x), ("target", t)):
        inside = (value >= 0) & (value <= 1)
        result = unless(~inside.all(), result, f"all elements of {name} should be between 0 and 1")
    return result


_binary_cross_entropy = pairwise(
    "binary_cross_entropy", _entropy, _entropy_slope, "Tensor? weight, ", checked=_of_probabilities
)


@function("nn.functional")
def binary_cross_entropy(input, target, weight=None, size_average=None, reduce=None, reduction: str = "mean"):
    """``-(target * log(input) + (1 - target) * log(1 - input)) * weight`` of probabilities ``input`` in [0,
    1]; logarithms no less than -100; reduced. ``ValueError`` where the shapes differ."""
    reduction = reduction_name(reduction, size_average, reduce)
    if target.shape != input.shape:
        raise ValueError(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}) is "
            "deprecated. "
            "Please ensure they have the same size."
        )
    if target.dtype is not input.dtype:
        raise RuntimeError(f"binary_cross_entropy: Found dtype {target.dtype} of the target but expected {input.dtype}")
    if weight is not None:
        weight = weight.expand(broadcast_shapes(target.shape, weight.shape))
    return _binary_cross_entropy(input, target, weight, reduction)


def _log_sigmoid(x):
    return x.clamp(max=0) - (-x.abs()).exp().log1p()


def _logit_entropy(x, t, weight, pos_weight):
    certainty = _log_sigmoid(x) if pos_weight is None else _log_sigmoid(x) * ((pos_weight - 1) * t + 1)
    losses = (1 - t) * x - certainty
    return losses if weight is None else losses * weight


def _logit_entropy_slope(x, t, weight, pos_weight):
    if pos_weight is None:
        to_input, to_target = x.sigmoid() - t, -x
    else:
        positive = pos_weight * t
        to_input = (positive + 1 - t) * x.sigmoid() - positive
        to_target = _log_sigmoid(-x) - pos_weight * _log_sigmoid(x)
    return (to_input, to_target) if weight is None else (to_input * weight, to_target * weight)


_binary_cross_entropy_with_logits = pairwise(
    "binary_cross_entropy_with_logits",
    _logit_entropy,
    _logit_entropy_slope,
    "Tensor? weight, Tensor? pos_weight, ",
)


@function("nn.functional")
def binary_cross_entropy_with_logits(
    input, target, weight=None, size_average=None, reduce=None, reduction: str = "mean", pos_weight=None
):
    """The binary cross entropy of ``sigmoid(input)``, computed without overflow; ``pos_weight`` scales the
    positive part."""
    reduction = reduction_name(reduction, size_average, reduce)
    if target.shape != input.shape:
        raise ValueError(f"Target size ({target.shape}) must be the same as input size ({input.shape})")
    return _binary_cross_entropy_with_logits(input, target, weight, pos_weight, reduction)


def _divergence(x, t, log_target):
    if log_target:
        return t.exp() * (t - x)
    return where(t == 0, 0, t * where(t == 0, 1, t).log()) - t * x


def _divergence_slope(x, t, log_target):
    if log_target:
        return -t.exp(), t.exp() * (t - x + 1)
    return -t, where(t == 0, 1, t).log() + 1 - x


_kl_div = pairwise("kl_div", _divergence, _divergence_slope, "bool log_target, ")


@function("nn.functional")
def kl_div(input, target, size_average=None, reduce=None, reduction: str = "mean", log_target: bool = False):
    """``target * (log(target) - input)`` of log-probabilities ``input``; ``target`` may be logarithms too
    (``log_target``).

    ``reduction="batchmean"`` divides the sum by the batch size, which is the divergence proper.
    """
    if reduction == "batchmean":
        total = _kl_div(input, target, log_target, "sum")
        return total / input.shape[0] if input.ndim else total
    if reduction == "mean" and size_average is None and reduce is None:
        warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support "
            "size.'batchmean' divides only by "
            "the batch size, and aligns with the KL div math definition.'mean' will be changed to behave "
            "the same as "
            "'batchmean' in the next major release."
        )
    return _kl_div(input, target, log_target, reduction_name(reduction, size_average, reduce))


def _poisson(x, t, log_input, full, eps):
    losses = x.exp() - t * x if log_input else x - t * (x + eps).log()
    if full:
        safe = where(t > 1, t, 1)
        losses = losses + where(t > 1, t * safe.log() - t + (safe * (2 * math.pi)).log() * 0.5, 0)
    return losses


def _poisson_slope(x, t, log_input, full, eps):
    to_input, to_target = (x.exp() - t, -x) if log_input else (1 - t / (x + eps), -(x + eps).log())
    if full:
        safe = where(t > 1, t, 1)
        to_target = to_target + where(t > 1, safe.log() + 0.5 / safe, 0)
    return to_input, to_target


_poisson_nll_loss = pairwise("poisson_nll_loss", _poisson, _poisson_slope, "bool log_input, bool full, float eps, ")


@function("nn.functional")
def poisson_nll_loss(
    input,
    target,
    log_input: bool = True,
    full: bool = False,
    size_average=None,
    eps: float = 1e-8,
    reduce=None,
    reduction: str = "mean",
):
    """The negative log likelihood of counts ``target`` under Poisson rates ``input`` (or ``exp(input)`` with
    ``log_input``).

    ``full`` adds Stirling's approximation of ``log(target!)``.
    """
    reduction = reduction_name(reduction, size_average, reduce)
    return _poisson_nll_loss(input, target, log_input, full, eps, reduction)


def _fits(shape, full) -> bool:
    """Whether ``shape`` broadcasts to ``full``."""
    lead = len(full) - len(shape)
    return lead >= 0 and all(s in (1, f) for s, f in zip(shape, full[lead:]))


@function("nn.functional")
def gaussian_nll_loss(input, target, var, full: bool = False, eps: float = 1e-6, reduction: str = "mean"):
    """The negative log likelihood of ``target`` under normal distributions of mean ``input`` and variance
    ``var`` (at least ``eps``).

    ``var`` has the shape of ``input``, or one without (or with size 1 in) the last dimension, or is a number.
    """
    if isinstance(var, (int, float)):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        var = input.detach() * 0 + var
    elif bool((var < 0).any()):
        raise ValueError("var has negative entry/entries")
    if var.shape != input.shape:
        if input.shape[:-1] == var.shape:
            var = var.unsqueeze(-1)
        elif not _fits(var.shape, input.shape):
            raise ValueError(
                f"gaussian_nll_loss: var is of incorrect size: {list(var.shape)} for an input of {list(input.shape)}"
            )
    reduction = reduction_name(reduction)
    with no_grad():
        lift = var.clamp(min=eps) - var
    var = var + lift
    losses = 0.5 * (var.log() + _square(input - target) / var)
    if full:
        losses = losses + 0.5 * math.log(2 * math.pi)
    return reduced(losses, reduction)


# -- margins of signs ----------------------------------------------------------------------------------------


def _soft_margin_slope(x, t):
    share = (-t * x).exp()
    share = share / (1 + share)
    return -t * share, -x * share


_soft_margin_loss = pairwise("soft_margin_loss", lambda x, t: (-t * x).exp().log1p(), _soft_margin_slope)


@function("nn.functional")
def soft_margin_loss(input, target, size_average=None, reduce=None, reduction: str = "mean"):
    """``log(1 + exp(-target * input))`` for targets of 1 and -1, reduced."""
    return _soft_margin_loss(input, target, reduction_name(reduction, size_average, reduce))
