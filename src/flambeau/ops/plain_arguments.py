"""Arguments of public functions that are plain Python: their annotations tell which numbers and flags they take.

Calls that give no such argument are not looked at.
"""

from __future__ import annotations

import inspect

import numpy as np

from ..tensor import Tensor
from .schema import argument, compile_function

_KINDS = {"bool": "bool", "int": "int", "float": "float", "bool | None": "bool?", "int | None": "int?", "float | None": "float?"}
_CLASSES = {"bool": bool, "int": int}
# Functions that are Python in PyTorch, too: what counts as true goes for a flag.
_LENIENT = frozenset(["lu", "softmin", "gaussian_nll_loss", "exponential", "gaussian", "kaiser", "general_cosine", "general_hamming"])


def checks(body) -> tuple:
    """What is to be looked at in calls of ``body``.

    The position of its first annotated number or flag; a function ``unusual(args, kwargs)`` that tells whether one of them is
    not of the class that it mostly has; and of each its position, name, type and that class.
    """
    found = []
    if body.__name__ in _LENIENT:
        return None, None, ()
    for position, p in enumerate(inspect.signature(body).parameters.values()):
        kind = _KINDS.get(p.annotation)
        if kind is None or p.kind is p.VAR_POSITIONAL or p.kind is p.VAR_KEYWORD:
            continue
        if p.default is None and not kind.endswith("?"):
            kind += "?"
        keyword_only = p.kind is p.KEYWORD_ONLY
        found.append((-1 if keyword_only else position, p.name, kind, _CLASSES.get(kind.rstrip("?"), float)))
    positions = [position for position, *_ in found if position >= 0]
    return (min(positions, default=1 << 30), _unusual(found), tuple(found)) if found else (None, None, ())


def _unusual(found: list):
    """The quick look at a call, written out for its parameters."""
    lines = ["def unusual(args, kwargs):", "    given = len(args)"]
    for position, _, _, usual in found:
        if position >= 0:
            lines.append(f"    if given > {position} and args[{position}].__class__ is not {usual.__name__}: return True")
    lines.append("    if kwargs:")
    for _, name, _, usual in found:
        lines.append(f"        if {name!r} in kwargs and kwargs[{name!r}].__class__ is not {usual.__name__}: return True")
    return compile_function("\n".join([*lines, "    return False\n"]), "unusual", {}, "ops", None)


def conform(function: str, known: tuple, args: tuple, kwargs: dict):
    """The arguments with numbers as the annotations want them; ``TypeError`` names one that is no such number."""
    for position, name, kind, usual in known:
        if 0 <= position < len(args):
            value = args[position]
            if value.__class__ is not usual and not _number(kind, value):
                value = argument(function, name, kind, value, position)
                args = (*args[:position], value, *args[position + 1:])
        elif name in kwargs:
            value = kwargs[name]
            if value.__class__ is not usual and not _number(kind, value):
                kwargs = {**kwargs, name: argument(function, name, kind, value, max(position, 0))}
    return args, kwargs


def _number(kind: str, value) -> bool:
    """Whether a number goes for a float as it is: functions may tell 2 from 2.0."""
    return kind.startswith("float") and value.__class__ in (int, bool)


def not_a_tensor(function: str, body, error: AttributeError, args: tuple, kwargs: dict) -> TypeError | None:
    """The error for an argument that lacks what tensors have; None where ``error`` is about something else."""
    if error.name is None or isinstance(error.obj, Tensor):
        return None
    names = [p.name for p in inspect.signature(body).parameters.values() if p.kind is not p.KEYWORD_ONLY]
    names += names[-1:] * (len(args) - len(names))  # of ``*tensors``
    for position, (name, value) in enumerate([*zip(names, args), *kwargs.items()]):
        if value is error.obj or isinstance(value, (np.ndarray, np.generic)):
            return TypeError(f"{function}(): argument '{name}' (position {position + 1}) must be Tensor, not {type(value).__name__}")
        if isinstance(value, (tuple, list)) and any(e is error.obj for e in value):
            return TypeError(f"{function}(): argument '{name}' (position {position + 1}) must be tuple of Tensors, but found element of "
                             f"type {type(error.obj).__name__}")
    return None
