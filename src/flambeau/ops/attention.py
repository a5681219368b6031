"""Scaled dot-product attention."""

from __future__ import annotations

import math

from .. import dtypes
from ..tensor import Tensor
from .elementwise import refusal
from .matmul import adjoint, matmul
from .operator import operator
from .positions import positions
from .registry import function
from .selection import where
from .softmax import softmax


def _mask_of_order(query: Tensor, key: Tensor) -> Tensor:
    """True where a key is not later than its query."""
    return positions(query.shape[-2]).unsqueeze(1) >= positions(key.shape[-2]).unsqueeze(0)


def _scores(query: Tensor, key: Tensor, scale: float, causal: bool) -> Tensor:
    scores = matmul(query * scale, key.transpose(-2, -1))
    return where(_mask_of_order(query, key), scores, -math.inf) if causal else scores


def _weights(scores: Tensor) -> Tensor:
    """Softmax over the keys; a query that may see no key attends to nothing."""
    weights = softmax(scores, -1)
    return where(weights != weights, 0.0, weights) if weights.shape[-1] else weights


@operator("attention(Tensor query, Tensor key, Tensor value, float scale, bool causal)", namespace=None, opmath=True)
def _attention(query, key, value, scale, causal):
    return matmul(softmax(_scores(query, key, scale, causal), -1), value)


@_attention.gradient
def _(grad, saved):
    query, key, value, scale = saved.query, saved.key, saved.value, saved.scale
    weights = softmax(_scores(query, key, scale, saved.causal), -1)
    to_weights = matmul(grad, adjoint(value))
    to_scores = weights * (to_weights - (weights * to_weights).sum(-1, keepdim=True)) * scale
    return matmul(to_scores, key), matmul(adjoint(to_scores), query), matmul(adjoint(weights), grad)


_attention.operator.node_name = "ScaledDotProductAttentionBackward0"


def _check(query, key, value, attn_mask, is_causal) -> None:
    for x, name in ((query, "query"), (key, "key"), (value, "value")):
        if not isinstance(x, Tensor):
            raise TypeError(f"scaled_dot_product_attention(): argument '{name}' must be Tensor, not {type(x).__name__}")
    if min(query.ndim, key.ndim, value.ndim) < 2:
        raise RuntimeError("scaled_dot_product_attention: Expected query, key, and value to all be at least 2 dimensional, but got "
                           f"{query.ndim}, {key.ndim} and {value.ndim} dimensions")
    if not query.dtype is key.dtype is value.dtype:
        raise RuntimeError("Expected query, key, and value to have the same dtype, but got query.dtype: "
                           f"{query.dtype} key.dtype: {key.dtype} and value.dtype: {value.dtype} instead.")
    if query.dtype.category < 2:
        raise refusal("scaled_dot_product_attention", query.dtype, "bi")
    if attn_mask is not None and is_causal:
        raise RuntimeError("scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True")
    if attn_mask is not None and attn_mask.dtype is not dtypes.bool_ and attn_mask.dtype not in (query.dtype, dtypes.float32):
        raise RuntimeError(f"Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: "
                           f"{attn_mask.dtype} and query.dtype: {query.dtype} instead.")


@function("nn.functional")
def scaled_dot_product_attention(query, key, value, attn_mask=None, dropout_p: float = 0.0, is_causal: bool = False, scale=None,
                                 enable_gqa: bool = False):
    """``softmax(query @ key^T * scale + mask) @ value`` over the last two dimensions; leading ones broadcast.

    ``query (..., L, E)``, ``key (..., S, E)``, ``value (..., S, V)`` give ``(..., L, V)``. ``attn_mask`` is boolean (False hides) or is
    added; ``is_causal`` hides later keys; ``scale`` is ``1 / sqrt(E)`` by default. ``dropout_p`` drops weights whenever it is positive.
    ``enable_gqa`` repeats each key and value head for several query heads (dimension -3).
    """
    _check(query, key, value, attn_mask, is_causal)
    if enable_gqa:
        key = key.repeat_interleave(query.shape[-3] // key.shape[-3], -3)
        value = value.repeat_interleave(query.shape[-3] // value.shape[-3], -3)
    if scale is None:
        scale = 1.0 / math.sqrt(query.shape[-1]) if query.shape[-1] else 1.0
    if attn_mask is None and not dropout_p:
        return _attention(query, key, value, scale, bool(is_causal))
    return _masked_attention(query, key, value, attn_mask, dropout_p, is_causal, scale)


def _masked_attention(query, key, value, attn_mask, dropout_p, is_causal, scale) -> Tensor:
    scores = _scores(query, key, scale, is_causal)
    if attn_mask is not None:
        scores = where(attn_mask, scores, -math.inf) if attn_mask.dtype is dtypes.bool_ else scores + attn_mask.to(scores.dtype)
    weights = _weights(scores)
    if dropout_p:
        from .dropout import dropout
        weights = dropout(weights, dropout_p)
    return matmul(weights, value)
