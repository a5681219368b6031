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


@pytest.mark.parametrize("name", ["dropout", "alpha_dropout", "feature_alpha_dropout", "dropout2d"])
@pytest.mark.parametrize("dims", [(1, 0, 2, 3), (0, 2, 3, 1), (3, 2, 1, 0)], ids=str)
def test_masks_follow_the_memory_of_what_is_dropped(name, dims):
    def run(lib):
        x = (lib.arange(120.0).reshape(2, 3, 4, 5) + 1).permute(*dims)
        lib.manual_seed(3)
        return getattr(lib.nn.functional, name)(x, 0.4, training=True)

    ours, theirs = run(flambeau), run(torch)
    assert ours.stride() == theirs.stride()
    torch.testing.assert_close(torch.tensor(ours.tolist()), theirs)


def test_masks_of_what_has_gaps_in_memory():
    def run(lib):
        lib.manual_seed(3)
        return lib.nn.functional.dropout(lib.ones(6, 8)[::2, 1:7].t(), 0.4)

    assert run(flambeau).tolist() == run(torch).tolist()


def test_native_dropout_of_a_transposed_tensor():
    def run(lib):
        lib.manual_seed(3)
        return lib.native_dropout(lib.ones(4, 6).t(), 0.4, True)

    for ours, theirs in zip(run(flambeau), run(torch)):
        assert ours.tolist() == theirs.tolist()


@pytest.mark.parametrize("name", ["dropout", "alpha_dropout"])
def test_a_0_dim_tensor_stays_one(name):
    def run(lib):
        lib.manual_seed(3)
        return [getattr(lib.nn.functional, name)(lib.tensor(2.0), 0.5, training=True, inplace=inplace) for inplace in (False, True)]

    for ours, theirs in zip(run(flambeau), run(torch)):
        assert (ours.shape, ours.item()) == (theirs.shape, pytest.approx(theirs.item()))
    ours, theirs = flambeau.native_dropout(flambeau.tensor(2.0), 0.5, True), torch.native_dropout(torch.tensor(2.0), 0.5, True)
    assert [r.shape for r in ours] == [r.shape for r in theirs]
