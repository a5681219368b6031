"""``torch.nn.grad``: gradients of convolutions as functions."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau

torch = pytest.importorskip("torch")

OPTIONS = [{}, {"stride": 2, "padding": 1}, {"dilation": 2, "padding": (2,)}]


def gradients(library, n, options):
    rng = np.random.default_rng(0)
    nn = library.nn
    x, weight = (library.from_numpy(rng.standard_normal(s + (6,) * n)) for s in ((2, 4), (3, 4)))
    weight = weight[(..., *[slice(3)] * n)].contiguous()
    shape = getattr(nn.functional, f"conv{n}d")(x, weight, **options).shape
    given = library.from_numpy(rng.standard_normal(tuple(shape))).requires_grad_()
    made = [
        getattr(nn.grad, f"conv{n}d_input")(x.shape, weight, given, **options),
        getattr(nn.grad, f"conv{n}d_weight")(x, weight.shape, given, **options),
    ]
    again = library.autograd.grad([(m * m).sum() for m in made], given)
    return [t.detach().numpy() for t in (*made, *again)]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("n", [1, 2, 3])
def test_gradients_and_theirs(n, options):
    for ours, theirs in zip(gradients(flambeau, n, options), gradients(torch, n, options)):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("library", [flambeau, torch], ids=["flambeau", "torch"])
def test_sizes_must_fit(library):
    ones = library.ones
    for size, given in (((1, 2, 4), (1, 3, 2, 2)), ((1, 2, 4, 4), (1, 3, 3, 3))):
        with pytest.raises(RuntimeError):
            library.nn.grad.conv2d_input(size, ones(3, 2, 3, 3), ones(given))


@pytest.mark.parametrize("library", [flambeau, torch], ids=["flambeau", "torch"])
def test_a_graph_is_made_where_something_wants_it(library):
    ones, conv2d_weight = library.ones, library.nn.grad.conv2d_weight
    assert not conv2d_weight(ones(1, 2, 4, 4), (3, 2, 3, 3), ones(1, 3, 2, 2)).requires_grad
    assert conv2d_weight(ones(1, 2, 4, 4), (3, 2, 3, 3), ones(1, 3, 2, 2, requires_grad=True)).requires_grad
