"""The text of a sparse tensor."""

from __future__ import annotations

from ... import printing
from ...dtypes import get_default_dtype
from ...tensor import Tensor
from .coo import CooTensor
from .handle import SparseTensor, rule


@rule("__repr__")
def text(self, *, tensor_contents=None):
    """What ``print`` shows: the components, then size, number of entries and layout."""
    if tensor_contents is not None:
        raise NotImplementedError("flambeau: __repr__: argument tensor_contents is not supported yet")
    prefix = "tensor("
    indent = len(prefix)
    suffixes = [f"size={tuple(self.shape)}", f"nnz={self._nnz()}"]
    if self.dtype.name not in (get_default_dtype().name, "complex64", "int64", "bool"):
        suffixes.append(f"dtype={self.dtype}")
    suffixes.append(f"layout={self.layout}")
    grad_fn = self.grad_fn
    if grad_fn is not None:
        suffixes.append(f"grad_fn=<{type(grad_fn).__name__}>")
    elif self.requires_grad:
        suffixes.append("requires_grad=True")
    parts = [_part(title, part, indent) for title, part in _components(self)]
    shown = printing.append_suffixes(prefix + (",\n" + " " * indent).join(parts), suffixes, indent,
                                     force_newline=isinstance(self, CooTensor))  # fmt: skip
    return "Parameter containing:\n" + shown if getattr(self, "_is_param", False) else shown


def _components(x: SparseTensor) -> list[tuple[str, Tensor]]:
    if isinstance(x, CooTensor):
        return [("indices", x._pattern.indices), ("values", x._held)]
    first, second = ("crow_indices", "col_indices") if x._pattern.by_rows else ("ccol_indices", "row_indices")
    return [(first, x._pattern.compressed), (second, x._pattern.plain), ("values", x._held)]


def _part(title: str, part: Tensor, indent: int) -> str:
    prefix = title + "=tensor("
    array = _plain_array(part)
    body = printing.format_elements(array, indent + len(prefix))
    end = f", size={tuple(array.shape)})" if array.size == 0 else ")"
    return prefix + body + end


def _plain_array(part: Tensor):
    from ...compiler.reference import widen

    return widen(part.detach()._array(), part.dtype)
