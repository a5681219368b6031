"""Saving and loading: PyTorch's files, written and read.

``save`` writes PyTorch's zip format; ``load`` reads it and the older format, by default without running any
code that a file asks for (``weights_only=True``).
"""

from __future__ import annotations

from .globals_in_file import get_unsafe_globals_in_checkpoint
from .load import load
from .safe import add_safe_globals, clear_safe_globals, get_safe_globals, safe_globals
from .save import save

__all__ = ["add_safe_globals", "clear_safe_globals", "get_safe_globals", "get_unsafe_globals_in_checkpoint", "load", "safe_globals", "save"]
