"""Handles that take a registered hook away again, and what becomes of the hooks of tensors that are saved."""

from __future__ import annotations

from ..autograd.handles import RemovableHandle
from ..ops.pickling import unserializable_hook, warn_if_has_hooks

__all__ = ["RemovableHandle", "unserializable_hook", "warn_if_has_hooks"]
