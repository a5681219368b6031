"""``torch._C._nn``: the functions of ``torch.nn.functional`` that PyTorch compiles, and some that it uses itself."""

from __future__ import annotations

from typing import Any

from ..nn.modules.utils import _parse_to as _parse
from ..nn.utils.rnn import pad_sequence
from ..ops import NAMESPACES
from ..ops.upsampling import interpolate
from ..runtime.devices import device as _device
from ..tensor import Tensor

__all__ = ["_parse_to", "_upsample_bicubic2d_aa", "_upsample_bilinear2d_aa", "_upsample_lanczos2d_aa", "pad_sequence"]


def __getattr__(name: str) -> Any:
    for namespace in ("nn.functional", "torch"):
        if name in NAMESPACES[namespace]:
            return NAMESPACES[namespace][name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _parse_to(*args: Any, **kwargs: Any) -> tuple:
    """The arguments of ``Module.to`` as device, dtype, non_blocking and memory format."""
    device, dtype, non_blocking, memory_format = _parse(*args, **kwargs)
    return None if device is None else _device(device), dtype, non_blocking, memory_format


def _antialiased(mode: str) -> Any:
    name = f"_upsample_{mode}2d_aa"

    def resize(
        input: Tensor, output_size: Any, align_corners: bool, scale_factors: Any = None, scales_w: float | None = None
    ) -> Tensor:
        given = (scale_factors, scales_w)
        if isinstance(scale_factors, (list, tuple)):
            given = tuple(scale_factors)
        corners = None if mode == "lanczos" else align_corners
        if output_size is None:
            return interpolate(input, scale_factor=list(given), mode=mode, align_corners=corners, antialias=True)
        if any(scale is not None for scale in given):
            raise NotImplementedError(f"flambeau: {name}: scales together with output_size are not supported yet")
        return interpolate(input, tuple(output_size), mode=mode, align_corners=corners, antialias=True)

    resize.__name__, resize.__doc__ = name, f"``interpolate`` in mode {mode} with antialias."
    return resize


_upsample_bilinear2d_aa, _upsample_bicubic2d_aa, _upsample_lanczos2d_aa = map(
    _antialiased, ("bilinear", "bicubic", "lanczos")
)
