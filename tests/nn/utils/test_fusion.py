"""Fused normalizations, modules without initialization, memory formats, functional calls: against PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest
from tests.nn.utils.pairs import LIBS, errors_agree, pair, states_agree

import flambeau


def normalization(lib, kind, features, **options):
    """A batch normalization in evaluation whose numbers are not those it starts with."""
    bn = getattr(lib.nn, kind)(features, **options)
    values = np.linspace(0.5, 2, features, dtype=np.float32)
    with lib.no_grad():
        for i, tensor in enumerate((bn.running_mean, bn.running_var, bn.weight, bn.bias)):
            if tensor is not None:
                tensor.copy_(lib.tensor(values + i))
    return bn.eval()


@pytest.mark.parametrize("options", [{}, {"affine": False}, {"eps": 0.1}])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("name", ["Conv2d", "ConvTranspose2d"])
def test_convolutions(name, bias, options):
    transpose = name == "ConvTranspose2d"

    def fused(lib):
        layer = getattr(lib.nn, name)(2, 3, 2, bias=bias).eval()
        bn = normalization(lib, "BatchNorm2d", 3, **options)
        made = lib.nn.utils.fuse_conv_bn_eval(layer, bn, transpose)
        x = lib.ones(1, 2, 4, 4)
        np.testing.assert_allclose(made(x).detach().numpy(), bn(layer(x)).detach().numpy(), rtol=1e-4, atol=1e-5)
        return made

    ours, theirs = pair(fused)
    states_agree(ours, theirs)
    assert [p.requires_grad for p in ours.parameters()] == [p.requires_grad for p in theirs.parameters()]


@pytest.mark.parametrize("features", [3, 1])
def test_linear_layers(features):
    def fused(lib):
        layer, bn = lib.nn.Linear(4, 3).eval(), normalization(lib, "BatchNorm1d", features)
        return lib.nn.utils.fuse_linear_bn_eval(layer, bn)

    states_agree(*pair(fused))


def test_fused_layers_keep_their_dtype():
    layer = flambeau.nn.Linear(4, 3).double().requires_grad_(False).eval()
    made = flambeau.nn.utils.fuse_linear_bn_eval(layer, normalization(flambeau, "BatchNorm1d", 3))
    assert made.weight.dtype is made.bias.dtype is flambeau.float64
    assert not made.weight.requires_grad and not made.bias.requires_grad


FUSION_ERRORS = [
    lambda u, nn: u.fuse_conv_bn_eval(nn.Conv2d(2, 3, 2), nn.BatchNorm2d(3).eval()),
    lambda u, nn: u.fuse_conv_bn_eval(nn.Conv2d(2, 3, 2).eval(), nn.BatchNorm2d(3)),
    lambda u, nn: u.fuse_conv_bn_eval(nn.Conv2d(2, 3, 2).eval(), nn.BatchNorm2d(3, track_running_stats=False).eval()),
    lambda u, nn: u.fuse_conv_bn_eval(nn.Conv2d(2, 3, 2).eval(), nn.BatchNorm2d(4).eval()),
    lambda u, nn: u.fuse_linear_bn_eval(nn.Linear(2, 3).eval(), nn.BatchNorm1d(3)),
    lambda u, nn: u.fuse_linear_bn_eval(nn.Linear(2, 3).eval(), nn.BatchNorm1d(4).eval()),
    lambda u, nn: u.fuse_linear_bn_eval(nn.Linear(2, 3).eval(), nn.BatchNorm1d(3, affine=False).eval()),
    lambda u, nn: u.skip_init(3),
    lambda u, nn: u.skip_init(nn.ReLU),
    lambda u, nn: u.skip_init(dict),
]


@pytest.mark.parametrize("number", range(len(FUSION_ERRORS)))
def test_errors(number):
    errors_agree(lambda lib: FUSION_ERRORS[number](lib.nn.utils, lib.nn))


def test_skip_init_draws_nothing():
    flambeau.manual_seed(0)
    layer = flambeau.nn.utils.skip_init(flambeau.nn.Linear, 3, 2, bias=False, dtype=flambeau.float64)
    drawn = flambeau.rand(3).tolist()
    flambeau.manual_seed(0)
    assert drawn == flambeau.rand(3).tolist()
    assert layer.weight.shape == (2, 3) and layer.weight.dtype is flambeau.float64 and layer.weight.device.type == "cpu"
    assert layer.bias is None and layer.weight.requires_grad


@pytest.mark.parametrize("dims, memory_format", [(2, "channels_last"), (3, "channels_last_3d")])
def test_memory_formats(dims, memory_format):
    def strides(lib):
        nn = lib.nn
        net = nn.Sequential(
            nn.Conv2d(2, 3, 2), nn.ConvTranspose2d(2, 3, 2), nn.Conv3d(2, 3, 2), nn.Conv1d(2, 3, 2), nn.Linear(2, 2)
        )
        weights = list(net.parameters())
        convert = getattr(nn.utils, f"convert_conv{dims}d_weight_memory_format")
        assert convert(net, getattr(lib, memory_format)) is net
        assert all(before is after for before, after in zip(weights, net.parameters()))
        return [p.stride() for p in weights], [p.detach().numpy() for p in weights]

    ours, theirs = pair(strides)
    assert ours[0] == theirs[0]
    for got, expected in zip(ours[1], theirs[1]):
        np.testing.assert_array_equal(got, expected)


def test_functional_call():
    for lib in LIBS:
        layer = lib.nn.Linear(2, 2)
        with pytest.warns(FutureWarning, match="torch.func.functional_call"):
            given = {"weight": lib.eye(2), "bias": lib.zeros(2)}
            result = lib.nn.utils.stateless.functional_call(layer, given, lib.ones(1, 2))
        assert result.tolist() == [[1, 1]] and layer.weight.requires_grad


@pytest.mark.filterwarnings("ignore:.*functional_call:FutureWarning")
@pytest.mark.parametrize("given, strict", [([{}], False), ({"weight": 3}, False), ({}, True)])
def test_functional_call_errors(given, strict):
    errors_agree(
        lambda lib: lib.nn.utils.stateless.functional_call(lib.nn.Linear(2, 2), given, lib.ones(1, 2), strict=strict)
    )


def test_functional_call_of_parametrized_modules():
    def called(lib):
        layer = lib.nn.utils.parametrizations.weight_norm(lib.nn.Linear(3, 2))
        given = {"parametrizations.weight.original0": lib.ones(2, 1)}
        return lib.func.functional_call(layer, given, lib.ones(1, 3)).detach().numpy()

    np.testing.assert_allclose(*pair(called), rtol=1e-5)
