"""Warnings that a program sees once, as deprecations and reports of unfinished parts."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

_PACKAGE = str(Path(__file__).parent.parent)
_shown: set[str] = set()
_always = False


def warn_once(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn on the user's line, the first time that a process comes to ``message``; every time after ``set_warn_always(True)``."""
    if message in _shown and not _always:
        return
    _shown.add(message)
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level + 1)


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
