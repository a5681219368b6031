"""Causal masks of attention between sequences of different lengths (``torch.nn.attention.bias``)."""

from __future__ import annotations

import warnings
from enum import IntEnum
from typing import Any

from ... import ops
from ...dtypes import bool_
from ...ops.overrides import DisableTorchFunctionSubclass
from ...tensor import Tensor
from .. import functional as F

__all__ = ["CausalBias", "CausalVariant", "causal_lower_right", "causal_upper_left"]


class CausalVariant(IntEnum):
    """Which corner of the mask the diagonal goes through: the first query sees the first key, or the last sees the last."""

    UPPER_LEFT = 1
    LOWER_RIGHT = 2


class CausalBias(Tensor):
    """A mask ``(seq_len_q, seq_len_kv)`` for ``scaled_dot_product_attention``: true where a query may look at a key.

    Attention refuses it together with ``is_causal`` (ValueError).
    """

    variant: CausalVariant
    seq_len_q: int
    seq_len_kv: int

    def __new__(cls, variant: CausalVariant, seq_len_q: int, seq_len_kv: int) -> CausalBias:
        if not isinstance(variant, CausalVariant):
            raise AssertionError(f"variant must be a CausalVariant, got {type(variant)}")
        shift = seq_len_kv - seq_len_q if variant is CausalVariant.LOWER_RIGHT else 0
        if shift < 0:
            warnings.warn(
                "Lower right causal bias will produce NaNs in the output when seq_len_q > seq_len_kv!", stacklevel=3
            )
        mask = ops.ones(seq_len_q, seq_len_kv, dtype=bool_).tril(shift).as_subclass(cls)
        mask.variant, mask.seq_len_q, mask.seq_len_kv = variant, seq_len_q, seq_len_kv
        return mask

    def __init__(self, variant: CausalVariant, seq_len_q: int, seq_len_kv: int) -> None:
        pass  # __new__ has made all of it

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        if func is F.scaled_dot_product_attention and (kwargs.get("is_causal") or any(a is True for a in args)):
            raise ValueError("CausalBias should not be used with causal=True")
        with DisableTorchFunctionSubclass():
            return func(*args, **kwargs)


def causal_upper_left(*size: int) -> CausalBias:
    """The mask of shape ``size`` in which query i sees the keys up to i, as ``is_causal`` of attention."""
    return CausalBias(CausalVariant.UPPER_LEFT, *_two(size))


def causal_lower_right(*size: int) -> CausalBias:
    """The mask of shape ``size`` in which the last query sees all keys, each one before it one less."""
    return CausalBias(CausalVariant.LOWER_RIGHT, *_two(size))


def _two(size: tuple[int, ...]) -> tuple[int, int]:
    if len(size) != 2:
        raise AssertionError("causal masks only support 2D tensors")
    return size[0], size[1]
