"""The Tensor object and what surrounds it, case by case as PyTorch has them; what differs on purpose is in interfaces_left_out.txt."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

import flambeau

torch = pytest.importorskip("torch")
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tools"))
check = importlib.import_module("interfaces_check")

LEFT_OUT = [line for line in (HERE / "interfaces_left_out.txt").read_text().splitlines() if line and line[0] != "#"]


def is_left_out(case: str) -> bool:
    return any(case == known or (known.endswith("*") and case.startswith(known[:-1])) for known in LEFT_OUT)


@pytest.mark.parametrize("section", check.CASES)
def test_same_as_pytorch(section):
    _, found = check.check(section, flambeau, torch)
    assert [d for d in found if not is_left_out(d.case)] == []


def test_random_tensors_are_printed_alike():
    _, found = check.check("repr", flambeau, torch, count=150)
    assert found == []


def test_classes_are_asked_for_what_pytorch_asks_them():
    """Nearly all: what flambeau does not have, and arguments that are not as users write them, are left."""
    total, found = check.check("overrides", flambeau, torch)
    assert len(found) < total / 10
    for path in (
        "torch.Tensor.add",
        "torch.Tensor.__pow__",
        "torch.Tensor.view",
        "torch.Tensor.shape.__get__",
        "torch.Tensor.T.__get__",
    ):
        assert not any(d.case.startswith(path + "(") for d in found)
