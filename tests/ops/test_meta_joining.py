"""Joining and padding on the ``meta`` device give shapes alone."""

from __future__ import annotations

import pytest

import flambeau

torch = pytest.importorskip("torch")

CALLS = ["t.stack([a, a])", "t.cat([a, a], 1)", "F.pad(a, (1, 2))", "nn.LSTM(3, 4, device='meta')(a)[0]",
         "nn.GRUCell(3, 4, device='meta')(a)"]  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
def test_shapes(call):
    found = [eval(call, {"t": t, "nn": t.nn, "F": t.nn.functional, "a": t.empty(2, 3, device="meta")}) for t in (flambeau, torch)]
    assert tuple(found[0].shape) == tuple(found[1].shape)
    assert found[0].is_meta
