"""What is no arithmetic: copies, casts, history, filled tensors of a sparse tensor's kind, resizing and pickling."""

from __future__ import annotations

import copy

import numpy as np

from ...autograd.differentiate import backward as _backward
from ...tensor import Tensor
from ..creation import check_size
from ..registry import function
from ..schema import spread
from .compressed import CompressedTensor, sparse_compressed_tensor
from .coo import CooTensor, coo, empty_coo, require_cpu, sparse_coo_tensor
from .handle import SparseTensor, refusal, rule
from .pattern import CompressedPattern, Pattern


@rule("detach")
def detach(input):
    """The same entries without history."""
    return input.with_values(input._held.detach())


@rule("detach_")
def detach_(input):
    """Forget the history, in place."""
    input._held = input._held.detach()
    return input


def _own_pattern(pattern):
    if isinstance(pattern, Pattern):
        copied = Pattern(pattern.indices.clone(), pattern.coalesced)
        copied._edges = {size: (0, edges) for size, (_, edges) in pattern._edges.items()}
        return copied
    return CompressedPattern(pattern.compressed.clone(), pattern.plain.clone(), pattern.by_rows, pattern.block)


@rule("clone")
def clone(input, *, memory_format=None):
    """The same entries in memory of their own."""
    made = input.with_values(input._held.clone())
    made._pattern = _own_pattern(input._pattern)
    return made


@rule("__copy__")
def shallow_copy(self):
    """Another handle of the same entries."""
    return self.with_values(self._held.detach()).requires_grad_(self.requires_grad)


@rule("__deepcopy__")
def deep_copy(self, memo):
    """A leaf with memory of its own."""
    if id(self) in memo:
        return memo[id(self)]
    if not self.is_leaf:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment."
        )
    made = clone(self.detach()).requires_grad_(self.requires_grad)
    memo[id(self)] = made
    if self.grad is not None:
        made.grad = copy.deepcopy(self.grad, memo)
    return made


@rule("to")
def to(self, *args, **kwargs):
    """The tensor with values of another dtype; itself where nothing changes."""
    if not isinstance(self, SparseTensor):  # ``other`` is sparse
        args = [a.dtype if isinstance(a, SparseTensor) else a for a in args]
        kwargs = {k: v.dtype if isinstance(v, SparseTensor) else v for k, v in kwargs.items()}
        return self.to(*args, **kwargs)
    kwargs.pop("memory_format", None)
    args = [a._held if isinstance(a, SparseTensor) else a for a in args]
    values = self._held.to(*args, **kwargs)
    if values is self._held:
        return self
    made = self.with_values(values)
    if values.dtype is self.dtype:  # a copy was asked for
        made._pattern = _own_pattern(self._pattern)
    return made


@rule("type")
def type_(self, dtype=None, non_blocking=False, **kwargs):
    """The name of the tensor's type, or the tensor as another one."""
    if dtype is None:
        return self._held.type().replace(
            "torch.", "torch.sparse." if isinstance(self, CooTensor) else "torch.sparse_csr."
        )
    return self.with_values(self._held.type(dtype))


@rule("copy_")
def copy_(self, src, non_blocking=False):
    """Take over the entries of a sparse tensor."""
    if not isinstance(self, SparseTensor) or not isinstance(src, SparseTensor):
        raise RuntimeError(
            "copy_() between dense and sparse Tensors is not implemented! Found self type = "
            f"{self.type()} and src type = {src.type()}"
        )
    return self.become(clone(src).to(self.dtype))


@rule("backward")
def backward(self, gradient=None, retain_graph=None, create_graph=False, inputs=None):
    """Add the gradient of this tensor to the ``.grad`` of the leaves it was computed from."""
    _backward(self, gradient, retain_graph, create_graph, inputs=inputs)


@rule("numpy", "__array__", "__dlpack__")
def numpy(self, *args, **kwargs):
    """Raises TypeError: NumPy has no sparse arrays."""
    raise TypeError(f"can't convert {'Sparse' if isinstance(self, CooTensor) else 'SparseCsr'} layout tensor to numpy. "
                    "Use Tensor.to_dense() first.")  # fmt: skip


@rule("tolist", "untyped_storage", "storage")
def tolist(self, *args, **kwargs):
    """Raises RuntimeError: there is no memory of the whole."""
    raise RuntimeError("Cannot access data pointer of Tensor that doesn't have storage")


@rule("contiguous")
def contiguous(self, *, memory_format=None):
    """Raises RuntimeError: there is no memory of the whole."""
    raise RuntimeError("unsupported memory format option Contiguous")


# -- filled tensors ----------------------------------------------------------------------------------------------------------


@rule("zeros_like", "empty_like")
def zeros_like(
    input, *, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False, memory_format=None
):
    """A tensor of the same kind and size without entries; dense where ``layout`` says so."""
    require_cpu("zeros_like", device)
    if layout is not None and layout is not input.layout:
        return input._held.new_zeros(input._size, dtype=dtype, requires_grad=requires_grad, layout=layout)
    if isinstance(input, CooTensor):
        made = empty_coo(input._size, input.sparse_count, input.ndim - input.sparse_count, dtype or input.dtype)
    else:
        made = _empty_compressed(input, dtype or input.dtype)
    return made.requires_grad_(requires_grad)


def _empty_compressed(model: CompressedTensor, dtype) -> CompressedTensor:
    pattern, batch = model._pattern, len(model.batch)
    held = model._held.detach().narrow(batch, 0, 0).to(dtype).clone()
    made = model.with_values(held)
    compressed = pattern.compressed.clone().zero_()
    made._pattern = CompressedPattern(
        compressed, pattern.plain.narrow(-1, 0, 0).clone(), pattern.by_rows, pattern.block
    )
    return made


