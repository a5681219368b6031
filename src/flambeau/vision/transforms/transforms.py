"""Transforms as objects. Those that a whole batch can go through at once have a method ``batch``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ... import dtypes, ops
from ...tensor import Tensor
from . import functional as F

__all__ = [
    "CenterCrop",
    "Compose",
    "ConvertImageDtype",
    "Grayscale",
    "Lambda",
    "Normalize",
    "PILToTensor",
    "Pad",
    "RandomApply",
    "RandomCrop",
    "RandomHorizontalFlip",
    "RandomVerticalFlip",
    "ToPILImage",
    "ToTensor",
]


class Compose:
    """Several transforms, one after the other."""

    def __init__(self, transforms: Sequence[Callable]) -> None:
        self.transforms = transforms

    def __call__(self, img: Any) -> Any:
        for transform in self.transforms:
            img = transform(img)
        return img

    def __repr__(self) -> str:
        return "\n".join([f"{type(self).__name__}(", *(f"    {t}" for t in self.transforms), ")"])


class _Plain:
    """A transform whose text is its name."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class ToTensor(_Plain):
    """An image (H, W[, C]) as a tensor (C, H, W); uint8 becomes float, from 0 to 1."""

    def __call__(self, pic: Any) -> Tensor:
        return F.to_tensor(pic)

    def batch(self, images: np.ndarray) -> np.ndarray:
        """uint8 (N, H, W[, C]) to float32 (N, C, H, W), divided by 255."""
        if images.ndim == 3:
            images = images[:, None]
        else:
            images = images.transpose(0, 3, 1, 2)
        values = images.astype(np.float32, order="C")
        values /= np.float32(255)
        return values


class PILToTensor(_Plain):
    """An image as a tensor (C, H, W) of the same dtype."""

    def __call__(self, pic: Any) -> Tensor:
        return F.pil_to_tensor(pic)


class ToPILImage:
    """A tensor (C, H, W) or an array (H, W, C) as an image."""

    def __init__(self, mode: str | None = None) -> None:
        self.mode = mode

    def __call__(self, pic: Any) -> Any:
        return F.to_pil_image(pic, self.mode)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({'' if self.mode is None else f'mode={self.mode}'})"


class ConvertImageDtype:
    """Change the dtype and scale the values with it."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype

    def __call__(self, image: Tensor) -> Tensor:
        return F.convert_image_dtype(image, self.dtype)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class Normalize:
    """``(tensor - mean) / std``, channel by channel.

    Args:
        mean, std: one value for each channel.
        inplace: overwrite the input.
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> None:
        self.mean = mean
        self.std = std
        self.inplace = inplace

    def __call__(self, tensor: Tensor) -> Tensor:
        return F.normalize(tensor, self.mean, self.std, self.inplace)

    # Called as modules are, in torchvision.
    forward = __call__

    def batch(self, images: np.ndarray) -> np.ndarray:
        """float32 (N, C, H, W), overwritten with the result."""
        mean, std = (
            np.asarray(values, dtype=np.float32).reshape(-1, 1, 1) for values in (self.mean, self.std)
        )
        if not std.all():
            raise ValueError(
                "std evaluated to zero after conversion to float32, leading to division by zero."
            )
        images -= mean
        images /= std
        return images

    def __repr__(self) -> str:
        return f"{type(self).__name__}(mean={self.mean}, std={self.std})"


class Lambda:
    """Any function as a transform."""

    def __init__(self, lambd: Callable) -> None:
        if not callable(lambd):
            raise TypeError(f"Argument lambd should be callable, got {type(lambd).__name__!r}")
        self.lambd = lambd

    def __call__(self, img: Any) -> Any:
        return self.lambd(img)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class CenterCrop:
    """The middle of the image, ``size`` by ``size`` or (height, width)."""

    def __init__(self, size: int | Sequence[int]) -> None:
        self.size = F._pair(size)

    def __call__(self, img: Any) -> Any:
        return F.center_crop(img, self.size)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(size={self.size})"


class Pad:
    """Add margins, see ``functional.pad``."""

    def __init__(
        self, padding: int | Sequence[int], fill: float | Sequence[float] = 0, padding_mode: str = "constant"
    ) -> None:
        self.padding = padding
        self.fill = fill
        self.padding_mode = padding_mode

    def __call__(self, img: Any) -> Any:
        return F.pad(img, self.padding, self.fill, self.padding_mode)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(padding={self.padding}, fill={self.fill}, "
            f"padding_mode={self.padding_mode})"
        )


