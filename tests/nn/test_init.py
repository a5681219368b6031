"""Initial weights are PyTorch's, draw by draw."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau

torch = pytest.importorskip("torch")


@pytest.mark.parametrize(
    "name, shape, options",
    [
        ("uniform_", (3, 4), {}),
        ("uniform_", (3, 4), {"a": -2.0, "b": 5.0}),
        ("normal_", (5, 4), {"mean": 1.0, "std": 2.0}),
        ("trunc_normal_", (20, 20), {}),
        ("trunc_normal_", (20, 20), {"std": 0.02}),
        ("trunc_normal_", (20, 20), {"mean": 3.0, "a": 2.5, "b": 3.5}),
        ("trunc_normal_", (20, 20), {"a": 1.5, "b": 2.0}),
        ("constant_", (2, 3), {"val": 0.5}),
        ("ones_", (2, 3), {}),
        ("zeros_", (2, 3), {}),
        ("eye_", (3, 5), {}),
        ("dirac_", (4, 2, 3), {}),
        ("dirac_", (4, 2, 3, 3), {"groups": 2}),
        ("dirac_", (2, 2, 3, 3, 3), {}),
        ("xavier_uniform_", (4, 3, 2), {"gain": 2.0}),
        ("xavier_normal_", (4, 3), {}),
        ("kaiming_uniform_", (4, 3, 2, 2), {"a": 1.0}),
        ("kaiming_uniform_", (4, 3), {"mode": "fan_out", "nonlinearity": "relu"}),
        ("kaiming_normal_", (4, 3), {"nonlinearity": "tanh"}),
        ("orthogonal_", (4, 6), {}),
        ("orthogonal_", (6, 2, 2), {"gain": 3.0}),
        ("sparse_", (10, 4), {"sparsity": 0.3}),
    ],
)
def test_values_are_pytorchs(name, shape, options):
    filled = []
    for lib in (flambeau, torch):
        lib.manual_seed(3)
        parameter = lib.nn.Parameter(lib.full(shape, 7.0))
        assert getattr(lib.nn.init, name)(parameter, **options) is parameter
        assert parameter.requires_grad and parameter.is_leaf
        filled.append((parameter.detach().numpy(), lib.rand(2).numpy()))
    (ours, next_draws), (theirs, their_next_draws) = filled
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(next_draws, their_next_draws)


def test_generator_is_used():
    values = []
    for lib in (flambeau, torch):
        generator = lib.Generator().manual_seed(5)
        values.append(lib.nn.init.kaiming_normal_(lib.empty(3, 3), generator=generator).numpy())
    np.testing.assert_allclose(values[0], values[1], rtol=1e-6)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda lib: lib.nn.init.eye_(lib.empty(3)),
        lambda lib: lib.nn.init.dirac_(lib.empty(3, 3)),
        lambda lib: lib.nn.init.dirac_(lib.empty(3, 3, 3), groups=2),
        lambda lib: lib.nn.init.xavier_uniform_(lib.empty(3)),
        lambda lib: lib.nn.init.kaiming_normal_(lib.empty(3, 3), mode="fan"),
        lambda lib: lib.nn.init.orthogonal_(lib.empty(3)),
        lambda lib: lib.nn.init.sparse_(lib.empty(3), 0.5),
        lambda lib: lib.nn.init.calculate_gain("swish"),
        lambda lib: lib.nn.init.calculate_gain("leaky_relu", "0.1"),
    ],
)
def test_errors_are_pytorchs(wrong):
    errors = []
    for lib in (flambeau, torch):
        with pytest.raises(Exception) as error:
            wrong(lib)
        errors.append((error.type, str(error.value)))
    assert errors[0] == errors[1]


@pytest.mark.parametrize(
    "arguments",
    [("linear",), ("conv3d",), ("sigmoid",), ("tanh",), ("relu",), ("selu",), ("leaky_relu", 0.3)],
)
def test_gains_are_pytorchs(arguments):
    assert flambeau.nn.init.calculate_gain(*arguments) == torch.nn.init.calculate_gain(*arguments)


def test_empty_tensors_are_left_with_a_warning():
    with pytest.warns(UserWarning, match="zero-element"):
        flambeau.nn.init.kaiming_uniform_(flambeau.empty(0, 3))


def test_old_names_warn():
    with pytest.warns(FutureWarning, match="nn.init.xavier_normal_"):
        flambeau.nn.init.xavier_normal(flambeau.empty(2, 2))
