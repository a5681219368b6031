"""Scans run by generated kernels: the bits of their NumPy meaning, PyTorch's positions."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau

torch = pytest.importorskip("torch")

SHAPES = [((7,), 0), ((1, 1), 1), ((19, 33), 1), ((19, 33), 0), ((3, 40, 70), 1), ((2, 5, 1, 6), 3), ((100, 300), -1)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape, dim", SHAPES)
def test_sums_and_products_have_the_bits_of_numpy(shape, dim, dtype):
    x = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    np.testing.assert_array_equal(flambeau.tensor(x).cumsum(dim).numpy(), np.cumsum(x, dim, dtype=dtype))
    np.testing.assert_array_equal(flambeau.tensor(x).cumprod(dim).numpy(), np.cumprod(x, dim, dtype=dtype))


@pytest.mark.parametrize("name", ["cummax", "cummin"])
@pytest.mark.parametrize("shape, dim", SHAPES)
def test_extrema_and_their_positions(shape, dim, name):
    x = np.random.default_rng(0).integers(-5, 5, shape).astype(np.float32)
    x[x == 4] = np.nan if x.size > 100 else np.inf
    values, indices = getattr(flambeau.tensor(x), name)(dim)
    expected = getattr(torch.tensor(x), name)(dim)
    np.testing.assert_array_equal(values.numpy(), expected.values.numpy())
    np.testing.assert_array_equal(indices.numpy(), expected.indices.numpy())


def test_other_memory_and_dtypes():
    x = np.random.default_rng(0).integers(0, 9, (6, 8))
    assert flambeau.tensor(x).cumsum(1).tolist() == np.cumsum(x, 1).tolist()
    turned = flambeau.tensor(x.astype(np.float32)).t()
    assert turned.cumsum(1).tolist() == np.cumsum(x.T, 1).tolist()
    assert flambeau.tensor(2.0).cumsum(0).item() == 2.0
    assert flambeau.ones(0, 3).cumsum(1).shape == (0, 3)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("shape, dim", SHAPES)
def test_sums_and_products_of_16_bit_floats_are_rounded_at_the_end(shape, dim, dtype):
    x = torch.from_numpy(np.random.default_rng(0).standard_normal(shape)).to(getattr(torch, dtype))
    ours = flambeau.tensor(x.float().numpy()).to(getattr(flambeau, dtype))
    for name in ("cumsum", "cumprod"):
        expected = torch.from_numpy(getattr(np, name)(x.float().numpy(), dim)).to(x.dtype)
        np.testing.assert_array_equal(getattr(ours, name)(dim).float().numpy(), expected.float().numpy())
    for name in ("cummax", "cummin"):
        for found, expected in zip(getattr(ours, name)(dim), getattr(x, name)(dim)):
            np.testing.assert_array_equal(found.double().numpy(), expected.double().numpy())


@pytest.mark.parametrize("shape, dim", SHAPES)
def test_int64_wraps_around(shape, dim):
    x = np.random.default_rng(0).integers(-(2**62), 2**62, shape)
    for name in ("cumsum", "cumprod"):
        np.testing.assert_array_equal(getattr(flambeau.tensor(x), name)(dim).numpy(), getattr(torch.tensor(x), name)(dim).numpy())
