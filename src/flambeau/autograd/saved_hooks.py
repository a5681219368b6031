"""Hooks on tensors that are saved for backward."""

from __future__ import annotations

stack: list = []


class saved_tensors_hooks:
    """Within the block, each saved tensor is stored as ``pack(tensor)`` and read back as ``unpack(packed)``."""

    def __init__(self, pack_hook, unpack_hook):
        self.pack_hook = pack_hook
        self.unpack_hook = unpack_hook

    def __enter__(self):
        stack.append(self)

    def __exit__(self, *exc):
        stack.pop()


class Packed:
    """Saved tensors after their pack hook."""

    __slots__ = ("packed", "hook")

    def __init__(self, tensors):
        self.hook = stack[-1]
        self.packed = [self.hook.pack_hook(t) for t in tensors]

    def unpack(self) -> list:
        """The tensors, by the unpack hook."""
        return [self.hook.unpack_hook(p) for p in self.packed]

    def __len__(self) -> int:
        return len(self.packed)
