"""Where public functions are collected: namespace -> name -> function."""

from __future__ import annotations

import inspect
from types import FunctionType

from ..tensor import Tensor
from . import overrides

NAMESPACES: dict[str, dict] = {}


def export(namespace: str, name: str, function) -> None:
    """Put ``function`` into a namespace such as ``torch`` or ``nn.functional``."""
    NAMESPACES.setdefault(namespace, {})[name] = function
    if isinstance(function, FunctionType):
        _place(function, namespace, name)


def _place(function: FunctionType, namespace: str, name: str) -> None:
    """Let ``function`` be known by its public name, by which it is pickled; an alias gives way to the function's own name."""
    if name != function.__name__:
        if function.__name__ in NAMESPACES[namespace] or hasattr(function, "__placed__"):
            return
        function.__name__ = name
    function.__module__ = "flambeau" if namespace == "torch" else f"flambeau.{namespace}"
    function.__qualname__ = name
    function.__placed__ = True


def _as_method(body, public):
    """``public`` as a method: where it takes ``out``, a function of its own without it."""
    code = body.__code__
    if "out" not in code.co_varnames[code.co_argcount:code.co_argcount + code.co_kwonlyargcount]:
        return public
    bound = overrides.dispatching(body, out=False)
    bound.plain = public
    known = inspect.signature(public)
    bound.__signature__ = known.replace(parameters=[p for p in known.parameters.values() if p.name != "out"])
    return bound


def documented_as(form: str):
    """Decorator: show the signature ``form``, as PyTorch documents it; the function also takes what the documentation left behind."""

    def declare(public):
        scope: dict = {}
        exec(f"def {public.__name__}{form}: ...", scope)  # our own text
        public.__signature__ = inspect.signature(scope[public.__name__])
        return public

    return declare


def function(namespace: str | None = "torch", *, method: bool | str = False, name: str | None = None,
             aliases: tuple[str, ...] = (), classes: bool = True):
    """Decorator: export a plain Python function that is written with operators.

    It is offered to ``__torch_function__`` as PyTorch's functions are: that of modes, and of the arguments' ``classes``.
    """

    def declare(body):
        public = overrides.dispatching(body, classes=classes)
        bound = _as_method(body, public)
        own = name or body.__name__
        public.__name__ = bound.__name__ = body.__qualname__ = own
        for exported in (own, *aliases):
            if namespace is not None:
                export(namespace, exported, public)
            if method is True:
                setattr(Tensor, exported, bound)
        if isinstance(method, str):
            setattr(Tensor, method, bound)
            if namespace is None:
                public.__name__ = method
        return public

    return declare
