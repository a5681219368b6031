"""Moving and choosing entries: transposing, selecting, joining."""

from __future__ import annotations

import numpy as np

from ...lazy.spec import Size
from ...tensor import Tensor, wrap_dim
from ..joining import cat as dense_cat
from .compressed import CompressedTensor, compressed_tensor, compressed_to_coo
from .coo import CooTensor, coo, of_pattern
from .elementwise import deliver
from .handle import SparseTensor, refusal, rule
from .pattern import CompressedPattern, Grouping, Pattern, index_tensor


@rule("permute")
def permute(input, dims):
    """Dimensions in another order; sparse ones stay before dense ones."""
    order = [wrap_dim(d, input.ndim) for d in dims]
    if sorted(order) != list(range(input.ndim)):
        raise RuntimeError(f"permute: expected each dimension once, got {list(dims)}")
    if order == list(range(input.ndim)):
        return input
    if isinstance(input, CompressedTensor):
        return _permuted_compressed(input, order)
    split = input.sparse_count
    if any(d >= split for d in order[:split]):
        raise RuntimeError("permute(sparse_coo): sparse and dense dimensions cannot change places")
    size = Size(input._size[d] for d in order)
    values = input._held
    if order[split:] != list(range(split, input.ndim)):
        values = values.permute(0, *(d - split + 1 for d in order[split:]))
    if order[:split] == list(range(split)):
        return of_pattern(input._pattern, values, size)
    indices = input._pattern.indices.index_select(0, index_tensor(np.array(order[:split])))
    pattern = Pattern(indices, indices.shape[1] < 2)
    if input.ndim == 2:
        pattern.adopt(size, input._pattern.edges(input._size).transposed)
    return of_pattern(pattern, values, size)


def _permuted_compressed(x: CompressedTensor, order: list[int]) -> CompressedTensor:
    first = len(x.batch)
    swapped = list(range(x.ndim))
    swapped[first], swapped[first + 1] = swapped[first + 1], swapped[first]
    if order != swapped:
        raise RuntimeError("transpose(compressed): only rows and columns can change places")
    old = x._pattern
    block = old.block and (old.block[1], old.block[0])
    pattern = CompressedPattern(old.compressed, old.plain, not old.by_rows, block)
    if old._edges is not None:
        pattern._edges = old._edges[0], old._edges[1].transposed
    at = old.plain.ndim
    values = x._held.transpose(at, at + 1) if block else x._held
    return compressed_tensor(pattern, values, [x._size[d] for d in swapped])


@rule("transpose", "swapdims", "swapaxes")
def transpose(input, dim0, dim1):
    """Two dimensions exchanged."""
    order = list(range(input.ndim))
    a, b = wrap_dim(dim0, input.ndim), wrap_dim(dim1, input.ndim)
    order[a], order[b] = b, a
    return permute(input, order)


@rule("t")
def t(input):
    """A matrix transposed."""
    if input.ndim > 2:
        raise RuntimeError(
            f"t() expects a tensor with <= 2 sparse and 0 dense dimensions, but got {input.ndim} dimensions"
        )
    return input if input.ndim < 2 else permute(input, (1, 0))


@rule("transpose_", "t_")
def transpose_(input, dim0=0, dim1=1):
    """``transpose`` in place."""
    return input.become(transpose(input, dim0, dim1))


@rule("unsqueeze")
def unsqueeze(input, dim):
    """One more dimension of size 1."""
    if not isinstance(input, CooTensor):
        raise refusal("unsqueeze", (input,))
    d = wrap_dim(dim, input.ndim + 1)
    size = (*input._size[:d], 1, *input._size[d:])
    if d > input.sparse_count:
        return of_pattern(input._pattern, input._held.unsqueeze(d - input.sparse_count + 1), size)
    array = np.insert(input._pattern.array(), d, 0, axis=0)
    return coo(index_tensor(array), input._held, size, input._pattern.coalesced)


@rule("reshape", "flatten", "view_as", "reshape_as")
def reshape(input, *args, **kwargs):
    """Raises RuntimeError, as PyTorch does."""
    raise RuntimeError("reshape is not implemented for sparse tensors")


@rule("expand", "expand_as", "broadcast_to")
def expand(input, *args, **kwargs):
    """Raises RuntimeError, as PyTorch does."""
    raise RuntimeError("expand is unsupported for Sparse tensors")


