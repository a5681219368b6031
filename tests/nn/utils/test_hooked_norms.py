"""The older weight and spectral normalization, against PyTorch's."""

from __future__ import annotations

import copy
import pickle
import warnings

import numpy as np
import pytest
from tests.nn.utils.pairs import LIBS, errors_agree, pair, states_agree, training_agrees

import flambeau

pytestmark = pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")

LAYERS = {
    "linear": (lambda lib: lib.nn.Linear(4, 3), (5, 4)),
    "transposed": (lambda lib: lib.nn.ConvTranspose1d(3, 2, 2), (2, 3, 5)),
}


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("dim", [0, 1, -1, None])
def test_weight_norm(layer, dim):
    make, shape = LAYERS[layer]
    ours, theirs = pair(lambda lib: lib.nn.utils.weight_norm(make(lib), dim=dim))
    assert ours.weight.grad_fn is not None and "weight" in ours.__dict__
    states_agree(ours, theirs)
    training_agrees(ours, theirs, shape)
    for lib, module in zip(LIBS, (ours, theirs)):
        assert lib.nn.utils.remove_weight_norm(module) is module
    states_agree(ours, theirs)
    training_agrees(ours, theirs, shape)


def test_weight_norm_warns():
    for lib in LIBS:
        with pytest.warns(FutureWarning, match="deprecated"):
            lib.nn.utils.weight_norm(lib.nn.Linear(2, 2))


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize(
    "arguments", [{}, {"n_power_iterations": 3, "eps": 1e-6}, {"dim": 1}, {"name": "bias", "dim": 0}]
)
def test_spectral_norm(layer, arguments):
    make, shape = LAYERS[layer]
    name = arguments.get("name", "weight")
    ours, theirs = pair(lambda lib: lib.nn.utils.spectral_norm(make(lib), **arguments))
    states_agree(ours, theirs)
    training_agrees(ours, theirs, shape)
    for lib, module in zip(LIBS, (ours, theirs)):
        module.eval()(lib.ones(shape))
    states_agree(ours, theirs)
    for lib, module in zip(LIBS, (ours, theirs)):
        assert lib.nn.utils.remove_spectral_norm(module, name) is module
    states_agree(ours, theirs)
    assert isinstance(getattr(ours, name), flambeau.nn.Parameter)


def test_spectral_norm_goes_backward_through_two_forwards():
    def gradient(lib):
        layer = lib.nn.utils.spectral_norm(lib.nn.Linear(4, 3))
        x = lib.ones(2, 4)
        (layer(x).sum() + layer(2 * x).square().sum()).backward()
        return layer.weight_orig.grad.numpy()

    np.testing.assert_allclose(*pair(gradient), rtol=1e-4, atol=1e-5)


def test_metadata_has_the_version():
    metadata = [lib.nn.utils.spectral_norm(lib.nn.Linear(2, 2)).state_dict()._metadata for lib in LIBS]
    assert metadata[0] == metadata[1] and metadata[0][""]["spectral_norm"] == {"weight.version": 1}
    removed = flambeau.nn.utils.remove_spectral_norm(flambeau.nn.utils.spectral_norm(flambeau.nn.Linear(2, 2)))
    assert "spectral_norm" not in removed.state_dict()._metadata[""]


def test_state_dicts_from_before_there_was_v():
    value = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
    left, singular, _ = np.linalg.svd(value)
    state = {
        "weight_orig": value,
        "weight": value / singular[0],
        "weight_u": left[:, 0],
        "bias": np.zeros(4, "float32"),
    }
    ours, theirs = pair(lambda lib: lib.nn.utils.spectral_norm(lib.nn.Linear(3, 4)))
    for lib, module in zip(LIBS, (ours, theirs)):
        module.load_state_dict({name: lib.tensor(array) for name, array in state.items()})
        module.eval()
    states_agree(ours, theirs, rtol=1e-3, atol=1e-4)
    ours(flambeau.ones(1, 3))
    np.testing.assert_allclose(ours.weight.detach().numpy(), state["weight"], rtol=1e-3, atol=1e-5)


def test_state_dicts_without_metadata():
    layer = flambeau.nn.utils.spectral_norm(flambeau.nn.Linear(4, 3))
    state = dict(layer.state_dict())
    layer.load_state_dict(state)
    del state["weight_v"]
    with pytest.raises(RuntimeError, match="weight_v"):
        layer.load_state_dict(state)


@pytest.mark.parametrize("kind", ["weight_norm", "spectral_norm"])
def test_copying_and_pickling(kind):
    """Modules with these hooks are pickled at any time, and copied while their weight is no result of operators."""
    for lib in LIBS:
        layer = getattr(lib.nn.utils, kind)(lib.nn.Linear(4, 3))
        if kind == "spectral_norm":
            assert copy.deepcopy(layer)(lib.ones(1, 4)).shape == (1, 3)
        layer(lib.ones(1, 4))
        with pytest.raises(RuntimeError, match="deepcopy"):
            copy.deepcopy(layer)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            loaded = pickle.loads(pickle.dumps(layer.eval()))
        np.testing.assert_array_equal(loaded(lib.ones(1, 4)).tolist(), layer(lib.ones(1, 4)).tolist())


ERRORS = [
    lambda u, lib: u.weight_norm(u.weight_norm(lib.nn.Linear(2, 2))),
    lambda u, lib: u.weight_norm(lib.nn.Linear(2, 2), "missing"),
    lambda u, lib: u.weight_norm(lib.nn.Linear(2, 2, bias=False), "bias"),
    lambda u, lib: u.weight_norm(lib.nn.Linear(2, 2), dim=5),
    lambda u, lib: u.remove_weight_norm(lib.nn.Linear(2, 2)),
    lambda u, lib: u.spectral_norm(u.spectral_norm(lib.nn.Linear(2, 2))),
    lambda u, lib: u.spectral_norm(lib.nn.Linear(2, 2), "missing"),
    lambda u, lib: u.spectral_norm(lib.nn.Linear(2, 2, bias=False), "bias"),
    lambda u, lib: u.spectral_norm(lib.nn.Linear(2, 2), n_power_iterations=0),
    lambda u, lib: u.spectral_norm(lib.nn.Linear(2, 2), dim=2),
    lambda u, lib: u.remove_spectral_norm(lib.nn.Linear(2, 2)),
]


@pytest.mark.parametrize("number", range(len(ERRORS)))
def test_errors(number):
    errors_agree(lambda lib: ERRORS[number](lib.nn.utils, lib))
