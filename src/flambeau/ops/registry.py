"""Where public functions are collected: namespace -> name -> function."""

from __future__ import annotations

from ..tensor import Tensor
from . import overrides

NAMESPACES: dict[str, dict] = {}


def export(namespace: str, name: str, function) -> None:
    """Put ``function`` into a namespace such as ``torch`` or ``nn.functional``."""
    NAMESPACES.setdefault(namespace, {})[name] = function


def function(namespace: str | None = "torch", *, method: bool | str = False, name: str | None = None,
             aliases: tuple[str, ...] = ()):
    """Decorator: export a plain Python function that is written with operators.

    It is offered to ``__torch_function__`` as PyTorch's functions are.
    """

    def declare(body):
        public = overrides.dispatching(body)
        own = name or body.__name__
        for exported in (own, *aliases):
            if namespace is not None:
                export(namespace, exported, public)
            if method is True:
                setattr(Tensor, exported, public)
        if isinstance(method, str):
            setattr(Tensor, method, public)
        return public

    return declare
