"""CIFAR-10 and CIFAR-100."""

from __future__ import annotations

import io
import operator
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...tensor import Tensor
from ..image import from_array
from .files import download as fetch
from .files import load_pickle
from .vision import VisionDataset

__all__ = ["CIFAR10", "CIFAR100"]


class CIFAR10(VisionDataset):
    """Colour images, 32 by 32, of 10 classes: 50,000 to train with and 10,000 to test.

    A sample is (image, class): a Pillow image where Pillow is installed, else an ``ArrayImage``.
    The files that are there are read as they are, also if they hold fewer images.

    Args:
        root: the folder that holds ``cifar-10-batches-py``.
        train: the training set, the default, or the test set.
        transform: function of the image.
        target_transform: function of the class.
        download: fetch the set if files are missing.

    Attributes:
        data: uint8 array (N, 32, 32, 3).
        targets: list of N ints.

    Raises:
        RuntimeError: files are missing, or could not be downloaded.
    """

    base_folder = "cifar-10-batches-py"
    url = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
    tgz_md5 = "c58f30108f718f92721af3b95e74349a"
    train_files = ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5"]
    test_files = ["test_batch"]
    meta_file = "batches.meta"
    label_key = "labels"
    names_key = "label_names"

    def __init__(
        self,
        root: str | Path,
        train: bool = True,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        if download:
            self.download()
        if not self._check_exists():
            raise RuntimeError(
                f"Dataset not found or corrupted in {self._folder}. You can use download=True to download it"
            )
        entries = [load_pickle(self._folder / name) for name in self._split_files]
        self.targets: list[int] = [label for entry in entries for label in entry[self.label_key]]
        pixels = np.vstack([entry["data"] for entry in entries])
        self.data = np.ascontiguousarray(pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
        self.classes: list[str] = load_pickle(self._folder / self.meta_file)[self.names_key]
        self.class_to_idx = {name: index for index, name in enumerate(self.classes)}

    @property
    def _folder(self) -> Path:
        return Path(str(self.root)) / self.base_folder

    @property
    def _split_files(self) -> list[str]:
        return self.train_files if self.train else self.test_files

    def _check_exists(self) -> bool:
        names = [*self.train_files, *self.test_files, self.meta_file]
        return all((self._folder / name).is_file() for name in names)

    def download(self) -> None:
        """Fetch and unpack the set unless its files are there."""
        if self._check_exists():
            return
        data = fetch([self.url], self.tgz_md5)
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
            archive.extractall(str(self.root), filter="data")

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        place = operator.index(index)
        return self._transformed(from_array(self.data[place]), self.targets[place])

    def __getbatch__(self, indices: Sequence[int]) -> list[Tensor] | None:
        """The collated batch at ``indices``, or ``None`` where samples have to be made one by one."""
        if type(self).__getitem__ is not _CIFAR_GETITEM:
            return None
        return self._array_batch(np.asarray(self.data), self.targets, indices)

    def __len__(self) -> int:
        return len(self.data)

    def extra_repr(self) -> str:
        return f"Split: {'Train' if self.train else 'Test'}"


# A subclass that writes its own __getitem__ makes its samples one by one.
_CIFAR_GETITEM = CIFAR10.__getitem__


class CIFAR100(CIFAR10):
    """CIFAR with 100 classes, 500 training and 100 test images each."""

    base_folder = "cifar-100-python"
    url = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
    tgz_md5 = "eb9058c3a382ffc7106e4002c42a8d85"
    train_files = ["train"]
    test_files = ["test"]
    meta_file = "meta"
    label_key = "fine_labels"
    names_key = "fine_label_names"
