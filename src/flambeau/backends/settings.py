"""Settings of libraries that flambeau does not use. They are kept, so that programs can set and read them, and change nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


def declare(module: dict[str, Any], **settings: Any) -> None:
    """Give a module of a library that is not there its settings, ``flags`` and ``set_flags``, and its questions.

    The settings are attributes of the module. ``flags(name=value)`` is a block in which they are others.
    """
    module.update(settings)
    for name, answer in (("is_available", False), ("is_built", False), ("version", None)):
        module.setdefault(name, _answer(name, answer))
    if settings:
        module["set_flags"], module["flags"] = _setters(module, tuple(settings))


def _answer(name: str, value: Any) -> Callable[[], Any]:
    def answer() -> Any:
        return value

    answer.__name__, answer.__doc__ = name, f"{value}: flambeau does not use this library."
    return answer


def _setters(module: dict[str, Any], names: tuple[str, ...]) -> tuple[Callable, Callable]:
    def set_flags(*values: Any, **named: Any) -> tuple:
        """Change settings, by position or by name; None leaves one as it is. Gives those before."""
        given = dict(zip(names, values, strict=False), **{name.removeprefix("_"): value for name, value in named.items()})
        unknown = set(given) - set(names)
        if unknown:
            raise TypeError(f"set_flags() got an unexpected keyword argument '{sorted(unknown)[0]}'")
        before = tuple(module[name] for name in names)
        module.update({name: value for name, value in given.items() if value is not None})
        return before

    @contextmanager
    def flags(*values: Any, **named: Any) -> Iterator[None]:
        """A block in which settings are others."""
        before = set_flags(*values, **named)
        try:
            yield
        finally:
            module.update(zip(names, before))

    return set_flags, flags
