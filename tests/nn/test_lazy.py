"""Lazy modules: parameters that get their shapes from the first input, as PyTorch's do."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import flambeau as fb

torch = pytest.importorskip("torch")

LAYERS = [
    ("LazyLinear", (3,), (2, 5)),
    ("LazyLinear", (3, False), (5,)),
    ("LazyConv1d", (4, 3), (2, 6, 9)),
    ("LazyConv2d", (4, 3, 2, 1, 1, 2), (2, 6, 9, 8)),
    ("LazyConv3d", (4, 2), (3, 4, 5, 6)),
    ("LazyConvTranspose1d", (4, 3), (2, 6, 9)),
    ("LazyConvTranspose2d", (4, 3, 2), (6, 5, 4)),
    ("LazyConvTranspose3d", (2, 2), (1, 3, 3, 2, 3)),
    ("LazyBatchNorm1d", (), (4, 3)),
    ("LazyBatchNorm2d", (1e-3,), (4, 3, 2, 2)),
    ("LazyBatchNorm3d", (1e-5, 0.2, False), (2, 3, 2, 2, 2)),
    ("LazyInstanceNorm1d", (), (2, 3, 4)),
    ("LazyInstanceNorm2d", (1e-5, 0.1, True, False), (2, 3, 4, 2)),
    ("LazyInstanceNorm3d", (), (2, 3, 4, 2, 2)),
]
each_layer = pytest.mark.parametrize("name, args, shape", LAYERS)
x = np.random.default_rng(0).standard_normal


@each_layer
def test_the_first_call_makes_the_ordinary_layer(name, args, shape):
    values = x(shape).astype(np.float32)
    seen = []
    for library in (fb, torch):
        library.manual_seed(0)
        layer = getattr(library.nn, name)(*args)
        before = repr(layer), list(layer.state_dict()), layer.has_uninitialized_params()
        result = layer(library.from_numpy(values))
        state = {key: value.numpy() for key, value in layer.state_dict().items()}
        seen.append((before, repr(layer), type(layer).__name__, state, result.detach().numpy()))
    (*ours, state, result), (*theirs, expected_state, expected) = seen
    assert ours == theirs
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-5)
    assert state.keys() == expected_state.keys()
    for key in state:
        np.testing.assert_allclose(state[key], expected_state[key], rtol=1e-5, atol=1e-6)


def test_casts_and_copies_before_the_first_call():
    layer = fb.nn.Sequential(fb.nn.LazyLinear(3), fb.nn.ReLU(), fb.nn.LazyLinear(2)).double()
    for again in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)).double(), layer):
        again(fb.ones(1, 4, dtype=fb.float64))
        assert again[0].weight.dtype is fb.float64
        assert type(again[2]) is fb.nn.Linear and again[2].weight.shape == (2, 3)


def test_states_go_between_called_and_uncalled_modules():
    called, fresh = fb.nn.LazyLinear(3), fb.nn.LazyLinear(3)
    called(fb.ones(1, 2))
    assert fresh.load_state_dict(called.state_dict()) == ([], [])
    assert fb.equal(fresh(fb.ones(1, 2)), called(fb.ones(1, 2))) and fresh.in_features == 2
    assert repr(fb.nn.LazyLinear(3).state_dict()["weight"]) == "<UninitializedParameter>"
    assert fb.nn.LazyLinear(3).load_state_dict(fb.nn.LazyLinear(3).state_dict()) == ([], [])
    with pytest.raises(RuntimeError, match="shape of an uninitialized parameter"):
        fb.nn.Linear(2, 3).load_state_dict(fb.nn.LazyLinear(3).state_dict())


@pytest.mark.parametrize("use", ["p + 1", "p.sum()", "p.numel()", "p.view(1)", "m.relu(p)", "p.shape"])
def test_an_uninitialized_parameter_cannot_be_used(use):
    for library in (fb, torch):
        with pytest.raises((ValueError, RuntimeError)):
            eval(use, {"m": library, "p": library.nn.UninitializedParameter()})


def test_wrong_first_inputs():
    for library in (fb, torch):
        with pytest.raises(RuntimeError, match="Expected 3D .unbatched. or 4D .batched. input to LazyConv2d"):
            library.nn.LazyConv2d(2, 3)(library.ones(2, 2))
        with pytest.raises(ValueError, match="divisible by groups"):
            library.nn.LazyConv1d(4, 1, groups=2)(library.ones(1, 3, 2))
        with pytest.raises(NotImplementedError, match="initialize_parameters is not implemented"):
            type("Own", (library.nn.modules.lazy.LazyModuleMixin, library.nn.Module), {})()(1)


def test_a_first_call_on_the_meta_device():
    layer = fb.nn.LazyLinear(2).to("meta")  # PyTorch's parameters are materialized by this move, without a shape
    assert layer(fb.ones(1, 5, device="meta")).shape == (1, 2)
    assert str(layer.weight.device) == "meta" and layer.weight.shape == (2, 5)
