"""split, chunk, tensor_split, unbind; cat, stack and their relatives."""

from __future__ import annotations

import numpy as np
import pytest
from tests.ops.movement_oracle import moves, ramp

import flambeau


def test_split():
    moves(
        lambda t, x: (x.split(2), x.split([1, 4]), t.split(x, 2, 1), x.split(9), x.split_with_sizes((5,), 0)),
        ramp(5, 3),
    )
    for wrong in (-1, 0, [1, 2], [-1, 6]):
        moves(lambda t, x, sizes=wrong: x.split(sizes), ramp(5, 3))
    moves(lambda t, x: x.split(1), ramp())


@pytest.mark.parametrize("chunks", [1, 2, 3, 5, 9, 0])
def test_chunk_and_tensor_split(chunks):
    moves(lambda t, x: x.chunk(chunks), ramp(5, 3))
    moves(lambda t, x: x.chunk(chunks, -1), ramp(0, 3))
    moves(lambda t, x: x.tensor_split(chunks), ramp(5, 3))


def test_tensor_split_at_positions():
    moves(lambda t, x: (x.tensor_split((1, 3)), x.tensor_split([2, -1], 1), x.tensor_split((4, 2, 9))), ramp(5, 3))
    moves(lambda t, x: x.tensor_split(t.tensor([1, 3])), ramp(5, 3))


def test_split_along_a_named_dimension():
    moves(lambda t, x: (x.hsplit(2), x.vsplit((1,)), x.dsplit(3)), ramp(2, 4, 3))
    moves(lambda t, x: x.hsplit(3), ramp(2, 4, 3))
    moves(lambda t, x: x.dsplit(1), ramp(2, 4))


def test_unbind():
    moves(lambda t, x: (x.unbind(), x.unbind(1)), ramp(2, 3))
    moves(lambda t, x: x.unbind(), ramp())
    moves(lambda t, x: [2 * r for r in x], ramp(3, 2))


def test_cat():
    moves(
        lambda t, x, y: (t.cat([x, y]), t.cat((x, x), 1), t.cat([x.t(), y.t()], dim=-1), t.concat([x])),
        ramp(2, 3),
        ramp(4, 3),
    )
    moves(lambda t, x, y: t.cat([x, y], 1), ramp(2, 3), ramp(4, 3))
    moves(lambda t, x, y: t.cat([x, y]), ramp(2, 3), ramp(4))
    moves(lambda t, x: t.cat([x, x], 2), ramp(2, 3))
    moves(lambda t, x: t.cat([x]), ramp())
    with pytest.raises(ValueError):
        flambeau.cat([])
    moves(lambda t, x, y: t.cat([x, y, x]), ramp(2, 3), ramp(0))
    moves(lambda t, x, y: t.cat([x, y]), ramp(2), np.arange(3))
    moves(lambda t, x: t.cat([x[1:], x[:1]]), ramp(5))


def test_cat_into_out():
    out = flambeau.empty(4)
    assert flambeau.cat([flambeau.ones(2), flambeau.zeros(2)], out=out) is out
    assert out.tolist() == [1, 1, 0, 0]


def test_stack():
    moves(lambda t, x, y: (t.stack([x, y]), t.stack([x, y], 1), t.stack((x, y), -1)), ramp(2, 3), -ramp(2, 3))
    moves(lambda t, x, y: t.stack([x, y]), ramp(2, 3), ramp(3, 2))
    moves(lambda t, x: t.stack([x, x], -1), ramp())
    moves(lambda t: t.stack([]))


def test_relatives_of_stack():
    for name in ("hstack", "vstack", "dstack", "column_stack", "row_stack"):
        moves(lambda t, x, y, name=name: getattr(t, name)([x, y]), ramp(3), -ramp(3))
        moves(lambda t, x, y, name=name: getattr(t, name)([x, y]), ramp(2, 3), -ramp(2, 3))
        moves(lambda t, x, name=name: getattr(t, name)([x, x]), ramp())


def test_block_diag():
    moves(lambda t, x, y, z: t.block_diag(x, y, z), ramp(2, 3), ramp(), ramp(2))
    moves(lambda t, x: t.block_diag(x), ramp(1, 2, 3))
