"""NumPy meanings of elementwise operations that a target may translate into its own code, by the name of the operation.

Such a function is straight: it looks at no value, and loops over conditions by ``repeated`` only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

MEANINGS: dict[str, Callable[..., Any]] = {}


def repeated(condition: Callable[..., Any], step: Callable[..., tuple], *state: Any) -> tuple:
    """``state = step(*state)`` as long as ``condition(*state)`` holds for some element."""
    if hasattr(state[0], "repeated"):
        return state[0].repeated(condition, step, state)
    while np.any(condition(*state)):
        state = step(*state)
    return state
