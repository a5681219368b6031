"""``import torch`` means flambeau after ``alias.install()``.

The alias changes the whole process, and PyTorch is imported in this one, so each test runs its own program.
"""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from flambeau.alias import target_of


def run(program: str, *arguments: str) -> str:
    """The output of a program in a new process; it must succeed."""
    text = textwrap.dedent(program)
    result = subprocess.run([sys.executable, "-c", text, *arguments], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout


INSTALL = "from flambeau import alias; alias.install()\n"


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("torch", "flambeau"),
        ("torch.nn.functional", "flambeau.nn.functional"),
        ("torchvision", "flambeau.vision"),
        ("torchvision.transforms", "flambeau.vision.transforms"),
        ("torchaudio", None),
        ("torch_geometric", None),
        ("numpy", None),
    ],
)
def test_which_names_are_aliases(name, target):
    assert target_of(name) == target


def test_modules_are_the_same_objects():
    run(
        INSTALL
        + """
import sys
import torch, torchvision
import torch.nn as nn
import torch.utils.data
from torch.utils.data import DataLoader
import torchvision.transforms as transforms
import flambeau, flambeau.vision.transforms
assert sys.modules["torch"] is torch is flambeau
assert sys.modules["torch.nn"] is nn is flambeau.nn is torch.nn
assert sys.modules["torch.utils.data"] is flambeau.utils.data
assert DataLoader is flambeau.utils.data.DataLoader
assert torchvision is flambeau.vision
assert transforms is flambeau.vision.transforms is torchvision.transforms
"""
    )


def test_modules_keep_their_own_specification():
    run(
        INSTALL
        + """
import importlib.util
import torch.nn
assert torch.__spec__.name == torch.__name__ == "flambeau"
assert torch.nn.__spec__.name == torch.nn.__name__ == "flambeau.nn"
assert importlib.util.find_spec("torch") is not None
assert importlib.util.find_spec("torch.optim") is not None
assert importlib.util.find_spec("torch.no_such_room") is None
"""
    )


def test_what_flambeau_lacks_is_missing_by_its_torch_name():
    run(
        INSTALL
        + """
try:
    import torch.no_such_room
except ModuleNotFoundError as error:
    assert error.name == "torch.no_such_room", error
else:
    raise AssertionError
"""
    )


def test_the_version_is_that_of_the_interface():
    run(
        INSTALL
        + """
from importlib import metadata
assert metadata.version("torch") == "2.13.0"
assert metadata.metadata("torch")["Name"] == "torch"
assert metadata.version("torchvision") == "0.28.0"
assert "torch" in {found.metadata["Name"] for found in metadata.distributions()}
assert metadata.version("numpy")
import torch, torchvision
assert torch.__version__.startswith("2.13.0")
assert torchvision.__version__.startswith("0.28.0")
"""
    )


def test_installing_twice_is_installing_once():
    run(
        INSTALL
        + """
import sys
alias.install()
assert sum(type(finder).__name__ == "AliasFinder" for finder in sys.meta_path) == 1
"""
    )


def test_it_is_too_late_once_pytorch_is_there():
    run(
        """
        import sys, types
        from flambeau import alias
        sys.modules["torch"] = types.ModuleType("torch")
        try:
            alias.install()
        except RuntimeError as error:
            assert "'torch' was imported already" in str(error)
        else:
            raise AssertionError
        """
    )
