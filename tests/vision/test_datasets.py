"""Data sets of images: files, samples, and that whole batches equal single samples bit for bit."""

from __future__ import annotations

import gzip
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest

import flambeau as fl
from flambeau.utils.data import DataLoader, Subset, default_collate
from flambeau.vision import datasets, transforms
from flambeau.vision.datasets.files import load_pickle
from flambeau.vision.datasets.mnist import parse_idx

SHARED = Path(__file__).parents[3] / "shared" / "data"

USUAL = [transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))]


def idx_bytes(array: np.ndarray) -> bytes:
    code = {"uint8": 8, "int16": 11, "float32": 13}[array.dtype.name]
    header = struct.pack(f">HBB{array.ndim}I", 0, code, array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def write_mnist(root: Path, folder: str = "MNIST", compress: bool = False, count: int = 40) -> None:
    raw = root / folder / "raw"
    raw.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for split in ("train", "t10k"):
        images = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = rng.integers(0, 10, count, dtype=np.uint8)
        for name, array in ((f"{split}-images-idx3-ubyte", images), (f"{split}-labels-idx1-ubyte", labels)):
            data = idx_bytes(array)
            if compress:
                (raw / f"{name}.gz").write_bytes(gzip.compress(data))
            else:
                (raw / name).write_bytes(data)


@pytest.fixture
def root(tmp_path):
    write_mnist(tmp_path)
    return tmp_path


def batches_one_by_one(dataset, size):
    samples = [dataset[index] for index in range(len(dataset))]
    return [default_collate(samples[start : start + size]) for start in range(0, len(samples), size)]


def assert_equal_bits(ours, expected):
    assert len(ours) == len(expected)
    for batch, other in zip(ours, expected):
        for tensor, reference in zip(batch, other):
            assert tensor.dtype == reference.dtype and tensor.shape == reference.shape
            assert tensor.numpy().tobytes() == reference.numpy().tobytes()


# idx files


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32"])
@pytest.mark.parametrize("shape", [(3,), (2, 3), (0, 4)])
def test_idx_round_trip(dtype, shape):
    array = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    parsed = parse_idx(idx_bytes(array))
    assert parsed.dtype == array.dtype
    np.testing.assert_array_equal(parsed, array)


@pytest.mark.parametrize("data", [b"", b"\0\0\7\1", b"abcdefgh", idx_bytes(np.zeros(3, np.uint8))[:-1]])
def test_broken_idx_files(data):
    with pytest.raises(ValueError, match="idx file"):
        parse_idx(data)


# MNIST


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("name", ["MNIST", "FashionMNIST", "KMNIST"])
def test_samples(tmp_path, name, compress):
    write_mnist(tmp_path, name, compress)
    dataset = getattr(datasets, name)(tmp_path, train=False)
    assert len(dataset) == 40 and len(dataset.classes) == 10
    assert dataset.data.dtype == fl.uint8 and dataset.targets.dtype == fl.int64
    image, target = dataset[3]
    assert image.size == (28, 28) and image.mode == "L" and type(target) is int
    np.testing.assert_array_equal(np.asarray(image), dataset.data[3].numpy())
    assert target == dataset.targets[3].item()
    with pytest.raises(IndexError):
        dataset[40]


def test_missing_files(tmp_path):
    with pytest.raises(RuntimeError, match="You can use download=True to download it"):
        datasets.MNIST(tmp_path)


def test_download_uses_files_that_are_there_and_says_what_failed(root, tmp_path_factory, monkeypatch):
    datasets.MNIST(root, download=True)
    monkeypatch.setattr(datasets.MNIST, "mirrors", ["file:///nowhere/"])
    with pytest.raises(RuntimeError, match="could not be downloaded:\nfile:///nowhere/train-images"):
        datasets.MNIST(tmp_path_factory.mktemp("empty"), download=True)


def test_download_checks_the_sum_and_tries_the_next_mirror(tmp_path, monkeypatch):
    import hashlib

    source = tmp_path / "source"
    write_mnist(source, compress=True)
    good, bad = source / "MNIST" / "raw", tmp_path / "bad"
    bad.mkdir()
    sums = []
    for path in sorted(good.iterdir()):
        (bad / path.name).write_bytes(b"something else")
        sums.append((path.name, hashlib.md5(path.read_bytes()).hexdigest()))
    monkeypatch.setattr(datasets.MNIST, "mirrors", [f"{bad.as_uri()}/", f"{good.as_uri()}/"])
    monkeypatch.setattr(datasets.MNIST, "resources", sums)
    assert len(datasets.MNIST(tmp_path / "target", download=True)) == 40


def test_text(root):
    text = repr(datasets.MNIST(root, transform=transforms.Compose(USUAL)))
    assert text == (
        f"Dataset MNIST\n    Number of datapoints: 40\n    Root location: {root}\n    Split: Train\n"
        "    StandardTransform\n    Transform: Compose(\n                   ToTensor()\n"
        "                   Normalize(mean=(0.1307,), std=(0.3081,))\n               )"
    )


@pytest.mark.parametrize("steps", [USUAL, USUAL[:1]])
@pytest.mark.parametrize("size", [1, 7, 64])
def test_whole_batches_equal_single_samples(root, steps, size):
    dataset = datasets.MNIST(root, transform=transforms.Compose(steps))
    assert dataset.__getbatch__([0]) is not None
    loaded = list(DataLoader(dataset, batch_size=size))
    assert all(type(batch) is list for batch in loaded)
    assert_equal_bits(loaded, batches_one_by_one(dataset, size))


def test_whole_batches_through_subsets(root):
    dataset = datasets.MNIST(root, transform=transforms.ToTensor())
    part = Subset(Subset(dataset, range(10, 30)), [3, 1, 2])
    assert part.__getbatch__([0]) is not None
    assert_equal_bits(list(DataLoader(part, 2)), batches_one_by_one(part, 2))


def test_changed_data_is_seen(root):
    dataset = datasets.MNIST(root, transform=transforms.ToTensor())
    keep = dataset.targets < 5
    dataset.data, dataset.targets = dataset.data[keep], dataset.targets[keep]
    assert_equal_bits(list(DataLoader(dataset, 8)), batches_one_by_one(dataset, 8))


class Doubled(transforms.ToTensor):
    def __call__(self, pic):
        return super().__call__(pic) * 2


@pytest.mark.parametrize(
    "options",
    [
        {"transform": transforms.Compose([Doubled()])},
        {"transform": transforms.Compose([transforms.ToTensor(), transforms.Lambda(lambda x: x + 1)])},
        {"transform": transforms.PILToTensor()},
        {"transform": transforms.ToTensor(), "target_transform": lambda target: target + 1},
        {"transform": lambda image: fl.zeros(2)},
    ],
)
def test_other_transforms_go_sample_by_sample(root, options):
    dataset = datasets.MNIST(root, **options)
    assert dataset.__getbatch__([0]) is None
    assert_equal_bits(list(DataLoader(dataset, 16)), batches_one_by_one(dataset, 16))


def test_subclass_with_its_own_samples(root):
    class WithIndex(datasets.MNIST):
        def __getitem__(self, index):
            return (*super().__getitem__(index), index)

    dataset = WithIndex.__new__(WithIndex)
    dataset.__dict__.update(datasets.MNIST(root, transform=transforms.ToTensor()).__dict__)
    batch = next(iter(DataLoader(dataset, 4)))
    assert len(batch) == 3 and batch[2].tolist() == [0, 1, 2, 3]


@pytest.mark.skipif(not (SHARED / "MNIST").exists(), reason="needs the shared data")
def test_the_real_thing():
    test_set = datasets.MNIST(SHARED, train=False, transform=transforms.Compose(USUAL), download=True)
    counts = np.bincount(test_set.targets.numpy())
    assert counts.tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    images, labels = next(iter(DataLoader(test_set, batch_size=64)))
    assert images.shape == (64, 1, 28, 28) and labels[:5].tolist() == [7, 2, 1, 0, 4]


# CIFAR


def write_cifar(root: Path, count: int = 6) -> None:
    folder = root / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in [*datasets.CIFAR10.train_files, *datasets.CIFAR10.test_files]:
        pixels = rng.integers(0, 256, (count, 3072), dtype=np.uint8)
        batch = {"data": pixels, "labels": list(range(count)), "filenames": ["x"] * count}
        (folder / name).write_bytes(pickle.dumps(batch, protocol=2))
    meta = {"label_names": [f"class {index}" for index in range(10)]}
    (folder / "batches.meta").write_bytes(pickle.dumps(meta, protocol=2))


def test_cifar(tmp_path):
    write_cifar(tmp_path)
    normalize = transforms.Normalize((0.4, 0.5, 0.6), (0.2, 0.3, 0.4))
    dataset = datasets.CIFAR10(tmp_path, transform=transforms.Compose([transforms.ToTensor(), normalize]))
    assert len(dataset) == 30 and dataset.data.shape == (30, 32, 32, 3)
    assert dataset.classes[2] == "class 2" and dataset.class_to_idx["class 2"] == 2
    assert dataset[0][0].shape == (3, 32, 32)
    assert_equal_bits(list(DataLoader(dataset, 8)), batches_one_by_one(dataset, 8))
    assert len(datasets.CIFAR10(tmp_path, train=False)) == 6
    with pytest.raises(RuntimeError, match="download=True"):
        datasets.CIFAR100(tmp_path)


@pytest.mark.skipif(not (SHARED / "cifar-10-batches-py").exists(), reason="needs the shared data")
def test_cifar_written_by_python_2():
    dataset = datasets.CIFAR10(SHARED, train=False)
    assert len(dataset) == 2000 and dataset[0][0].mode == "RGB"
    assert np.bincount(dataset.targets).tolist() == [200] * 10


def test_pickles_cannot_call_functions(tmp_path):
    class Evil:
        def __reduce__(self):
            return print, ("called",)

    (tmp_path / "evil").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(pickle.UnpicklingError, match="may not use builtins.print"):
        load_pickle(tmp_path / "evil")


# Others


def test_fake_data_repeats_itself_and_leaves_the_random_stream_alone():
    dataset = datasets.FakeData(5, (3, 4, 6), transform=transforms.ToTensor())
    fl.manual_seed(0)
    expected = fl.rand(1).item()
    fl.manual_seed(0)
    (image, target), (again, _) = dataset[2], dataset[2]
    assert fl.rand(1).item() == expected
    assert image.shape == (3, 4, 6) and image.tolist() == again.tolist() and 0 <= target < 10
    with pytest.raises(IndexError):
        dataset[5]


def test_dataset_folder(tmp_path):
    for name in ("b/2.txt", "b/1.txt", "a/deep/3.TXT", "a/4.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    dataset = datasets.DatasetFolder(tmp_path, lambda path: Path(path).read_text(), (".txt",))
    assert dataset.classes == ["a", "b"] and dataset.targets == [0, 1, 1]
    assert list(dataset[i] for i in range(3)) == [("a/deep/3.TXT", 0), ("b/1.txt", 1), ("b/2.txt", 1)]
    with pytest.raises(FileNotFoundError, match="no valid file for the classes b"):
        datasets.ImageFolder(tmp_path)
    with pytest.raises(FileNotFoundError, match="any class folder"):
        datasets.ImageFolder(tmp_path / "b")
