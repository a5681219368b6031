"""What is done around a fork, in one order: outer locks before inner ones, however the modules were imported.

A thread that forks takes every lock, so that the child never begins in the middle of what another thread was doing. It must
take them as everybody does, outermost first: the window's, then the thread pool's, then the compiler's.
"""

from __future__ import annotations

import os
from collections.abc import Callable

WINDOW, POOL, COMPILER = range(3)  # from the outermost lock to the innermost

_steps: dict[int, tuple[Callable[[], object], Callable[[], object], Callable[[], object]]] = {}


def around_fork(level: int, before: Callable[[], object], in_parent: Callable[[], object], in_child: Callable[[], object]) -> None:
    """Call ``before`` ahead of each fork, and one of the others after it; by ``level``, and backwards after the fork."""
    _steps[level] = before, in_parent, in_child


def _before() -> None:
    for level in sorted(_steps):
        _steps[level][0]()


def _in_parent() -> None:
    for level in sorted(_steps, reverse=True):
        _steps[level][1]()


def _in_child() -> None:
    for level in sorted(_steps, reverse=True):
        _steps[level][2]()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
