"""Interpolation run by generated kernels, in any dtype and layout, against PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau

torch = pytest.importorskip("torch")

CASES = [
    ((2, 3, 37), "linear"),
    ((2, 3, 9, 37), "bilinear"),
    ((2, 3, 9, 20), "bicubic"),
    ((1, 2, 4, 5, 19), "trilinear"),
    ((2, 3, 9, 37), "nearest"),
]


@pytest.mark.parametrize("shape, mode", CASES)
@pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-4), ("float64", 1e-9), ("bfloat16", 3e-2)])
@pytest.mark.parametrize("last", [False, True])
def test_sizes_and_layouts(shape, mode, dtype, tolerance, last):
    """``last``: the channels are neighbours in memory."""
    array = np.random.default_rng(0).standard_normal(shape)
    for options in (dict(scale_factor=2), dict(scale_factor=0.5), dict(size=[3] * (len(shape) - 2)), dict(size=[25] * (len(shape) - 2))):
        for _ in range(2):  # what comes again is compiled
            found = []
            for lib in (flambeau, torch):
                x = lib.tensor(array).to(getattr(lib, dtype))
                x = x.transpose(1, -1).contiguous().transpose(1, -1) if last else x
                x.requires_grad_()
                result = lib.nn.functional.interpolate(x, mode=mode, **options)
                result.pow(2).sum().backward()
                found.append((result.detach().double().numpy(), x.grad.double().numpy()))
            (ours, gradient), (theirs, expected) = found
            np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)
            if dtype != "bfloat16":  # PyTorch rounds after each of its sums
                np.testing.assert_allclose(gradient, expected, rtol=tolerance, atol=tolerance)


def test_an_infinite_pixel_stays_where_it_is():
    array = np.zeros((1, 1, 5, 40), np.float32)
    array[0, 0, 2, 20] = np.inf
    for _ in range(2):
        found = []
        for lib in (flambeau, torch):
            images = lib.tensor(array)
            found.append(lib.nn.functional.interpolate(images, size=(7, 30), mode="bilinear", antialias=True).numpy())
        np.testing.assert_array_equal(np.isfinite(found[0]), np.isfinite(found[1]))
