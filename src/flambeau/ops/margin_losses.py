"""Losses that ask for a margin between scores or distances: hinges, rankings, triplets."""

from __future__ import annotations

from .losses import reduced, reduction_name
from .norms import vector_norm
from .positions import positions
from .promotion import broadcast_shapes
from .reductions import any_, sum
from .registry import function
from .reshaping import reshaped
from .scans import cumprod
from .selection import where
from .statistics import mean


def _hinge(x):
    return where(x > 0, x, 0)


@function("nn.functional")
def hinge_embedding_loss(input, target, margin: float = 1.0, size_average=None, reduce=None, reduction: str = "mean"):
    """``input`` where ``target`` is 1, ``max(0, margin - input)`` where it is -1; reduced."""
    apart = where(target != 1, _clamped(margin - input), 0)
    together = where(target != -1, input, 0)
    return reduced(apart + together, reduction_name(reduction, size_average, reduce))


def _clamped(x):
    return x.clamp(min=0)


@function("nn.functional")
def margin_ranking_loss(
    input1, input2, target, margin: float = 0, size_average=None, reduce=None, reduction: str = "mean"
):
    """``max(0, -target * (input1 - input2) + margin)``, reduced."""
    reduction = reduction_name(reduction, size_average, reduce)
    if not input1.ndim == input2.ndim == target.ndim:
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: input1: "
            f"{input1.shape}, "
            f"input2: {input2.shape}, target: {target.shape} "
        )
    return reduced(_clamped(-target * (input1 - input2) + margin), reduction)


@function("nn.functional")
def cosine_embedding_loss(
    input1, input2, target, margin: float = 0, size_average=None, reduce=None, reduction: str = "mean"
):
    """``1 - cos`` where ``target`` is 1, ``max(0, cos - margin)`` where it is -1, of vectors in the last
    dimension; reduced."""
    reduction = reduction_name(reduction, size_average, reduce)
    if target.ndim not in (0, 1):
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if target.ndim == 1:
        if input1.ndim != 2 or input2.ndim != 2:
            raise RuntimeError(
                "1D target tensor expects 2D input tensors, but found inputs with sizes "
                f"{list(input1.shape)} and "
                f"{list(input2.shape)}."
            )
    elif input1.ndim != 1 or input2.ndim != 1:
        raise RuntimeError(
            f"0D target tensor expects 1D input tensors, but found inputs with sizes {list(input1.shape)} "
            "and "
            f"{list(input2.shape)}."
        )
    d = target.ndim
    eps = 1e-12
    lengths = ((sum(input1 * input1, d) + eps) * (sum(input2 * input2, d) + eps)).sqrt()
    cos = sum(input1 * input2, d) / lengths
    return reduced(where(target == 1, 1 - cos, 0) + where(target == -1, _clamped(cos - margin), 0), reduction)


@function("nn.functional")
def multi_margin_loss(
    input,
    target,
    p: int = 1,
    margin: float = 1.0,
    weight=None,
    size_average=None,
    reduce=None,
    reduction: str = "mean",
):
    """``sum(max(0, margin - input[y] + input[j])**p) * weight[y] / C`` over the classes ``j != y``; input
    ``(N, C)`` or ``(C,)``."""
    reduction = reduction_name(reduction, size_average, reduce)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    if weight is not None and weight.ndim != 1:
        raise ValueError("weight must be one-dimensional")
    if input.ndim > 2 or (input.ndim == 2 and not input.shape[1]) or (input.ndim == 1 and not input.shape[0]):
        raise RuntimeError(
            "multi_margin_loss: Expected non-empty vector or matrix with optional 0-dim batch size, but "
            "got: "
            f"{list(input.shape)}"
        )
    rows = input if input.ndim == 2 else reshaped(input, (1, -1))
    labels = reshaped(target, (-1,))
    if target.ndim > 1 or labels.shape[0] != rows.shape[0]:
        raise RuntimeError(
            f"multi_margin_loss: inconsistent target size, expected {rows.shape[0]} but got {list(target.shape)}"
        )
    if weight is not None and weight.numel() != rows.shape[1]:
        raise RuntimeError(f"inconsistent weight size, expected {rows.shape[1]} but got {list(weight.shape)}")
    labels = reshaped(labels, (-1, 1))
    hinges = _hinge(rows - rows.gather(1, labels) + margin)
    hinges = hinges if p == 1 else hinges * hinges
    if weight is not None:
        hinges = hinges * reshaped(weight.gather(0, reshaped(labels, (-1,))), (-1, 1))
    hinges = where(positions(rows.shape[1]) == labels, 0, hinges)
    losses = sum(hinges, 1) / rows.shape[1]
    return reduced(losses if target.ndim else reshaped(losses, ()), reduction)


