"""Finding the forward pre-hooks that compute a tensor of a module."""

from __future__ import annotations

from typing import Any

from ..modules.module import Module


def find_hook(module: Module, kind: type, name: str, attribute: str = "name") -> Any:
    """Return the module's hook of this kind for the tensor ``name``, or None."""
    for hook in module._forward_pre_hooks.values():
        if isinstance(hook, kind) and getattr(hook, attribute) == name:
            return hook
    return None


def take_hook(module: Module, hook: Any) -> None:
    """Take a hook out of the module."""
    for key, registered in list(module._forward_pre_hooks.items()):
        if registered is hook:
            del module._forward_pre_hooks[key]


def refuse_second_hook(module: Module, kind: type, name: str, what: str) -> None:
    """Raise RuntimeError if the module has a hook of this kind for the tensor."""
    if find_hook(module, kind, name) is not None:
        raise RuntimeError(f"Cannot register two {what} hooks on the same parameter {name}")
