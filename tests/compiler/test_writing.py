"""Writing at positions in machine code: every dtype and reduction against PyTorch, in any layout and with any number of threads."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau

torch = pytest.importorskip("torch")

DTYPES = ["float32", "float64", "int64", "int32", "int16", "int8", "uint8", "bool", "float16", "bfloat16", "complex64", "complex128"]
RNG = np.random.default_rng(3)


@pytest.fixture(params=[1, 2])
def threads(request):
    before = flambeau.get_num_threads()
    flambeau.set_num_threads(request.param)
    yield request.param
    flambeau.set_num_threads(before)


def agree(function, *arrays, dtype: str | None = None) -> None:
    """``function(library, *tensors)`` gives PyTorch's values; floating arrays come in ``dtype``."""
    found = []
    for lib in (torch, flambeau):
        tensors = [lib.tensor(a) if a.dtype == np.int64 else lib.tensor(a).to(getattr(lib, dtype or "float32")) for a in arrays]
        found.append(function(lib, *tensors))
    expected, ours = [t.to(lib.complex128).numpy() for lib, t in zip((torch, flambeau), found)]
    np.testing.assert_allclose(ours, expected, rtol=1e-2 if dtype in ("float16", "bfloat16") else 1e-5, atol=1e-5)


def small(*shape: int) -> np.ndarray:
    """Small integers, which every dtype sums without rounding."""
    return RNG.integers(-3, 4, shape).astype(np.float64)


def places(size: int, *shape: int) -> np.ndarray:
    return RNG.integers(0, size, shape)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("dim", [0, 1, 2])
def test_repeated_positions_add_up(dtype, dim):
    x, source = small(4, 5, 6), small(4, 5, 6)
    agree(lambda t, x, i, s: x.scatter_add(dim, i, s), x, places(x.shape[dim], *x.shape), source, dtype=dtype)
    shape = [9 if d == dim else n for d, n in enumerate(x.shape)]
    agree(lambda t, x, i, s: x.index_add(dim, i, s), x, places(x.shape[dim], 9), small(*shape), dtype=dtype)


