"""``__torch_function__``: how classes take over operators (``torch.overrides``)."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any

from .ops import NAMESPACES
from .ops.autocast import casting
from .ops.overrides import TorchFunctionMode, _overriding, modes, offer, operators
from .tensor import Tensor

__all__ = ["BaseTorchFunctionMode", "TorchFunctionMode", "get_ignored_functions", "get_overridable_functions", "get_testing_overrides",
           "handle_torch_function", "has_torch_function", "is_tensor_like", "is_tensor_method_or_property", "resolve_name",
           "wrap_torch_function"]


class BaseTorchFunctionMode(TorchFunctionMode):
    """A mode that changes nothing."""


def has_torch_function(relevant_args: Iterable[Any]) -> bool:
    """Whether a mode is on, or an argument's class takes over operators."""
    if modes.disabled:
        return False
    return any(m is not casting for m in modes.stack) or bool(_overriding(tuple(relevant_args)))


def has_torch_function_unary(argument: Any) -> bool:
    """:func:`has_torch_function` of one argument."""
    return has_torch_function((argument,))


def has_torch_function_variadic(*arguments: Any) -> bool:
    """:func:`has_torch_function` of several arguments."""
    return has_torch_function(arguments)


def handle_torch_function(public_api: Callable, relevant_args: Iterable[Any], *args: Any, **kwargs: Any) -> Any:
    """The result of ``public_api(*args, **kwargs)`` as the arguments' classes or a mode define it."""
    return offer(public_api, args, kwargs)


def wrap_torch_function(dispatcher: Callable) -> Callable:
    """Decorator: a function that the classes of some of its arguments can take over.

    ``dispatcher``, called with the same arguments, gives those whose ``__torch_function__`` is asked.
    """

    def wrap(func: Callable) -> Callable:
        @functools.wraps(func)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            relevant = dispatcher(*args, **kwargs)
            if has_torch_function(relevant):
                return handle_torch_function(wrapped, relevant, *args, **kwargs)
            return func(*args, **kwargs)

        return wrapped

    return wrap


def is_tensor_like(inp: Any) -> bool:
    """Whether it is a Tensor or its class has ``__torch_function__``."""
    return isinstance(inp, Tensor) or hasattr(inp, "__torch_function__")


def is_tensor_method_or_property(func: Callable) -> bool:
    """Whether it is found on Tensor."""
    return getattr(Tensor, getattr(func, "__name__", ""), None) is func or getattr(func, "__name__", "") == "__get__"


def _is_overridable(function: Any) -> bool:
    if not callable(function):
        return False
    if hasattr(function, "operator") or hasattr(function, "__wrapped__"):
        return True
    return any(op.function is function for op in operators)


def get_overridable_functions() -> dict[Any, list[Callable]]:
    """The functions that classes and modes can take over, by the name of the namespace they are in (or Tensor)."""
    found: dict[Any, list[Callable]] = {
        namespace: [f for f in functions.values() if _is_overridable(f)] for namespace, functions in NAMESPACES.items()
    }
    found[Tensor] = [f for f in vars(Tensor).values() if _is_overridable(f)]
    return found


def get_ignored_functions() -> set[Callable]:
    """Public functions that are never offered to ``__torch_function__``."""
    return {f for functions in NAMESPACES.values() for f in functions.values() if callable(f) and not _is_overridable(f)}


def get_default_nowrap_functions() -> set[Callable]:
    """Functions whose result stays a plain tensor for subclasses: the getters of ``grad`` and ``_base``."""
    return {vars(Tensor)[name].__get__ for name in ("_base", "grad") if hasattr(vars(Tensor).get(name), "__get__")}


def get_testing_overrides() -> dict[Callable, Callable]:
    """For each function that can be taken over a function of the same signature that gives -1."""

    def standing_for(function: Callable) -> Callable:
        def stand_in(*args: Any, **kwargs: Any) -> int:
            return -1

        try:
            stand_in.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
        except (TypeError, ValueError):
            pass  # it has none
        return stand_in

    return {f: standing_for(f) for functions in get_overridable_functions().values() for f in functions}


def resolve_name(f: Callable) -> str | None:
    """The name under which users know a function, as ``torch.Tensor.add``; None for what cannot be taken over."""
    if _is_overridable(f):
        for namespace, functions in NAMESPACES.items():
            for name, function in functions.items():
                if function is f:
                    return f"torch.{name}" if namespace == "torch" else f"torch.{namespace}.{name}"
        for name, method in vars(Tensor).items():
            if method is f:
                return f"torch.Tensor.{name}"
    return None


