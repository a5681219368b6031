"""uint16, uint32 and uint64 through int64: as PyTorch, flambeau has few operators for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flambeau as fb
from flambeau import Tensor, dtype

LEAST = -(2**63)


def through_int64(function: Callable[..., Tensor], large: str | None = None, *, keeps_dtype: bool = True) -> Callable[..., Tensor]:
    """``function``, also for tensors of unsigned integers. All 16 and 32 bits are exact in int64; for uint64 ``large`` says

    - "bits" that the function gives the same bits for both dtypes, as a sum does;
    - "order" that it only compares: the sign bit is flipped, which puts int64 in the order of uint64;
    - None that neither holds: the function gets uint64 and may refuse it.

    The result has the dtype of the arguments where ``keeps_dtype``, else the function's own.
    """

    def call(*values: Any, **options: Any) -> Tensor:
        own = next((value.dtype for value in values if isinstance(value, Tensor)), None)
        if own not in (fb.uint16, fb.uint32, fb.uint64) or (own == fb.uint64 and large is None):
            return function(*values, **options)
        inner = [_signed(value, large) if isinstance(value, Tensor) and value.dtype == own else value for value in values]
        result = function(*inner, **options)
        return _unsigned(result, own, large) if keeps_dtype else result

    call.__name__, call.__doc__ = function.__name__, function.__doc__
    return call


def _signed(x: Tensor, large: str | None) -> Tensor:
    if x.dtype != fb.uint64:
        return x.to(fb.int64)
    return x.view(fb.int64) ^ LEAST if large == "order" else x.view(fb.int64)


def _unsigned(x: Tensor, own: dtype, large: str | None) -> Tensor:
    if own != fb.uint64:
        return x.to(own)
    return (x ^ LEAST).view(own) if large == "order" else x.view(own)


__all__ = ["through_int64"]
