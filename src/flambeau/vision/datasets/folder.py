"""Images in folders, one folder a class."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from ..image import pillow
from .vision import VisionDataset

__all__ = ["DatasetFolder", "ImageFolder", "default_loader", "find_classes", "make_dataset"]

IMG_EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")


def find_classes(directory: str | Path) -> tuple[list[str], dict[str, int]]:
    """The folders in ``directory``, sorted, and their numbers.

    Raises:
        FileNotFoundError: there is none.
    """
    classes = sorted(entry.name for entry in os.scandir(os.path.expanduser(directory)) if entry.is_dir())
    if not classes:
        raise FileNotFoundError(f"Couldn't find any class folder in {directory}.")
    return classes, {name: index for index, name in enumerate(classes)}


def make_dataset(
    directory: str | Path,
    class_to_idx: dict[str, int] | None = None,
    extensions: str | tuple[str, ...] | None = None,
    is_valid_file: Callable[[str], bool] | None = None,
    allow_empty: bool = False,
) -> list[tuple[str, int]]:
    """(path, class number) of every file of interest, class by class, sorted by folder and name.

    Args:
        class_to_idx: the classes; found if ``None``.
        extensions: how the names of interest end; excludes ``is_valid_file``.
        is_valid_file: tells from a path if it is of interest.
        allow_empty: classes may be without files.

    Raises:
        ValueError: not exactly one of ``extensions`` and ``is_valid_file``.
        FileNotFoundError: a class without files.
    """
    if (extensions is None) == (is_valid_file is None):
        raise ValueError("Both extensions and is_valid_file cannot be None or not None at the same time")
    if class_to_idx is None:
        class_to_idx = find_classes(directory)[1]
    if not class_to_idx:
        raise ValueError("'class_to_index' must have at least one entry to collect any samples.")
    if is_valid_file is None:
        is_valid_file = partial(_has_extension, extensions=extensions)

    samples: list[tuple[str, int]] = []
    empty = []
    for name in sorted(class_to_idx):
        paths = _files(os.path.join(os.path.expanduser(directory), name))
        found = [(path, class_to_idx[name]) for path in paths if is_valid_file(path)]
        samples += found
        if not found:
            empty.append(name)
    if empty and not allow_empty:
        message = f"Found no valid file for the classes {', '.join(empty)}."
        if extensions is not None:
            listed = extensions if isinstance(extensions, str) else ", ".join(extensions)
            message += f" Supported extensions are: {listed}"
        raise FileNotFoundError(message)
    return samples


def _has_extension(path: str, extensions: Any) -> bool:
    return path.lower().endswith(extensions)


def _files(folder: str) -> list[str]:
    walk = sorted(os.walk(folder, followlinks=True))
    return [os.path.join(root, name) for root, _, names in walk for name in sorted(names)]


def default_loader(path: str) -> Any:
    """The image at ``path`` in RGB. It needs Pillow."""
    image = pillow()
    if image is None:
        raise ImportError("flambeau: reading image files needs Pillow: pip install pillow")
    with open(path, "rb") as file:
        return image.open(file).convert("RGB")


class DatasetFolder(VisionDataset):
    """Samples in ``root/class/.../file``: (what ``loader`` makes of the path, the class's number).

    Args:
        root: the folder of the class folders.
        loader: function of a path.
        extensions, is_valid_file, allow_empty: which files, see ``make_dataset``.
        transform, target_transform: functions of the sample and of the class.

    Attributes:
        classes, class_to_idx, samples, targets.
    """

    def __init__(
        self,
        root: str | Path,
        loader: Callable[[str], Any],
        extensions: tuple[str, ...] | None = None,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.loader = loader
        self.extensions = extensions
        self.classes, self.class_to_idx = self.find_classes(root)
        self.samples = make_dataset(root, self.class_to_idx, extensions, is_valid_file, allow_empty)
        self.targets = [target for _, target in self.samples]

    def find_classes(self, directory: str | Path) -> tuple[list[str], dict[str, int]]:
        """The classes in ``directory`` and their numbers; a subclass may choose others."""
        return find_classes(directory)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        path, target = self.samples[index]
        return self._transformed(self.loader(path), target)

    def __len__(self) -> int:
        return len(self.samples)


class ImageFolder(DatasetFolder):
    """Images in ``root/class/.../name.png``, read by Pillow."""

    def __init__(
        self,
        root: str | Path,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        loader: Callable[[str], Any] = default_loader,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> None:
        extensions = IMG_EXTENSIONS if is_valid_file is None else None
        super().__init__(root, loader, extensions, transform, target_transform, is_valid_file, allow_empty)
        self.imgs = self.samples
