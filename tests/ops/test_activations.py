"""The elementwise functions of nn.functional."""

from __future__ import annotations

import pytest
from tests.ops.elementwise_oracle import NAN, agree, gradients_agree, same, torch

import flambeau

F = flambeau.nn.functional
PLAIN = [
    "relu",
    "relu6",
    "gelu",
    "silu",
    "mish",
    "sigmoid",
    "logsigmoid",
    "tanh",
    "elu",
    "selu",
    "celu",
    "leaky_relu",
    "rrelu",
    "hardtanh",
    "hardswish",
    "hardsigmoid",
    "hardshrink",
    "softshrink",
    "tanhshrink",
    "softplus",
    "softsign",
]
IN_PLACE = [
    "relu",
    "relu6",
    "silu",
    "mish",
    "elu",
    "selu",
    "celu",
    "leaky_relu",
    "rrelu",
    "hardtanh",
    "hardswish",
    "hardsigmoid",
]
POINTS = [-100.0, -6.0, -3.0, -1.0, -0.5, -0.3, -0.0, 0.0, 0.3, 0.5, 1.0, 3.0, 6.0, 25.0, 100.0, NAN]


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16", "int64", "bool"])
def test_values(name, dtype):
    data = [0, 1, 1] if dtype in ("int64", "bool") else POINTS
    agree(lambda t, x: getattr(t.nn.functional, name)(x), data, dtype=dtype)


@pytest.mark.parametrize("name", PLAIN)
def test_gradients_at_kinks_too(name):
    # At NaN PyTorch's gradients of the piecewise linear ones depend on the tensor's size.
    gradients_agree(lambda t, x: getattr(t.nn.functional, name)(x), POINTS[:-1])


@pytest.mark.parametrize("name", IN_PLACE)
def test_inplace_writes_the_input_and_keeps_the_gradient(name):
    x = flambeau.tensor(POINTS)
    want = getattr(F, name)(x)
    assert getattr(F, name)(x, inplace=True) is x
    same(x, torch.tensor(want.tolist()))
    gradients_agree(lambda t, x: getattr(t.nn.functional, name)(x * 1, inplace=True), [-1.0, 0.5, 2.0])


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("leaky_relu", (0.3,)),
        ("elu", (2.0,)),
        ("celu", (0.5,)),
        ("hardtanh", (-2.0, 0.5)),
        ("hardtanh", (1.0, -1.0)),
        ("threshold", (0.5, 9.0)),
        ("softplus", (2.0, 5.0)),
        ("softplus", (-1.0,)),
        ("hardshrink", (2.0,)),
        ("softshrink", (-1.0,)),
        ("softshrink", (1.0,)),
        ("celu", (0.0,)),
    ],
)
def test_arguments(name, arguments):
    program = lambda t, x: getattr(t.nn.functional, name)(x, *arguments)  # noqa: E731
    agree(program, POINTS)
    if arguments not in ((1.0, -1.0), (0.0,), (-1.0,)):
        gradients_agree(program, POINTS[:-1])


def test_gelu_by_tanh():
    agree(lambda t, x: t.nn.functional.gelu(x, approximate="tanh"), POINTS)
    gradients_agree(lambda t, x: t.nn.functional.gelu(x, approximate="tanh"), [-2.0, 0.0, 1.5])
    agree(lambda t, x: t.nn.functional.gelu(x, approximate="other"), POINTS)


def test_prelu_has_a_weight_a_channel():
    data = [[[1.0, -2.0], [-3.0, 4.0]]]
    agree(lambda t, x, w: t.nn.functional.prelu(x, w), data, [0.5, 0.25])
    agree(lambda t, x, w: t.nn.functional.prelu(x, w), data, [0.5])
    agree(lambda t, x, w: t.nn.functional.prelu(x, w), data, [0.5, 1.0, 2.0])
    gradients_agree(lambda t, x, w: t.nn.functional.prelu(x, w), data, [0.5, 0.25])


def test_glu_halves_a_dimension():
    data = [[1.0, -2.0, 0.5, 3.0], [0.1, 0.2, 0.3, 0.4]]
    for dim in (0, 1, -1):
        agree(lambda t, x, d=dim: t.nn.functional.glu(x, d), data)
        gradients_agree(lambda t, x, d=dim: t.nn.functional.glu(x, d), data)
    agree(lambda t, x: t.nn.functional.glu(x), [1.0, 2.0, 3.0])


def test_rrelu_draws_as_pytorch():
    x = [-1.0, 2.0, -3.0, 0.0]
    torch.manual_seed(5)
    flambeau.manual_seed(5)
    agree(lambda t, x: t.nn.functional.rrelu(x, training=True), x)
    agree(lambda t, x: t.nn.functional.rrelu(x, 2.0, 1.0), x)


def test_second_derivatives():
    for name in ("gelu", "silu", "elu", "softplus", "tanh"):
        pairs = [
            (flambeau, flambeau.tensor([0.3, -0.7], dtype=flambeau.float64, requires_grad=True)),
            (torch, torch.tensor([0.3, -0.7], dtype=torch.float64, requires_grad=True)),
        ]
        seconds = []
        for library, x in pairs:
            (first,) = library.autograd.grad(
                getattr(library.nn.functional, name)(x).sum(), x, create_graph=True
            )
            seconds.append(library.autograd.grad(first.sum(), x)[0])
        same(*seconds)


@pytest.mark.parametrize(
    "function",
    [
        lambda m, x: m.relu(x),
        lambda m, x: m.nn.functional.relu6(x),
        lambda m, x: m.nn.functional.leaky_relu(x, 0.2),
        lambda m, x: m.nn.functional.hardtanh(x),
        lambda m, x: m.nn.functional.softshrink(x),
        lambda m, x: m.nn.functional.threshold(x, 0.1, 2.0),
        lambda m, x: m.nn.functional.prelu(x, m.tensor([0.25])),
        lambda m, x: m.relu(x @ m.ones(3, 3)) @ m.ones(3),
    ],
)
def test_second_derivatives_of_steps_are_zeros(function):
    found = []
    for m in (flambeau, torch):
        x = m.tensor([0.5, -2.0, 3.0], requires_grad=True)
        (first,) = m.autograd.grad(function(m, x).sum(), x, create_graph=True)
        assert first.requires_grad
        found.append((first.tolist(), m.autograd.grad(first.sum(), x)[0].tolist()))
    assert found[0] == found[1]
