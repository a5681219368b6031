"""Positions in a flattened tensor as coordinates."""

from __future__ import annotations

import pytest

import flambeau as fl

torch = pytest.importorskip("torch")


def test_unravel_index():
    for shape in ((3, 2), 6, (1, 2, 3)):
        for ours, theirs in zip(fl.unravel_index(fl.tensor([[4, 1], [0, -1]]), shape),
                                torch.unravel_index(torch.tensor([[4, 1], [0, -1]]), shape)):
            assert ours.tolist() == theirs.tolist()
    for wrong, error in (((3, -2), ValueError), ((2.0, 3), TypeError), ((3, 0), RuntimeError)):
        for lib in (fl, torch):
            with pytest.raises(error):
                lib.unravel_index(lib.tensor([4, 1]), wrong)
