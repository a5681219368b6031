"""Random programs of views, writes, reads and gradients see the same with flambeau as with PyTorch.

Each program runs with PyTorch once and with flambeau several times, so that its windows come again: first they are
run operation by operation, then fused and compiled. ``FLAMBEAU_RANDOM_PROGRAMS`` is the number of programs.
"""

from __future__ import annotations

import os
import warnings

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from tests.random_programs import ACTIONS, UNSAVED, Observation, Step, difference, ill_conditioned, run

import flambeau

torch = pytest.importorskip("torch")

PROGRAMS = int(os.environ.get("FLAMBEAU_RANDOM_PROGRAMS", "300"))
REPETITIONS = 3

CREATIONS = ["new", "new", "new_leaf", "new_leaf", "new_large"]
small = st.integers(0, 63)
firsts = st.lists(st.builds(Step, st.sampled_from(CREATIONS), small, small, small, small), min_size=1, max_size=3)
others = st.lists(st.builds(Step, st.sampled_from(sorted(ACTIONS)), small, small, small, small), min_size=2, max_size=18)


def check(program: list[Step]) -> None:
    """Fail where flambeau's observations differ from PyTorch's."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = run(torch, program)
        for repetition in range(REPETITIONS):
            differs = difference(expected, run(flambeau, program))
            if differs is not None:
                assume(not ill_conditioned(torch, program, expected))
                pytest.fail(f"{program}\nrun {repetition + 1}: {differs}")


@settings(
    max_examples=PROGRAMS,
    deadline=None,
    database=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)
@given(firsts, others)
def test_random_programs_see_the_same_as_with_pytorch(first, rest):
    check(first + rest)


# What random programs found once.
FOUND = {
    "a view learns that its base was written with something that requires grad": [
        Step("new_leaf", 2), Step("new", 2), Step("slice", 0, 0, 0, 2), Step("write", 1, 2, 1), Step("look_item", 1, 1),
        Step("backward", 1, 0, 1),
    ],
    "a write keeps what its own gradient needs": [
        Step("new_leaf", 2), Step("new", 2, 0, 3), Step("write", 0, 1, 1), Step("backward", 0, 0, 1),
    ],
    "pieces of a split are not written in grad mode": [
        Step("new_leaf", 4), Step("pieces", 0, 0, 0, 1), Step("write_without_grad"), Step("write_number", 0, 1, 0, 7),
    ],
    "a number that is no integer goes into an integer tensor": [Step("new", 2, 4), Step("set_item", 0, 1, 0, 3)],
    "any of one uint8 is 0 or 1": [Step("new", 0, 8, 3), Step("total", 0, 3), Step("look")],
    "the gradient of a strided view has a gradient": [
        Step("new_leaf", 3), Step("strided"), Step("grad_of_grad", 0, 1), Step("grad_of_grad", 0, 1),
    ],
}


@pytest.mark.parametrize("name", FOUND)
def test_programs_that_once_differed(name):
    check(FOUND[name])


def test_a_difference_is_noticed():
    one = [Observation(0, "error", "RuntimeError")]
    assert difference(one, [Observation(0, "error", "IndexError")])
    assert difference(one, [])
    assert difference(one, one) is None
    assert difference([Observation(0, "error", UNSAVED)], one) is None
