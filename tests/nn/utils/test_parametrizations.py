"""Weight norm, spectral norm and orthogonality as parametrizations, against PyTorch's."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from tests.nn.utils.pairs import LIBS, errors_agree, pair, states_agree, training_agrees

import flambeau

LAYERS = {
    "linear": (lambda lib: lib.nn.Linear(4, 3), (5, 4)),
    "conv": (lambda lib: lib.nn.Conv2d(2, 4, 3), (2, 2, 5, 5)),
    "transposed": (lambda lib: lib.nn.ConvTranspose1d(3, 2, 2), (2, 3, 5)),
}


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("dim", [0, 1, -1, None])
def test_weight_norm(layer, dim):
    make, shape = LAYERS[layer]
    ours, theirs = pair(lambda lib: lib.nn.utils.parametrizations.weight_norm(make(lib), dim=dim))
    states_agree(ours, theirs)
    training_agrees(ours, theirs, shape)


def test_weight_norm_loads_the_older_names():
    old = {"weight_g": np.full((3, 1), 2.0), "weight_v": np.ones((3, 4)), "bias": np.zeros(3)}
    made = pair(lambda lib: lib.nn.Sequential(lib.nn.utils.parametrizations.weight_norm(lib.nn.Linear(4, 3))))
    for lib, module in zip(LIBS, made):
        module.load_state_dict({f"0.{name}": lib.tensor(value) for name, value in old.items()})
    states_agree(*made)


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("arguments", [{}, {"n_power_iterations": 3}, {"dim": -1}, {"name": "bias", "dim": 0}])
def test_spectral_norm(layer, arguments):
    make, shape = LAYERS[layer]
    ours, theirs = pair(lambda lib: lib.nn.utils.parametrizations.spectral_norm(make(lib), **arguments))
    states_agree(ours, theirs)
    training_agrees(ours, theirs, shape)
    ours.eval(), theirs.eval()
    name = arguments.get("name", "weight")
    np.testing.assert_allclose(getattr(ours, name).tolist(), getattr(theirs, name).tolist(), rtol=1e-4, atol=1e-6)
    states_agree(ours, theirs)  # reading it in evaluation changes no vectors


def test_spectral_norm_is_one_after_many_iterations():
    layer = flambeau.nn.utils.parametrizations.spectral_norm(flambeau.nn.Linear(6, 5), n_power_iterations=100)
    assert np.linalg.norm(layer.weight.detach().numpy(), 2) == pytest.approx(1, rel=1e-4)


def test_spectral_norm_goes_backward_through_two_forwards():
    def gradient(lib):
        layer = lib.nn.utils.parametrizations.spectral_norm(lib.nn.Linear(4, 3))
        x = lib.ones(2, 4)
        (layer(x).sum() + layer(2 * x).square().sum()).backward()
        return layer.parametrizations.weight.original.grad.numpy()

    np.testing.assert_allclose(*pair(gradient), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [(3, 3), (2, 4), (4, 2), (4, 3, 2)])
@pytest.mark.parametrize("orthogonal_map", [None, "matrix_exp", "cayley", "householder"])
@pytest.mark.parametrize("use_trivialization", [True, False])
def test_orthogonal(shape, orthogonal_map, use_trivialization):
    def make(lib):
        module = lib.nn.Module()
        module.weight = lib.nn.Parameter(lib.randn(shape))
        module.forward = lambda x: x * module.weight
        return lib.nn.utils.parametrizations.orthogonal(
            module, "weight", orthogonal_map, use_trivialization=use_trivialization
        )

    ours, theirs = pair(make)
    states_agree(ours, theirs, atol=1e-5)
    training_agrees(ours, theirs, shape)
    weight = ours.weight.detach().numpy()
    tall = weight if shape[-2] >= shape[-1] else weight.swapaxes(-1, -2)
    gram = tall.swapaxes(-1, -2) @ tall
    np.testing.assert_allclose(gram, np.broadcast_to(np.eye(gram.shape[-1]), gram.shape), atol=1e-5)


@pytest.mark.parametrize("shape", [(3, 3), (2, 4), (4, 2)])
@pytest.mark.parametrize("orthogonal_map", ["matrix_exp", "cayley", "householder"])
def test_orthogonal_matrices_can_be_assigned(shape, orthogonal_map):
    value = np.linalg.qr(np.random.default_rng(0).standard_normal((4, 4)))[0][: shape[0], : shape[1]]
    if shape == (3, 3):
        value = np.eye(3)[[2, 0, 1]]
    for trivial in (True, False):
        layer = flambeau.nn.utils.parametrizations.orthogonal(
            flambeau.nn.Linear(shape[1], shape[0]), "weight", orthogonal_map, use_trivialization=trivial
        )
        if not trivial and orthogonal_map != "householder":
            with pytest.raises(NotImplementedError, match="use_trivialization=False"):
                layer.weight = flambeau.tensor(value, dtype=flambeau.float32)
            continue
        layer.weight = flambeau.tensor(value, dtype=flambeau.float32)
        if shape == (3, 3) or trivial:
            assert abs(layer.weight.detach().numpy() - value).max() < 1e-5


def test_unitary_matrices():
    ours, theirs = pair(lambda lib: lib.nn.utils.parametrizations.orthogonal(lib.nn.Linear(3, 3, dtype=lib.complex64)))
    np.testing.assert_allclose(ours.weight.detach().numpy(), theirs.weight.detach().numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["weight_norm", "spectral_norm", "orthogonal"])
def test_removing_and_copying(kind):
    ours, theirs = pair(lambda lib: getattr(lib.nn.utils.parametrizations, kind)(lib.nn.Linear(4, 3)))
    copied = copy.deepcopy(ours)
    for lib, module in zip(LIBS, (ours, theirs)):
        lib.nn.utils.parametrize.remove_parametrizations(module, "weight")
        assert type(module) is lib.nn.Linear and module.weight.requires_grad
    states_agree(ours, theirs)
    training_agrees(ours, theirs, (5, 4))
    assert flambeau.nn.utils.parametrize.is_parametrized(copied, "weight")
    assert copied(flambeau.ones(2, 4)).shape == (2, 3)


@pytest.mark.parametrize(
    "kind, arguments",
    [
        ("weight_norm", {"name": "missing"}),
        ("weight_norm", {"dim": 5}),
        ("spectral_norm", {"name": "missing"}),
        ("spectral_norm", {"dim": 2}),
        ("spectral_norm", {"dim": -3}),
        ("spectral_norm", {"n_power_iterations": 0}),
        ("orthogonal", {"name": "missing"}),
        ("orthogonal", {"name": "bias"}),
        ("orthogonal", {"orthogonal_map": "rotation"}),
    ],
)
def test_errors(kind, arguments):
    errors_agree(lambda lib: getattr(lib.nn.utils.parametrizations, kind)(lib.nn.Linear(4, 3), **arguments))
