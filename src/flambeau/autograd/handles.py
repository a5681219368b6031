"""Handles that take a registered hook away again."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable, MutableMapping, Sequence
from typing import Any


def _reference(hooks: MutableMapping) -> Callable:
    """Weak where the dict allows it (an ``OrderedDict`` does, a ``dict`` does not)."""
    try:
        return weakref.ref(hooks)
    except TypeError:
        return lambda: hooks


class RemovableHandle:
    """What registering a hook returns: ``remove()``, or leaving a ``with`` block, unregisters it.

    Args:
        hooks_dict: the dict that holds the hook under ``handle.id``.
        hook: put there now, if given.
        extra_dict: one more dict, or a list of them, that lose the same id on removal.
    """

    next_id: int = 0

    def __init__(
        self,
        hooks_dict: MutableMapping,
        hook: Callable | None = None,
        *,
        extra_dict: MutableMapping | Sequence[MutableMapping] | None = None,
    ) -> None:
        self.id = RemovableHandle.next_id
        RemovableHandle.next_id += 1
        self.hooks_dict_ref = _reference(hooks_dict)
        if hook is not None:
            hooks_dict[self.id] = hook
        extras = [extra_dict] if isinstance(extra_dict, dict) else (extra_dict or ())
        self.extra_dict_ref = tuple(_reference(extra) for extra in extras)

    def remove(self) -> None:
        """Unregister the hook. Removing twice does nothing."""
        for reference in (self.hooks_dict_ref, *self.extra_dict_ref):
            hooks = reference()
            if hooks is not None:
                hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()

    def __getstate__(self) -> tuple[Any, ...]:
        return self.hooks_dict_ref(), self.id, tuple(reference() for reference in self.extra_dict_ref)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        hooks, self.id, extras = state
        self.hooks_dict_ref = weakref.ref(OrderedDict() if hooks is None else hooks)
        self.extra_dict_ref = tuple(weakref.ref(OrderedDict() if e is None else e) for e in extras)
        RemovableHandle.next_id = max(RemovableHandle.next_id, self.id + 1)
