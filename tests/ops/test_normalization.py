"""Layer, RMS, group, batch, instance and local response normalization."""

from __future__ import annotations

import numpy as np
import pytest
from tests.ops.reduction_oracle import assert_equal, check, flambeau, normal, refuses, torch

X = normal(3, 4, 5)
W, B = normal(4, seed=1), normal(4, seed=2)


def norm(name, *arguments, **options):
    return lambda m, x, *p: getattr(m.nn.functional, name)(x, *arguments, *p, **options)


def test_layer_norm():
    check(norm("layer_norm", (5,)), X, normal(5), normal(5, seed=3), grad=3)
    check(norm("layer_norm", (4, 5)), X, normal(4, 5), normal(4, 5, seed=3), grad=3)
    check(norm("layer_norm", [5]), X + 1000, grad=1, rtol=1e-2, atol=1e-3)
    check(lambda m, x: m.nn.functional.layer_norm(x.to(m.bfloat16), (5,)), X, rtol=1e-2)
    refuses(norm("layer_norm", (4,)), X)
    refuses(norm("layer_norm", (5,)), X, W)


def test_rms_norm():
    check(norm("rms_norm", (5,)), X, normal(5), grad=2)
    check(norm("rms_norm", (4, 5), None, 0.1), X, grad=1)


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_group_norm(groups):
    check(norm("group_norm", groups), X, W, B, grad=3)
    check(norm("group_norm", groups), normal(2, 4, 3, 3), grad=1)
    refuses(norm("group_norm", 3), X)


@pytest.mark.parametrize("shape", [(6, 4), (3, 4, 5), (2, 4, 3, 3)])
@pytest.mark.parametrize("training", [True, False])
def test_batch_norm(shape, training):
    x, center, variance = normal(*shape), normal(4, seed=4), np.abs(normal(4, seed=5)) + 0.5

    def run(m, x, w, b, center, variance):
        return (
            m.nn.functional.batch_norm(x, center, variance, w, b, training=training),
            center * 1,
            variance * 1,
        )

    check(run, x, W, B, center, variance, grad=3)


def test_running_statistics_move_in_place():
    results = []
    for m in (flambeau, torch):
        center, variance = m.zeros(4), m.ones(4)
        for step in range(3):
            m.nn.functional.batch_norm(m.tensor(normal(8, 4, seed=step)), center, variance, training=True, momentum=0.3)
        results.append((center, variance))
    assert_equal(*results)


def test_batch_norm_refuses_one_value_per_channel():
    refuses(norm("batch_norm", None, None, training=True), normal(1, 4))
    refuses(norm("batch_norm", None, None), normal(3, 4))


def test_instance_norm():
    check(norm("instance_norm"), X, grad=1)
    check(lambda m, x, w, b: m.nn.functional.instance_norm(x, weight=w, bias=b), X, W, B, grad=3)

    def running(m, x, center, variance):
        m.nn.functional.instance_norm(x, center, variance, momentum=0.2)
        return center, variance

    check(running, X, np.zeros(4, np.float32), np.ones(4, np.float32))


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_local_response_norm(size):
    check(norm("local_response_norm", size, 0.5), normal(2, 6, 3), grad=1)


@pytest.mark.parametrize("call", ["F.layer_norm(x, (4,), w, w)", "F.rms_norm(x, (4,), w)", "F.batch_norm(x, v, v + 1, v, v)",
                                  "F.batch_norm(x, None, None, v, v, True)", "F.group_norm(x, 1, v, v)", "F.instance_norm(x)"])
def test_results_of_transposed_inputs_are_contiguous(call):
    seen = []
    for library in (flambeau, torch):
        x = library.arange(24.0).reshape(4, 2, 3).transpose(0, 2)
        names = {"F": library.nn.functional, "x": x, "w": library.arange(4.0), "v": library.arange(2.0)}
        result = eval(call, names)
        seen.append((result.stride(), result.view(-1).tolist()))
    assert seen[0][0] == seen[1][0]
    assert seen[0][1] == pytest.approx(seen[1][1], abs=1e-5)


def test_no_samples():
    for library in (flambeau, torch):
        F, nothing = library.nn.functional, library.zeros(0, 2, 3)
        mean, var = library.full((2,), 2.0), library.full((2,), 3.0)
        assert F.batch_norm(nothing, mean, var, training=True).shape == (0, 2, 3)
        assert mean.tolist() == [2, 2] and var.tolist() == [3, 3]
        assert F.instance_norm(nothing).shape == (0, 2, 3)
        weight = library.ones(2, requires_grad=True)
        F.group_norm(nothing, 1, weight).sum().backward()
        assert weight.grad.tolist() == [0, 0]


@pytest.mark.parametrize("eps", [0.0, -1.0])
def test_batch_norm_needs_a_positive_eps_while_training(eps):
    for library in (flambeau, torch):
        with pytest.raises(ValueError, match="eps must be positive during training"):
            library.nn.functional.batch_norm(library.ones(2, 3), None, None, training=True, eps=eps)


@pytest.mark.parametrize(
    "call",
    [
        lambda F, x, w: F.layer_norm(x, (3,), w, w),
        lambda F, x, w: F.group_norm(x, 3, w, w),
        lambda F, x, w: F.batch_norm(x, w, w, w, w, False),
        lambda F, x, w: F.batch_norm(x, None, None, w, w, True),
    ],
)
def test_parameters_of_other_dtypes(call):
    """They are the input's; beside float16 and bfloat16 also float32."""
    dtypes = ["int64", "float16", "bfloat16", "float32", "float64", "complex64"]

    def outcome(m, input, parameters):
        x = m.tensor([[1, 2, 3], [3, 1, 5]]).to(getattr(m, input))
        w = m.tensor([2, 1, 2]).to(getattr(m, parameters))
        try:
            return str(call(m.nn.functional, x, w).dtype)
        except RuntimeError:
            return "refused"

    for input in dtypes:
        for parameters in dtypes:
            assert outcome(flambeau, input, parameters) == outcome(torch, input, parameters), (input, parameters)


def test_on_the_meta_device():
    for library in (flambeau, torch):
        x = library.ones(2, 4, 5, device="meta")
        n = library.nn
        layers = n.BatchNorm1d(4), n.InstanceNorm1d(4, track_running_stats=True), n.LocalResponseNorm(2)
        for layer in layers:
            result = layer.to("meta")(x)
            assert result.shape == (2, 4, 5) and str(result.device) == "meta"