@pytest.mark.parametrize("reduce", ["sum", "prod", "mean", "amax", "amin"])
@pytest.mark.parametrize("dtype", ["float32", "int64", "uint8", "bfloat16"])
def test_reductions(reduce, dtype):
    x, source = np.abs(small(6, 5)), np.abs(small(6, 5))
    agree(lambda t, x, i, s: x.scatter_reduce(0, i, s, reduce), x, places(6, 6, 5), source, dtype=dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_slices_are_copied_and_filled(dtype):
    x = small(7, 20)
    agree(lambda t, x, i, s: x.index_copy(0, i, s), x, np.array([6, 0, 3]), small(3, 20), dtype=dtype)
    agree(lambda t, x, i: x.index_fill(0, i - 7, 1), x, np.array([6, 0, 3]), dtype=dtype)
    agree(lambda t, x, i, s: x.index_put((i, i), s, accumulate=True), x, np.array([6, -1, 3]), small(3), dtype=dtype)


def test_extrema_keep_a_nan():
    x, source = small(3, 4), small(3, 4)
    source[1, 2] = np.nan
    agree(lambda t, x, i, s: x.scatter_reduce(0, i, s, "amax"), x, places(3, 3, 4), source)
    agree(lambda t, x, i, s: x.scatter_reduce(0, i, s, "amin"), x, places(3, 3, 4), source)


def test_the_last_of_several_writes_stays(threads):
    x, source = small(100, 400), small(300, 400)
    at = places(100, 300)
    ours = flambeau.tensor(x).index_copy(0, flambeau.tensor(at), flambeau.tensor(source))
    for position, row in zip(at, source):
        x[position] = row
    np.testing.assert_array_equal(ours.numpy(), x)


def test_large_targets_in_any_layout(threads):
    x, rows = small(300, 200), places(300, 500)
    agree(lambda t, x, i, s: x.index_add(0, i, s), x, rows, small(500, 200))
    agree(lambda t, x, i, s: x.t().contiguous().t().index_add_(0, i, s), x, rows, small(500, 200))
    agree(lambda t, x, i, s: x.index_add(0, i, s[:1].expand(500, -1)), x, rows, small(500, 200))
    agree(lambda t, x, i, s: x.index_add(0, i, s.t()), x, rows, small(200, 500))
    agree(lambda t, x, i, s: x[:, ::2].scatter_add_(1, i, s), x, places(100, 300, 200), small(300, 200))
    agree(lambda t, x, i, s: x.scatter_add(0, i[:, None].expand(-1, 200), s), x, rows, small(500, 200))
    agree(lambda t, x, i, s: x.scatter_add(0, i[:7, :11], s), x, places(300, 300, 200), small(300, 200))


def test_sums_are_the_same_bits_with_any_number_of_threads():
    x, source = RNG.standard_normal((64, 300)), RNG.standard_normal((900, 300))
    at, found = places(64, 900), []
    before = flambeau.get_num_threads()
    for threads in (1, 2, 3):
        flambeau.set_num_threads(threads)
        for _ in range(3):  # at first sight, and compiled
            found.append(flambeau.tensor(x).index_add(0, flambeau.tensor(at), flambeau.tensor(source)).numpy())
    flambeau.set_num_threads(before)
    assert all(np.array_equal(found[0], other) for other in found)


def test_nothing_to_write():
    agree(lambda t, x, i, s: x.index_add(0, i, s), small(3, 4), np.zeros(0, np.int64), small(0, 4))
    agree(lambda t, x, i, s: x.scatter_add(0, i, s), small(3, 0), np.zeros((3, 0), np.int64), small(3, 0))


@pytest.mark.parametrize("position", [-1, 3])
def test_positions_out_of_range_change_nothing(position):
    x = flambeau.zeros(3, 2)
    with pytest.raises(IndexError, match="out of bounds"):
        x.index_add(0, flambeau.tensor([0, position]), flambeau.ones(2, 2)).numpy()
    with pytest.raises(IndexError, match="out of bounds"):
        x.scatter_add(1, flambeau.tensor([[0], [position], [1]]), flambeau.ones(3, 2)).numpy()
    assert x.sum().item() == 0


def test_expanded_positions(threads):
    """Positions that are the same for all channels, as the gradient of a gathering has them."""
    positions = places(40, 5, 1, 60)

    def added(lib, target, source, index):
        return target.scatter_add(2, index.expand(5, 30, 60), source)

    agree(added, small(5, 30, 40), small(5, 30, 60), positions)
    agree(added, small(5, 30, 40), small(5, 30, 60).transpose(1, 0, 2).copy().transpose(1, 0, 2), positions)


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_several_index_tensors_of_any_shapes(threads, dtype):
    """Positions are made of them by a task of their own."""
    first, second, third = (places(8, *shape).astype(dtype) - 4 for shape in ((5, 1, 3), (4, 1), (1,)))
    for _ in range(2):  # what comes again is compiled
        for dims in (lambda a, b, c: (a, b), lambda a, b, c: (a, slice(None), b), lambda a, b, c: (c, b, a), lambda a, b, c: (a,)):
            found = []
            for lib in (torch, flambeau):
                x, index = lib.tensor(np.arange(8 * 8 * 8.0)).view(8, 8, 8), dims(*map(lib.tensor, (first, second, third)))
                x[index] *= -1
                found.append(x.numpy())
            np.testing.assert_array_equal(*found)


def test_an_index_tensor_out_of_range_is_named():
    first, second = flambeau.tensor([[0], [-5]]), flambeau.tensor([0, 1, 2])
    for _ in range(2):
        x = flambeau.zeros(4, 3)
        with pytest.raises(IndexError, match="index -5 is out of bounds for dimension 0 with size 4"):
            x.index_put((first, second), flambeau.ones(())).numpy()
        with pytest.raises(IndexError, match="index 9 is out of bounds for dimension 1 with size 3"):
            x.scatter(1, flambeau.tensor([[0] * 8 + [9]]), flambeau.ones(1, 9)).numpy()
