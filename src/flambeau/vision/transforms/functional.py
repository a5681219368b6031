"""Transforms as functions of one image: an image of Pillow, an ``ArrayImage``, or a tensor (..., C, H, W)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ... import dtypes, ops
from ...tensor import Tensor
from ..image import from_array, is_image, like

__all__ = [
    "center_crop",
    "convert_image_dtype",
    "crop",
    "get_dimensions",
    "get_image_num_channels",
    "get_image_size",
    "hflip",
    "normalize",
    "pad",
    "pil_to_tensor",
    "rgb_to_grayscale",
    "to_grayscale",
    "to_pil_image",
    "to_tensor",
    "vflip",
]

_PAD_MODES = ("constant", "edge", "reflect", "symmetric")


def _check_image(name: str, image: Any) -> None:
    if not isinstance(image, Tensor) and not is_image(image):
        raise TypeError(f"{name}: expected a tensor or an image, got {type(image)}")


def _channels_first(array: np.ndarray) -> np.ndarray:
    """(H, W) or (H, W, C) to a contiguous (C, H, W)."""
    if array.ndim == 2:
        return array[None]
    return np.ascontiguousarray(array.transpose(2, 0, 1))


def to_tensor(pic: Any) -> Tensor:
    """An image or an array (H, W[, C]) as a tensor (C, H, W).

    uint8 becomes the default float dtype, divided by 255; other dtypes are kept.
    """
    if not (is_image(pic) or isinstance(pic, np.ndarray)):
        raise TypeError(f"pic should be PIL Image or ndarray. Got {type(pic)}")
    array = np.array(pic)
    if array.ndim not in (2, 3):
        raise ValueError(f"pic should be 2/3 dimensional. Got {array.ndim} dimensions.")
    array = _channels_first(array)
    if array.dtype != np.uint8:
        return ops.from_numpy(array)
    if ops.get_default_dtype() != dtypes.float32:
        return ops.from_numpy(array).to(dtype=ops.get_default_dtype()).div(255)
    # The same values, and for a small image a fraction of the cost of two operators.
    return ops.tensor(array.astype(np.float32) / np.float32(255))


def pil_to_tensor(pic: Any) -> Tensor:
    """An image as a tensor (C, H, W) of the same dtype."""
    if not is_image(pic):
        raise TypeError(f"pic should be PIL Image. Got {type(pic)}")
    return ops.from_numpy(_channels_first(np.array(pic)))


def to_pil_image(pic: Any, mode: str | None = None) -> Any:
    """A tensor (C, H, W) or an array (H, W, C) as an image; floating tensors are taken as 0 to 1.

    Only 8-bit images of 1, 3 or 4 channels are made.
    """
    if mode is not None:
        raise NotImplementedError("flambeau: to_pil_image: argument mode is not supported yet")
    if isinstance(pic, Tensor):
        array = _hwc_bytes(pic)
    elif isinstance(pic, np.ndarray):
        array = pic
    else:
        raise TypeError(f"pic should be Tensor or ndarray. Got {type(pic)}.")
    if array.ndim == 3 and array.shape[-1] == 1:
        array = array[:, :, 0]
    if array.dtype != np.uint8:
        raise TypeError(f"Input type {array.dtype} is not supported")
    return from_array(array)


def _hwc_bytes(tensor: Tensor) -> np.ndarray:
    if tensor.dim() not in (2, 3):
        raise ValueError(f"pic should be 2/3 dimensional. Got {tensor.dim()} dimensions.")
    if tensor.dim() == 2:
        tensor = tensor.unsqueeze(0)
    if tensor.is_floating_point():
        tensor = tensor.mul(255).to(dtypes.uint8)
    return tensor.permute(1, 2, 0).contiguous().numpy()


def convert_image_dtype(image: Tensor, dtype: Any = dtypes.float32) -> Tensor:
    """Change the dtype and scale the values with it: floating dtypes hold 0 to 1.

    Integers to integers are not supported.
    """
    if not isinstance(image, Tensor):
        raise TypeError("Input img should be Tensor Image")
    if image.dtype == dtype:
        return image
    if image.is_floating_point():
        if dtype.is_floating_point:
            return image.to(dtype)
        if dtype in (dtypes.int32, dtypes.int64) and image.dtype == dtypes.float32:
            raise RuntimeError(f"The cast from {image.dtype} to {dtype} cannot be performed safely.")
        # Just under the next integer, so that 1.0 becomes the largest value.
        return image.mul(float(dtypes.iinfo(dtype).max) + 1.0 - 1e-3).to(dtype)
    if not dtype.is_floating_point:
        raise NotImplementedError(
            f"flambeau: convert_image_dtype: from {image.dtype} to {dtype} is not supported yet"
        )
    return image.to(dtype) / float(dtypes.iinfo(image.dtype).max)


def normalize(tensor: Tensor, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> Tensor:
    """``(tensor - mean) / std``, channel by channel of a floating tensor (..., C, H, W)."""
    if not isinstance(tensor, Tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(tensor)}")
    if not tensor.is_floating_point():
        raise TypeError(f"Input tensor should be a float tensor. Got {tensor.dtype}.")
    if tensor.dim() < 3:
        raise ValueError(
            "Expected tensor to be a tensor image of size (..., C, H, W). "
            f"Got tensor.size() = {tensor.size()}"
        )
    if not inplace:
        tensor = tensor.clone()
    means, deviations = _as_channels(mean, tensor), _as_channels(std, tensor)
    if _has_zero(std, tensor.dtype):
        raise ValueError(
            f"std evaluated to zero after conversion to {tensor.dtype}, leading to division by zero."
        )
    return tensor.sub_(means).div_(deviations)


def _has_zero(std: Any, dtype: Any) -> bool:
    """Whether a deviation is zero in ``dtype``. Plain numbers are looked at without waiting for a tensor."""
    if isinstance(std, Tensor):
        return bool((std.to(dtype) == 0).any())
    host_dtype = {dtypes.float64: np.float64, dtypes.float16: np.float16}.get(dtype, np.float32)
    return not np.asarray(std, dtype=host_dtype).all()


def _as_channels(values: Sequence[float], tensor: Tensor) -> Any:
    channels = ops.as_tensor(values, dtype=tensor.dtype, device=tensor.device)
    return channels.view(-1, 1, 1) if channels.dim() == 1 else channels


def get_dimensions(img: Any) -> list[int]:
    """[channels, height, width]."""
    _check_image("get_dimensions", img)
    if isinstance(img, Tensor):
        return [1 if img.dim() == 2 else img.shape[-3], *img.shape[-2:]]
    width, height = img.size
    return [len(img.getbands()), height, width]


def get_image_size(img: Any) -> list[int]:
    """[width, height]."""
    _, height, width = get_dimensions(img)
    return [width, height]


def get_image_num_channels(img: Any) -> int:
    """How many channels the image has."""
    return get_dimensions(img)[0]


def hflip(img: Any) -> Any:
    """Swap left and right."""
    _check_image("hflip", img)
    return img.flip(-1) if isinstance(img, Tensor) else like(img, np.asarray(img)[:, ::-1])


def vflip(img: Any) -> Any:
    """Swap top and bottom."""
    _check_image("vflip", img)
    return img.flip(-2) if isinstance(img, Tensor) else like(img, np.asarray(img)[::-1])


def crop(img: Any, top: int, left: int, height: int, width: int) -> Any:
    """A rectangle of the image; what lies outside it is zero."""
    _, image_height, image_width = get_dimensions(img)
    bottom, right = top + height, left + width
    if top < 0 or left < 0 or bottom > image_height or right > image_width:
        # Left, top, right, bottom.
        margins = [max(-left, 0), max(-top, 0), max(right - image_width, 0), max(bottom - image_height, 0)]
        img = pad(img, margins)
        top, left = max(top, 0), max(left, 0)
    if isinstance(img, Tensor):
        return img[..., top : top + height, left : left + width]
    return like(img, np.asarray(img)[top : top + height, left : left + width])


def center_crop(img: Any, output_size: int | Sequence[int]) -> Any:
    """The middle of the image; smaller images are padded with zeros."""
    height, width = _pair(output_size)
    _, image_height, image_width = get_dimensions(img)
    if width > image_width or height > image_height:
        left, top = max(width - image_width, 0) // 2, max(height - image_height, 0) // 2
        right, bottom = (max(width - image_width, 0) + 1) // 2, (max(height - image_height, 0) + 1) // 2
        img = pad(img, [left, top, right, bottom])
        _, image_height, image_width = get_dimensions(img)
    top = int(round((image_height - height) / 2.0))
    left = int(round((image_width - width) / 2.0))
    return crop(img, top, left, height, width)


def _pair(size: int | Sequence[int]) -> tuple[int, int]:
    if isinstance(size, int):
        return size, size
    return (size[0], size[0]) if len(size) == 1 else (size[0], size[1])


def pad(
    img: Any, padding: int | Sequence[int], fill: float | Sequence[float] = 0, padding_mode: Any = "constant"
) -> Any:
    """Add margins.

    Args:
        padding: one width; [left and right, top and bottom]; or [left, top, right, bottom].
        fill: the value of constant margins; for images also one for each channel.
        padding_mode: "constant", "edge", "reflect" or "symmetric"; tensors take "constant" only.
    """
    _check_image("pad", img)
    if padding_mode not in _PAD_MODES:
        raise ValueError("Padding mode should be either constant, edge, reflect or symmetric")
    left, top, right, bottom = _margins(padding)
    if isinstance(img, Tensor):
        return _pad_tensor(img, (left, top, right, bottom), fill, padding_mode)

    array = np.asarray(img)
    widths = [(top, bottom), (left, right), (0, 0)][: array.ndim]
    if padding_mode != "constant":
        return like(img, np.pad(array, widths, mode=padding_mode))
    height, width = array.shape[:2]
    padded = np.empty((top + height + bottom, left + width + right, *array.shape[2:]), dtype=array.dtype)
    padded[...] = np.asarray(fill, dtype=array.dtype)
    padded[top : top + height, left : left + width] = array
    return like(img, padded)


def _margins(padding: int | Sequence[int]) -> tuple[int, int, int, int]:
    values = [padding] if isinstance(padding, int) else list(padding)
    if len(values) == 1:
        values *= 4
    if len(values) == 2:
        values *= 2
    if len(values) != 4:
        raise ValueError(
            f"Padding must be an int or a 1, 2, or 4 element tuple, not a {len(values)} element tuple"
        )
    left, top, right, bottom = values
    return left, top, right, bottom


def _pad_tensor(img: Tensor, margins: tuple[int, int, int, int], fill: Any, padding_mode: str) -> Tensor:
    if padding_mode != "constant":
        raise NotImplementedError(
            f"flambeau: pad: padding_mode={padding_mode!r} of tensors is not supported yet"
        )
    left, top, right, bottom = margins
    *lead, height, width = img.shape
    padded = ops.full((*lead, top + height + bottom, left + width + right), fill, dtype=img.dtype)
    padded[..., top : top + height, left : left + width] = img
    return padded


def to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """The luma of an image (ITU-R 601-2), in one channel or three equal ones."""
    if isinstance(img, Tensor):
        raise TypeError(f"Input should be PIL Image. Got {type(img)}")
    return rgb_to_grayscale(img, num_output_channels)


def rgb_to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """The luma of an RGB image or tensor (ITU-R 601-2), in one channel or three equal ones."""
    _check_image("rgb_to_grayscale", img)
    if num_output_channels not in (1, 3):
        raise ValueError("num_output_channels should be either 1 or 3")
    if isinstance(img, Tensor):
        return _tensor_luma(img, num_output_channels)

    array = np.asarray(img)
    if array.ndim == 3:
        # Pillow's integer weights, with rounding: R * 19595 + G * 38470 + B * 7471, over 65536.
        red, green, blue = (array[:, :, channel].astype(np.uint32) for channel in range(3))
        array = ((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16).astype(np.uint8)
    if num_output_channels == 3:
        array = np.repeat(array[:, :, None], 3, axis=2)
    return like(img, array)


def _tensor_luma(img: Tensor, num_output_channels: int) -> Tensor:
    if img.dim() < 3:
        raise TypeError(f"Input image tensor should have at least 3 dimensions, but found {img.dim()}")
    if img.shape[-3] == 3:
        red, green, blue = img.unbind(dim=-3)
        img = (0.2989 * red + 0.587 * green + 0.114 * blue).to(img.dtype).unsqueeze(dim=-3)
    elif img.shape[-3] != 1:
        raise TypeError(f"Input image tensor permitted channel values are 1 or 3, but found {img.shape[-3]}")
    if num_output_channels == 1:
        return img
    return img.expand((*img.shape[:-3], 3, *img.shape[-2:]))
