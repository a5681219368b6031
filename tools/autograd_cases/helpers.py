"""What cases share: numbers, and exceptions as results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch


def randn(*shape: int, seed: int = 0, dtype: Any = torch.float64, grad: bool = True) -> Any:
    """Normal numbers, the same for both libraries."""
    numbers = np.random.default_rng(seed).standard_normal(shape)
    made = torch.tensor(numbers).to(dtype)
    return made.requires_grad_() if grad else made


def uniform(*shape: int, seed: int = 0, low: float = 0.2, high: float = 0.8, grad: bool = True) -> Any:
    """Uniform numbers in float64."""
    made = torch.tensor(np.random.default_rng(seed).uniform(low, high, shape))
    return made.requires_grad_() if grad else made


def ramp(*shape: int, grad: bool = True, dtype: Any = torch.float64) -> Any:
    """1, 2, 3, ..."""
    made = torch.arange(1, int(np.prod(shape)) + 1).reshape(shape).to(dtype)
    return made.requires_grad_() if grad else made


def attempt(function: Callable[[], Any]) -> Any:
    """What a function returns, or the exception that it raises."""
    try:
        result = function()
        _look(result)
        return result
    except Exception as error:
        return error


def _look(value: Any) -> None:
    """Read values: errors that depend on them may come as late as that."""
    if isinstance(value, torch.Tensor):
        if value.layout is torch.strided:
            value.detach().tolist()
    elif isinstance(value, dict):
        _look(list(value.values()))
    elif isinstance(value, (list, tuple)):
        for item in value:
            _look(item)


def name_of(node: Any) -> str | None:
    """A node's name, without what Python adds to it."""
    return None if node is None else node.name()
