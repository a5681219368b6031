"""Losses under their names in ``torch``, where the reduction is a number: 0 none, 1 mean, 2 sum."""

from __future__ import annotations

from . import distance_losses, margin_losses
from . import embedding as embeddings
from .norms import matrix_norm, vector_norm
from .registry import function

_REDUCTIONS = ("none", "mean", "sum")


def _name(loss: str, reduction: int) -> str:
    if reduction not in (0, 1, 2):
        raise ValueError(f"{loss}: {reduction} is not a valid value for reduction: expected 0 (none), 1 (mean) or 2 (sum)")
    return _REDUCTIONS[reduction]


@function()
def binary_cross_entropy_with_logits(input, target, weight=None, pos_weight=None, reduction: int = 1):
    """``nn.functional.binary_cross_entropy_with_logits`` with a number for the reduction."""
    named = _name("binary_cross_entropy_with_logits", reduction)
    return distance_losses.binary_cross_entropy_with_logits(input, target, weight, reduction=named, pos_weight=pos_weight)


@function()
def cosine_embedding_loss(input1, input2, target, margin: float = 0.0, reduction: int = 1):
    """``nn.functional.cosine_embedding_loss`` with a number for the reduction."""
    named = _name("cosine_embedding_loss", reduction)
    return margin_losses.cosine_embedding_loss(input1, input2, target, margin, reduction=named)


@function()
def hinge_embedding_loss(input, target, margin: float = 1.0, reduction: int = 1):
    """``nn.functional.hinge_embedding_loss`` with a number for the reduction."""
    return margin_losses.hinge_embedding_loss(input, target, margin, reduction=_name("hinge_embedding_loss", reduction))


@function()
def kl_div(input, target, reduction: int = 1, *, log_target: bool = False):
    """``nn.functional.kl_div`` with a number for the reduction."""
    return distance_losses.kl_div(input, target, reduction=_name("kl_div", reduction), log_target=log_target)


@function()
def margin_ranking_loss(input1, input2, target, margin: float = 0.0, reduction: int = 1):
    """``nn.functional.margin_ranking_loss`` with a number for the reduction."""
    named = _name("margin_ranking_loss", reduction)
    return margin_losses.margin_ranking_loss(input1, input2, target, margin, reduction=named)


@function()
def poisson_nll_loss(input, target, log_input: bool, full: bool, eps: float, reduction: int):
    """``nn.functional.poisson_nll_loss`` with a number for the reduction."""
    named = _name("poisson_nll_loss", reduction)
    return distance_losses.poisson_nll_loss(input, target, log_input, full, eps=eps, reduction=named)


@function()
def triplet_margin_loss(anchor, positive, negative, margin: float = 1.0, p: float = 2, eps: float = 1e-06, swap: bool = False,
                        reduction: int = 1):
    """``nn.functional.triplet_margin_loss`` with a number for the reduction."""
    named = _name("triplet_margin_loss", reduction)
    return margin_losses.triplet_margin_loss(anchor, positive, negative, margin, p, eps, swap, reduction=named)


@function(name="embedding")
def _embedding(weight, indices, padding_idx: int = -1, scale_grad_by_freq: bool = False, sparse: bool = False):
    """``nn.functional.embedding`` with the table first; a negative ``padding_idx`` means none."""
    padding = None if padding_idx < 0 else padding_idx
    return embeddings.embedding(indices, weight, padding, scale_grad_by_freq=scale_grad_by_freq, sparse=sparse)


@function()
def embedding_renorm_(input, indices, max_norm: float, norm_type: float):
    """Scale the rows of ``input`` that ``indices`` name down to ``max_norm``, in place."""
    embeddings.embedding(indices, input, max_norm=max_norm, norm_type=norm_type)
    return input


@function()
def frobenius_norm(input, dim, keepdim: bool = False, *, out=None):
    """The 2-norm over ``dim``, one dimension or two."""
    return vector_norm(input, 2, dim or None, keepdim, out=out)


@function()
def nuclear_norm(input, dim=(-2, -1), keepdim: bool = False, *, out=None):
    """The sum of the singular values of matrices along two dimensions ``dim``."""
    if isinstance(dim, bool):
        dim, keepdim = (-2, -1), dim
    return matrix_norm(input, "nuc", dim, keepdim, out=out)


@function()
def norm_except_dim(v, pow: int = 2, dim: int = 0):
    """The ``pow``-norm over every dimension but ``dim``, which keep size 1; ``dim=-1``: over all."""
    if dim == -1:
        return vector_norm(v, pow)
    others = tuple(d for d in range(v.ndim) if d != dim % v.ndim)
    return vector_norm(v, pow, others, True) if others else v.abs()
