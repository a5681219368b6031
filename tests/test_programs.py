"""Published PyTorch programs, unmodified, under ``flambeau run``.

The programs lie beside the checkout, in ``../shared/programs``; where they are not, these tests are skipped.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

SHARED = Path(__file__).parents[2] / "shared"
PROGRAMS = SHARED / "programs"

pytestmark = pytest.mark.skipif(not PROGRAMS.is_dir(), reason=f"no published programs: {PROGRAMS} is not there")

# What mnist_mlp.py uses of torchvision, for PyTorch: the releases of torchvision each ask for one release of torch.
TORCHVISION = '''
import gzip, numpy, sys, torch, types

class MNIST(torch.utils.data.Dataset):
    def __init__(self, root, train, download, transform):
        stem = f"{root}/MNIST/raw/{'train' if train else 't10k'}-"
        images, labels = (gzip.open(stem + name).read() for name in ("images-idx3-ubyte.gz", "labels-idx1-ubyte.gz"))
        # Its transforms are elementwise, and so may be done for all images at once.
        self.images = transform(numpy.frombuffer(images, numpy.uint8, offset=16).reshape(-1, 1, 28, 28))
        self.labels = numpy.frombuffer(labels, numpy.uint8, offset=8).tolist()

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return self.images[index], self.labels[index]

class Compose:
    def __init__(self, steps):
        self.steps = steps

    def __call__(self, value):
        for step in self.steps:
            value = step(value)
        return value

def ToTensor():
    return lambda image: torch.tensor(image).float().div(255)

def Normalize(mean, std):
    return lambda image: image.sub(mean[0]).div(std[0])

datasets = types.SimpleNamespace(MNIST=MNIST)
transforms = sys.modules["torchvision.transforms"] = sys.modules[__name__]
'''


@pytest.fixture
def folder(tmp_path):
    """A working folder in which ``./data`` is the shared data."""
    (tmp_path / "data").symlink_to(SHARED / "data")
    return tmp_path


def printed(folder: Path, *command) -> str:
    """What a Python command prints when it runs in ``folder``; it must succeed."""
    path = os.pathsep.join([*filter(None, sys.path), str(folder / "stand-ins")])
    result = subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize("name", ["tensors.py", "regression.py"])
def test_the_output_is_pytorchs(folder, name):
    assert printed(folder, "-m", "flambeau", "run", PROGRAMS / name) == printed(folder, PROGRAMS / name)


def test_mnist_is_learned_as_by_pytorch(folder):
    if not (SHARED / "data" / "MNIST" / "raw").is_dir():
        pytest.skip(f"no MNIST in {SHARED / 'data'}")
    (folder / "stand-ins").mkdir()
    (folder / "stand-ins" / "torchvision.py").write_text(TORCHVISION)
    ours = printed(folder, "-m", "flambeau", "run", PROGRAMS / "mnist_mlp.py")
    theirs = printed(folder, PROGRAMS / "mnist_mlp.py")

    numbers = [[float(n) for n in re.findall(r"loss: ([\d.]+)", output)] for output in (ours, theirs)]
    assert len(numbers[1]) == 8
    assert numbers[0] == pytest.approx(numbers[1], abs=0.01)
    number = re.compile(r"\d+\.\d+|\d+ %")
    assert number.sub("", ours) == number.sub("", theirs)
    accuracy = int(re.search(r"10000 test images: (\d+) %", ours).group(1))
    assert accuracy >= 95
