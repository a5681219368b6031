"""MNIST from the files of the data folder."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset


class MNIST(Dataset):
    """Samples ``(transformed image, class)``; the image is given to the transform as a uint8 array of 28x28."""

    def __init__(self, root, train=True, transform=None, target_transform=None, download=False):
        folder, kind = Path(root) / "MNIST" / "raw", "train" if train else "t10k"
        self.data = torch.from_numpy(read(folder / f"{kind}-images-idx3-ubyte.gz", 16)).view(-1, 28, 28)
        self.targets = torch.from_numpy(read(folder / f"{kind}-labels-idx1-ubyte.gz", 8)).long()
        self.transform = transform
        self.target_transform = target_transform

    def __len__(self):
        return len(self.data)

    def __getitem__(self, index):
        image, target = self.data[index].numpy(), int(self.targets[index])
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target


def read(path: Path, header: int) -> np.ndarray:
    with gzip.open(path, "rb") as file:
        return np.frombuffer(bytearray(file.read()), dtype=np.uint8, offset=header)
