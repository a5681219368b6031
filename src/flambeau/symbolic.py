"""Functions on sizes that may be symbols in PyTorch's own compiler. Here sizes are plain numbers, so that these are Python's."""

from __future__ import annotations

import math
from typing import Any


class SymInt:
    """The type of symbolic integers; there are none."""

    def __init__(self, node: Any) -> None:
        raise NotImplementedError(
            f"flambeau: {type(self).__name__}: symbolic sizes are not supported: sizes are numbers"
        )


class SymFloat(SymInt):
    """The type of symbolic numbers; there are none."""


class SymBool(SymInt):
    """The type of symbolic truth values; there are none."""


def sym_int(a: float) -> int:
    """``a`` without its fraction."""
    return math.trunc(a)


def sym_float(a: float) -> float:
    """``a`` as a float."""
    return float(a)


def sym_not(a: bool) -> bool:
    """Not ``a``."""
    return not a


def _like_both(value: Any, a: Any, b: Any) -> Any:
    return float(value) if isinstance(a, float) or isinstance(b, float) else value


def sym_max(a: Any, b: Any) -> Any:
    """The larger number, a float where one of them is."""
    return _like_both(max(a, b), a, b)


def sym_min(a: Any, b: Any) -> Any:
    """The smaller number, a float where one of them is."""
    return _like_both(min(a, b), a, b)


def sym_sum(*args: Any) -> Any:
    """The sum of the numbers, or of a list of them."""
    return sum(args[0] if len(args) == 1 and isinstance(args[0], (list, tuple)) else args)


def sym_ite(b: bool, t: Any, f: Any) -> Any:
    """``t`` if ``b``, else ``f``; both of one type. AssertionError where ``b`` is no bool or the types differ."""
    if not isinstance(b, bool):
        raise AssertionError(f"expected SymBool or bool, got {type(b)}")
    if type(t) is not type(f):
        raise AssertionError(f"expected t and f of one type, got {type(t)} and {type(f)}")
    return t if b else f


def _sym_of(name: str) -> Any:
    function = getattr(math, name)

    def of_number(a: float) -> float:
        return function(a)

    of_number.__name__, of_number.__doc__ = f"_sym_{name}", f"``math.{name}``."
    return of_number


sym_sqrt = _sym_sqrt = _sym_of("sqrt")
_sym_log2, _sym_cos, _sym_cosh, _sym_sin, _sym_sinh = (_sym_of(name) for name in ("log2", "cos", "cosh", "sin", "sinh"))
_sym_tan, _sym_tanh, _sym_acos, _sym_asin, _sym_atan = (
    _sym_of(name) for name in ("tan", "tanh", "acos", "asin", "atan")
)


def sym_fresh_size(expr: Any) -> Any:
    """A new symbolic size; not supported."""
    raise NotImplementedError("flambeau: sym_fresh_size: symbolic sizes are not supported: sizes are numbers")
