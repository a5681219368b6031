"""Short lines are sorted, and picked from by rank, by kernels: every dtype, dimension and layout against PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau

torch = pytest.importorskip("torch")

DTYPES = ["float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8"]
SHAPES = [(7,), (3, 37), (2, 70, 3), (2, 3, 256)]
LAYOUTS = [lambda x: x, lambda x: x[..., ::2], lambda x: x.mT.contiguous().mT if x.ndim > 1 else x]


def lines(dtype: str, shape) -> np.ndarray:
    """Few different numbers, with all that is special in floats."""
    rng = np.random.default_rng(0)
    array = rng.integers(0, 6, shape).astype(float) - (0 if dtype == "uint8" else 3)
    if "float" in dtype:
        for special in (np.nan, -0.0, -np.inf):
            array[rng.random(shape) < 0.1] = special
    return array


def tensors(dtype: str, shape):
    for layout in LAYOUTS:
        yield tuple(layout(lib.tensor(lines(dtype, shape)).to(getattr(lib, dtype))) for lib in (flambeau, torch))


def same(ours, theirs) -> None:
    np.testing.assert_array_equal(ours.double().numpy(), theirs.double().numpy())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_sorting(dtype, shape):
    for ours, theirs in tensors(dtype, shape):
        for dim in range(len(shape)):
            for descending in (False, True):
                for _ in range(2):  # what comes again is compiled
                    found = ours.sort(dim, descending)
                    expected = theirs.sort(dim=dim, descending=descending, stable=True)
                    same(found.values, expected.values)
                    same(found.indices, expected.indices)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_picking(dtype, shape):
    """PyTorch may name another of equal elements."""
    for ours, theirs in tensors(dtype, shape):
        for dim in range(len(shape)):
            k = -(-ours.shape[dim] // 3)
            calls = [("topk", (k, dim)), ("topk", (1, dim, False)), ("kthvalue", (k, dim, True))]
            calls += [("median", (dim, True)), ("nanmedian", (dim, True))]
            for name, arguments in calls:
                for _ in range(2):
                    found = getattr(ours, name)(*arguments)
                    same(found.values, getattr(theirs, name)(*arguments).values)
                    same(ours.gather(dim, found.indices), found.values)
