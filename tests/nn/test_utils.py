"""Helpers of nn.utils against PyTorch's."""

from __future__ import annotations

import math

import numpy as np
import pytest

import flambeau

torch = pytest.importorskip("torch")


def parameters(lib):
    """Two parameters with gradients, and one without."""
    params = [
        lib.nn.Parameter(lib.zeros(2, 2)),
        lib.nn.Parameter(lib.zeros(3)),
        lib.nn.Parameter(lib.zeros(1)),
    ]
    params[0].grad = lib.tensor([[1.0, -2.0], [3.0, 4.0]])
    params[1].grad = lib.tensor([0.5, -6.0, 7.0])
    return params


def gradients(params):
    return [p.grad.numpy() for p in params if p.grad is not None]


@pytest.mark.parametrize("max_norm", [1.0, 100.0])
@pytest.mark.parametrize("norm_type", [1, 2.0, 3, math.inf])
def test_clip_grad_norm(max_norm, norm_type):
    ours, theirs = parameters(flambeau), parameters(torch)
    norm = flambeau.nn.utils.clip_grad_norm_(ours, max_norm, norm_type)
    expected = torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type)
    np.testing.assert_allclose(norm.item(), expected.item(), rtol=1e-6)
    for got, want in zip(gradients(ours), gradients(theirs), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-6)


def test_clip_grad_norm_refuses_nonfinite_norms_if_asked():
    params = parameters(flambeau)
    params[0].grad[0, 0] = math.nan
    with pytest.raises(RuntimeError, match="non-finite"):
        flambeau.nn.utils.clip_grad_norm_(params, 1.0, error_if_nonfinite=True)
    assert math.isnan(flambeau.nn.utils.clip_grad_norm_(params, 1.0).item())


def test_clip_grad_norm_of_nothing_is_zero():
    assert flambeau.nn.utils.clip_grad_norm_([], 1.0).item() == 0
    with pytest.warns(UserWarning, match="empty generator"):
        flambeau.nn.utils.clip_grad_norm_((p for p in ()), 1.0)


def test_norm_and_clipping_apart():
    ours, theirs = parameters(flambeau), parameters(torch)
    for lib, params in ((flambeau, ours), (torch, theirs)):
        norm = lib.nn.utils.get_total_norm([p.grad for p in params[:2]])
        lib.nn.utils.clip_grads_with_norm_(params, 2.0, norm)
    for got, want in zip(gradients(ours), gradients(theirs), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-6)


def test_clip_grad_value():
    params = parameters(flambeau)
    flambeau.nn.utils.clip_grad_value_(params, 2)
    assert [g.tolist() for g in gradients(params)] == [[[1, -2], [2, 2]], [0.5, -2, 2]]
    flambeau.nn.utils.clip_grad_value_(params[1], 0.25)
    assert params[1].grad.tolist() == [0.25, -0.25, 0.25]


def test_parameters_as_a_vector_and_back():
    layer = flambeau.nn.Linear(3, 2)
    vector = flambeau.nn.utils.parameters_to_vector(layer.parameters())
    assert vector.shape == (8,) and vector.requires_grad
    flambeau.nn.utils.vector_to_parameters(flambeau.arange(8.0), layer.parameters())
    assert layer.weight.tolist() == [[0, 1, 2], [3, 4, 5]] and layer.bias.tolist() == [6, 7]
    assert layer.weight.requires_grad and layer.weight.is_leaf
    with pytest.raises(TypeError, match="expected torch.Tensor"):
        flambeau.nn.utils.vector_to_parameters([1.0], layer.parameters())


def test_prefix_is_stripped_from_keys_and_metadata():
    results = []
    for lib in (flambeau, torch):
        wrapped = lib.nn.Module()
        wrapped.module = lib.nn.Sequential(lib.nn.Linear(1, 1))
        state = wrapped.state_dict()
        lib.nn.modules.utils.consume_prefix_in_state_dict_if_present(state, "module.")
        results.append((list(state), dict(state._metadata)))
    assert results[0] == results[1]


def test_factory_kwargs():
    results = []
    for lib in (flambeau, torch):
        factory_kwargs = lib.nn.factory_kwargs
        assert factory_kwargs(None) == {}
        results.append(factory_kwargs({"device": "cpu", "factory_kwargs": {"dtype": 3}}))
        with pytest.raises(TypeError, match="unexpected kwargs"):
            factory_kwargs({"size": 3})
        with pytest.raises(TypeError, match="specified twice"):
            factory_kwargs({"dtype": 3, "factory_kwargs": {"dtype": 3}})
    assert results[0] == results[1]
