"""Data sets and transforms of images, with torchvision's interface."""

from __future__ import annotations

from . import datasets, transforms
from .image import ArrayImage

# The release of torchvision that belongs to PyTorch 2.13.
__version__ = "0.28.0"

__all__ = ["ArrayImage", "datasets", "transforms"]
