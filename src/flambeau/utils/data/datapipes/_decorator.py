"""Decorators of classes of pipes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .datapipe import IterDataPipe, MapDataPipe

_determinism = False


class functional_datapipe:
    """Decorator: pipes of the class are also made by the method ``name`` of other pipes."""

    def __init__(self, name: str, enable_df_api_tracing: bool = False) -> None:
        self.name = name

    def __call__(self, cls: Any) -> Any:
        base = IterDataPipe if issubclass(cls, IterDataPipe) else MapDataPipe if issubclass(cls, MapDataPipe) else None
        if base is None:
            raise TypeError("`functional_datapipe` can only decorate IterDataPipe or MapDataPipe")
        base.register_datapipe_as_function(self.name, cls)
        return cls


class guaranteed_datapipes_determinism:
    """A block in which pipes that are not deterministic cannot be made."""

    def __init__(self) -> None:
        self._entered = False

    def __enter__(self) -> None:
        global _determinism
        self._before, _determinism = _determinism, True

    def __exit__(self, *exc: object) -> None:
        global _determinism
        _determinism = self._before


class non_deterministic:
    """Decorator of a class of pipes whose order may differ from run to run, or a predicate of one pipe that tells."""

    def __init__(self, arg: type | Callable[..., bool]) -> None:
        self.cls = arg if isinstance(arg, type) else None
        self.predicate = (lambda *args, **kwargs: True) if isinstance(arg, type) else arg

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.cls is None:
            self.cls = args[0]
            return self
        if _determinism and self.predicate(*args, **kwargs):
            raise TypeError(
                f"{self.cls.__name__} is non-deterministic, but you set 'guaranteed_datapipes_determinism'. You can turn off "
                "determinism for this DataPipe if that is acceptable for your application."
            )
        return self.cls(*args, **kwargs)


def argument_validation(f: Callable) -> Callable:
    """``f`` as it is: types of pipes are for type checkers."""
    return f


def runtime_validation(f: Callable) -> Callable:
    """``f`` as it is: types of samples are for type checkers."""
    return f


@contextmanager
def runtime_validation_disabled() -> Iterator[None]:
    """A block without checks of types, of which there are none."""
    yield
