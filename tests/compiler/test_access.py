"""Which views of one value share elements, and how they are found among many."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.lazy.windows import compiled_only

import flambeau
from flambeau import float32
from flambeau.compiler import access
from flambeau.compiler.access import Pool, covers, overlap
from flambeau.compiler.graph import View
from flambeau.lazy.spec import spec as spec_of

ELEMENTS = np.arange(4 * 6 * 5)
slices = st.builds(slice, st.integers(0, 5), st.integers(0, 6), st.sampled_from([1, 1, 2, 3]))


def view_of(array: np.ndarray) -> View:
    """The view of the value as ``array`` is one of ELEMENTS."""
    offset = int(array.flat[0]) * 4 if array.size else 0
    stride = tuple(n // array.itemsize for n in array.strides)
    return View(0, offset, spec_of(array.shape, stride, float32))


@st.composite
def views(draw) -> np.ndarray:
    array = ELEMENTS if draw(st.booleans()) else ELEMENTS.reshape(draw(st.permutations([4, 6, 5])))
    array = array[tuple(draw(slices) for _ in range(array.ndim))]
    return array.T if draw(st.booleans()) else array


@settings(deadline=None, max_examples=300, derandomize=True, database=None)
@given(st.lists(views(), min_size=1, max_size=12), views(), st.integers(0, 11))
def test_a_pool_finds_all_that_share_an_element(noted, asked, removed):
    pool = Pool()
    for step, array in enumerate(noted):
        pool.add(step, view_of(array))
    found = {a.step: a for a in pool.overlapping(view_of(asked))}
    sharing = {step for step, array in enumerate(noted) if np.intersect1d(array, asked).size}
    assert sharing <= found.keys()
    assert all(overlap(a.view, view_of(asked)) for a in found.values())
    if removed in found:
        pool.remove(found.pop(removed))
        assert {a.step for a in pool.overlapping(view_of(asked))} == found.keys()


@settings(deadline=None, max_examples=200, derandomize=True, database=None)
@given(views(), views())
def test_what_covers_has_every_element(a, b):
    if b.size and covers(view_of(a), view_of(b)):
        assert np.isin(b, a).all()


def joined_rows(n: int):
    return flambeau.stack([flambeau.ones(3).mul(i) for i in range(n)])


def joined_columns(n: int):
    return flambeau.stack([flambeau.ones(4, 3).mul(i) for i in range(n)], 1)


def columns_written_again(n: int):
    x = flambeau.zeros(6, 5)
    for _ in range(n // 2):
        x[:, 1] += 1.5
        x[:, 2] += x[:, 1]
    return x


def chain(n: int):
    x = flambeau.ones(50)
    for _ in range(n // 2):
        x = x.sin() + x
    return x


@compiled_only
@pytest.mark.parametrize("program", [joined_rows, joined_columns, columns_written_again, chain])
def test_comparisons_of_views_grow_with_the_program(program, monkeypatch):
    count = [0]

    def counting(a, b):
        count[0] += 1
        return overlap(a, b)

    monkeypatch.setattr(access, "overlap", counting)

    def comparisons(n: int) -> int:
        count[0] = 0
        for _ in range(3):
            result = program(n).sum().item()
        assert np.isfinite(result)
        return count[0]

    few, many = comparisons(400), comparisons(1600)
    assert many <= 6 * few + 1000
