"""Looking rows up: ``embedding``, ``embedding_bag`` and ``one_hot``."""

from __future__ import annotations

import numpy as np

from .. import dtypes
from ..autograd import saved_hooks
from ..autograd.graph import Meta, Node, edge_of
from ..autograd.mode import no_grad, state
from ..tensor import Tensor, from_array
from .creation import filled
from .gathering import index
from .index_writing import add_at
from .joining import cat as joined
from .operator import operator
from .positions import positions
from .registry import function
from .reshaping import reshaped
from .scattering import index_write
from .selection import where
from .slicing import slice_
from .views import unsqueeze


@operator("embedding(Tensor input, Tensor weight, int padding_idx, bool scale_grad_by_freq)", namespace=None)
def _embedding(input, weight, padding_idx, scale_grad_by_freq):
    return index(weight, (input,), (0,), False)


@_embedding.gradient
def _(grad, saved):
    rows = saved.weight.shape[0]
    if saved.scale_grad_by_freq:
        grad = grad / unsqueeze(_frequency(saved.input, rows, grad.dtype), -1)
    total = filled(tuple(saved.weight.shape), 0, grad.dtype)
    add_at(total, (saved.input,), (0,), grad)
    if saved.padding_idx >= 0:
        slice_(total, 0, saved.padding_idx, saved.padding_idx + 1).zero_()
    return None, total


_embedding.operator.node_name = "EmbeddingBackward0"


def _frequency(words: Tensor, rows: int, dtype) -> Tensor:
    """How often each word occurs among ``words``, for each of them."""
    counts = filled((rows,), 0, dtype)
    index_write(counts, (words,), filled((), 1, dtype), (0,), "add")
    return index(counts, (words,), (0,), False)


def _check_words(name: str, words: Tensor) -> None:
    if words.dtype not in (dtypes.int64, dtypes.int32):
        raise RuntimeError(
            f"Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got {words.dtype} "
            f"instead (while checking arguments for {name})"
        )


class _SparseEmbedding(Node):
    """History of rows that were looked up: the weight's gradient is a COO tensor with those rows."""

    __slots__ = ("words", "version", "rows", "padding_idx", "scaled")

    def name(self) -> str:
        return "EmbeddingBackward0"

    def apply(self, gradients: list, create_graph: bool):
        from .sparse.coo import sparse_coo_tensor

        if self.scaled:
            raise RuntimeError("embedding_backward: scale_grad_by_freq not supported with sparse gradients")
        if self.words._storage.version != self.version:
            raise RuntimeError(saved_hooks.modified(self.words, self.version, self))
        grad, words = gradients[0], reshaped(self.words, (-1,))
        features = grad.shape[-1]
        grad = reshaped(grad, (words.shape[0], features))
        if self.padding_idx >= 0:
            kept = (words != self.padding_idx).nonzero(as_tuple=True)[0]
            words, grad = words.index_select(0, kept), grad.index_select(0, kept)
        return [sparse_coo_tensor(unsqueeze(words, 0), grad, (self.rows, features))]


def _looked_up(words: Tensor, weight: Tensor, padding_idx: int, scale_grad_by_freq: bool, sparse: bool) -> Tensor:
    """The rows, with a dense or a sparse gradient for ``weight``."""
    if not (sparse and weight.requires_grad and state.enabled):
        return _embedding(words, weight, padding_idx, scale_grad_by_freq)
    with no_grad():
        found = _embedding(words, weight, padding_idx, scale_grad_by_freq)
    node = _SparseEmbedding((edge_of(weight),))
    node.words, node.rows = words.detach().to(dtypes.int64), weight.shape[0]
    node.version = node.words._storage.version
    node.padding_idx, node.scaled = padding_idx, scale_grad_by_freq
    found._spec, found._autograd = found._spec.with_grad(True), Meta(node, 0)
    return found


def _padding_row(padding_idx, rows: int) -> int:
    """``padding_idx`` counted from the front, -1 for none."""
    if padding_idx is None:
        return -1
    if not -rows <= padding_idx < rows:
        raise AssertionError("Padding_idx must be within num_embeddings")
    return padding_idx + rows if padding_idx < 0 else padding_idx


def _renormalize(weight: Tensor, words: Tensor, max_norm: float, norm_type: float) -> None:
    """Scale, in place, the rows that are looked up and are longer than ``max_norm`` to that length."""
    from .searching import unique

    with no_grad():
        used = unique(words)
        rows = index(weight, (used,), (0,), False)
        lengths = (
            rows.abs().pow(norm_type).sum(-1, keepdim=True).pow(1.0 / norm_type)
            if norm_type != float("inf")
            else rows.abs().amax(-1, keepdim=True)
        )
        scale = (max_norm / (lengths + 1e-7)).where(lengths > max_norm, filled((), 1, weight.dtype))
        weight.index_copy_(0, used, rows * scale)


