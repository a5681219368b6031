"""Gradients of complex tensors are PyTorch's: those that descend, that is, conjugated derivatives."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau

torch = pytest.importorskip("torch")

RANDOM = np.random.default_rng(0)
X, Y, W = (RANDOM.normal(size=(*shape, 2)) @ [1, 1j] for shape in ((3, 4), (3, 4), (4,)))

CASES = {
    "rms_norm": lambda m, x, y, w: m.nn.functional.rms_norm(x, (4,), w),
    "rms_norm without weight": lambda m, x, y, w: m.nn.functional.rms_norm(x, (4,)),
    "logcumsumexp": lambda m, x, y, w: m.logcumsumexp(x * 30, 1),
    "pairwise_distance": lambda m, x, y, w: m.nn.functional.pairwise_distance(x, y),
    "pairwise_distance by sums": lambda m, x, y, w: m.nn.functional.pairwise_distance(x, y, p=1.0),
}


@pytest.mark.parametrize("name", CASES)
def test_gradients(name):
    found = []
    for m in (flambeau, torch):
        tensors = [m.tensor(v, requires_grad=True) for v in (X, Y, W)]
        result = CASES[name](m, *tensors)
        weight = m.tensor(X[: result.shape[0], : result.shape[-1]] if result.ndim == 2 else X[:, 0])
        weight = weight if result.is_complex() else weight.real
        gradients = m.autograd.grad([result], tensors, [weight], allow_unused=True)
        found.append([None if g is None else g.numpy() for g in gradients])
    for ours, theirs in zip(*found):
        assert (ours is None) == (theirs is None)
        if ours is not None:
            np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-9)
