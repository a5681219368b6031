"""``torch.backends.cuda``: there is no CUDA; and which kernels attention may choose among."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from .settings import declare

matmul = SimpleNamespace(
    allow_tf32=False,
    allow_fp16_reduced_precision_reduction=True,
    allow_bf16_reduced_precision_reduction=True,
    allow_fp16_accumulation=False,
    fp32_precision="none",
)
cufft_plan_cache = SimpleNamespace(size=0, max_size=0, clear=lambda: None)

declare(globals())


class SDPBackend(enum.Enum):
    """Kinds of kernels of ``scaled_dot_product_attention``. flambeau has one, whatever is chosen."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


_enabled = dict.fromkeys(SDPBackend, True)
_half_reduction = False
_libraries = {"linalg": "default", "blas": "default"}


def flash_sdp_enabled() -> bool:
    """Whether flash attention may be chosen."""
    return _enabled[SDPBackend.FLASH_ATTENTION]


def enable_flash_sdp(enabled: bool) -> None:
    """Kept, and changes nothing: there is one kernel."""
    _enabled[SDPBackend.FLASH_ATTENTION] = bool(enabled)


def mem_efficient_sdp_enabled() -> bool:
    """Whether memory-efficient attention may be chosen."""
    return _enabled[SDPBackend.EFFICIENT_ATTENTION]


def enable_mem_efficient_sdp(enabled: bool) -> None:
    """Kept, and changes nothing: there is one kernel."""
    _enabled[SDPBackend.EFFICIENT_ATTENTION] = bool(enabled)


def math_sdp_enabled() -> bool:
    """Whether attention of separate operators may be chosen."""
    return _enabled[SDPBackend.MATH]


def enable_math_sdp(enabled: bool) -> None:
    """Kept, and changes nothing: there is one kernel."""
    _enabled[SDPBackend.MATH] = bool(enabled)


def cudnn_sdp_enabled() -> bool:
    """Whether cuDNN's attention may be chosen."""
    return _enabled[SDPBackend.CUDNN_ATTENTION]


def enable_cudnn_sdp(enabled: bool) -> None:
    """Kept, and changes nothing: there is one kernel."""
    _enabled[SDPBackend.CUDNN_ATTENTION] = bool(enabled)


def enabled_backends() -> list[SDPBackend]:
    """The kinds that may be chosen."""
    order = (SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH, SDPBackend.CUDNN_ATTENTION)
    return [kind for kind in order if _enabled[kind]]


@contextmanager
def choosing(kinds: list[SDPBackend]) -> Iterator[None]:
    """A block in which these kinds alone may be chosen."""
    before = dict(_enabled)
    _enabled.update({kind: kind in kinds for kind in _enabled})
    try:
        yield
    finally:
        _enabled.update(before)


def fp16_bf16_reduction_math_sdp_allowed() -> bool:
    """What :func:`allow_fp16_bf16_reduction_math_sdp` set."""
    return _half_reduction


def allow_fp16_bf16_reduction_math_sdp(enabled: bool) -> None:
    """Kept, and changes nothing: attention adds up in float32."""
    global _half_reduction
    _half_reduction = bool(enabled)


class SDPAParams:
    """What a choice of kernels depends on."""

    def __init__(self, query: Any, key: Any, value: Any, attn_mask: Any, dropout: float, is_causal: bool, enable_gqa: bool) -> None:
        self.query, self.key, self.value, self.attn_mask = query, key, value, attn_mask
        self.dropout, self.is_causal, self.enable_gqa = dropout, is_causal, enable_gqa


def is_flash_attention_available() -> bool:
    """False: it is a kernel for CUDA."""
    return False


def can_use_flash_attention(params: SDPAParams, debug: bool = False) -> bool:
    """False: it is a kernel for CUDA."""
    return False


can_use_efficient_attention = can_use_cudnn_attention = can_use_flash_attention


def preferred_linalg_library(backend: str | None = None) -> str:
    """The library of linear algebra that was asked for; kept, and changes nothing."""
    if backend is not None:
        _libraries["linalg"] = backend
    return _libraries["linalg"]


def preferred_blas_library(backend: str | None = None) -> str:
    """The library of matrix products that was asked for; kept, and changes nothing."""
    if backend is not None:
        _libraries["blas"] = backend
    return _libraries["blas"]
