"""``torch.cpu.amp``: older names of ``torch.amp`` for device type "cpu"."""

from __future__ import annotations

import warnings
from typing import Any

from ...amp import GradScaler as _GradScaler
from ...amp import autocast as _autocast
from ...dtypes import bfloat16

__all__ = ["GradScaler", "autocast"]


def _warn(name: str) -> None:
    message = f"`torch.cpu.amp.{name}(args...)` is deprecated. Please use `torch.amp.{name}('cpu', args...)` instead."
    warnings.warn(message, FutureWarning, stacklevel=3)


class autocast(_autocast):
    """``torch.amp.autocast("cpu")``."""

    def __init__(self, enabled: bool = True, dtype: Any = bfloat16, cache_enabled: bool = True) -> None:
        _warn("autocast")
        super().__init__("cpu", enabled=enabled, dtype=dtype, cache_enabled=cache_enabled)


class GradScaler(_GradScaler):
    """``torch.amp.GradScaler("cpu")``."""

    def __init__(
        self,
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        _warn("GradScaler")
        super().__init__("cpu", init_scale, growth_factor, backoff_factor, growth_interval, enabled)