@rule("select")
def select(input, dim, index):
    """One position along ``dim``: a COO tensor, or a dense one where no sparse dimension is left."""
    x = compressed_to_coo(input) if isinstance(input, CompressedTensor) else input
    d = wrap_dim(dim, x.ndim)
    if not -x._size[d] <= index < x._size[d]:
        raise IndexError(f"select(): index {index} out of range for tensor of size {list(x._size)} at dimension {d}")
    index += x._size[d] if index < 0 else 0
    size = (*x._size[:d], *x._size[d + 1 :])
    if d >= x.sparse_count:
        return of_pattern(x._pattern, x._held.select(d - x.sparse_count + 1, index), size)
    array = x._pattern.array()
    at = np.flatnonzero(array[d] == index)
    values = x._held.index_select(0, index_tensor(at))
    if x.sparse_count == 1:
        return values.sum(0, dtype=x.dtype)
    return coo(index_tensor(np.delete(array[:, at], d, axis=0)), values, size, x._pattern.coalesced)


@rule("index_select")
def index_select(input, dim, index, *, out=None):
    """The positions ``index`` of dimension ``dim``, in that order."""
    x = compressed_to_coo(input) if isinstance(input, CompressedTensor) else input
    if not isinstance(x, CooTensor):
        raise refusal("index_select", (index,))
    d = wrap_dim(dim, x.ndim)
    size = (*x._size[:d], index.numel(), *x._size[d + 1 :])
    if d >= x.sparse_count:
        return deliver(
            "index_select", of_pattern(x._pattern, x._held.index_select(d - x.sparse_count + 1, index), size), out
        )
    asked = np.asarray(index._array(), np.int64).reshape(-1)
    if asked.size and not (asked.min() >= -x._size[d] and asked.max() < x._size[d]):
        raise IndexError(
            f"index_select(): index contains {int(asked.max())} that is out of range for tensor of size {list(x._size)}"
        )
    asked = asked % max(x._size[d], 1)
    array = x._pattern.array()
    groups = Grouping(array[d], x._size[d])
    starts, order = np.asarray(groups.pointers._array()), np.asarray(groups.order._array())
    at, position = spans(starts, asked)
    at = order[at]
    chosen = array[:, at]
    chosen[d] = position
    made = coo(index_tensor(chosen), x._held.index_select(0, index_tensor(at)), size)
    return deliver("index_select", made, out)


