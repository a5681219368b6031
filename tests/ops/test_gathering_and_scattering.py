"""gather, index_select, take; scatter, index_add and their family; masks."""

from __future__ import annotations

import numpy as np
import pytest
from tests.ops.movement_oracle import moves, ramp

import flambeau

torch = pytest.importorskip("torch")

AT = np.array([[0, 2, 1], [2, 2, 0]])
X, SRC = np.sin(ramp(3, 4)), np.cos(ramp(2, 3))


def test_gather():
    moves(lambda t, x, i: (x.gather(0, i), t.gather(x, 1, i), x.gather(-1, i[:1, :2])), X, AT)
    moves(lambda t, x: x.gather(0, t.tensor(0)), ramp())
    moves(lambda t, x: x.gather(0, t.tensor([[0, 0, 0, 0, 0]])), X)
    moves(lambda t, x: x.gather(0, t.tensor([0])), X)
    moves(lambda t, x: x.gather(0, t.tensor([[0.0]])), X)
    moves(lambda t, x: x.gather(0, t.tensor([[5]])), X)


def test_index_select_take_and_take_along_dim():
    moves(lambda t, x, i: (x.index_select(0, i[0]), t.index_select(x, 1, i[1]), x.take(i), x.take(-i)), X, AT)
    moves(lambda t, x, i: (t.take_along_dim(x, i[:, :1], 1), t.take_along_dim(x, i)), X[:2], AT)
    moves(lambda t, x: x.index_select(0, t.tensor([3])), X)
    moves(lambda t, x: x.index_select(0, t.tensor([[1]])), X)
    moves(lambda t, x: x.take(t.tensor([99])), X)


def test_scatter():
    moves(
        lambda t, x, i, s: (x.scatter(0, i, s), x.scatter(1, i, s), x.scatter(1, i, 7.0), x.scatter_add(1, i, s)),
        X,
        AT,
        SRC,
    )
    moves(lambda t, x, i, s: x.detach().scatter(0, i[:, :1], s.detach()), X, AT, SRC)
    moves(lambda t, x, i, s: x.detach().scatter(0, i[:, :1], s.detach()), X, AT, SRC)
    moves(lambda t, x, i, s: x.scatter(0, i, s.float()), X, AT, SRC)
    moves(lambda t, x, i, s: x.scatter(0, i, s[:1]), X, AT, SRC)
    moves(lambda t, x, s: x.scatter(0, t.tensor([[5]]), s), X, SRC)
    moves(lambda t, x, i, s: x.detach().scatter(1, i, s.detach(), reduce="add"), X, AT, SRC)
    moves(lambda t, x, i: x.detach().scatter(1, i, 2.0, reduce="multiply"), X, AT)


@pytest.mark.parametrize("include_self", [True, False])
@pytest.mark.parametrize("reduce", ["sum", "prod", "mean", "amax", "amin"])
def test_scatter_and_index_reduce(reduce, include_self):
    moves(lambda t, x, i, s: x.scatter_reduce(1, i, s, reduce, include_self=include_self), X, AT, SRC)
    moves(
        lambda t, x, i, s: x.scatter_reduce(1, i, s, reduce, include_self=include_self),
        X,
        AT,
        SRC * (np.abs(SRC) > 0.5),
    )
    if reduce != "sum":
        moves(
            lambda t, x, i, s: x.index_reduce(0, i, s, reduce, include_self=include_self), X, AT[1], np.cos(ramp(3, 4))
        )


def test_index_add_copy_fill():
    at = np.array([2, 0])
    rows = np.cos(ramp(2, 4))
    moves(
        lambda t, x, i, s: (x.index_add(0, i, s), x.index_add(0, i * 0, s, alpha=-2.5), x.index_copy(0, i, s)),
        X,
        at,
        rows,
    )
    moves(lambda t, x, i, v: (x.index_fill(1, i, 3.0), x.index_fill(0, i, v)), X, at, ramp() + 4)
    moves(lambda t, x, i, s: x.index_add(0, i, s[:1]), X, at, rows)
    moves(lambda t, x, i, s: x.index_add(1, i, s), X, at, rows)
    moves(lambda t, x, i, s: x.index_add(0, i + 9, s), X, at, rows)


def test_index_put_and_put():
    moves(lambda t, x, i, s: x.index_put((i[0], i[1]), s[0]), X, AT, SRC)
    moves(lambda t, x, i, s: x.index_put((i[0] * 0, i[1] * 0), s[0], accumulate=True), X, AT, SRC)
    moves(lambda t, x, i, s: (x.put(i + 3, s, True), x.put(t.tensor([1, -1]), s[0, :2])), X, AT, SRC)
    moves(lambda t, x, i, s: x.put(i, s[0]), X, AT, SRC)


def test_in_place_forms_write_to_the_tensor_and_its_history():
    def program(t, x, i, s):
        y, z = x * 1, x * 2
        y.scatter_(1, i, s)
        y.scatter_add_(1, i, s * 2)
        y[1:].index_add_(0, i[0, :1], s.new_ones(1, 4))
        z.index_put_((i[0],), s[0, 0])
        z.masked_scatter_(z > 1, s.flatten())
        return y, z

    moves(program, X, AT, SRC)
    x = flambeau.zeros(3)
    assert x.scatter_(0, flambeau.tensor([1]), 5.0) is x
    assert x.t().index_fill_(0, flambeau.tensor([2]), 1.0).tolist() == [0, 5, 1]


def test_masks():
    moves(
        lambda t, x: (x.masked_select(x > 0), t.masked_select(x, x[:1] > 0), x.masked_scatter(x > 0, x.flatten() * 3)),
        X,
    )
    moves(lambda t, x: x.masked_scatter(x > -9, x[:1]), X)
    moves(lambda t, x: x.masked_select(x), X)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float16", "bfloat16", "complex64"])
def test_every_dtype_moves(dtype):
    x = flambeau.arange(6).view(2, 3).to(getattr(flambeau, dtype))
    at = flambeau.tensor([[1, 0, 1]])
    expected = np.take_along_axis(np.arange(6).reshape(2, 3), np.array([[1, 0, 1]]), 0)
    found = x.gather(0, at).to(flambeau.float32 if dtype != "complex64" else flambeau.complex64)
    assert np.array_equal(found.numpy(), expected != 0 if dtype == "bool" else expected)
    summed = flambeau.zeros_like(x).scatter_add(0, at * 0, x[1:])
    assert summed[0].tolist() == x[1].tolist()


def test_sums_are_the_same_in_every_run():
    at, source = flambeau.arange(10000) % 3, flambeau.arange(10000).sin()
    first = flambeau.zeros(3).index_add(0, at, source).tolist()
    assert all(flambeau.zeros(3).index_add(0, at, source).tolist() == first for _ in range(3))


def test_gradients_on_the_meta_device():
    for library in (flambeau, torch):
        net = library.nn.Sequential(library.nn.Embedding(10, 4), library.nn.Linear(4, 3)).to("meta")
        labels = library.ones(2, dtype=library.int64, device="meta")
        library.nn.functional.cross_entropy(net(labels), labels).backward()
        assert [tuple(p.grad.shape) for p in net.parameters()] == [(10, 4), (3, 4), (3,)]