@function("nn.functional")
def embedding(
    input,
    weight,
    padding_idx=None,
    max_norm=None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
):
    """The rows of ``weight`` (words x features) that the int64 or int32 tensor ``input`` names: ``input.shape + (features,)``.

    The row ``padding_idx`` gets no gradient. ``max_norm`` first scales the rows that are used, in place, to at most that
    ``norm_type``-norm. ``scale_grad_by_freq`` divides the gradients of words by how often they occur; with ``sparse`` the gradient of
    ``weight`` is a COO tensor with the rows that were used. Raises ``IndexError`` when run for words out of range.
    """
    _check_words("embedding", input)
    if weight.ndim != 2:
        raise RuntimeError("'weight' must be 2-D")
    row = _padding_row(padding_idx, weight.shape[0])
    if max_norm is not None:
        _renormalize(weight, input, max_norm, norm_type)
    return _looked_up(input, weight, row, scale_grad_by_freq, sparse)


# -- bags ---------------------------------------------------------------------------------------------------------------------


@function("nn.functional")
def embedding_bag(
    input,
    weight,
    offsets=None,
    max_norm=None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights=None,
    include_last_offset: bool = False,
    padding_idx=None,
):
    """The sum, mean or maximum (``mode``) of the rows of ``weight`` that each bag of words names: bags x features.

    Bags are the rows of a 2-dim ``input``, or begin at ``offsets`` of a 1-dim one (whose last offset is the end with
    ``include_last_offset``). Words ``padding_idx`` do not take part; ``per_sample_weights`` (mode "sum") multiply the rows.
    Empty bags give zeros.
    """
    _check_words("embedding_bag", input)
    _check_bags(input, offsets, mode, per_sample_weights, scale_grad_by_freq, sparse)
    plain = input.ndim == 2 and padding_idx is None and mode != "max" and input.shape[1]
    # Bags of one size keep their dimension, along which rows are summed while they are looked up.
    if input.ndim == 2 and not plain:
        bags, per_bag = input.shape
        owner = reshaped(_repeat_rows(bags, per_bag), (bags * per_bag,))
        input = reshaped(input, (bags * per_bag,))
        per_sample_weights = None if per_sample_weights is None else reshaped(per_sample_weights, (bags * per_bag,))
    elif input.ndim != 2:
        bags, owner = _owners(input, offsets, include_last_offset)
    row = _padding_row(padding_idx, weight.shape[0])
    if max_norm is not None:
        _renormalize(weight, input, max_norm, norm_type)
    rows = _looked_up(input, weight, row, scale_grad_by_freq, sparse)
    if rows.dtype in (dtypes.float16, dtypes.bfloat16):
        rows = rows.to(dtypes.float32)  # sums are rounded once
    if row >= 0:
        kept = (input != row).nonzero(as_tuple=True)[0]
        rows, owner = rows.index_select(0, kept), owner.index_select(0, kept)
        per_sample_weights = None if per_sample_weights is None else per_sample_weights.index_select(0, kept)
    if per_sample_weights is not None:
        rows = rows * unsqueeze(per_sample_weights.to(rows.dtype), -1)
    if plain:
        return (rows.sum(1) if mode == "sum" else rows.mean(1)).to(weight.dtype)
    empty = filled((bags, weight.shape[1]), 0, rows.dtype)
    if mode == "sum":
        return empty.index_add(0, owner, rows).to(weight.dtype)
    return empty.index_reduce(0, owner, rows, "mean" if mode == "mean" else "amax", include_self=False).to(weight.dtype)


