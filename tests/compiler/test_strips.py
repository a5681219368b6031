"""Recurrences in strips: what is chained, that strips never meet, and that nothing changes by it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flambeau
from flambeau.compiler.targets.cpu import program, strips
from flambeau.compiler.targets.cpu.strips import Access
from flambeau.lazy import run

STEPS = 12
RNG = np.random.default_rng(5)


@pytest.fixture(params=[1, 2, 4])
def threads(request):
    before = flambeau.get_num_threads()
    flambeau.set_num_threads(request.param)
    yield request.param
    flambeau.set_num_threads(before)


@pytest.fixture
def chains(monkeypatch):
    """The chains of the programs that are planned."""
    found = []

    def remembered(levels):
        found.extend(strips.find_chains(levels))
        return strips.find_chains(levels)

    monkeypatch.setattr(program, "find_chains", remembered)
    run._programs.clear()
    return found


def tensor(*shape: int):
    return flambeau.tensor(RNG.standard_normal(shape).astype(np.float32))


def walk(step, rows: int = 32, size: int = 64):
    """``STEPS`` times ``h = step(x[t], h @ w)``, compiled: all states."""
    x, w, first = tensor(STEPS, rows, size), tensor(size, size) / 8, tensor(rows, size)
    results = []
    for _ in range(3):  # a window is compiled when it comes again
        h, states = first, []
        for t in range(STEPS):
            h = step(x[t], h @ w)
            states.append(h)
        results.append(flambeau.stack(states).numpy())
    np.testing.assert_array_equal(results[0], results[2])

    h, expected = first.numpy(), []
    for t in range(STEPS):
        h = step(x[t], flambeau.from_numpy(h) @ w).numpy()
        expected.append(h)
    np.testing.assert_array_equal(results[2], np.stack(expected))


@pytest.mark.parametrize("rows, strip_count", [(32, 2), (64, 4), (16, 0), (33, 0)])
def test_a_recurrence_goes_in_strips_of_at_least_sixteen_rows(chains, rows, strip_count):
    walk(lambda x, a: (x + a).tanh(), rows)
    assert {chain.strips for chain in chains} == ({strip_count} if strip_count else set())


STEPS_THAT_MIX_ROWS = {
    "mean over the batch": lambda x, a: (x + a - a.mean(0)).tanh(),
    "rows from the end": lambda x, a: (x + a.flip(0)).tanh(),
    "neighbouring rows": lambda x, a: (x + a.roll(1, 0)).tanh(),
    "transposed": lambda x, a: (x + a.view(2, 16, 64).transpose(0, 1).reshape(32, 64)).tanh(),
}


@pytest.mark.parametrize("step", STEPS_THAT_MIX_ROWS.values(), ids=STEPS_THAT_MIX_ROWS)
def test_steps_that_mix_rows_are_right(chains, step):
    walk(step)
    assert not chains


@pytest.mark.filterwarnings("error:flambeau. a window was not compiled")
def test_what_is_no_nest_and_no_product_ends_a_chain(chains):
    def step(x, a):
        total = (a * a).sum()  # two nests, the second adds up what the first one left
        return (x + a / (1 + total) + a.sort(1).values).tanh()

    walk(step, rows=64, size=512)
    assert not chains


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_recurrent_layers_have_the_same_bits_in_strips(kind, threads, chains, monkeypatch):
    def train():
        flambeau.manual_seed(1)
        layer = getattr(flambeau.nn, kind)(24, 32, num_layers=2, bidirectional=True)
        inputs = flambeau.randn(STEPS, 32, 24)
        optimizer = flambeau.optim.SGD(layer.parameters(), lr=0.1)
        for _ in range(4):
            optimizer.zero_grad()
            output, _ = layer(inputs)
            output.square().mean().backward()
            optimizer.step()
        return [p.numpy(force=True) for p in layer.parameters()] + [output.numpy(force=True)]

    in_strips = train()
    assert chains
    monkeypatch.setattr(program, "find_chains", lambda levels: [])
    run._programs.clear()
    for ours, plain in zip(in_strips, train()):
        np.testing.assert_array_equal(ours, plain)


spans = st.tuples(st.integers(0, 60), st.integers(1, 12)).map(lambda span: Access(0, span[0], sum(span), True))


@given(st.lists(spans, max_size=12), spans)
def test_intervals_know_their_bytes(added, asked):
    intervals, taken = strips._Intervals(), set()
    for access in added:
        intervals.add(access)
        taken.update(range(access.start, access.stop))
    assert intervals.overlaps(asked) == bool(taken & set(range(asked.start, asked.stop)))
    assert not intervals.overlaps(asked._replace(base=1))
