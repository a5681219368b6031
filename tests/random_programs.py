"""Random programs: small languages of tensor steps that run on PyTorch and on flambeau alike.

A program is a list of ``Step``: the name of an action and a few small integers. An action picks its operands and
arguments from the integers *and from what the tensors look like*, so any list of steps is a program and any part
of it, too: what a failure is reduced to still runs. ``run`` gives everything that the program could observe.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from tests import random_actions, random_looks  # noqa: F401  (they fill ACTIONS)
from tests.random_machine import ACTIONS, UNSAVED, Machine, Observation, Step

__all__ = ["ACTIONS", "UNSAVED", "Machine", "Observation", "Step", "close", "difference", "ill_conditioned", "run"]


def run(lib: Any, program: list[Step], nudge: float = 0.0) -> list[Observation]:
    """Everything that ``program`` observes with ``lib``; ``nudge`` is a relative change of the numbers it starts from."""
    with np.errstate(all="ignore"):
        return Machine(lib, nudge).run(program)


def difference(expected: list[Observation], got: list[Observation]) -> str | None:
    """The first observation that differs, in words; None where all agree.

    What a gradient needs of its inputs and results is an operator's own affair. Where PyTorch had saved a tensor
    that was overwritten or freed and flambeau had not, flambeau's gradient is right and the comparison ends.
    """
    scale = 1.0
    for number, (e, g) in enumerate(zip(expected, got)):
        if e.kind == "error" and (e.seen == UNSAVED or (e.seen, g.seen) == ("RuntimeError", UNSAVED)):
            return None
        if (e.step, e.kind) != (g.step, g.kind):
            return f"observation {number}: PyTorch {e}, flambeau {g}"
        if not isinstance(e.seen, np.ndarray):
            if not _same(e.seen, g.seen):
                return f"observation {number}: PyTorch {e}, flambeau {g}"
            continue
        scale = max(scale, _largest(e.seen))
        if not isinstance(g.seen, np.ndarray) or not close(e.seen, g.seen, scale):
            return f"observation {number}:\nPyTorch  {e}\nflambeau {g}"
    if len(expected) != len(got):
        return f"{len(expected)} observations with PyTorch, {len(got)} with flambeau"
    return None


def _same(expected: Any, got: Any) -> bool:
    return type(expected) is type(got) and expected == got


def _largest(values: np.ndarray) -> float:
    if values.dtype.kind not in "fiu" or not values.size:
        return 0.0
    finite = np.abs(values[np.isfinite(values)].astype(np.float64))
    return float(finite.max(initial=0.0))


def close(expected: np.ndarray, got: np.ndarray, scale: float) -> bool:
    """Equal up to rounding, where ``scale`` is the largest number seen so far (differences of large ones are small)."""
    if expected.shape != got.shape or expected.dtype != got.dtype:
        return False
    if expected.dtype.kind != "f":
        return bool((expected == got).all())
    unit = 3e-6 if expected.dtype == np.float32 or scale < 0 else 1e-6
    return np.allclose(expected, got, rtol=10 * unit, atol=unit * min(scale, 1e30), equal_nan=True)


def ill_conditioned(torch: Any, program: list[Step], expected: list[Observation]) -> bool:
    """Whether rounding alone explains a difference: a change of the inputs in the seventh digit changes what is seen."""
    nudged = run(torch, program, nudge=2e-7)
    return difference(expected, nudged) is not None
