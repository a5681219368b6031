"""``hash_tensor``: the exclusive or of all elements' bits."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau as fl

torch = pytest.importorskip("torch")


def test_hash_tensor():
    for dtype in ("float32", "float64", "int32", "uint8", "bool"):
        x = (np.random.default_rng(0).standard_normal((2, 5)) * 9).astype(dtype)
        for options in ({}, {"dim": 1}, {"dim": (0, 1), "keepdim": True}):
            ours, theirs = fl.hash_tensor(fl.from_numpy(x), **options), torch.hash_tensor(torch.from_numpy(x), **options)
            np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    with pytest.raises(RuntimeError):
        fl.hash_tensor(fl.ones(2), mode=1)
