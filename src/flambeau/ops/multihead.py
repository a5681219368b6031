"""Attention of several heads with its projections, as ``nn.MultiheadAttention`` computes it."""

from __future__ import annotations

import math

from .. import dtypes
from ..tensor import Tensor
from .attention import scaled_dot_product_attention
from .creation import zeros
from .dropout import dropout
from .joining import cat
from .matmul import bmm, linear
from .padding import pad
from .registry import function
from .softmax import softmax


def _projected(query, key, value, weights, in_proj_bias):
    biases = (None,) * 3 if in_proj_bias is None else in_proj_bias.chunk(3)
    return [linear(x, w, b) for x, w, b in zip((query, key, value), weights, biases)]


def _additive(name: str, mask: Tensor | None, like: Tensor) -> Tensor | None:
    """A mask as numbers to add: True hides."""
    if mask is None:
        return None
    if mask.dtype is not dtypes.bool_:
        if not mask.is_floating_point():
            raise RuntimeError(f"only bool and floating types of {name} are supported, got {mask.dtype}")
        return mask
    return zeros(tuple(mask.shape), dtype=like.dtype).masked_fill(mask, -math.inf)


def _check_shapes(query, key, value, key_padding_mask, attn_mask, num_heads: int) -> bool:
    """Whether there is a batch dimension; raises where shapes do not belong together."""
    if query.ndim not in (2, 3):
        raise AssertionError(f"query should be unbatched 2D or batched 3D tensor but received {query.ndim}-D query tensor")
    if not query.ndim == key.ndim == value.ndim:
        raise AssertionError(f"multi_head_attention_forward: expected query, key and value of {query.ndim} dimensions, got "
                             f"{key.ndim} and {value.ndim}")
    if key_padding_mask is not None and key_padding_mask.ndim != query.ndim - 1:
        raise AssertionError(f"multi_head_attention_forward: expected a {query.ndim - 1}-D key_padding_mask, got "
                             f"{key_padding_mask.ndim}-D")
    if attn_mask is not None and attn_mask.ndim not in (2, 3):
        raise AssertionError(f"multi_head_attention_forward: expected a 2-D or 3-D attn_mask, got {attn_mask.ndim}-D")
    return query.ndim == 3


def _masks(attn_mask, key_padding_mask, batch: int, heads: int, target: int, source: int):
    """Both masks as one to add, ``(batch or 1, heads or 1, target, source)``."""
    if attn_mask is not None:
        wanted = (target, source) if attn_mask.ndim == 2 else (batch * heads, target, source)
        if tuple(attn_mask.shape) != wanted:
            raise RuntimeError(f"The shape of the {attn_mask.ndim}D attn_mask is {tuple(attn_mask.shape)}, but should be {wanted}.")
        attn_mask = attn_mask.view(1, 1, target, source) if attn_mask.ndim == 2 else attn_mask.view(batch, heads, target, source)
    if key_padding_mask is None:
        return attn_mask
    if tuple(key_padding_mask.shape) != (batch, source):
        raise AssertionError(f"expecting key_padding_mask shape of {(batch, source)}, but got {tuple(key_padding_mask.shape)}")
    padding = key_padding_mask.view(batch, 1, 1, source)
    return padding if attn_mask is None else attn_mask + padding