class Grayscale:
    """The luma of an RGB image, in one channel or three equal ones."""

    def __init__(self, num_output_channels: int = 1) -> None:
        self.num_output_channels = num_output_channels

    def __call__(self, img: Any) -> Any:
        return F.rgb_to_grayscale(img, self.num_output_channels)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(num_output_channels={self.num_output_channels})"


class RandomCrop:
    """A rectangle at a random place.

    Args:
        size: (height, width), or one number.
        padding: margins that are added first, as in ``functional.pad``.
        pad_if_needed: add margins to images that are smaller than ``size``.
        fill, padding_mode: of the margins.
    """

    def __init__(
        self,
        size: int | Sequence[int],
        padding: int | Sequence[int] | None = None,
        pad_if_needed: bool = False,
        fill: float | Sequence[float] = 0,
        padding_mode: str = "constant",
    ) -> None:
        self.size = F._pair(size)
        self.padding = padding
        self.pad_if_needed = pad_if_needed
        self.fill = fill
        self.padding_mode = padding_mode

    @staticmethod
    def get_params(img: Any, output_size: tuple[int, int]) -> tuple[int, int, int, int]:
        """Draw top, left, height and width of the rectangle."""
        _, height, width = F.get_dimensions(img)
        crop_height, crop_width = output_size
        if height < crop_height or width < crop_width:
            raise ValueError(
                f"Required crop size {(crop_height, crop_width)} is larger than "
                f"input image size {(height, width)}"
            )
        if (height, width) == (crop_height, crop_width):
            return 0, 0, height, width
        top = ops.randint(0, height - crop_height + 1, size=(1,)).item()
        left = ops.randint(0, width - crop_width + 1, size=(1,)).item()
        return top, left, crop_height, crop_width

    def __call__(self, img: Any) -> Any:
        if self.padding is not None:
            img = F.pad(img, self.padding, self.fill, self.padding_mode)
        _, height, width = F.get_dimensions(img)
        if self.pad_if_needed and width < self.size[1]:
            img = F.pad(img, [self.size[1] - width, 0], self.fill, self.padding_mode)
        if self.pad_if_needed and height < self.size[0]:
            img = F.pad(img, [0, self.size[0] - height], self.fill, self.padding_mode)
        return F.crop(img, *self.get_params(img, self.size))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(size={self.size}, padding={self.padding})"


class _RandomFlip:
    def __init__(self, p: float = 0.5) -> None:
        self.p = p

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p})"


class RandomHorizontalFlip(_RandomFlip):
    """Swap left and right, with probability ``p``."""

    def __call__(self, img: Any) -> Any:
        return F.hflip(img) if ops.rand(1).item() < self.p else img


class RandomVerticalFlip(_RandomFlip):
    """Swap top and bottom, with probability ``p``."""

    def __call__(self, img: Any) -> Any:
        return F.vflip(img) if ops.rand(1).item() < self.p else img


class RandomApply:
    """Apply several transforms, or with probability ``1 - p`` none of them."""

    def __init__(self, transforms: Sequence[Callable], p: float = 0.5) -> None:
        self.transforms = transforms
        self.p = p

    def __call__(self, img: Any) -> Any:
        if self.p < ops.rand(1).item():
            return img
        for transform in self.transforms:
            img = transform(img)
        return img

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__}(", f"    p={self.p}", *(f"    {t}" for t in self.transforms), ")"]
        return "\n".join(lines)


def batch_function(transform: Any) -> Callable[[np.ndarray], np.ndarray] | None:
    """What does to a whole uint8 batch exactly what ``transform`` does to each image, or ``None``.

    The first step has to be ``ToTensor``, and every step one of the classes here that have ``batch``: a
    subclass may do anything.
    """
    steps: Any = transform.transforms if type(transform) is Compose else [transform]
    if not steps or ops.get_default_dtype() != dtypes.float32:
        return None
    if type(steps[0]) is not ToTensor or any(type(step) is not Normalize for step in steps[1:]):
        return None

    def apply(images: np.ndarray) -> np.ndarray:
        for step in steps:
            images = step.batch(images)
        return images

    return apply
