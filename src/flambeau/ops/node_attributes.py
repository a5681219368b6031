"""What the nodes of operators show of themselves under PyTorch's names: ``_saved_self``, ``_saved_result``, ``_saved_dim``."""

from __future__ import annotations

from typing import Any

from ..autograd.graph import Meta
from ..tensor import Tensor, make
from .gradient import OperatorNode

_ALSO = {"other": "exponent"}


def _attribute(node: OperatorNode, name: str) -> Any:
    """``_saved_<argument>`` of a node: the tensor that was saved, or the value of an argument that is no tensor.

    Raises AttributeError for what backward does not read, RuntimeError for a tensor that was freed or changed since.
    """
    wanted = name.removeprefix("_saved_")
    if wanted == name:
        raise AttributeError(f"{type(node).__name__!r} object has no attribute {name!r}")
    if wanted == "result":
        return _saved(node, ~0, name)
    rule, position = node.rule, 0
    numbers = iter(node.numbers)
    for number, (parameter, value) in enumerate(zip(rule.operator.parameters, rule.values)):
        called = wanted.removesuffix("_sym_sizes") in ("self" if number == 0 else "", parameter.name, _ALSO.get(parameter.name))
        if hasattr(value, "plain"):
            if called:
                return tuple(rule.code.inputs[position].shape) if wanted.endswith("_sym_sizes") else _saved(node, position, name)
            position += 1
        elif parameter.type == "Tensor[]":
            position += len(value)
        elif parameter.type in ("Scalar", "Tensor|Scalar") and value is not None:
            value = next(numbers)
        if called:
            return (value,) if parameter.type == "any" and isinstance(value, int) else value
    raise AttributeError(f"{type(node).__name__!r} object has no attribute {name!r}")


def _saved(node: OperatorNode, which: int, name: str) -> Tensor:
    """The saved argument number ``which``, or the result ``~which`` with its history."""
    if which not in node.rule.saved:
        raise AttributeError(f"{type(node).__name__!r} object has no attribute {name!r}")
    tensor = node.unpack()[node.rule.saved.index(which)]
    if which >= 0:
        return tensor
    shown = make(tensor._storage, tensor._spec.with_grad(True), tensor._offset)
    shown._autograd = Meta(node, ~which)
    return shown


OperatorNode.__getattr__ = _attribute
