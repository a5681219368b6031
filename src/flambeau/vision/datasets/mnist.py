"""MNIST and the sets in its format: idx files, big-endian, plain or gzip-compressed."""

from __future__ import annotations

import gzip
import operator
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ... import ops
from ...tensor import Tensor
from ..image import from_array
from .files import download as fetch
from .vision import VisionDataset

__all__ = ["KMNIST", "MNIST", "FashionMNIST"]

_IDX_DTYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


def parse_idx(data: bytes) -> np.ndarray:
    """The array in an idx file: two zero bytes, dtype code, rank, sizes as 32-bit integers, values.

    Raises:
        ValueError: the header is not an idx header, or the file is too short or too long.
    """
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in _IDX_DTYPES:
        raise ValueError("not an idx file: the header is wrong")
    dtype, rank = np.dtype(_IDX_DTYPES[data[2]]), data[3]
    shape = tuple(int(size) for size in np.frombuffer(data, ">u4", count=rank, offset=4))
    start = 4 + 4 * rank
    expected = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if len(data) - start != expected:
        raise ValueError(f"idx file of shape {shape}: expected {expected} bytes, got {len(data) - start}")
    values = np.frombuffer(data, dtype, offset=start).reshape(shape)
    return values.astype(dtype.newbyteorder("="))


class MNIST(VisionDataset):
    """Handwritten digits: 60,000 images to train with and 10,000 to test, 28 by 28, 8 bits.

    A sample is (image, digit): a Pillow image where Pillow is installed, else an ``ArrayImage``.

    Args:
        root: the folder that holds ``MNIST/raw``, with the four idx files, plain or ``.gz``.
        train: the training set, the default, or the test set.
        transform: function of the image.
        target_transform: function of the digit.
        download: fetch files that are missing; those that are there are used as they are.

    Attributes:
        data: uint8 tensor (N, 28, 28).
        targets: int64 tensor (N,).

    Raises:
        RuntimeError: files are missing, or could not be downloaded.
    """

    mirrors = [
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "http://yann.lecun.com/exdb/mnist/",
    ]
    resources = [
        ("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
        ("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432"),
        ("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3"),
        ("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c"),
    ]
    classes = [
        "0 - zero",
        "1 - one",
        "2 - two",
        "3 - three",
        "4 - four",
        "5 - five",
        "6 - six",
        "7 - seven",
        "8 - eight",
        "9 - nine",
    ]

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
                f"Dataset not found in {self.raw_folder}. You can use download=True to download it"
            )
        self.data, self.targets = self._load_data()

    def _load_data(self) -> tuple[Tensor, Tensor]:
        split = "train" if self.train else "t10k"
        images = self._read(f"{split}-images-idx3-ubyte")
        labels = self._read(f"{split}-labels-idx1-ubyte")
        return ops.from_numpy(images), ops.from_numpy(labels.astype(np.int64))

    def _read(self, name: str) -> np.ndarray:
        path = self._find(name)
        assert path is not None  # __init__ has looked
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        try:
            return parse_idx(data)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None

    def _find(self, name: str) -> Path | None:
        """The plain file of this name, or the compressed one, or ``None``."""
        for path in (Path(self.raw_folder) / name, Path(self.raw_folder) / f"{name}.gz"):
            if path.is_file():
                return path
        return None

    def _check_exists(self) -> bool:
        return all(self._find(name.removesuffix(".gz")) for name, _ in self.resources)

    def download(self) -> None:
        """Fetch the files that are missing, from the first mirror that has them."""
        for name, checksum in self.resources:
            plain = name.removesuffix(".gz")
            if self._find(plain):
                continue
            data = fetch([mirror + name for mirror in self.mirrors], checksum)
            folder = Path(self.raw_folder)
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
            (folder / plain).write_bytes(gzip.decompress(data))

    @property
    def raw_folder(self) -> str:
        return str(Path(str(self.root)) / type(self).__name__ / "raw")

    @property
    def class_to_idx(self) -> dict[str, int]:
        return {name: index for index, name in enumerate(self.classes)}

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        place = operator.index(index)
        image = from_array(_as_array(self.data)[place])
        return self._transformed(image, int(_as_array(self.targets)[place]))

    def __getbatch__(self, indices: Sequence[int]) -> list[Tensor] | None:
        """The collated batch at ``indices``, or ``None`` where samples have to be made one by one."""
        if type(self).__getitem__ is not _MNIST_GETITEM:
            return None
        return self._array_batch(_as_array(self.data), _as_array(self.targets), indices)

    def __len__(self) -> int:
        return len(self.data)

    def extra_repr(self) -> str:
        return f"Split: {'Train' if self.train else 'Test'}"

    @property
    def train_data(self) -> Tensor:
        return self._old_name("train_data", "data")

    @property
    def test_data(self) -> Tensor:
        return self._old_name("test_data", "data")

    @property
    def train_labels(self) -> Tensor:
        return self._old_name("train_labels", "targets")

    @property
    def test_labels(self) -> Tensor:
        return self._old_name("test_labels", "targets")

    def _old_name(self, old: str, new: str) -> Tensor:
        warnings.warn(f"{old} has been renamed {new}", stacklevel=3)
        return getattr(self, new)


# A subclass that writes its own __getitem__ makes its samples one by one.
_MNIST_GETITEM = MNIST.__getitem__


def _as_array(values: Any) -> np.ndarray:
    return values.numpy() if isinstance(values, Tensor) else np.asarray(values)


class FashionMNIST(MNIST):
    """Zalando's articles of clothing, in the format of MNIST."""

    mirrors = ["http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"]
    resources = [
        ("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        ("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
        ("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"),
        ("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"),
    ]
    classes = [
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ]


class KMNIST(MNIST):
    """Cursive Japanese characters, in the format of MNIST."""

    mirrors = ["http://codh.rois.ac.jp/kmnist/dataset/kmnist/"]
    resources = [
        ("train-images-idx3-ubyte.gz", "bdb82020997e1d708af4cf47b453dcf7"),
        ("train-labels-idx1-ubyte.gz", "e144d726b3acfaa3e44228e80efcd344"),
        ("t10k-images-idx3-ubyte.gz", "5c965bf0a639b31b8f53240b1b52f4d7"),
        ("t10k-labels-idx1-ubyte.gz", "7320c461ea6c1c855c0b718fb2a4b134"),
    ]
    classes = ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"]
