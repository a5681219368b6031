"""``segment_reduce`` against PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau

torch = pytest.importorskip("torch")
REDUCTIONS = pytest.mark.parametrize("reduce", ["sum", "mean", "max", "min", "prod"])


def agree(array, reduce, offsets, axis=0, **options):
    """Values and gradients are PyTorch's, by lengths and by offsets.

    The arriving gradient is positive: of a negative one PyTorch gives every tied extreme the whole.
    """
    for named in ({"lengths": np.diff(offsets)}, {"offsets": np.asarray(offsets)}):

        def run(m, named=named):
            x = m.tensor(array, requires_grad=True)
            segments = {name: m.tensor(value) for name, value in named.items()}
            y = m.segment_reduce(x, reduce, axis=axis, **segments, **options)
            (y * m.linspace(1, 2, y.numel(), dtype=y.dtype).reshape(y.shape)).sum().backward()
            return y.detach().numpy(), x.grad.numpy()

        for mine, theirs in zip(run(flambeau), run(torch)):
            np.testing.assert_allclose(mine, theirs)


@REDUCTIONS
@pytest.mark.parametrize("initial", [None, 2.0])
def test_rows(reduce, initial):
    rows = np.random.default_rng(0).standard_normal((7, 3))
    agree(rows, reduce, [0, 2, 2, 6, 7], initial=initial)
    agree(rows[:, 0].copy(), reduce, [0, 7], initial=initial)
    agree(rows[:0], reduce, [0, 0, 0], initial=initial)


@REDUCTIONS
def test_lengths_that_differ_in_each_row(reduce):
    x = np.random.default_rng(0).standard_normal((2, 3, 5, 2))
    agree(x[0], reduce, [[0, 1, 5], [0, 5, 5], [0, 0, 5]], axis=1)
    agree(x, reduce, [[[0, 1, 5], [0, 5, 5], [0, 0, 5]], [[0, 2, 5], [0, 3, 5], [0, 4, 5]]], axis=-2)


@REDUCTIONS
def test_ties_zeros_and_nan(reduce):
    agree(np.array([3.0, 1, 3, 3, 0, 0, 2, 0, np.nan, 4]), reduce, [0, 2, 4, 6, 8, 10])
    if reduce == "prod":
        agree(np.array([0.0, np.nan, np.nan, 0, 0, 0, np.nan, 2, 5]), reduce, [0, 2, 5, 9])


@REDUCTIONS
def test_half_precision(reduce):
    array, lengths = np.arange(6.0).reshape(3, 2), [1, 0, 2]
    mine = flambeau.segment_reduce(flambeau.tensor(array).half(), reduce, lengths=flambeau.tensor(lengths))
    theirs = torch.segment_reduce(torch.tensor(array).half(), reduce, lengths=torch.tensor(lengths))
    assert mine.dtype is flambeau.float16
    np.testing.assert_array_equal(mine.numpy(), theirs.numpy())


@REDUCTIONS
def test_second_derivatives(reduce):
    x = flambeau.randn(6, 2, dtype=flambeau.float64, requires_grad=True)
    lengths = flambeau.tensor([2, 1, 3], dtype=flambeau.int32)
    assert flambeau.autograd.gradgradcheck(lambda x: flambeau.segment_reduce(x, reduce, lengths=lengths), x)


def test_segments_that_do_not_cover_the_data():
    x = flambeau.arange(5.0, requires_grad=True)
    y = flambeau.segment_reduce(x, "sum", lengths=flambeau.tensor([2, 1]), unsafe=True)
    y.sum().backward()
    assert y.tolist() == [1.0, 2.0]
    assert x.grad.tolist() == [1.0, 1.0, 1.0, 0.0, 0.0]
    assert flambeau.segment_reduce(x, "sum", offsets=flambeau.tensor([1, 2, 4])).tolist() == [1.0, 5.0]


@pytest.mark.parametrize(
    "options",
    [
        {"reduce": "median", "lengths": [3]},
        {"reduce": "sum"},
        {"reduce": "sum", "indices": [3]},
        {"reduce": "sum", "lengths": [2]},
        {"reduce": "sum", "lengths": [4, -1]},
        {"reduce": "sum", "offsets": [0, 3, 2]},
        {"reduce": "sum", "lengths": [3.0]},
        {"reduce": "sum", "lengths": [3], "axis": 1},
        {"reduce": "sum", "lengths": [3], "axis": 2},
    ],
)
def test_errors(options):
    def run(m):
        given = {name: m.tensor(value) if isinstance(value, list) else value for name, value in options.items()}
        return m.segment_reduce(m.ones(3, 3), **given)

    with pytest.raises(Exception) as theirs:  # noqa: PT011
        run(torch)
    with pytest.raises(type(theirs.value)):
        run(flambeau)


def test_lengths_of_another_shape_are_refused():  # PyTorch reads memory that is not theirs
    with pytest.raises(RuntimeError, match="lengths or offsets of shape"):
        flambeau.segment_reduce(flambeau.ones(3, 3), "sum", lengths=flambeau.tensor([[3]]), axis=1)


def test_integers_are_refused():
    with pytest.raises(NotImplementedError, match="segment_reduce.*Long"):
        flambeau.segment_reduce(flambeau.ones(3, dtype=flambeau.int64), "sum", lengths=flambeau.tensor([3]))