@function("nn.functional")
def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight,
    in_proj_bias,
    bias_k,
    bias_v,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight,
    out_proj_bias,
    training: bool = True,
    key_padding_mask=None,
    need_weights: bool = True,
    attn_mask=None,
    use_separate_proj_weight: bool = False,
    q_proj_weight=None,
    k_proj_weight=None,
    v_proj_weight=None,
    static_k=None,
    static_v=None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
):
    """Attention of ``num_heads`` heads: ``(L, N, E)`` queries over ``(S, N, E)`` keys and values, or all without ``N``.

    Inputs are projected by ``in_proj_weight`` ``(3E, E)`` or by three weights, and the joined heads by ``out_proj_weight``.
    ``key_padding_mask`` ``(N, S)`` and ``attn_mask`` ``(L, S)`` or ``(N * heads, L, S)`` hide where True, or are added.
    ``bias_k`` and ``bias_v`` become one more key, ``add_zero_attn`` a further one of zeros; ``static_k`` and ``static_v`` replace
    the projected ones. ``is_causal`` says that ``attn_mask`` hides later keys. Gives the output and, if ``need_weights``, the
    weights: their mean over the heads unless ``average_attn_weights`` is False.
    """
    has_batch = _check_shapes(query, key, value, key_padding_mask, attn_mask, num_heads)
    if is_causal and attn_mask is None:
        raise RuntimeError("Need attn_mask if specifying the is_causal hint.")
    if not has_batch:
        query, key, value = (x.unsqueeze(1) for x in (query, key, value))
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    target, batch, width = query.shape
    if width != embed_dim_to_check:
        raise AssertionError(f"was expecting embedding dimension of {embed_dim_to_check}, but got {width}")
    size = width // num_heads
    if size * num_heads != width:
        raise AssertionError(f"embed_dim {width} not divisible by num_heads {num_heads}")
    if use_separate_proj_weight and key.shape[:2] != value.shape[:2]:
        raise AssertionError(f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}")
    if not use_separate_proj_weight and key.shape != value.shape:
        raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")
    weights = (q_proj_weight, k_proj_weight, v_proj_weight) if use_separate_proj_weight else in_proj_weight.chunk(3)
    q, k, v = _projected(query, key, value, weights, in_proj_bias)
    padding = _additive("key_padding_mask", key_padding_mask, q)
    causal = is_causal and key_padding_mask is None and not need_weights
    mask = None if causal else _additive("attn_mask", attn_mask, q)
    further = 0
    if bias_k is not None and bias_v is not None:
        k, v = cat([k, bias_k.repeat(1, batch, 1)]), cat([v, bias_v.repeat(1, batch, 1)])
        further = 1
    elif bias_k is not None or bias_v is not None:
        raise AssertionError("multi_head_attention_forward: expected bias_k and bias_v both or neither")
    q = q.view(target, batch * num_heads, size).transpose(0, 1)
    k = k.view(k.shape[0], batch * num_heads, size).transpose(0, 1) if static_k is None else static_k
    v = v.view(v.shape[0], batch * num_heads, size).transpose(0, 1) if static_v is None else static_v
    if add_zero_attn:
        nothing = zeros((batch * num_heads, 1, size), dtype=k.dtype)
        k, v, further = cat([k, nothing], 1), cat([v, nothing], 1), further + 1
    if further:
        mask = None if mask is None else pad(mask, (0, further))
        padding = None if padding is None else pad(padding, (0, further))
    source = k.shape[1]
    mask = _masks(mask, padding, batch, num_heads, target, source)
    dropped = dropout_p if training else 0.0
    heads = [x.reshape(batch, num_heads, -1, size) for x in (q, k, v)]
    if need_weights:
        scores = bmm(q * math.sqrt(1.0 / size), k.transpose(1, 2)).view(batch, num_heads, target, source)
        shares = softmax(scores if mask is None else scores + mask, -1)
        shares = dropout(shares, dropped) if dropped > 0.0 else shares
        result = shares.matmul(heads[2])
    else:
        result = scaled_dot_product_attention(*heads, mask, dropped, causal)
        shares = None
    result = linear(result.permute(2, 0, 1, 3).reshape(target * batch, width), out_proj_weight, out_proj_bias)
    result = result.view(target, batch, result.shape[1])
    if shares is not None:
        shares = shares.mean(1) if average_attn_weights else shares
        shares = shares if has_batch else shares.squeeze(0)
    return (result if has_batch else result.squeeze(1)), shares
