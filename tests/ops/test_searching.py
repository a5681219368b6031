"""nonzero, searchsorted, bucketize, unique."""

from __future__ import annotations

import numpy as np
import pytest
from tests.ops.movement_oracle import moves, ramp

import flambeau

NUMBERS = np.array([[0, 3, 1], [3, 0, 0]])


def test_nonzero():
    moves(lambda t, x: (x.nonzero(), t.nonzero(x, as_tuple=True), x.argwhere(), t.where(x)), NUMBERS)
    moves(lambda t, x: (x.nonzero(), x.nonzero(as_tuple=True), x[None].nonzero()), ramp() + 1)
    moves(lambda t, x: (x.nonzero(), x.nonzero(as_tuple=True)), ramp(0, 2))
    moves(lambda t, x: (t.nonzero_static(x, size=2), t.nonzero_static(x, size=5, fill_value=-7)), NUMBERS)
    assert flambeau.tensor([0.0, float("nan"), -0.0]).nonzero().tolist() == [[1]]


def test_count_nonzero():
    moves(lambda t, x: (x.count_nonzero(), x.count_nonzero(0), t.count_nonzero(x, (0, 1))), NUMBERS)


@pytest.mark.parametrize("right", [False, True])
def test_searchsorted_and_bucketize(right):
    edges, values = np.array([1.0, 2.0, 2.0, 5.0]), np.array([[0.0, 2.0], [5.0, 9.0]])
    moves(lambda t, e, v: t.searchsorted(e, v, right=right), edges, values)
    moves(lambda t, e, v: t.searchsorted(t.stack([e, e * 2]), v, right=right, out_int32=True), edges, values)
    moves(lambda t, e, v: t.bucketize(v, e, right=right), edges, values)
    moves(lambda t, e: t.searchsorted(e, 2.0, right=right), edges)
    moves(lambda t, e, v: t.searchsorted(e[None], v, right=right), edges, values)


def test_searchsorted_sides_and_sorter():
    edges = np.array([5.0, 1.0, 2.0])
    moves(
        lambda t, e: t.searchsorted(e, t.tensor([2.0], dtype=t.float64), sorter=t.tensor([1, 2, 0]), side="right"),
        edges,
    )
    moves(lambda t, e: t.searchsorted(e, 2.0, side="left", right=True), edges)


def test_unique():
    moves(lambda t, x: t.unique(x, return_inverse=True, return_counts=True), NUMBERS)
    moves(lambda t, x: t.unique(t.cat([x, x]), dim=0, return_inverse=True, return_counts=True), NUMBERS)
    moves(lambda t, x: (t.unique(x, dim=1), x.unique()), NUMBERS)
    moves(lambda t, x: t.unique_consecutive(x, return_inverse=True, return_counts=True), NUMBERS)
    moves(lambda t, x: t.unique_consecutive(t.cat([x, x[1:]]), dim=0, return_counts=True), NUMBERS)
    assert flambeau.tensor([]).unique().numel() == 0
