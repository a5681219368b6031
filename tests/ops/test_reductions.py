"""sum, prod, extrema, any and all: values, gradients, dtypes, names of results, errors."""

from __future__ import annotations

import numpy as np
import pytest
from tests.ops.reduction_oracle import call, check, flambeau, method, normal, refuses, torch

SUMS = ["sum", "prod"]
EXTREMA = ["amax", "amin"]
X = normal(3, 4, 5)


@pytest.mark.parametrize("name", SUMS + EXTREMA)
@pytest.mark.parametrize("arguments", [(), (1,), (-1, True), (0, False)])
def test_over_a_dimension_or_all(name, arguments):
    if name in EXTREMA and not arguments:
        arguments = ((),)
    check(call(name, *arguments), X, grad=1)


@pytest.mark.parametrize("name", ["sum", "amax", "amin", "mean", "nansum"])
def test_over_several_dimensions(name):
    check(method(name, (0, -1)), X, grad=1)
    check(method(name, dim=[1, 2], keepdim=True), X, grad=1)
    refuses(method(name, (0, -3)), X)
    refuses(method(name, 3), X)


def test_a_tensor_that_is_not_contiguous():
    check(lambda m, x: x.permute(2, 0, 1)[:, ::2].sum(1), X, grad=1)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32", "int64"])
def test_integers_add_up_in_int64(dtype):
    x = (np.arange(12).reshape(3, 4) * 30).astype(dtype)
    for name in SUMS:
        check(method(name), x)
    check(lambda m, x: x.sum(0, dtype=m.int32), x)
    check(lambda m, x: x.prod(1, dtype=m.float32), x)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_halves_add_up_in_float32(dtype):
    x = np.full((4096,), 1.001, np.float32)
    check(lambda m, x: x.to(getattr(m, dtype)).sum(), x)


def test_nothing_has_a_sum_but_no_maximum():
    empty = np.zeros((2, 0, 3), np.float32)
    for name in ("sum", "prod", "any", "all"):
        check(method(name, 1), empty)
    for name in ("amax", "amin", "argmax", "max"):
        refuses(method(name, 1), empty)
    refuses(lambda m, x: x.max(), empty)
    check(lambda m, x: x.amax(0), empty)


def test_numbers():
    five = np.array(5.0, np.float32)
    for name in ("sum", "prod", "amax", "mean", "max", "any", "argmax"):
        check(method(name), five)
        check(method(name, 0), five)


def test_nan_is_the_extremum():
    x = np.array([[1.0, np.nan, 3.0], [2.0, 5.0, np.inf]], np.float32)
    for name in ("amax", "amin", "argmax", "argmin", "max", "min"):
        check(method(name, 1), x)


def test_equal_elements_share_the_gradient_of_amax_and_the_first_takes_that_of_max():
    x = np.array([[3.0, 1.0, 3.0], [2.0, 2.0, 2.0]], np.float32)
    check(lambda m, x: x.amax(1), x, grad=1)
    check(lambda m, x: x.max(), x, grad=1)
    check(lambda m, x: x.max(1).values, x, grad=1)
    check(lambda m, x: x.aminmax(dim=1), x, grad=1)


@pytest.mark.parametrize("zeros", [0, 1, 2])
def test_gradient_of_a_product_with_zeros(zeros):
    x = normal(3, 4)
    x[1, :zeros] = 0
    check(lambda m, x: x.prod(1), x, grad=1)
    check(lambda m, x: x.prod(), x, grad=1)


def test_second_gradient_of_a_product_with_a_zero():
    def twice(m, x):
        (first,) = m.autograd.grad(x.prod(), x, create_graph=True)
        return m.autograd.grad((first * m.arange(4.0)).sum(), x)[0]

    results = [twice(m, m.tensor([2.0, 0.0, 3.0, 4.0], requires_grad=True)) for m in (flambeau, torch)]
    np.testing.assert_allclose(results[0].detach().numpy(), results[1].detach().numpy())


def test_results_have_names():
    x = flambeau.tensor([[1.0, 5.0], [4.0, 2.0]])
    found = x.max(dim=1)
    assert type(found) is flambeau.return_types.max
    assert found.values.tolist() == [5.0, 4.0] and found.indices.tolist() == [1, 0]
    values, indices = found
    assert repr(found) == repr(torch.tensor(x.tolist()).max(dim=1))


def test_max_of_two_tensors_is_the_elementwise_maximum():
    check(lambda m, x, y: m.max(x, y), X, normal(3, 4, 5, seed=1), grad=2)


def test_positions():
    for name in ("argmax", "argmin"):
        check(method(name), X)
        check(method(name, keepdim=True), X)
    check(lambda m, x: x.transpose(0, 2).argmax(), X)
    refuses(lambda m, x: (x > 0).argmax(), X)


def test_numpy_names():
    check(lambda m, x: x.sum(axis=1, keepdims=True), X)
    check(lambda m, x: x.max(axis=1), X)


def test_out():
    out = flambeau.empty(3, 4)
    assert flambeau.sum(flambeau.tensor(X), 2, out=out) is out
    np.testing.assert_allclose(out.numpy(), X.sum(2), rtol=1e-5)
    values, indices = flambeau.empty(0), flambeau.empty(0, dtype=flambeau.int64)
    result = flambeau.max(flambeau.tensor(X), 2, out=(values, indices))
    assert result.values is values and values.shape == (3, 4)


def test_truth():
    x = np.array([[0, 1, 0], [1, 2, 3]])
    for dtype in ("int64", "uint8", "float32", "bool"):
        for name in ("any", "all"):
            check(method(name, 1), x.astype(dtype))
            check(method(name), x.astype(dtype))


def test_nodes_carry_pytorchs_names():
    x = flambeau.ones(2, 2, requires_grad=True)
    names = [x.sum().grad_fn.name(), x.sum(0).grad_fn.name(), x.mean().grad_fn.name(), x.max().grad_fn.name()]
    assert names == ["SumBackward0", "SumBackward1", "MeanBackward0", "MaxBackward1"]
