"""The extension ``fft`` of the standard: ``flambeau.fft`` with ``axis`` for ``dim``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import flambeau as fb
from flambeau import Tensor, dtype


def _over_one(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def transform(x: Tensor, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Tensor:
        return function(x, n, axis, norm)

    transform.__name__, transform.__doc__ = function.__name__, function.__doc__
    return transform


def _over_several(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def transform(x: Tensor, /, *, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str = "backward") -> Tensor:
        return function(x, s, axes, norm)

    transform.__name__, transform.__doc__ = function.__name__, function.__doc__
    return transform


fft = _over_one(fb.fft.fft)
ifft = _over_one(fb.fft.ifft)
rfft = _over_one(fb.fft.rfft)
irfft = _over_one(fb.fft.irfft)
hfft = _over_one(fb.fft.hfft)
ihfft = _over_one(fb.fft.ihfft)
fftn = _over_several(fb.fft.fftn)
ifftn = _over_several(fb.fft.ifftn)
rfftn = _over_several(fb.fft.rfftn)
irfftn = _over_several(fb.fft.irfftn)


def fftfreq(n: int, /, *, d: float = 1.0, dtype: dtype | None = None, device: Any = None) -> Tensor:
    """The frequencies of ``fft`` over ``n`` samples at distance ``d``."""
    return fb.fft.fftfreq(n, d, dtype=dtype, device=device)


def rfftfreq(n: int, /, *, d: float = 1.0, dtype: dtype | None = None, device: Any = None) -> Tensor:
    """The frequencies of ``rfft`` over ``n`` samples at distance ``d``."""
    return fb.fft.rfftfreq(n, d, dtype=dtype, device=device)


def fftshift(x: Tensor, /, *, axes: int | Sequence[int] | None = None) -> Tensor:
    """The spectrum with frequency zero in the middle."""
    return fb.fft.fftshift(x, axes)


def ifftshift(x: Tensor, /, *, axes: int | Sequence[int] | None = None) -> Tensor:
    """The inverse of ``fftshift``."""
    return fb.fft.ifftshift(x, axes)


__all__ = [
    "fft", "fftfreq", "fftn", "fftshift", "hfft", "ifft", "ifftn", "ifftshift", "ihfft", "irfft", "irfftn", "rfft", "rfftfreq", "rfftn",
]  # fmt: skip
