"""Gradients of gradients of what moves elements."""

from __future__ import annotations

import numpy as np
import pytest
from tests.ops.movement_oracle import moves, ramp

X, Y = np.sin(ramp(3, 4)) + 2, np.cos(ramp(3, 4)) + 2
AT = np.array([[0, 2, 1, 0], [2, 2, 0, 1], [0, 1, 1, 2]])

PROGRAMS = {
    "slices": lambda t, x, y, i: x[1:, ::2],
    "rows": lambda t, x, y, i: x[i[0]],
    "pairs": lambda t, x, y, i: x[i[0], i[1]],
    "select": lambda t, x, y, i: x.select(1, 2),
    "gather": lambda t, x, y, i: x.gather(0, i),
    "index_select": lambda t, x, y, i: x.index_select(0, i[1]),
    "take": lambda t, x, y, i: x.take(i),
    "scatter": lambda t, x, y, i: x.scatter(0, t.arange(3)[:, None].expand(3, 4), y),
    "scatter_add": lambda t, x, y, i: x.scatter_add(0, i, y),
    "scatter_reduce_amax": lambda t, x, y, i: x.scatter_reduce(0, i, y, "amax"),
    "scatter_reduce_mean": lambda t, x, y, i: x.scatter_reduce(0, i, y, "mean", include_self=False),
    "index_add": lambda t, x, y, i: x.index_add(0, i[2, :3], y, alpha=2),
    "index_copy": lambda t, x, y, i: x.index_copy(0, t.tensor([2, 0, 1]), y),
    "index_fill": lambda t, x, y, i: x.index_fill(0, i[0], 2.0),
    "index_put": lambda t, x, y, i: x.index_put((i[0],), y[0], accumulate=True),
    "put": lambda t, x, y, i: x.put(t.arange(12), y),
    "masked_scatter": lambda t, x, y, i: x.masked_scatter(x > 2, y),
    "cat": lambda t, x, y, i: t.cat([x, y], 1),
    "stack": lambda t, x, y, i: t.stack([x, y], 1),
    "diagonal": lambda t, x, y, i: x.diagonal(1),
    "diag_embed": lambda t, x, y, i: x.diag_embed(),
    "diagonal_scatter": lambda t, x, y, i: x.diagonal_scatter(y[:, 0]),
    "select_scatter": lambda t, x, y, i: x.select_scatter(y[0], 0, 1),
    "tril": lambda t, x, y, i: x.tril(),
    "roll": lambda t, x, y, i: x.roll((1, 2), (0, 1)),
    "flip": lambda t, x, y, i: x.flip(0),
    "repeat": lambda t, x, y, i: x.repeat(2, 2),
    "repeat_interleave": lambda t, x, y, i: x.repeat_interleave(2, 1),
    "unfold": lambda t, x, y, i: x.unfold(1, 3, 1),
    "as_strided": lambda t, x, y, i: (x * 1).as_strided((3, 3), (2, 1)),
    "expand": lambda t, x, y, i: x[:, :1].expand(3, 4),
    "reflect": lambda t, x, y, i: t.nn.functional.pad(x, (2, 1), mode="reflect"),
    "replicate": lambda t, x, y, i: t.nn.functional.pad(x, (2, 1), mode="replicate"),
    "circular": lambda t, x, y, i: t.nn.functional.pad(x, (2, -1), mode="circular"),
    "constant": lambda t, x, y, i: t.nn.functional.pad(x, (2, -1)),
    "embedding": lambda t, x, y, i: t.nn.functional.embedding(i, x, padding_idx=1),
    "written": lambda t, x, y, i: written(x * 1, y, i),
    "split": lambda t, x, y, i: x.split(2)[1],
}


def written(z, y, i):
    z[1:, ::2] = y[1:, 1::2]
    z[i[0, :2]] = y[:2]
    return z


@pytest.mark.parametrize("name", PROGRAMS)
def test_second_derivatives(name):
    def gradient(t, x, y, i):
        result = PROGRAMS[name](t, x, y, i)
        weights = t.tensor(np.sin(ramp(*result.shape)))
        found = t.autograd.grad((result**3 * weights).sum(), (x, y), create_graph=True, allow_unused=True)
        return [g for g in found if g is not None]

    moves(gradient, X, Y, AT)
