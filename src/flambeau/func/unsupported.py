"""What looks inside transformations."""

from __future__ import annotations

from collections.abc import Callable

from ..ops.batching import BatchedTensor
from ..ops.transformed import Transformed
from ..tensor import Tensor


def functionalize(func: Callable, *, remove: str = "mutations") -> Callable:
    """Not supported: flambeau's recorded programs need no such rewriting, and there is no graph to show it in."""
    raise NotImplementedError("flambeau: func.functionalize is not supported")


def debug_unwrap(tensor: Tensor, *, recurse: bool = True) -> Tensor:
    """What lies beneath a tensor inside a transformation (beneath all of them with ``recurse``), to look at while debugging."""
    if not isinstance(tensor, Transformed):
        return tensor
    inner = tensor._value if isinstance(tensor, BatchedTensor) else tensor._primal
    return debug_unwrap(inner) if recurse else inner
