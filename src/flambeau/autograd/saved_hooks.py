"""Hooks on tensors that are saved for backward."""

from __future__ import annotations

from ..tensor import make
from .graph import Meta, edge_of
from .mode import no_grad

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
        if _refusal is not None:
            raise RuntimeError(_refusal)
        stack.append(self)

    def __exit__(self, *exc):
        stack.pop()


class Packed:
    """Saved tensors after their pack hook, and their places in the graph, which what hooks give back takes again."""

    __slots__ = ("packed", "hook", "edges")

    def __init__(self, tensors):
        self.hook = stack[-1]
        self.edges = [edge_of(t) for t in tensors]
        with no_grad():
            self.packed = [self.hook.pack_hook(t) for t in tensors]

    def unpack(self) -> list:
        """The tensors, by the unpack hook."""
        return [self._unpacked(p, edge) for p, edge in zip(self.packed, self.edges)]

    def _unpacked(self, packed, edge):
        tensor = self.hook.unpack_hook(packed)
        if not hasattr(tensor, "_storage"):
            raise TypeError(f"Output of saved tensor unpack_hook expected to be a Tensor but got result of type {type(tensor).__name__}")
        if edge is None or tensor._spec.override or edge_of(tensor) == edge:
            return tensor
        placed = make(tensor._storage, tensor._spec.with_grad(True), tensor._offset)
        node, nr = edge
        placed._autograd = node if node.__class__ is Meta else Meta(node, nr)
        return placed

    def __len__(self) -> int:
        return len(self.packed)


class save_on_cpu(saved_tensors_hooks):
    """Within the block, saved tensors are kept on the CPU, where they are already."""

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda"):
        if pin_memory:
            raise RuntimeError("Cannot access accelerator device when none is available.")
        super().__init__(lambda tensor: tensor, lambda tensor: tensor)


_refusal: str | None = None


class disable_saved_tensors_hooks:
    """Within the block, entering ``saved_tensors_hooks`` raises RuntimeError with this message."""

    def __init__(self, error_message: str):
        self.error_message = error_message

    def __enter__(self):
        global _refusal
        if stack:
            raise RuntimeError(self.error_message)
        self._previous, _refusal = _refusal, self.error_message

    def __exit__(self, *exc):
        global _refusal
        _refusal = self._previous


class _Kept:
    """A saved tensor's values, for as long as the block that saved it lasts."""

    __slots__ = ("values",)

    def __init__(self, values):
        self.values = values


class allow_mutation_on_saved_tensors(saved_tensors_hooks):
    """Within the block, tensors that were saved for backward may be written in place: copies of them are saved.

    Entering gives an object whose ``clear()`` forgets them. Raises RuntimeError where blocks are nested, and in a backward
    outside of the block of what was recorded inside.
    """

    def __init__(self):
        self.kept: list[_Kept] = []
        super().__init__(self._keep, self._kept_values)

    def _keep(self, tensor):
        kept = _Kept(tensor.detach().clone())
        self.kept.append(kept)
        return kept

    def _kept_values(self, kept: _Kept):
        if kept.values is None:
            raise RuntimeError(
                "Trying to backward outside of the 'allow_mutation_on_saved_tensors' context in which the graph was originally recorded."
            )
        return kept.values

    def clear(self) -> None:
        """Forget what was saved."""
        for kept in self.kept:
            kept.values = None
        self.kept.clear()

    def __enter__(self):
        if any(isinstance(hooks, allow_mutation_on_saved_tensors) for hooks in stack):
            raise RuntimeError("allow_mutation_on_saved_tensors contexts cannot be nested")
        super().__enter__()
        return self

    def __exit__(self, *exc):
        super().__exit__(*exc)
        self.clear()
