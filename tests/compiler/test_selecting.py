"""What masks select, found by machine code: positions and elements of large tensors against PyTorch, with any number of threads."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau

torch = pytest.importorskip("torch")

SHAPES = [(100_000,), (300, 400), (70, 50, 40), (5, 20_000), (40_000, 3), (8, 8, 8, 8, 16)]


@pytest.fixture(params=[1, 2])
def threads(request):
    before = flambeau.get_num_threads()
    flambeau.set_num_threads(request.param)
    yield request.param
    flambeau.set_num_threads(before)


def mask_of(shape, share: float) -> np.ndarray:
    return np.random.default_rng(0).random(shape) < share


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("share", [0.5, 0.01, 1.0, 0.0])
def test_positions(shape, share, threads):
    mask = mask_of(shape, share)
    ours, theirs = flambeau.tensor(mask), torch.tensor(mask)
    for x, y in ((ours, theirs), (ours.float(), theirs.float()), (ours.T, theirs.permute(*reversed(range(len(shape)))))):
        np.testing.assert_array_equal(x.nonzero().numpy(), y.nonzero().numpy())
        for found, expected in zip(x.nonzero(as_tuple=True), y.nonzero(as_tuple=True)):
            np.testing.assert_array_equal(found.numpy(), expected.numpy())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["float32", "int64", "uint8", "bfloat16", "complex64", "complex128"])
def test_elements(shape, dtype, threads):
    mask, numbers = mask_of(shape, 0.3), np.arange(np.prod(shape)).reshape(shape) % 100
    for layout in (lambda x: x, lambda x: x.flip(0), lambda x: x[..., :1].expand(x.shape)):
        found = []
        for lib in (flambeau, torch):
            x, where = layout(lib.tensor(numbers).to(getattr(lib, dtype))), lib.tensor(mask)
            found.append([y.to(lib.complex128).numpy() for y in (x[where], x.masked_select(where))])
        np.testing.assert_array_equal(found[0], found[1])
