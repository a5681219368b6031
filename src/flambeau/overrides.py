"""``__torch_function__``: how classes take over operators (``torch.overrides``)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from .ops.overrides import TorchFunctionMode, _overriding, modes, offer
from .tensor import Tensor

__all__ = ["BaseTorchFunctionMode", "TorchFunctionMode", "handle_torch_function", "has_torch_function", "is_tensor_like", "is_tensor_method_or_property"]


class BaseTorchFunctionMode(TorchFunctionMode):
    """A mode that changes nothing."""


def has_torch_function(relevant_args: Iterable[Any]) -> bool:
    """Whether a mode is on, or an argument's class takes over operators."""
    if modes.disabled:
        return False
    return bool(modes.stack) or bool(_overriding(tuple(relevant_args)))


def has_torch_function_unary(argument: Any) -> bool:
    """:func:`has_torch_function` of one argument."""
    return has_torch_function((argument,))


def has_torch_function_variadic(*arguments: Any) -> bool:
    """:func:`has_torch_function` of several arguments."""
    return has_torch_function(arguments)


def handle_torch_function(public_api: Callable, relevant_args: Iterable[Any], *args: Any, **kwargs: Any) -> Any:
    """The result of ``public_api(*args, **kwargs)`` as the arguments' classes or a mode define it."""
    return offer(public_api, args, kwargs)


def is_tensor_like(inp: Any) -> bool:
    """Whether it is a Tensor or its class has ``__torch_function__``."""
    return isinstance(inp, Tensor) or hasattr(inp, "__torch_function__")


def is_tensor_method_or_property(func: Callable) -> bool:
    """Whether it is found on Tensor."""
    return getattr(Tensor, getattr(func, "__name__", ""), None) is func or getattr(func, "__name__", "") == "__get__"


