"""The base classes of pipes, whose registered kinds are methods: ``pipe.map(f).batch(4)``."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

from ..dataset import Dataset, IterableDataset

T_co = TypeVar("T_co", covariant=True)


class _Functional:
    """Pipes of a kind are made by a method of the pipe before."""

    functions: dict[str, Callable]

    def __getattr__(self, name: str) -> Any:
        function = type(self).functions.get(name)
        if function is None:
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
        return functools.partial(function, self)

    @classmethod
    def register_function(cls, function_name: str, function: Callable) -> None:
        """Make ``function(pipe, ...)`` the method ``function_name`` of all pipes."""
        cls.functions[function_name] = function

    @classmethod
    def register_datapipe_as_function(
        cls, function_name: str, cls_to_register: type, enable_df_api_tracing: bool = False
    ) -> None:
        """Make a class of pipes the method ``function_name`` of all pipes. Raises Exception where the name is taken."""
        if function_name in cls.functions:
            raise Exception(f"Unable to add DataPipe function name {function_name} as it is already taken")

        def make(*args: Any, **kwargs: Any) -> Any:
            return cls_to_register(*args, **kwargs)

        make.__doc__ = cls_to_register.__doc__
        cls.functions[function_name] = make

    def __repr__(self) -> str:
        return type(self).__qualname__


class IterDataPipe(_Functional, IterableDataset[T_co]):
    """Samples one after the other; a subclass writes ``__iter__``, and ``reset`` for what an epoch starts with."""

    functions: dict[str, Callable] = {}

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError(f"{type(self).__name__} should write __iter__")

    def reset(self) -> None:
        """Called at the start of an epoch by pipes that keep a state."""


class DFIterDataPipe(IterDataPipe):
    """A pipe of data frames."""


class MapDataPipe(_Functional, Dataset[T_co]):
    """Samples by index; a subclass writes ``__getitem__`` and ``__len__``."""

    functions: dict[str, Callable] = {}


class DataChunk(list, Generic[T_co]):
    """A batch of samples as a list."""

    def __init__(self, items: Iterable[T_co]) -> None:
        items = list(items)
        super().__init__(items)
        self.items = items

    def as_str(self, indent: str = "") -> str:
        """The samples as text."""
        return indent + "[" + ", ".join(str(item) for item in self) + "]"

    def raw_iterator(self) -> Iterator[T_co]:
        """The samples as they are."""
        yield from self.items
