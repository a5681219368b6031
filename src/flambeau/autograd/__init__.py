"""Automatic differentiation: the tape, grad modes, hooks and user-defined functions.

The tensor itself needs the tape, so what needs tensors is imported when it is first named.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .anomaly import detect_anomaly, is_anomaly_enabled, set_detect_anomaly
from .mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
    set_multithreading_enabled,
)

_LAZY = {
    "backward": "differentiate",
    "grad": "differentiate",
    "Function": "function",
    "NestedIOFunction": "function",
    "Variable": "variable",
    "gradcheck": "gradcheck",
    "gradgradcheck": "gradcheck",
}
_SUBMODULES = ("anomaly_mode", "forward_ad", "function", "functional", "grad_mode", "graph", "profiler", "variable")

__all__ = [
    "Function",
    "NestedIOFunction",
    "Variable",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "inference_mode",
    "is_anomaly_enabled",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
    "set_multithreading_enabled",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        home = _LAZY[name]
        module = import_module(f"{__name__}.{home}")
        # All names of the file at once: importing it has just bound its own name, which may be that of a function, to the file.
        globals().update({other: getattr(module, other) for other, place in _LAZY.items() if place == home})
        return globals()[name]
    if name in _SUBMODULES:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY, *_SUBMODULES})
