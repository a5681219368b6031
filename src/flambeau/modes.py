"""Process-wide switches: determinism, precision, threads between operators, compilation."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

_deterministic = {"enabled": False, "warn_only": False}
_precision = "highest"
_interop_threads: int | None = None


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Ask for deterministic operators. flambeau's always are: the switch only remembers what was asked."""
    _deterministic.update(enabled=bool(mode), warn_only=bool(mode and warn_only))


def are_deterministic_algorithms_enabled() -> bool:
    """Whether :func:`use_deterministic_algorithms` was switched on."""
    return _deterministic["enabled"]


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether it was switched on with ``warn_only``."""
    return _deterministic["warn_only"]


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """0 or "default", 1 or "warn", 2 or "error": another face of :func:`use_deterministic_algorithms`."""
    names = {"default": 0, "warn": 1, "error": 2}
    if isinstance(debug_mode, str):
        if debug_mode not in names:
            raise RuntimeError(
                f"invalid value of debug_mode, expected one of `default`, `warn`, `error`, but got {debug_mode}"
            )
        debug_mode = names[debug_mode]
    if debug_mode not in (0, 1, 2):
        raise RuntimeError(f"invalid value of debug_mode, expected 0, 1, or 2, but got {debug_mode}")
    use_deterministic_algorithms(debug_mode > 0, warn_only=debug_mode == 1)


def get_deterministic_debug_mode() -> int:
    """0, 1 or 2, as :func:`set_deterministic_debug_mode` takes."""
    if not _deterministic["enabled"]:
        return 0
    return 1 if _deterministic["warn_only"] else 2


def set_float32_matmul_precision(precision: str) -> None:
    """Allow ("high", "medium") or forbid ("highest") products of lower precision; the CPU's are always the highest."""
    global _precision
    if precision not in ("highest", "high", "medium"):
        raise RuntimeError(f"set_float32_matmul_precision: expected highest, high or medium, got {precision!r}")
    _precision = precision


def get_float32_matmul_precision() -> str:
    """What :func:`set_float32_matmul_precision` set ("highest" at first)."""
    return _precision


def set_flush_denormal(mode: bool) -> bool:
    """Whether denormal numbers could be made zero: no, arithmetic always keeps them, so ``True`` is not taken up."""
    return not mode


def get_num_interop_threads() -> int:
    """Threads between operators; flambeau runs operators one after the other, so 1 unless it was set."""
    return _interop_threads or 1


def set_num_interop_threads(num: int) -> None:
    """Remembered for :func:`get_num_interop_threads`; parallelism is within operators alone."""
    global _interop_threads
    if num < 1:
        raise RuntimeError(f"set_num_interop_threads expects a positive number, got {num}")
    _interop_threads = num


def compile(
    model: Callable | None = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: str | Callable | None = None,
    mode: str | None = None,
    options: dict[str, Any] | None = None,
    name: str | None = None,
    disable: bool = False,
    recompile_limit: int | None = None,
    isolate_recompiles: bool = False,
    shapes_spec: Any = None,
) -> Callable:
    """The function or module itself: flambeau records, fuses and compiles every program without being asked.

    So there is nothing for the options of PyTorch's compiler to change: no value depends on them.

    ``backend`` other than PyTorch's default names a compiler that is not here: a warning says that it is not used.
    Without ``model`` a decorator is returned.
    """
    if backend not in (None, "inductor", "eager", "aot_eager"):
        warnings.warn(f"compile: the backend {backend!r} is not used: flambeau compiles by itself", stacklevel=2)
    if model is None:
        return lambda found: found
    return model
