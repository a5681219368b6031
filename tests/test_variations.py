"""Calls of a few operators in varied forms agree with PyTorch; ``tools/variations_check.py`` tries all of them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))

import variations_check  # noqa: E402
from variations import Recipe, conjugated, expanded, negated, recipe, shifted, strided, transposed  # noqa: E402

OPERATORS = ("add", "sin", "softmax", "permute")


@pytest.mark.parametrize("name", OPERATORS)
def test_varied_calls(name):
    op = next(o for o in variations_check.cmi.op_db if variations_check.name_of(o) == name)
    ours = variations_check.Side(__import__("flambeau"))
    forms = r"^(plain|transposed|expanded|shifted|empty|special|grad|inplace|out (right|empty|transposed|alias))"
    args = argparse.Namespace(samples=1, forms=forms, repeat=1)
    torch.set_warn_always(True)
    try:
        found = list(variations_check.check(op, ours, torch.float32, args))
    finally:
        torch.set_warn_always(False)
    assert not found


@pytest.mark.parametrize("layout", [transposed, strided, shifted, conjugated, negated])
def test_layouts_keep_values(layout):
    values = torch.randn(2, 3, 4, dtype=torch.complex64)
    laid: Recipe = layout(recipe(values))
    assert torch.equal(laid.values(), values)
    assert laid.stride != recipe(values).stride or laid.offset or laid.conj or laid.neg


def test_expanded_tensors_repeat_their_first_elements():
    made = expanded(recipe(torch.arange(6.0).reshape(2, 3)))
    assert made.stride == (0, 1) and made.values().tolist() == [[0.0, 1.0, 2.0]] * 2
