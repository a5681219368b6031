"""Random images, to try a program without data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ... import ops
from ...dtypes import int64
from ..transforms.functional import to_pil_image
from .vision import VisionDataset

__all__ = ["FakeData"]


class FakeData(VisionDataset):
    """Images of noise with random classes; sample ``i`` is always the same.

    Args:
        size: how many samples; default 1000.
        image_size: (channels, height, width); default (3, 224, 224).
        num_classes: default 10.
        transform, target_transform: functions of the image and of the class.
        random_offset: added to the index, which seeds the sample; default 0.
    """

    def __init__(
        self,
        size: int = 1000,
        image_size: tuple[int, int, int] = (3, 224, 224),
        num_classes: int = 10,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        random_offset: int = 0,
    ) -> None:
        super().__init__(None, transform=transform, target_transform=target_transform)
        self.size = size
        self.image_size = image_size
        self.num_classes = num_classes
        self.random_offset = random_offset

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        if index >= len(self):
            raise IndexError(f"{type(self).__name__} index out of range")
        generator = ops.Generator()
        generator.manual_seed(index + self.random_offset)
        noise = ops.randn(*self.image_size, generator=generator)
        target = ops.randint(0, self.num_classes, size=(1,), dtype=int64, generator=generator)
        return self._transformed(to_pil_image(noise), target.item())

    def __len__(self) -> int:
        return self.size