def _check_bags(words: Tensor, offsets, mode: str, weights, scale_grad_by_freq: bool, sparse: bool) -> None:
    if mode not in ("sum", "mean", "max"):
        raise ValueError("mode has to be one of sum, mean or max")
    if words.ndim not in (1, 2):
        raise ValueError(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {words.ndim}")
    if words.ndim == 2 and offsets is not None:
        raise ValueError(
            "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length sequences. "
            f"However, found offsets of type {type(offsets)}"
        )
    if words.ndim == 1 and not isinstance(offsets, Tensor):
        raise ValueError(
            "offsets has to be a 1D Tensor but got None" if offsets is None else "offsets has to be a 1D Tensor"
        )
    if words.ndim == 1 and offsets.ndim != 1:
        raise ValueError("offsets has to be a 1D Tensor")
    if weights is not None and mode != "sum":
        raise NotImplementedError(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' "
            f"(got mode='{mode}'). Please open a feature request on GitHub."
        )
    if weights is not None and weights.shape != words.shape:
        raise ValueError(
            f"embedding_bag: If per_sample_weights ({list(weights.shape)}) is not None, then it must have the same shape as "
            f"the input ({list(words.shape)})"
        )
    if mode == "max" and sparse:
        raise ValueError("max mode does not support sparse weights")
    if mode == "max" and scale_grad_by_freq:
        raise ValueError("max mode does not support scaling the gradient by the frequency")


def _repeat_rows(bags: int, per_bag: int) -> Tensor:
    return reshaped(positions(bags), (bags, 1)).expand(bags, per_bag)


def _owners(words: Tensor, offsets: Tensor, include_last_offset: bool) -> tuple[int, Tensor]:
    """The number of bags, and the bag of each word."""
    starts = np.asarray(offsets._array(), np.int64)
    if starts.size and starts[0] != 0:
        raise RuntimeError(
            f"offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. However, got {starts[0]}"
        )
    if starts.size and starts[-1] > words.numel():
        raise RuntimeError(
            f"offsets[-1] can not be greater than input's length({words.numel()}), but got offsets[-1] of {starts[-1]}"
        )
    if include_last_offset:
        if not starts.size:
            raise RuntimeError("include_last_offset: number of offset should be at least 1")
        starts = starts[:-1]
    owner = np.searchsorted(starts, np.arange(words.numel()), "right") - 1
    return len(starts), from_array(owner.astype(np.int64), dtypes.int64)


_MODES = ("sum", "mean", "max")


def _largest_words(words: Tensor, rows: Tensor, owner: Tensor, largest: Tensor) -> Tensor:
    """The word that gave each bag's maximum of each feature, the first of several; 0 for empty bags."""
    count = words.shape[0]
    places = where(rows == largest.index_select(0, owner), unsqueeze(positions(count), 1), count)
    first = filled(tuple(largest.shape), count, dtypes.int64).index_reduce(0, owner, places, "amin")
    return index(joined([words.to(dtypes.int64), filled((1,), 0, dtypes.int64)]), (first,), (0,), False)


@function(name="embedding_bag")
def _torch_embedding_bag(
    weight,
    indices,
    offsets,
    scale_grad_by_freq: bool = False,
    mode: int = 0,
    sparse: bool = False,
    per_sample_weights=None,
    include_last_offset: bool = False,
    padding_idx=None,
):
    """``nn.functional.embedding_bag`` of 1-dim ``indices`` with ``mode`` 0 (sum), 1 (mean) or 2 (max), and what its backward uses:

    the bag of each index, the number of words in each bag (zeros for sums), and for "max" the word behind each maximum.
    """
    if mode not in (0, 1, 2):
        raise RuntimeError(f"embedding_bag: expected mode 0, 1 or 2, but got {mode}")
    output = embedding_bag(
        indices, weight, offsets, None, 2, scale_grad_by_freq, _MODES[mode], sparse, per_sample_weights, include_last_offset,
        padding_idx,
    )  # fmt: skip
    row = _padding_row(padding_idx, weight.shape[0])
    bags, owner = _owners(indices, offsets, include_last_offset)
    if mode == 0:
        nothing = filled(tuple(offsets.shape), 0, offsets.dtype)
        known = row >= 0 or weight.dtype is dtypes.float64  # PyTorch's fast sums do not tell
        return output, owner if known else filled((0,), 0, offsets.dtype), nothing, nothing.clone()
    kept = (indices != row).nonzero(as_tuple=True)[0]
    words, bag = indices.index_select(0, kept), owner.index_select(0, kept)
    sizes = filled((bags,), 0, offsets.dtype).index_add(0, bag, filled(tuple(bag.shape), 1, offsets.dtype))
    if mode == 1:
        return output, owner, sizes, sizes.clone()
    with no_grad():
        return output, owner, sizes, _largest_words(words, weight.index_select(0, words), bag, output)


# -- one_hot ------------------------------------------------------------------------------------------------------------------


@function("nn.functional")
def one_hot(tensor, num_classes: int = -1):
    """int64 zeros with a 1 at each class of an int64 tensor: ``tensor.shape + (num_classes,)``; -1 takes the largest class + 1."""
    if tensor.dtype is not dtypes.int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    if not tensor.numel():
        if num_classes <= 0:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        return filled((*tensor.shape, num_classes), 0, dtypes.int64)
    classes = tensor._array()
    if classes.min() < 0:
        raise RuntimeError("Class values must be non-negative.")
    if num_classes == -1:
        num_classes = int(classes.max()) + 1
    elif classes.max() >= num_classes:
        raise RuntimeError("Class values must be smaller than num_classes.")
    return (unsqueeze(tensor, -1) == positions(num_classes)).to(dtypes.int64).contiguous()
