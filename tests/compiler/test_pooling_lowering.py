"""Pooling run by generated kernels gives the bits of its NumPy meaning, or what PyTorch gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flambeau
import flambeau.nn.functional as F

torch = pytest.importorskip("torch")
TF = torch.nn.functional


@st.composite
def pools(draw):
    n = draw(st.integers(1, 3))
    kernel = [draw(st.integers(1, 4)) for _ in range(n)]
    options = dict(kernel_size=kernel, stride=[draw(st.integers(1, 3)) for _ in range(n)],
                   padding=[draw(st.integers(0, k // 2)) for k in kernel], ceil_mode=draw(st.booleans()))
    return (draw(st.integers(1, 3)), draw(st.integers(1, 4)), *[k + draw(st.integers(0, 40 if n < 3 else 8)) for k in kernel]), options


def compare(name, shape, options, dtype="float64"):
    array = np.random.default_rng(0).integers(-50, 50, shape).astype(dtype)
    ours, theirs = flambeau.tensor(array, requires_grad=True), torch.tensor(array, requires_grad=True)
    result, expected = getattr(F, name)(ours, **options), getattr(TF, name)(theirs, **options)
    if isinstance(expected, tuple):
        np.testing.assert_array_equal(result[1].numpy(), expected[1].numpy())
        result, expected = result[0], expected[0]
    np.testing.assert_allclose(result.detach().numpy(), expected.detach().numpy(), rtol=1e-6)
    (result * 2).sum().backward()
    (expected * 2).sum().backward()
    np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), rtol=1e-5)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(pools(), st.sampled_from(["float32", "float64"]))
def test_largest_values_of_any_windows(case, dtype):
    shape, options = case
    compare(f"max_pool{len(shape) - 2}d", shape, {**options, "return_indices": True}, dtype)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(pools(), st.booleans(), st.sampled_from(["float32", "float64"]))
def test_means_of_any_windows(case, count_padding, dtype):
    shape, options = case
    compare(f"avg_pool{len(shape) - 2}d", shape, {**options, "count_include_pad": count_padding}, dtype)


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_dilation_and_nan_and_infinity(stride):
    array = np.random.default_rng(0).standard_normal((2, 3, 20, 40)).astype(np.float32)
    array[0, 0, 5, 5], array[0, 1] = np.nan, -np.inf
    options = dict(kernel_size=3, stride=stride, padding=1, dilation=2, return_indices=True)
    result, expected = F.max_pool2d(flambeau.tensor(array), **options), TF.max_pool2d(torch.tensor(array), **options)
    np.testing.assert_array_equal(result[0].numpy(), expected[0].numpy())
    np.testing.assert_array_equal(result[1].numpy(), expected[1].numpy())


def test_operands_of_any_strides():
    array = np.random.default_rng(0).standard_normal((2, 20, 3, 20)).astype(np.float32)
    ours, theirs = flambeau.tensor(array).permute(0, 2, 3, 1)[..., ::2], torch.tensor(array).permute(0, 2, 3, 1)[..., ::2]
    np.testing.assert_array_equal(F.max_pool2d(ours, 2).numpy(), TF.max_pool2d(theirs, 2).numpy())
    np.testing.assert_allclose(F.avg_pool2d(ours, 3, 1).numpy(), TF.avg_pool2d(theirs, 3, 1).numpy(), rtol=1e-5, atol=1e-6)


def test_override_of_the_divisor():
    compare("avg_pool2d", (1, 2, 9, 9), dict(kernel_size=3, padding=1, divisor_override=5))


@pytest.mark.parametrize(
    "shape, outputs",
    [((2, 3, 37), (1, 5, 37, 50)), ((2, 3, 14, 21), (2, 14, (3, 4), (16, 30))), ((1, 2, 5, 6, 40), (2, (1, 2, 3)))],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_adaptive_regions(shape, outputs, dtype):
    n = len(shape) - 2
    for size in outputs:
        for _ in range(2):  # what comes again is compiled
            compare(f"adaptive_avg_pool{n}d", shape, dict(output_size=size), dtype)
            compare(f"adaptive_max_pool{n}d", shape, dict(output_size=size, return_indices=True), dtype)


def test_adaptive_regions_in_any_layout_and_with_nan():
    array = np.random.default_rng(0).integers(0, 3, (2, 3, 10, 30)).astype(np.float32)
    array[0, :, 3:5] = np.nan
    for size in (2, 3, (5, 10)):
        for _ in range(2):
            found = []
            for lib in (flambeau, torch):
                x = lib.tensor(array).to(memory_format=lib.channels_last)
                values, places = lib.nn.functional.adaptive_max_pool2d(x, size, return_indices=True)
                found.append((values.numpy(), places.numpy(), lib.nn.functional.adaptive_avg_pool2d(x, size).numpy()))
            for ours, theirs in zip(*found):
                np.testing.assert_allclose(ours, theirs, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_floats_of_16_bits(dtype, stride):
    array = np.random.default_rng(0).standard_normal((2, 3, 20, 41))
    for _ in range(2):
        found = []
        for lib in (flambeau, torch):
            x, functions = lib.tensor(array).to(getattr(lib, dtype)), lib.nn.functional
            values, places = functions.max_pool2d(x, 3, stride, 1, return_indices=True)
            found.append((values.float().numpy(), places.numpy(), functions.avg_pool2d(x, 3, stride, 1).float().numpy()))
        np.testing.assert_array_equal(found[0][0], found[1][0])
        np.testing.assert_array_equal(found[0][1], found[1][1])
        np.testing.assert_allclose(found[0][2], found[1][2], rtol=1e-2, atol=1e-2)
