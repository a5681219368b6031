"""x[...] and x[...] = value: every kind of index, alone and together, with gradients."""

from __future__ import annotations

import numpy as np
import pytest
from tests.lazy.windows import lazy_only
from tests.ops.movement_oracle import moves, ramp

import flambeau

BASIC: list = [
    3,
    -1,
    slice(None),
    slice(1, 3),
    slice(-3, None),
    slice(None, None, 2),
    slice(3, 1),
    slice(9, 20),
    None,
    Ellipsis,
    (0, 1),
    (slice(1, 3), 0),
    (Ellipsis, 0),
    (0, Ellipsis),
    (None, 0, None),
    (slice(None), slice(1, None, 2), -1),
    (0, 1, 2),
    (0, 1, 2, None),
    (1, None, slice(2), Ellipsis, None),
    (),
]
WRONG = [4, -5, (0, 0, 0, 0), slice(None, None, -1), 1.5, "a", (0, 3), slice(None, None, 0), (slice(1.5),)]
LISTS = [
    [0, 2],
    [[0], [2]],
    ([0, 1], [1, 2]),
    (slice(None), [0, 0, 1]),
    ([0, 3], slice(None), [1, 1]),
    ([0, 3], 1, [1, 0]),
    (0, slice(None), [0, -1]),
    (None, [0, 1]),
    ([0, 1], None, [1, 2]),
    (Ellipsis, [1]),
    True,
    (slice(None), True, [0]),
    [],
]
LISTS_WRONG = [[4], ([0, 1], [0, 1, 2]), [-5], (slice(None), [3])]


@pytest.mark.parametrize("index", BASIC + WRONG + LISTS + LISTS_WRONG, ids=str)
def test_reading(index):
    moves(lambda t, x: x[index], ramp(4, 3, 4))


@pytest.mark.parametrize("index", BASIC + LISTS, ids=str)
def test_writing(index):
    def number(t, x):
        y = x * 1
        y[index] = 7
        return y

    def tensor(t, x, value):
        y = x * 1
        y[index] = value
        return y

    moves(number, ramp(4, 3, 4))
    moves(tensor, ramp(4, 3, 4), ramp(1)[0] + 5)


def test_basic_indices_are_views():
    x = flambeau.zeros(3, 4)
    x[1, ::2][None].add_(5)
    assert x.tolist() == [[0] * 4, [5, 0, 5, 0], [0] * 4]
    x[flambeau.tensor([0])].add_(1)
    assert x[0].tolist() == [0] * 4


def test_tensors_masks_and_arrays():
    at, mask = np.array([[2, 0], [1, -1]]), ramp(4, 3) % 2 == 0
    moves(lambda t, x, i: (x[i], x[:, i], x[..., i], x[i, 1, i], x[i.to(t.int32)]), ramp(4, 3, 4), at)
    moves(lambda t, x, m: (x[m], x[m, 1], x[m[:, 0]], x[1:3, m[1]], x[x > 20]), ramp(4, 3, 4), mask)
    moves(lambda t, x, i: (x[i[0, 0]], x[:, i[1, 1]]), ramp(4, 3, 4), at)
    assert flambeau.arange(5)[np.array([1, 3])].tolist() == [1, 3]
    assert flambeau.arange(5)[np.int64(2)].item() == 2
    moves(lambda t, x, m: x[m], ramp(4, 3), np.array([True, False]))
    moves(lambda t, x: x[t.tensor(True)], ramp(3))
    moves(lambda t, x: x[t.tensor([0.5])], ramp(3))


def test_repeated_positions_add_their_gradients():
    moves(lambda t, x, i: x[i] * 2, ramp(4, 2), np.array([1, 1, 1, 3]))


def test_writing_rows_masks_and_parts_of_parts():
    def program(t, x, value):
        y = x * 1
        y[y > 7] = -1
        y[[0, 2], 1:] = value
        y[1][0] = 9
        return y

    moves(program, ramp(3, 4), ramp(2, 3))


def test_written_values_must_fit():
    def program(t, x, value):
        y = x * 1
        y[:, :2] = value
        return y

    moves(program, ramp(3, 4), ramp(1, 1, 2))
    moves(program, ramp(3, 4), ramp(4))
    with pytest.raises(RuntimeError, match="dtype"):
        flambeau.zeros(3)[[0]] = flambeau.zeros(1, dtype=flambeau.float64)


@lazy_only
def test_an_index_out_of_range_is_found_when_it_runs_and_names_the_line():
    picked = flambeau.arange(3)[flambeau.tensor([10])]
    with pytest.raises(IndexError, match=r"index 10 is out of bounds for dimension 0 with size 3.*test_indexing"):
        picked.tolist()
    assert flambeau.arange(3).tolist() == [0, 1, 2]  # nothing else is lost


def test_gradients_of_gradients():
    def program(t, x, i):
        (g,) = t.autograd.grad((x[1:, ::2] ** 3).sum() + (x[i] ** 3).sum(), x, create_graph=True)
        return g

    moves(program, ramp(3, 4), np.array([0, 0, 2]))


def test_iteration_and_length():
    rows = list(flambeau.arange(6).view(3, 2))
    assert len(rows) == 3 and rows[2].tolist() == [4, 5]
    with pytest.raises(TypeError):
        len(flambeau.tensor(1))


def test_no_signature_is_remembered_per_position():
    from flambeau.ops import slicing

    x = flambeau.zeros(500, 3)
    x[0]
    before = len(slicing._rows)
    for i in range(500):
        x[i]
    assert len(slicing._rows) == before


@pytest.mark.parametrize("dims", [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)])
def test_gathered_elements_lie_in_the_order_of_the_source(dims):
    torch = pytest.importorskip("torch")

    def layouts(m):
        x = m.arange(60.0).reshape(3, 4, 5).permute(dims)
        row, table = m.tensor([1, 0]), m.tensor([[0, 2, 1], [1, 1, 0], [2, 0, 0]])
        keys = [
            row, table, table.t(), x > 7, (slice(None), row), (slice(None), table), (slice(None), table.t()), (..., row), (..., table),
            (row, row), (slice(None), row, row), (row, slice(None), row), (table[:2], None, slice(None), table[:2]),
        ]  # fmt: skip
        found = [x[key] for key in keys]
        return [(tuple(y.shape), y.stride(), y.tolist(), (y * 2).stride()) for y in found]

    assert layouts(flambeau) == layouts(torch)
