"""The base of the data sets of images."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ... import ops
from ...tensor import Tensor
from ...utils.data.dataset import Dataset
from ..transforms.transforms import batch_function

__all__ = ["StandardTransform", "VisionDataset"]


class StandardTransform:
    """One function for the image and one for the target, either of which may be ``None``."""

    def __init__(self, transform: Callable | None = None, target_transform: Callable | None = None) -> None:
        self.transform = transform
        self.target_transform = target_transform

    def __call__(self, image: Any, target: Any) -> tuple[Any, Any]:
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target

    def __repr__(self) -> str:
        lines = [type(self).__name__]
        for title, function in (
            ("Transform: ", self.transform),
            ("Target transform: ", self.target_transform),
        ):
            if function is not None:
                first, *rest = repr(function).splitlines()
                lines += [title + first, *(" " * len(title) + line for line in rest)]
        return "\n".join(lines)


class VisionDataset(Dataset):
    """Base class: a root folder and what is done to each sample.

    Args:
        root: the folder of the data.
        transforms: function of (image, target); excludes the other two.
        transform: function of the image.
        target_transform: function of the target.
    """

    def __init__(
        self,
        root: str | Path | None = None,
        transforms: Callable | None = None,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
    ) -> None:
        self.root = os.path.expanduser(root) if isinstance(root, str) else root
        separate = transform is not None or target_transform is not None
        if transforms is not None and separate:
            raise ValueError("Only transforms or transform/target_transform can be passed as argument")
        self.transform = transform
        self.target_transform = target_transform
        self.transforms = StandardTransform(transform, target_transform) if separate else transforms

    def __len__(self) -> int:
        raise NotImplementedError

    def _transformed(self, image: Any, target: Any) -> tuple[Any, Any]:
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target

    def _array_batch(self, images: np.ndarray, targets: Any, indices: Sequence[int]) -> list[Tensor] | None:
        """The batch at ``indices``, if all of it can be made at once.

        ``images`` is uint8 (N, H, W[, C]). The values are those that ``default_collate`` makes of the
        single samples, bit for bit.
        """
        if self.target_transform is not None or images.dtype != np.uint8:
            return None
        apply = batch_function(self.transform)
        if apply is None:
            return None
        labels = [int(targets[index]) for index in indices]
        return [ops.tensor(apply(images[indices])), ops.tensor(labels)]

    def extra_repr(self) -> str:
        """More lines of the text."""
        return ""

    def __repr__(self) -> str:
        body = [f"Number of datapoints: {len(self)}"]
        if self.root is not None:
            body.append(f"Root location: {self.root}")
        body += self.extra_repr().splitlines()
        if self.transforms is not None:
            body += repr(self.transforms).splitlines()
        return "\n".join([f"Dataset {type(self).__name__}", *(f"    {line}" for line in body)])
