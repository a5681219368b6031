"""Hooks on tensors that are saved for backward."""

from __future__ import annotations

stack: list = []

FREED = (
    "Trying to backward through the graph a second time (or directly access saved tensors after they have already been "
    "freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify "
    "retain_graph=True if you need to backward through the graph a second time or if you need to access saved tensors "
    "after calling backward."
)

_LEGACY_NAMES = {
    "float32": "FloatTensor", "float64": "DoubleTensor", "float16": "HalfTensor", "bfloat16": "BFloat16Tensor",
    "complex64": "ComplexFloatTensor", "complex128": "ComplexDoubleTensor", "int64": "LongTensor",
}  # fmt: skip


def modified(tensor, version: int, node) -> str:
    """The text of the error for a saved tensor that was written in place since."""
    where = f", recorded at {node.line}" if node.line else ""
    kind = _LEGACY_NAMES.get(tensor.dtype.name, "Tensor")
    return (
        "one of the variables needed for gradient computation has been modified by an inplace operation: "
        f"[torch.{kind} {list(tensor.shape)}], saved by {node.name()}{where}, is at version {tensor._version}; "
        f"expected version {version} instead. Hint: enable anomaly detection to find the operation that "
        "failed to compute its gradient, with torch.autograd.set_detect_anomaly(True)."
    )


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
