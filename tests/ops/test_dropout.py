"""Dropout: the same seed gives PyTorch's masks."""

from __future__ import annotations

import numpy as np
import pytest
from tests.ops.reduction_oracle import assert_equal, flambeau, normal, torch

X = normal(4, 3, 6)


def both(function):
    results = []
    for m in (flambeau, torch):
        m.manual_seed(7)
        results.append(function(m, m.tensor(X)))
    assert_equal(*results)


@pytest.mark.parametrize("name", ["dropout", "dropout1d", "alpha_dropout", "feature_alpha_dropout"])
@pytest.mark.parametrize("p", [0.0, 0.3, 0.9, 1.0])
def test_masks_are_pytorchs(name, p):
    both(lambda m, x: getattr(m.nn.functional, name)(x, p, training=True))
    both(lambda m, x: getattr(m.nn.functional, name)(x, p, training=False))


def test_channels():
    both(lambda m, x: m.nn.functional.dropout2d(x.unsqueeze(-1), 0.5))
    both(lambda m, x: m.nn.functional.dropout3d(x.unsqueeze(-1), 0.5))


def test_native_dropout_gives_the_mask():
    both(lambda m, x: m.native_dropout(x, 0.4, True))


def test_in_place_and_gradient():
    x = flambeau.ones(1000)
    assert flambeau.nn.functional.dropout(x, 0.5, inplace=True) is x
    assert set(np.unique(x.numpy())) == {0.0, 2.0}
    w = flambeau.ones(10, requires_grad=True)
    y = flambeau.dropout(w, 0.5, True)
    y.sum().backward()
    assert flambeau.equal(w.grad, y.detach())


def test_probabilities_outside_of_0_to_1_are_refused():
    with pytest.raises(ValueError):
        flambeau.nn.functional.dropout(flambeau.ones(2), 1.5)
    with pytest.raises(RuntimeError):
        flambeau.dropout(flambeau.ones(2), -0.1, True)
