"""x[...] and x[...] = value: every kind of index, alone and together, with gradients."""

from __future__ import annotations

import numpy as np
import pytest
from tests.lazy.windows import lazy_only
from tests.ops.movement_oracle import moves, ramp

import flambeau

torch = pytest.importorskip("torch")

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


VALUES = [7, -2, 2.75, True, float("inf"), 300, 1e300, 2**40]


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "int64", "int8", "uint8", "bool", "complex64"])
@pytest.mark.parametrize("value", VALUES, ids=str)
def test_numbers_written_at_places(dtype, value):
    """The value that PyTorch writes, or its refusal with nothing written."""
    found = []
    for lib in (torch, flambeau):
        x = lib.zeros(3, 4, dtype=getattr(lib, dtype))
        try:
            x[1, 2], x[0], x[-1, 1:3] = value, value, value
            error = None
        except Exception as raised:
            error = type(raised)
        found.append((error, x.to(lib.complex128).tolist(), x._version))
    assert str(found[0]) == str(found[1])


def test_tensors_written_at_places():
    def write(lib, x, y):
        x[1], x[:, 2], x[0, 1:3] = y, y[:3], y[0]
        x[2, :] = y.to(lib.float64)
        x[0] = y[None]
        x[1:] = x[:2].clone()
        x[..., 0] = x[..., 3]
        return x

    x, y = ramp(3, 4), ramp(4)
    expected, ours = [write(lib, lib.from_numpy(x.copy()), lib.from_numpy(y)) for lib in (torch, flambeau)]
    np.testing.assert_array_equal(ours.numpy(), expected.numpy())
    with pytest.raises(RuntimeError):
        flambeau.zeros(3, 4)[1] = flambeau.ones(3)
    with pytest.raises(RuntimeError, match="single memory location"):
        flambeau.zeros(1, 4).expand(3, 4)[:, 1] = 1


@pytest.mark.parametrize("lib", [torch, flambeau], ids=["torch", "flambeau"])
def test_places_are_written_with_and_without_grad(lib):
    x = lib.ones(3, 4, requires_grad=True)
    y = x * 2
    y[1, 1] = 5
    y[2] = x[0] * 3
    y.sum().backward()
    assert x.grad.tolist() == [[5.0] * 4, [2.0, 0.0, 2.0, 2.0], [0.0] * 4]
    with pytest.raises(RuntimeError, match="leaf Variable"):
        x[0, 0] = 1
    with lib.no_grad():
        x[0, 0] = 7
        x[1] = x.grad[0]
    assert x[:2, 0].tolist() == [7.0, 5.0] and x._version == 2
    with lib.inference_mode():
        kept = lib.ones(3)
        kept[0] = 2
    with pytest.raises(RuntimeError, match="[Ii]nference"):
        kept[0] = 3


def test_masked_elements_with_and_without_grad():
    x = np.random.default_rng(0).standard_normal((4, 5))
    for lib in (torch, flambeau):
        t = lib.from_numpy(x)
        assert t[t > 0].tolist() == x[x > 0].tolist()
        assert t.t()[t.t() > 0].tolist() == x.T[x.T > 0].tolist()
        assert t[t > 9].shape == (0,)
        leaf = t.clone().requires_grad_()
        leaf[leaf > 0].sum().backward()
        assert leaf.grad.tolist() == (x > 0).astype(float).tolist()