@function("nn.functional")
def multilabel_margin_loss(input, target, size_average=None, reduce=None, reduction: str = "mean"):
    """``sum(max(0, 1 - (input[j] - input[i]))) / C`` over target classes ``j`` and others ``i``; input ``(N,
    C)`` or ``(C,)``.

    ``target`` has the shape of ``input`` and lists class indices up to the first -1.
    """
    reduction = reduction_name(reduction, size_average, reduce)
    if input.ndim > 2 or (input.ndim == 2 and not input.shape[1]) or (input.ndim == 1 and not input.shape[0]):
        raise RuntimeError(
            f"Expected non-empty vector or matrix with optional 0-dim batch size, but got: {list(input.shape)}"
        )
    if target.shape != input.shape and not (input.ndim == 0 and target.numel() == 1):
        raise RuntimeError(
            f"inconsistent target size: {list(target.shape)} for multi-label-margin loss with input size: "
            f"{list(input.shape)}"
        )
    rows = input if input.ndim == 2 else reshaped(input, (1, -1))
    labels = reshaped(target, tuple(rows.shape))
    listed = cumprod(labels >= 0, 1) != 0
    index = where(listed, labels, 0)
    chosen = any_((index.unsqueeze(2) == positions(rows.shape[1])) & listed.unsqueeze(2), 1)
    hinges = _hinge(1 - (rows.gather(1, index).unsqueeze(2) - rows.unsqueeze(1)))
    counted = listed.unsqueeze(2) & ~chosen.unsqueeze(1)
    losses = sum(where(counted, hinges, 0), (1, 2)) / rows.shape[1]
    return reduced(losses if input.ndim == 2 else reshaped(losses, ()), reduction)


@function("nn.functional")
def multilabel_soft_margin_loss(input, target, weight=None, size_average=None, reduce=None, reduction: str = "mean"):
    """The binary cross entropy of ``sigmoid(input)``, each class scaled by ``weight``, averaged over the last
    dimension; reduced."""
    from .distance_losses import binary_cross_entropy_with_logits

    reduction = reduction_name(reduction, size_average, reduce)
    target = target.to(input.dtype).expand_as(input) if target.shape != input.shape else target
    losses = binary_cross_entropy_with_logits(input, target, reduction="none")
    losses = losses if weight is None else losses * weight
    return reduced(mean(losses, -1), reduction)


# -- triplets ------------------------------------------------------------------------------------------------


def _distance(a, b, p: float, eps: float):
    return vector_norm(a - b + eps, p, -1)


@function("nn.functional")
def triplet_margin_loss(
    anchor,
    positive,
    negative,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average=None,
    reduce=None,
    reduction: str = "mean",
):
    """``max(0, |anchor - positive| - |anchor - negative| + margin)`` with the ``p``-norm over the last
    dimension; reduced.

    ``swap`` takes the smaller of the negative's distances to anchor and positive.
    """
    reduction = reduction_name(reduction, size_average, reduce)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    _check_triplet("triplet_margin_loss", anchor, positive, negative)
    return _triplet(anchor, positive, negative, lambda a, b: _distance(a, b, p, eps), margin, swap, reduction)


def _check_triplet(name: str, anchor, positive, negative) -> None:
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of "
            "dimensions, but got: "
            f"anchor {anchor.ndim}D, positive {positive.ndim}D, and negative {negative.ndim}D inputs"
        )
    broadcast_shapes(anchor.shape, positive.shape, negative.shape)


def _triplet(anchor, positive, negative, distance, margin: float, swap: bool, reduction: str):
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = far.minimum(distance(positive, negative))
    return reduced(_clamped(near - far + margin), reduction)


@function("nn.functional")
def triplet_margin_with_distance_loss(
    anchor,
    positive,
    negative,
    *,
    distance_function=None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
):
    """As ``triplet_margin_loss``, with any ``distance_function(a, b)`` (default: the Euclidean distance of
    vectors)."""
    reduction = reduction_name(reduction)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    _check_triplet("triplet_margin_with_distance_loss", anchor, positive, negative)
    distance = distance_function or (lambda a, b: _distance(a, b, 2.0, 1e-6))
    return _triplet(anchor, positive, negative, distance, margin, swap, reduction)
