"""Padding of the last one, two or three dimensions.

``padding`` is one width for all sides, or one for each: (left, right, top, bottom, front, back).
"""

from __future__ import annotations

from ...tensor import Tensor
from .. import functional as F
from .module import Module
from .utils import _ntuple, _pair, _quadruple

__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]

Padding = int | tuple[int, ...]

_sextuple = _ntuple(6, "_sextuple")


class _PadNd(Module):
    """Padding whose values come from the input itself."""

    __constants__ = ["padding"]
    _expand = staticmethod(_pair)

    def __init__(self, padding: Padding) -> None:
        super().__init__()
        self.padding = self._expand(padding)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _CircularPadNd(_PadNd):
    def _check_input_dim(self, input: Tensor) -> None:
        unbatched = len(self.padding) // 2 + 1
        if input.dim() not in (unbatched, unbatched + 1):
            raise ValueError(f"expected {unbatched}D or {unbatched + 1}D input (got {input.dim()}D input)")

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        return F.pad(input, self.padding, "circular")


class _ReflectionPadNd(_PadNd):
    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "reflect")


class _ReplicationPadNd(_PadNd):
    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "replicate")


class _ConstantPadNd(Module):
    """Padding with one value."""

    __constants__ = ["padding", "value"]
    _expand = staticmethod(_pair)

    def __init__(self, padding: Padding, value: float) -> None:
        super().__init__()
        self.padding = self._expand(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class CircularPad1d(_CircularPadNd):
    """Pad the last dimension with the values of the other end."""


class CircularPad2d(_CircularPadNd):
    """Pad the last two dimensions with the values of the other end."""

    _expand = staticmethod(_quadruple)


class CircularPad3d(_CircularPadNd):
    """Pad the last three dimensions with the values of the other end."""

    _expand = staticmethod(_sextuple)


class ReflectionPad1d(_ReflectionPadNd):
    """Pad the last dimension with their mirror image, the border not repeated."""


class ReflectionPad2d(_ReflectionPadNd):
    """Pad the last two dimensions with their mirror image, the border not repeated."""

    _expand = staticmethod(_quadruple)


class ReflectionPad3d(_ReflectionPadNd):
    """Pad the last three dimensions with their mirror image, the border not repeated."""

    _expand = staticmethod(_sextuple)


class ReplicationPad1d(_ReplicationPadNd):
    """Pad the last dimension with the border's values."""


class ReplicationPad2d(_ReplicationPadNd):
    """Pad the last two dimensions with the border's values."""

    _expand = staticmethod(_quadruple)


class ReplicationPad3d(_ReplicationPadNd):
    """Pad the last three dimensions with the border's values."""

    _expand = staticmethod(_sextuple)


class ConstantPad1d(_ConstantPadNd):
    """Pad the last dimension with ``value``."""


class ConstantPad2d(_ConstantPadNd):
    """Pad the last two dimensions with ``value``."""

    _expand = staticmethod(_quadruple)


class ConstantPad3d(_ConstantPadNd):
    """Pad the last three dimensions with ``value``."""

    _expand = staticmethod(_sextuple)


class ZeroPad1d(ConstantPad1d):
    """Pad the last dimension with zeros."""

    def __init__(self, padding: Padding) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad2d(ConstantPad2d):
    """Pad the last two dimensions with zeros."""

    def __init__(self, padding: Padding) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad3d(ConstantPad3d):
    """Pad the last three dimensions with zeros."""

    def __init__(self, padding: Padding) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"
