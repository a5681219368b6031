"""Matrix products as tasks: every layout, size and dtype gives the mathematics, each item its own part."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from flambeau.compiler.targets.cpu import dot, tiled_dot
from flambeau.runtime import memory

SIZES = [(1, 1, 1), (5, 3, 2), (6, 64, 16), (7, 65, 17), (13, 48, 300), (64, 130, 100), (200, 20, 33),
         (1, 200, 70), (200, 1, 70), (3, 2100, 70), (3, 33, 0)]  # fmt: skip
TOLERANCE = {"float32": 1e-5, "complex64": 1e-5, "float64": 1e-13, "complex128": 1e-13}


def random(shape, dtype, seed=0):
    generator = np.random.default_rng(seed)
    values = generator.uniform(-1, 1, shape)
    if dtype.startswith("complex"):
        values = values + 1j * generator.uniform(-1, 1, shape)
    return values.astype(dtype)


def laid_out(array, order):
    """A copy of the last two axes in rows ("N"), in columns ("T"), or in rows with gaps ("S")."""
    if order == "T":
        return np.ascontiguousarray(array.swapaxes(-1, -2)).swapaxes(-1, -2)
    if order == "S":
        wide = np.zeros((*array.shape[:-1], array.shape[-1] + 3), array.dtype)
        wide[..., :-3] = array
        return wide[..., :-3]
    return array.copy()


def strides(array):
    return tuple(stride // array.itemsize for stride in array.strides[-2:])


def address(array):
    return array.__array_interface__["data"][0]


def run(a, b, c, d=None, alpha=1, beta=0, plan=None, items=None):
    """Run the items of a product of stacks of matrices, in the given order."""
    batch, m, k = a.shape
    n = b.shape[-1]
    d = c if d is None else d
    plan = plan or dot.choose(a.dtype.name, batch, m, n, k, strides(a), strides(b))
    scratch = memory.allocate(plan.scratch_bytes)
    cells = np.array(plan.cells(
        a=address(a), b=address(b), c=address(c), d=address(d), c_row=strides(c)[0], d_row=strides(d)[0],
        batch_strides=tuple(x.strides[0] for x in (a, b, c, d)),
        alpha=alpha, beta=beta, scratch=scratch.address,
    ), np.int64)  # fmt: skip
    task = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(plan.function())
    for item in range(plan.items) if items is None else items:
        task(address(cells), item, 0)
    return plan


def assert_close(actual, expected, dtype, k):
    assert np.abs(actual - expected).max(initial=0) <= TOLERANCE[dtype] * max(k, 1)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("orders", ["NN", "NT", "TN", "TT", "SS"])
def test_layouts_and_sizes(dtype, orders):
    for m, n, k in SIZES:
        a = laid_out(random((2, m, k), dtype, 1), orders[0])
        b = laid_out(random((2, k, n), dtype, 2), orders[1])
        c = np.full((2, m, n), np.nan, dtype)  # beta = 0: what c held is not read
        run(a, b, c)
        assert_close(c, a.astype("complex128") @ b, dtype, k)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex128"])
def test_alpha_beta_and_addend(dtype):
    a, b, d = random((3, 20, 30), dtype, 1), random((3, 30, 70), dtype, 2), random((3, 20, 70), dtype, 3)
    c = np.empty_like(d)
    run(a, b, c, d, alpha=2, beta=-0.5)
    assert_close(c, 2 * (a @ b) - 0.5 * d, dtype, 30)
    c = d.copy()
    run(a, b, c, beta=1)
    assert_close(c, a @ b + d, dtype, 30)


@pytest.mark.parametrize("dtype", ["float32", "complex64"])
def test_one_row_is_added_to_all(dtype):
    a, b, bias = random((1, 50, 300), dtype, 1), random((1, 300, 40), dtype, 2), random(40, dtype, 3)
    c = np.empty((1, 50, 40), dtype)
    run(a, b, c, np.broadcast_to(bias, (1, 50, 40)), beta=1)
    assert_close(c, a @ b + bias, dtype, 300)


@pytest.mark.parametrize("dtype", ["float32", "complex64"])
def test_an_operand_shared_by_the_batch(dtype):
    a, b = random((4, 10, 20), dtype, 1), random((1, 20, 30), dtype, 2)
    c = np.empty((4, 10, 30), dtype)
    run(a, np.broadcast_to(b, (4, 20, 30)), c)
    assert_close(c, a @ b, dtype, 20)


def test_a_may_have_any_strides():
    whole = random((1, 60, 90), "float32", 1)
    b = random((1, 30, 17), "float32", 2)
    for a in (whole[:, ::2, ::3], whole[:, ::-3, 29::-1], np.broadcast_to(whole[:, :1, :30], (1, 20, 30))):
        c = np.empty((1, a.shape[1], 17), "float32")
        run(a, b, c)
        assert_close(c, a @ b, "float32", 30)


def test_strides_no_kernel_takes_are_refused():
    assert not dot.supports("float32", 4, 4, 4, (4, 1), (8, 2))
    assert not dot.supports("complex64", 4, 4, 4, (8, 2), (4, 1))
    with pytest.raises(ValueError, match=r"no kernel for float32 \(4, 5\) @ \(5, 6\)"):
        dot.choose("float32", 1, 4, 6, 5, (5, 1), (12, 2))


@pytest.mark.parametrize("orders", ["TN", "TT"])
def test_packing_and_blocks_of_k(orders):
    m, n, k = 100, 140, 90
    a = laid_out(random((1, m, k), "float32", 1), "T")
    b = laid_out(random((1, k, n), "float32", 2), orders[1])
    for block_k in (7, 32, 90):
        for pack_b in (0, 1) if orders[1] == "N" else (2,):
            c = np.empty((1, m, n), "float32")
            scratch = tiled_dot.scratch_bytes("float32", block_k, pack_b)
            whole = dot.Partition(1, m, n, 1, 1, 1)
            shape, both = (1, m, n, k), (strides(a), strides(b))
            plan = dot.Plan("float32", "tiled", shape, both, whole, block_k, pack_b, scratch)
            run(a, b, c, plan=plan)
            assert_close(c, a @ b, "float32", k)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "shape", [(1, 50), (2, 19), (3, 21), (4, 5), (7, 30), (50, 1), (19, 2), (21, 3), (1, 1)]
)
def test_few_rows_or_columns(dtype, shape):
    """Both operands contiguous along k; one row is added to all, c has gaps between its rows."""
    (m, n), k = shape, 24 * min(shape) + 13
    a, b, bias = random((2, m, k), dtype, 1), laid_out(random((2, k, n), dtype, 2), "T"), random(n, dtype, 3)
    wide = np.full((2, m, n + 2), 7, dtype)
    plan = run(a, b, wide[..., :n], np.broadcast_to(bias, (2, m, n)), alpha=0.5, beta=2)
    assert plan.kind == "skinny"
    assert_close(wide[..., :n], 0.5 * (a @ b) + 2 * bias, dtype, k)
    assert (wide[..., n:] == 7).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_blas_agrees_with_tiles(dtype):
    a, b = laid_out(random((2, 70, 90), dtype, 1), "T"), random((2, 90, 50), dtype, 2)
    tiles, library = np.empty((2, 70, 50), dtype), np.empty((2, 70, 50), dtype)
    run(a, b, tiles)
    part = dot.partition(2, 70, 50, 90, dtype)
    run(a, b, library, plan=dot.Plan(dtype, "blas", (2, 70, 50, 90), (strides(a), strides(b)), part))
    assert_close(tiles, library, dtype, 90)


def test_nan_and_infinity_stay_in_their_rows_and_columns():
    a, b = random((1, 9, 20), "float32", 1), random((1, 20, 35), "float32", 2)
    a[0, 8, 3], b[0, 5, 34] = np.nan, np.inf
    for order in "NT":
        c = np.empty((1, 9, 35), "float32")
        run(a, laid_out(b, order), c)
        assert np.isnan(c[0, 8]).all()
        assert np.isinf(c[0, :8, 34]).all()
        assert np.isfinite(c[0, :8, :34]).all()


def test_nothing_is_written_beyond_c():
    a, b = random((1, 13, 20), "float32", 1), random((1, 20, 35), "float32", 2)
    wide = np.full((1, 15, 40), 7, "float32")
    run(a, b, wide[:, 1:14, 2:37])
    wide[:, 1:14, 2:37] = 7
    assert (wide == 7).all()


@pytest.mark.parametrize("shape", [(0, 4, 4, 4), (1, 0, 4, 4), (1, 4, 0, 4)])
def test_empty_products_have_no_items(shape):
    assert dot.choose("float32", *shape, (4, 1), (4, 1)).items == 0


def test_without_k_the_addend_remains():
    d = random((1, 5, 6), "float32")
    c = np.empty_like(d)
    for dtype in ("float32", "complex64"):
        d = random((1, 5, 6), dtype)
        c = np.empty_like(d)
        run(np.empty((1, 5, 0), dtype), np.empty((1, 0, 6), dtype), c, d, beta=3)
        assert_close(c, 3 * d, dtype, 1)


@pytest.mark.parametrize(
    "shape", [(1, 64, 128, 784), (1, 64, 784, 128), (96, 64, 64, 64), (3, 300, 500, 400)]
)
def test_items_are_independent_and_cover_everything_once(shape):
    """Any order of the items gives the same bits, and they partition c."""
    batch, m, n, k = shape
    a, b = random((batch, m, k), "float32", 1), random((batch, k, n), "float32", 2)
    forward, backward = np.empty((batch, m, n), "float32"), np.empty((batch, m, n), "float32")
    plan = run(a, b, forward)
    assert 1 < plan.items <= 64
    run(a, b, backward, items=reversed(range(plan.items)))
    assert np.array_equal(forward, backward)
    counts = np.zeros((batch, m, n), "float32")
    run(np.zeros_like(a), b, counts, np.ones((batch, m, n), "float32"), beta=1)
    assert (counts == 1).all()


def test_small_products_are_one_item():
    assert dot.partition(1, 64, 64, 64, "float32").items == 1
    assert dot.partition(1, 64, 128, 784, "float32").items == 2
    assert dot.partition(1, 1024, 1024, 1024, "float32").items >= 8
