"""Nested tensors of ``layout=torch.strided``: components of any sizes, flattened one after the other."""

from __future__ import annotations

import itertools
from math import prod

from ..lazy.spec import Size
from ..tensor import Tensor, wrap_dim
from .handle import NestedTensor, strided

_INTERNAL = "Internal error: NestedTensorImpl doesn't support {}. Please file an issue."


class StridedNested(NestedTensor):
    """``_held`` is one-dimensional; ``_sizes`` has the shape of each component."""

    _sizes: tuple[tuple[int, ...], ...]
    layout = strided
    rules: dict = {}

    @staticmethod
    def over(values: Tensor, sizes) -> StridedNested:
        """A nested tensor over flat values."""
        made = object.__new__(StridedNested)
        made._held, made._sizes = values, tuple(tuple(s) for s in sizes)
        return made

    @staticmethod
    def of(components) -> StridedNested:
        """The components packed one after the other; gradients flow back to them."""
        from ..ops import cat, empty

        components = list(components)
        values = cat([c.reshape(-1) for c in components]) if components else empty(0)
        return StridedNested.over(values, [c.shape for c in components])

    def with_values(self, values: Tensor) -> StridedNested:
        """Other values of the same sizes."""
        return StridedNested.over(values, self._sizes)

    def __reduce_ex__(self, protocol):
        return StridedNested.over, (self._held, self._sizes)

    def components(self) -> tuple[Tensor, ...]:
        """The tensors of the batch: views of the packed values."""
        ends = itertools.accumulate(prod(s) for s in self._sizes)
        return tuple(self._held[end - prod(s):end].view(s) for s, end in zip(self._sizes, ends))

    def map(self, function) -> StridedNested:
        """``function`` of each component."""
        return StridedNested.of(function(c) for c in self.components())

    def same_sizes(self, other: NestedTensor) -> bool:
        """Whether ``other`` has components of the same sizes."""
        return isinstance(other, StridedNested) and self._sizes == other._sizes

    def numel(self) -> int:
        """The elements of all components together."""
        return sum(map(prod, self._sizes))

    nelement = numel

    @property
    def shape(self):
        """Raises RuntimeError: dimensions may have no size; ``size(dim)`` tells those that have one."""
        raise RuntimeError(_INTERNAL.format("sizes"))

    def dim(self) -> int:
        """The number of dimensions, the batch among them."""
        return 1 + (len(self._sizes[0]) if self._sizes else 0)

    def size(self, dim: int | None = None):
        """The size of a dimension that has the same size in all components; RuntimeError for others, and for all at once."""
        if dim is None:
            return self.shape
        d = wrap_dim(dim, self.dim())
        if d == 0:
            return len(self._sizes)
        found = {s[d - 1] for s in self._sizes}
        if len(found) != 1:
            raise RuntimeError(f"Given dimension {d} is irregular and does not have a size.")
        return found.pop()

    def stride(self, dim: int | None = None):
        """Raises RuntimeError: components have strides of their own."""
        raise RuntimeError(_INTERNAL.format("strides"))

    def __len__(self) -> int:
        return len(self.shape)

    def __iter__(self):
        return iter(self.shape)

    def tolist(self):
        """Raises RuntimeError, as PyTorch does."""
        raise RuntimeError(_INTERNAL.format("strides"))

    def numpy(self, *, force: bool = False):
        """Raises RuntimeError: NumPy has no arrays of different sizes."""
        raise RuntimeError(_INTERNAL.format("sizes"))

    def is_contiguous(self, memory_format=None) -> bool:
        """True: components lie one after the other."""
        return True

    def values(self) -> Tensor:
        """The packed values, one-dimensional."""
        return self._held

    def _nested_tensor_size(self) -> Tensor:
        """The sizes of the components, one a row."""
        from ..ops import NAMESPACES

        return NAMESPACES["torch"]["tensor"](list(map(list, self._sizes)))

    def __repr__(self, *, tensor_contents=None) -> str:
        lines = ",\n".join("  " + repr(self._shown(c)).replace("\n", "\n  ") for c in self.components())
        node = self.grad_fn
        suffix = f", grad_fn=<{type(node).__name__}>" if node is not None else ", requires_grad=True" if self.requires_grad else ""
        return f"nested_tensor([\n{lines}\n]{suffix})"

    def _shown(self, component: Tensor) -> Tensor:
        return component.detach().requires_grad_(self.requires_grad)

    __str__ = __repr__

    def refusal(self, name: str) -> Exception:
        """The error of an operator that PyTorch has no kernel for."""
        return NotImplementedError(
            f"Could not run 'aten::{name}' with arguments from the 'NestedTensorCPU' backend. This could be because the operator "
            "doesn't exist for this backend: it takes tensors that are not nested, or nested ones of layout torch.jagged."
        )


def largest(sizes, dims: int) -> Size:
    """The smallest shape that all sizes fit in."""
    return Size(max((s[d] for s in sizes), default=0) for d in range(dims))