@rule("new_zeros", "new_empty")
def new_zeros(self, *sizes, size=None, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False):
    """A COO tensor of the given sizes without entries."""
    require_cpu("new_zeros", device)
    if not isinstance(self, CooTensor):
        raise refusal("new_zeros", (self,))
    shape = check_size("new_zeros", spread(sizes) if size is None else size)
    return empty_coo(shape, len(shape), 0, dtype or self.dtype).requires_grad_(requires_grad)


def _refused(name: str):
    @rule(name)
    def refuse(input, *args, **kwargs):
        raise refusal(name, (input,))


for _name in ("ones_like", "full_like", "rand_like", "randn_like", "randint_like", "new_full", "new_ones", "equal", "allclose", "split",
              "split_with_sizes", "chunk", "tensor_split", "unsafe_split", "unsafe_chunk"):  # fmt: skip
    _refused(_name)


@rule("tensor")
def tensor(data, *, dtype=None, device=None, requires_grad=False, pin_memory=False):
    """A copy of a sparse tensor."""
    require_cpu("tensor", device)
    made = clone(data.detach())
    return (made if dtype is None else made.to(dtype)).requires_grad_(requires_grad)


# -- resizing ----------------------------------------------------------------------------------------------------------------


@function(None, method=True)
def sparse_resize_(self, size, sparse_dim, dense_dim):
    """Change the size of a COO tensor in place, its entries stay; RuntimeError where a dimension with entries would shrink."""
    _require("sparse_resize_", self)
    size = check_size("sparse_resize_", size)
    if len(size) != sparse_dim + dense_dim:
        raise RuntimeError(f"'len(size) == sparse_dim + dense_dim' is not satisfied: len(size) = {len(size)}, sparse_dim = {sparse_dim}, "
                           f"dense_dim = {dense_dim}")  # fmt: skip
    if not self._nnz():
        return self.become(empty_coo(size, sparse_dim, dense_dim, self.dtype))
    if sparse_dim != self.sparse_count or dense_dim != self.ndim - self.sparse_count:
        raise RuntimeError(
            "changing the number of sparse or dense dimensions on a non-empty sparse tensor is not supported."
        )
    for kind, now, new in (
        ("sparse", self._size[: self.sparse_count], size[:sparse_dim]),
        ("dense", self._size[self.sparse_count :], size[sparse_dim:]),
    ):
        if any(n < o for o, n in zip(now, new)):
            raise RuntimeError(
                f"shrinking the size of {kind} dimensions on a non-empty sparse tensor is not supported."
            )
    values = self._held
    if tuple(size[sparse_dim:]) != tuple(values.shape[1:]):
        wider = values.new_zeros((values.shape[0], *size[sparse_dim:]))
        values = wider.index_put(tuple(_corner(values.shape)), values)
    return self.become(coo(self._pattern.indices, values, size, self._pattern.coalesced))


def _corner(shape) -> list[Tensor]:
    from .pattern import index_tensor

    return [index_tensor(grid) for grid in np.meshgrid(*(np.arange(s) for s in shape), indexing="ij")]


@function(None, method=True)
def sparse_resize_and_clear_(self, size, sparse_dim, dense_dim):
    """Change the size of a COO tensor in place and drop all entries."""
    _require("sparse_resize_and_clear_", self)
    size = check_size("sparse_resize_and_clear_", size)
    if len(size) != sparse_dim + dense_dim:
        raise RuntimeError(f"'len(size) == sparse_dim + dense_dim' is not satisfied: len(size) = {len(size)}, sparse_dim = {sparse_dim}, "
                           f"dense_dim = {dense_dim}")  # fmt: skip
    return self.become(empty_coo(size, sparse_dim, dense_dim, self.dtype))


def _require(name: str, x) -> None:
    if not isinstance(x, CooTensor):
        raise NotImplementedError(
            f"Could not run 'aten::{name}' with arguments from a backend of layout {x.layout}: it takes COO tensors."
        )


@function(method=True)
def resize_as_sparse_(input, the_template):
    """Give a sparse tensor the size of another, in place."""
    _require("resize_as_sparse_", input)
    _require("resize_as_sparse_", the_template)
    if tuple(input.shape) == tuple(the_template.shape):
        return input
    return input.sparse_resize_(
        tuple(the_template.shape), the_template.sparse_count, the_template.ndim - the_template.sparse_count
    )


# -- pickling ----------------------------------------------------------------------------------------------------------------


@rule("__reduce_ex__")
def reduce_ex(self, protocol):
    """The components; the history is not kept."""
    if isinstance(self, CooTensor):
        parts = (self._pattern.indices, self._held.detach(), self._size, self._pattern.coalesced)
    else:
        parts = (self._pattern.compressed, self._pattern.plain, self._held.detach(), self._size)
    return rebuild_sparse_tensor, (self.layout, parts)


def rebuild_sparse_tensor(layout, data) -> SparseTensor:
    """A sparse tensor from its layout and components, as files have them."""
    if layout.name == "sparse_coo":
        indices, values, size, *flag = data
        return sparse_coo_tensor(indices, values, size, check_invariants=True, is_coalesced=bool(flag and flag[0]))
    compressed, plain, values, size = data
    return sparse_compressed_tensor(compressed, plain, values, size, layout=layout, check_invariants=True)