def spans(starts: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All positions of each of ``groups`` (group ``g`` has ``starts[g]`` to ``starts[g + 1]``), and which of ``groups`` they are of."""
    counts = starts[groups + 1] - starts[groups]
    owner = np.repeat(np.arange(groups.size), counts)
    within = np.arange(owner.size) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat(starts[groups], counts) + within, owner


@rule("view_at")
def view_at(x, key, name=None):
    """What ``select``, ``narrow`` and slices come to: a position, a range or a new dimension for each dimension."""
    d = 0
    for part in key:
        if part is None:
            x = unsqueeze(x, d)
        elif isinstance(part, int):
            x = select(x, d, part)
            continue
        elif part[2] != 1:
            raise refusal("as_strided", (x,))
        else:
            x = (
                x.narrow(d, part[0], part[1])
                if not isinstance(x, SparseTensor)
                else narrow_copy(x, d, part[0], part[1])
            )
        d += 1
    return x


@rule("narrow_copy")
def narrow_copy(input, dim, start, length):
    """The positions ``start`` to ``start + length`` of a dimension."""
    x = compressed_to_coo(input) if isinstance(input, CompressedTensor) else input
    d = wrap_dim(dim, x.ndim)
    start = int(start) + (x._size[d] if start < 0 else 0)
    if not 0 <= start <= x._size[d] or not 0 <= length <= x._size[d] - start:
        raise RuntimeError(f"narrow(): start ({start}) + length ({length}) exceeds dimension size ({x._size[d]}).")
    size = (*x._size[:d], length, *x._size[d + 1 :])
    if d >= x.sparse_count:
        return of_pattern(x._pattern, x._held.narrow(d - x.sparse_count + 1, start, length), size)
    array = x._pattern.array()
    at = np.flatnonzero((array[d] >= start) & (array[d] < start + length))
    chosen = array[:, at]
    chosen[d] -= start
    return coo(index_tensor(chosen), x._held.index_select(0, index_tensor(at)), size, x._pattern.coalesced)


@rule("__getitem__")
def get_item(self, key):
    """Basic indexing by integers, slices without a step, None and one list or tensor of positions a dimension."""
    if not isinstance(self, SparseTensor):
        raise refusal("index.Tensor", key if isinstance(key, tuple) else (key,))
    keys = list(key) if isinstance(key, tuple) else [key]
    if sum(k is Ellipsis for k in keys) == 1:
        at = next(i for i, k in enumerate(keys) if k is Ellipsis)
        missing = self.ndim - sum(k is not None and k is not Ellipsis for k in keys)
        keys[at : at + 1] = [slice(None)] * missing
    result, d = self, 0
    for k in keys:
        if k is not None and d >= result.ndim:
            raise IndexError(f"too many indices for tensor of dimension {self.ndim}")
        if not isinstance(result, SparseTensor):
            result = result[(slice(None),) * d + (k,)]
            d += not isinstance(k, int)
        elif isinstance(k, int) and not isinstance(k, bool):
            result = select(result, d, k)
        else:
            result = _part(result, d, k)
            d += 1
    return result


def _part(x: SparseTensor, d: int, k):
    if k is None:
        return unsqueeze(x, d)
    if isinstance(k, slice):
        start, stop, step = k.indices(x._size[d])
        if step != 1:
            raise refusal("as_strided", (x,))
        return x if (start, stop) == (0, x._size[d]) else narrow_copy(x, d, start, max(stop - start, 0))
    if isinstance(k, Tensor) and k.ndim == 1 and not k.dtype.is_floating_point and k.dtype.name != "bool":
        return index_select(x, d, k)
    raise refusal("index.Tensor", (x,))


@rule("unbind", "__iter__")
def unbind(input, dim=0):
    """All positions along ``dim``, one after the other."""
    return tuple([select(input, dim, i) for i in range(input._size[wrap_dim(dim, input.ndim)])])


@rule("__iter__")
def iterate(self):
    """The positions along the first dimension."""
    return iter(unbind(self))


@rule("cat", "concat", "concatenate")
def cat(tensors, dim=0, *, out=None):
    """COO tensors one after the other along ``dim``."""
    for i, x in enumerate(tensors):
        if not isinstance(x, CooTensor):
            raise RuntimeError(f"Concatenating sparse tensors, but a dense tensor was found at position {i}.")
    first = tensors[0]
    d = wrap_dim(dim, first.ndim)
    for i, x in enumerate(tensors):
        if x.sparse_count != first.sparse_count or x.ndim != first.ndim:
            raise RuntimeError(
                f"All tensors must have the same: sparse_dim and dense_dim, but tensor at position {i} has "
                f"{x.sparse_count}, {x.ndim - x.sparse_count} instead of {first.sparse_count}, {first.ndim - first.sparse_count}."
            )
        if any(a != b for k, (a, b) in enumerate(zip(x._size, first._size)) if k != d):
            raise RuntimeError(f"All tensors must have the same shape: {list(first._size)} (except in the concatenating dimension), but "
                               f"found shape: {list(x._size)} at position {i}.")  # fmt: skip
    offsets = np.cumsum([0] + [x._size[d] for x in tensors])
    size = (*first._size[:d], int(offsets[-1]), *first._size[d + 1 :])
    arrays = [x._pattern.array() for x in tensors]
    if d < first.sparse_count:
        arrays = [a + (np.arange(first.sparse_count) == d)[:, None] * offset for a, offset in zip(arrays, offsets)]
        values = dense_cat(tuple([x._held for x in tensors]), 0)
    else:
        values = dense_cat(
            tuple([_widened(x._held, d - first.sparse_count + 1, o, size[d]) for x, o in zip(tensors, offsets)]), 0
        )
    return deliver("cat", coo(index_tensor(np.concatenate(arrays, axis=1)), values, size), out)


def _widened(values: Tensor, d: int, offset: int, length: int) -> Tensor:
    """Zeros around values along a dense dimension."""
    shape = list(values.shape)
    before, after = list(shape), list(shape)
    before[d], after[d] = int(offset), length - int(offset) - shape[d]
    return dense_cat((values.new_zeros(before), values, values.new_zeros(after)), d)


@rule("stack")
def stack(tensors, dim=0, *, out=None):
    """COO tensors along a new dimension."""
    return cat(tuple([unsqueeze(x, dim) for x in tensors]), dim, out=out)
