"""Compose, ToTensor and Normalize."""

from __future__ import annotations

import torch


class Compose:
    def __init__(self, transforms):
        self.transforms = transforms

    def __call__(self, image):
        for transform in self.transforms:
            image = transform(image)
        return image


class ToTensor:
    """A uint8 array (height, width) as a float tensor (1, height, width) from 0 to 1."""

    def __call__(self, image):
        return torch.from_numpy(image[None]).contiguous().to(torch.get_default_dtype()).div(255)


class Normalize:
    """Subtract ``mean`` and divide by ``std``, both a number a channel."""

    def __init__(self, mean, std, inplace=False):
        self.mean, self.std, self.inplace = mean, std, inplace

    def __call__(self, tensor):
        if not self.inplace:
            tensor = tensor.clone()
        mean = torch.as_tensor(self.mean, dtype=tensor.dtype, device=tensor.device).view(-1, 1, 1)
        std = torch.as_tensor(self.std, dtype=tensor.dtype, device=tensor.device).view(-1, 1, 1)
        return tensor.sub_(mean).div_(std)
