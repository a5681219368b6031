"""The Tensor object and what surrounds it, case by case as PyTorch has them; what differs on purpose is in interfaces_left_out.txt."""

from __future__ import annotations

import copy
import importlib
import io
import sys
import warnings
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


WARNED = {
    "the grad of a result": lambda m: (m.ones(2, requires_grad=True) * 2).grad,
    "the grad of a leaf": lambda m: m.ones(2, requires_grad=True).grad,
    "a retained grad": lambda m: retained(m).grad,
    "T of three dimensions": lambda m: m.ones(2, 3, 4).T,
    "T of a matrix": lambda m: m.ones(2, 3).T,
    "a number of what requires grad": lambda m: float(m.tensor(1.5, requires_grad=True)),
    "item of what requires grad": lambda m: m.tensor(1.5, requires_grad=True).item(),
    "meshgrid": lambda m: m.meshgrid(m.ones(2), m.ones(2)),
    "meshgrid with indexing": lambda m: m.meshgrid(m.ones(2), m.ones(2), indexing="xy"),
    "grid_sample": lambda m: m.nn.functional.grid_sample(m.ones(1, 1, 2, 2), m.ones(1, 2, 2, 2)),
    "bytes as a mask": lambda m: m.ones(2)[m.tensor([1, 0], dtype=m.uint8)],
    "bytes as a condition": lambda m: m.where(m.tensor([1, 0], dtype=m.uint8), 1, 2),
    "create_graph": lambda m: (m.ones(1, requires_grad=True) ** 2).backward(create_graph=True),
    "a copy of a hooked tensor": lambda m: copy.copy(hooked(m, lambda g: g)),
    "a saved tensor with a hook": lambda m: m.save(hooked(m, lambda g: g), io.BytesIO()),
    "a hook that may get lost": lambda m: m.save(hooked(m, m.utils.hooks.unserializable_hook(lambda g: g)), io.BytesIO()),
    "a tensor of a tensor": lambda m: m.tensor(m.ones(2)),
}


def hooked(m, hook):
    leaf = m.ones(2, requires_grad=True)
    leaf.register_hook(hook)
    return leaf


def retained(m):
    result = m.ones(2, requires_grad=True) * 2
    result.retain_grad()
    return result


@pytest.mark.parametrize("name", WARNED)
def test_same_warnings(name):
    def warned(m):
        m.set_warn_always(True)
        try:
            with warnings.catch_warnings(record=True) as found:
                warnings.simplefilter("always")
                WARNED[name](m)
        finally:
            m.set_warn_always(False)
        return [(w.category, Path(w.filename).name) for w in found]

    ours, theirs = warned(flambeau), warned(torch)
    assert [category for category, _ in ours] == [category for category, _ in theirs]
    assert all(file in ("test_interfaces.py", "copy.py", "pickle.py") for _, file in ours)
