"""Kernels that gather, against NumPy's indexing."""

from __future__ import annotations

import numpy as np
import pytest
from tests.compiler.kernel_harness import Nodes, elementwise, run

from flambeau.compiler.kernel import Arg, Kernel

RNG = np.random.default_rng(0)


def embedding(dtype: str = "float32") -> Kernel:
    """out[i, j] = table[index[i], j]"""
    n = Nodes()
    index = n.node("load", "int64", attr=0)
    value = n.node("gather", dtype, index, attr=(1, 1))
    return elementwise(n, [Arg("int64", "row", "broadcast"), Arg(dtype)], value, outer=1)


def test_gather_of_rows():
    table, index = RNG.random((7, 50), "f"), np.array([3, 0, -1, 6, 3, -7])
    out = np.zeros((6, 50), "f")
    still = np.broadcast_to(table[0], out.shape)
    error = run(embedding(), [index, still, out], out.shape, gathered={1: [(7, table.strides[0])]})
    np.testing.assert_array_equal(out, table[index])
    assert not error[1]


@pytest.mark.parametrize("wrong", (7, -8, 1 << 40))
def test_gather_out_of_range_is_reported(wrong):
    table, index = RNG.random((7, 50), "f"), np.array([3, wrong])
    out = np.zeros((2, 50), "f")
    still = np.broadcast_to(table[0], out.shape)
    error = run(embedding(), [index, still, out], out.shape, gathered={1: [(7, table.strides[0])]})
    assert error.tolist() == [wrong, 1]
    np.testing.assert_array_equal(out[1], table[0])


@pytest.mark.parametrize("dtype", ("float32", "float64", "uint8", "bool", "float16"))
@pytest.mark.parametrize("size", (5, 77))
def test_gather_of_elements(dtype, size):
    """out[i, j] = x[i, index[i, j]]"""
    x, index = RNG.integers(-9, 10, (3, 9)).astype(dtype), RNG.integers(-9, 9, (3, size))
    n = Nodes()
    value = n.node("gather", dtype, n.node("load", "int64", attr=0), attr=(1, 1))
    kernel = elementwise(n, [Arg("int64"), Arg(dtype, inner="broadcast")], value, outer=1)
    out = np.zeros((3, size), dtype)
    still = np.broadcast_to(x[:, :1], (3, size))
    error = run(kernel, [index, still, out], out.shape, gathered={1: [(9, x.strides[1])]})
    np.testing.assert_array_equal(out, np.take_along_axis(x, index % 9, 1))
    assert not error[1]
    index[1, size - 1] = 9
    assert run(kernel, [index, still, out], out.shape, gathered={1: [(9, x.strides[1])]}).tolist() == [9, 1]


def test_gather_along_another_dim():
    """out[i, j] = x[index[i, j], j]: the argument moves along the inner dim too."""
    x, index = RNG.random((9, 77)), RNG.integers(-9, 9, (3, 77))
    for inner in ("contiguous", "strided"):
        n = Nodes()
        value = n.node("gather", "float64", n.node("load", "int64", attr=0), attr=(1, 1))
        kernel = elementwise(n, [Arg("int64"), Arg("float64", inner=inner)], value, outer=1)
        out = np.zeros((3, 77))
        still = np.broadcast_to(x[0], (3, 77))
        run(kernel, [index, still, out], out.shape, gathered={1: [(9, x.strides[0])]})
        np.testing.assert_array_equal(out, np.take_along_axis(x, index, 0))
