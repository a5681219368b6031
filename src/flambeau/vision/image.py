"""Images on the CPU: Pillow's where it is installed, a light-weight class where it is not."""

from __future__ import annotations

import functools
import sys
from typing import Any

import numpy as np

__all__ = ["ArrayImage"]

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


class ArrayImage:
    """An 8-bit image over a NumPy array, which the transforms take as they take Pillow's images.

    Args:
        array: uint8, of shape (height, width) or (height, width, 3 or 4).

    Attributes:
        size: (width, height), as Pillow counts.
        mode: "L", "RGB" or "RGBA".
    """

    def __init__(self, array: np.ndarray) -> None:
        channels = 1 if array.ndim == 2 else array.shape[-1]
        if array.dtype != np.uint8 or array.ndim not in (2, 3) or channels not in _MODES:
            raise ValueError(
                "ArrayImage: expected a uint8 array of shape (height, width) or (height, width, 3 or 4), "
                f"got {array.dtype} of shape {array.shape}"
            )
        self._array = array[:, :, 0] if array.ndim == 3 and channels == 1 else array
        self.mode = _MODES[channels]

    @property
    def size(self) -> tuple[int, int]:
        return self.width, self.height

    @property
    def width(self) -> int:
        return self._array.shape[1]

    @property
    def height(self) -> int:
        return self._array.shape[0]

    def getbands(self) -> tuple[str, ...]:
        return tuple(self.mode)

    def copy(self) -> ArrayImage:
        return ArrayImage(self._array.copy())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = self._array if dtype is None else self._array.astype(dtype, copy=False)
        return array.copy() if copy and array is self._array else array

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ArrayImage) and np.array_equal(self._array, other._array)

    __hash__ = None  # type: ignore[assignment]  # an image can be written to through its array

    def __repr__(self) -> str:
        return f"<flambeau.vision.ArrayImage mode={self.mode} size={self.width}x{self.height}>"


@functools.cache  # a failed import is looked for again each time, which costs more than an image
def pillow() -> Any:
    """The module ``PIL.Image``, or ``None`` where Pillow is not installed."""
    try:
        from PIL import Image  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        return None
    return Image


def is_image(value: Any) -> bool:
    """Whether ``value`` is an image of Pillow or of ours."""
    if isinstance(value, ArrayImage):
        return True
    module = sys.modules.get("PIL.Image")  # if nobody has imported it, this is no image of it
    return module is not None and isinstance(value, module.Image)


def from_array(array: np.ndarray) -> Any:
    """An image over a uint8 array (height, width[, channels]): Pillow's where it is installed."""
    module = pillow()
    return ArrayImage(array) if module is None else module.fromarray(np.ascontiguousarray(array))


def like(image: Any, array: np.ndarray) -> Any:
    """An image of the same library as ``image`` over another array."""
    if isinstance(image, ArrayImage):
        return ArrayImage(array)
    if image.mode == "P":
        raise NotImplementedError("flambeau: transforms of Pillow images of mode 'P' are not supported yet")
    return pillow().fromarray(np.ascontiguousarray(array))
