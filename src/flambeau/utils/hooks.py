"""Handles that take a registered hook away again."""

from __future__ import annotations

from ..autograd.handles import RemovableHandle

__all__ = ["RemovableHandle"]
