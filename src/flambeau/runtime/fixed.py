"""Small objects that programs compare and pass on, and nobody may change."""

from __future__ import annotations

from typing import Any, NoReturn


class Fixed:
    """An object whose attributes are set by :meth:`_fill` when it is made, and never again."""

    __slots__ = ()

    def _fill(self, **facts: Any) -> None:
        for name, value in facts.items():
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        if name in dir(self):
            raise AttributeError(f"attribute '{name}' of 'torch.{type(self).__name__}' objects is not writable")
        raise AttributeError(f"'torch.{type(self).__name__}' object has no attribute '{name}'")

    def __delattr__(self, name: str) -> NoReturn:
        self.__setattr__(name, None)
