"""The modules of devices that flambeau does not run on answer questions, ignore what is harmless, and refuse the rest as PyTorch does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def declare(
    module: dict[str, Any],
    refusal: Callable[[], Exception],
    *,
    answers: dict[str, Any] | None = None,
    nothing: str = "",
    refused: str = "",
    classes: str = "",
) -> None:
    """Add functions to a device's module; those that it has already stay.

    Args:
        module: its ``globals()``.
        refusal: makes the error of whatever needs the device.
        answers: functions that give a value, by name.
        nothing: names of functions that do nothing.
        refused: names of functions that raise.
        classes: names of classes that cannot be instantiated.
    """
    for name, value in (answers or {}).items():
        module.setdefault(
            name, _function(module, name, _constant(value), f"Always {value!r}: there is no such device.")
        )
    for name in nothing.split():
        module.setdefault(name, _function(module, name, lambda: None, "Nothing: there is no such device."))
    for name in refused.split():
        module.setdefault(
            name, _function(module, name, _raiser(refusal), "Raises, as PyTorch does where there is no such device.")
        )
    for name in classes.split():
        module.setdefault(name, _class(module, name, refusal))


def _constant(value: Any) -> Callable[[], Any]:
    return lambda: value


def _raiser(refusal: Callable[[], Exception]) -> Callable[[], None]:
    def fail() -> None:
        raise refusal()

    return fail


def _function(module: dict[str, Any], name: str, body: Callable[[], Any], text: str) -> Callable:
    def function(*args: Any, **kwargs: Any) -> Any:
        return body()

    function.__name__ = function.__qualname__ = name
    function.__module__, function.__doc__ = module["__name__"], text
    return function


def _class(module: dict[str, Any], name: str, refusal: Callable[[], Exception]) -> type:
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        raise refusal()

    return type(
        name,
        (),
        {"__init__": __init__, "__module__": module["__name__"], "__doc__": "Needs the device, which is not there."},
    )


class NoDeviceBlock:
    """``with device(i):`` or ``with stream(s):`` where there is no device: None and negative numbers change nothing."""

    refusal: Callable[[], Exception]

    def __init__(self, which: Any = None) -> None:
        self.idx = which

    def __enter__(self) -> None:
        if self.idx is not None and not (isinstance(self.idx, int) and self.idx < 0):
            raise type(self).refusal()

    def __exit__(self, *exc: object) -> None:
        pass


def block(module: dict[str, Any], name: str, refusal: Callable[[], Exception]) -> type:
    """A class of such blocks."""
    return type(name, (NoDeviceBlock,), {"refusal": staticmethod(refusal), "__module__": module["__name__"]})
