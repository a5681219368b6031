"""Attention of several heads."""

from __future__ import annotations

import math
import warnings
from typing import Any

from ... import dtypes, ops
from ...tensor import Tensor
from .. import functional as F
from .. import init
from ..parameter import Parameter
from .linear import NonDynamicallyQuantizableLinear
from .module import Module

__all__ = ["MultiheadAttention"]


def additive_mask(mask: Tensor | None, name: str, dtype: Any, other: Tensor | None = None) -> Tensor | None:
    """A mask as numbers to add to scores: -inf where a boolean one is True.

    Raises AssertionError for a mask that is neither boolean nor floating-point; warns where ``other`` is of another dtype.
    """
    if mask is None:
        return None
    if mask.dtype is not dtypes.bool_ and not mask.is_floating_point():
        raise AssertionError(f"only bool and floating types of {name} are supported, got {mask.dtype}")
    if other is not None and other.dtype is not mask.dtype:
        warnings.warn(
            f"Support for mismatched {name} and attention mask is deprecated. Use same type for both instead.",
            stacklevel=3,
        )
    if mask.is_floating_point():
        return mask
    return ops.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill_(mask, -math.inf)


class MultiheadAttention(Module):
    """``num_heads`` attentions side by side, with projections before and after (Vaswani et al., 2017).

    ``query (L, N, embed_dim)``, ``key (S, N, kdim)`` and ``value (S, N, vdim)``, or ``N`` first with ``batch_first``, or without
    ``N``, give the output ``(L, N, embed_dim)`` and the attention weights ``(N, L, S)``. The projections lie in ``in_proj_weight``,
    or in ``q_proj_weight``, ``k_proj_weight`` and ``v_proj_weight`` where sizes differ, and ``in_proj_bias``; they start by
    Xavier's uniform rule. ``add_bias_kv`` adds a learned key and value, ``add_zero_attn`` ones of zeros. Raises ValueError for
    sizes that are not positive, AssertionError where ``num_heads`` does not divide ``embed_dim``.
    """

    __constants__ = ["batch_first"]

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                f"embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and num_heads={num_heads} instead"
            )
        super().__init__()
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == self.vdim == embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        if self.head_dim * num_heads != embed_dim:
            raise AssertionError(f"embed_dim must be divisible by num_heads, got {embed_dim} and {num_heads}")
        self._make_parameters(bias, add_bias_kv, {"device": device, "dtype": dtype})
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _make_parameters(self, bias: bool, add_bias_kv: bool, factory_kwargs: dict) -> None:
        size = self.embed_dim
        apart = not self._qkv_same_embed_dim
        shapes: dict[str, tuple[int, ...] | None] = {
            "q_proj_weight": (size, size) if apart else None,
            "k_proj_weight": (size, self.kdim) if apart else None,
            "v_proj_weight": (size, self.vdim) if apart else None,
            "in_proj_weight": None if apart else (3 * size, size),
            "in_proj_bias": (3 * size,) if bias else None,
        }
        # The first that exists comes first in the state dict, as in PyTorch.
        for name, shape in sorted(shapes.items(), key=lambda item: item[1] is None and item[0] != "in_proj_bias"):
            made = None if shape is None else Parameter(ops.empty(shape, **factory_kwargs))
            self.register_parameter(name, made)
        self.out_proj = NonDynamicallyQuantizableLinear(size, size, bias=bias, **factory_kwargs)
        for name in ("bias_k", "bias_v"):
            if add_bias_kv:
                setattr(self, name, Parameter(ops.empty((1, 1, size), **factory_kwargs)))
            else:
                setattr(self, name, None)

    def _reset_parameters(self) -> None:
        for weight in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if weight is not None:
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None:
            init.constant_(self.in_proj_bias, 0.0)
            init.constant_(self.out_proj.bias, 0.0)
        for bias in (self.bias_k, self.bias_v):
            if bias is not None:
                init.xavier_normal_(bias)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """``key_padding_mask (N, S)`` and ``attn_mask (L, S)`` or ``(N * num_heads, L, S)`` hide where True, or are added.

        ``is_causal`` says that ``attn_mask`` hides later keys. Without ``need_weights`` the second result is None, and attention
        is one operator; with ``average_attn_weights=False`` the weights are ``(N, num_heads, L, S)``.
        """
        padding = additive_mask(key_padding_mask, "key_padding_mask", query.dtype, attn_mask)
        mask = additive_mask(attn_mask, "attn_mask", query.dtype)
        turned = self.batch_first and query.dim() == 3
        if turned:
            query, key, value = (x.transpose(1, 0) for x in (query, key, value))
        output, weights = F.multi_head_attention_forward(
            query,
            key,
            value,
            self.embed_dim,
            self.num_heads,
            self.in_proj_weight,
            self.in_proj_bias,
            self.bias_k,
            self.bias_v,
            self.add_zero_attn,
            self.dropout,
            self.out_proj.weight,
            self.out_proj.bias,
            training=self.training,
            key_padding_mask=padding,
            need_weights=need_weights,
            attn_mask=mask,
            use_separate_proj_weight=not self._qkv_same_embed_dim,
            q_proj_weight=self.q_proj_weight,
            k_proj_weight=self.k_proj_weight,
            v_proj_weight=self.v_proj_weight,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal,
        )
        return (output.transpose(1, 0) if turned else output), weights
