"""Warnings on the lines of the user, and those that a program sees once, such as deprecations."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

_OWN = (str(Path(__file__).parent.parent), "<flambeau ")  # files, and code made at run time
_shown: set[str] = set()
_always = False


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn on the user's line: the innermost that is not flambeau's own."""
    level, frame = 1, sys._getframe(0)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_OWN):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def warn_once(message: str, category: type[Warning] = UserWarning) -> None:
    """:func:`warn`, the first time that a process comes to ``message``; every time after ``set_warn_always(True)``."""
    if message not in _shown or _always:
        _shown.add(message)
        warn(message, category)


def warn_of_former_name(old: str, new: str) -> None:
    """Warn once that ``torch.old`` is the former name of ``torch.new``."""
    warn_once(f"torch.{old} is deprecated in favor of torch.{new} and will be removed in a future PyTorch release.")


def set_warn_always(b: bool) -> None:
    """Whether warnings that are shown once are shown every time."""
    global _always
    _always = bool(b)


def is_warn_always_enabled() -> bool:
    """What :func:`set_warn_always` set."""
    return _always
