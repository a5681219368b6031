"""Attention whose scores a function changes: ``flex_attention``, and masks of which whole blocks are known."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from ... import ops
from ...dtypes import bool_, float32, float64, int32
from ...func import vmap
from ...tensor import Tensor

__all__ = ["AuxOutput", "AuxRequest", "BlockMask", "and_masks", "create_block_mask", "create_mask", "flex_attention", "noop_mask",
           "or_masks"]  # fmt: skip

_DEFAULT_SPARSE_BLOCK_SIZE = 128
Modification = Callable[..., Tensor]


class AuxRequest(NamedTuple):
    """What :func:`flex_attention` shall give besides its result."""

    lse: bool = False
    max_scores: bool = False


class AuxOutput(NamedTuple):
    """What was asked for."""

    lse: Tensor | None = None
    max_scores: Tensor | None = None


def noop_mask(batch: Tensor, head: Tensor, token_q: Tensor, token_kv: Tensor) -> Tensor:
    """True: everything takes part."""
    return batch.new_ones((), dtype=bool_)


def or_masks(*mask_mods: Modification) -> Modification:
    """The mask of what takes part by any of these. RuntimeError for what cannot be called."""
    return _combined("or_masks", mask_mods, False, lambda x, y: x | y)


def and_masks(*mask_mods: Modification) -> Modification:
    """The mask of what takes part by all of these. RuntimeError for what cannot be called."""
    return _combined("and_masks", mask_mods, True, lambda x, y: x & y)


def _combined(name: str, mask_mods: tuple, start: bool, join: Callable) -> Modification:
    if not all(callable(mod) for mod in mask_mods):
        raise RuntimeError(f"{name}: all inputs should be callable mask_mods: {mask_mods}")

    def mask(b: Tensor, h: Tensor, q_idx: Tensor, kv_idx: Tensor) -> Tensor:
        result = b.new_full((), start, dtype=bool_)
        for mod in mask_mods:
            result = join(result, mod(b, h, q_idx, kv_idx))
        return result

    return mask


def _everywhere(mod: Modification, sizes: tuple[int, int, int, int], scores: Tensor | None = None) -> Tensor:
    """``mod`` at each batch, head, query and key, of shape ``sizes``: it is written for single numbers."""
    given: tuple = () if scores is None else (scores,)
    lead = (0,) * len(given)
    for place in (3, 2, 1, 0):
        mod = vmap(mod, in_dims=(*lead, *[0 if i == place else None for i in range(4)]), out_dims=0)
    return mod(*given, *[ops.arange(size) for size in sizes])


def create_mask(mod_fn: Modification, B: int | None, H: int | None, Q_LEN: int, KV_LEN: int, device: Any = None) -> Tensor:
    """A bool tensor ``(B, H, Q_LEN, KV_LEN)`` of a mask function of (b, h, q, k), or of where a function of scores gives no -inf."""
    from inspect import signature

    sizes = (B or 1, H or 1, Q_LEN, KV_LEN)
    if len(signature(mod_fn).parameters) == 5:
        return _everywhere(mod_fn, sizes, ops.zeros(sizes)).isneginf().logical_not()
    return _everywhere(mod_fn, sizes).to(bool_).expand(sizes)


def _listed(blocks: Tensor) -> tuple[Tensor, Tensor]:
    """For each row of a matrix of blocks how many are set, and the numbers of these first."""
    return blocks.sum(-1).to(int32), blocks.to(int32).argsort(-1, descending=True, stable=True).to(int32)


def _unlisted(counts: Tensor, indices: Tensor) -> Tensor:
    """The inverse of :func:`_listed`."""
    known = ops.arange(indices.shape[-1]) < counts.unsqueeze(-1)
    return ops.zeros(tuple(indices.shape), dtype=int32).scatter(-1, indices.long(), known.to(int32))


def _pair(size: int | tuple[int, int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else tuple(size)  # type: ignore[return-value]


def _sliced(batch: Tensor, head: Tensor, token_q: Tensor, token_kv: Tensor) -> Tensor:
    raise RuntimeError("Cannot use mask_mod from a sliced BlockMask")


class BlockMask:
    """A mask by blocks: which have elements that take part ("partial", decided by ``mask_mod``), and which have no others ("full").

    For each row of blocks ``kv_num_blocks`` (B, H, rows) says how many, and the first so many ``kv_indices`` (B, H, rows, columns) which.
    """

    def __init__(
        self,
        seq_lengths: tuple[int, int],
        kv_num_blocks: Tensor,
        kv_indices: Tensor,
        full_kv_num_blocks: Tensor | None,
        full_kv_indices: Tensor | None,
        q_num_blocks: Tensor | None,
        q_indices: Tensor | None,
        full_q_num_blocks: Tensor | None,
        full_q_indices: Tensor | None,
        BLOCK_SIZE: tuple[int, int] = (_DEFAULT_SPARSE_BLOCK_SIZE, _DEFAULT_SPARSE_BLOCK_SIZE),
        mask_mod: Modification = noop_mask,
    ) -> None:
        self.seq_lengths = seq_lengths
        self.kv_num_blocks, self.kv_indices = kv_num_blocks, kv_indices
        self.full_kv_num_blocks, self.full_kv_indices = full_kv_num_blocks, full_kv_indices
        self.q_num_blocks, self.q_indices = q_num_blocks, q_indices
        self.full_q_num_blocks, self.full_q_indices = full_q_num_blocks, full_q_indices
        self.BLOCK_SIZE, self.mask_mod = BLOCK_SIZE, mask_mod

    @classmethod
    def from_kv_blocks(
        cls,
        kv_num_blocks: Tensor,
        kv_indices: Tensor,
        full_kv_num_blocks: Tensor | None = None,
        full_kv_indices: Tensor | None = None,
        BLOCK_SIZE: int | tuple[int, int] = _DEFAULT_SPARSE_BLOCK_SIZE,
        mask_mod: Modification | None = None,
        seq_lengths: tuple[int, int] | None = None,
        compute_q_blocks: bool = True,
    ) -> BlockMask:
        """A mask from the blocks of each row; those of each column follow. RuntimeError where only one of a pair is given."""
        if kv_indices.ndim < 2:
            raise RuntimeError("BlockMask must have at least 2 dimensions")
        if (full_kv_num_blocks is None) != (full_kv_indices is None):
            raise AssertionError("full_kv_num_blocks and full_kv_indices must be both provided or omitted")
        size = _pair(BLOCK_SIZE)
        columns: list = [None] * 4
        if compute_q_blocks:
            columns[:2] = _listed(_unlisted(kv_num_blocks, kv_indices).transpose(-2, -1))
            if full_kv_num_blocks is not None and full_kv_indices is not None:
                columns[2:] = _listed(_unlisted(full_kv_num_blocks, full_kv_indices).transpose(-2, -1))
        if seq_lengths is None:
            seq_lengths = (kv_indices.shape[-2] * size[0], kv_indices.shape[-1] * size[1])
        rows = [kv_num_blocks, kv_indices, full_kv_num_blocks, full_kv_indices]
        return cls._of([*rows, *columns], seq_lengths, size, mask_mod or noop_mask)

    @classmethod
    def _of(cls, tensors: list, seq_lengths: tuple[int, int], size: tuple[int, int], mask_mod: Modification) -> BlockMask:
        arguments: list = [seq_lengths, *tensors, size, mask_mod]
        return cls(*arguments)

    @property
    def shape(self) -> tuple[int, ...]:
        """(B, H, queries, keys)."""
        return (*self.kv_indices.shape[:-2], *self.seq_lengths)

    def numel(self) -> int:
        """The elements of the mask, not its blocks."""
        return math.prod(self.shape)

    def to_dense(self) -> Tensor:
        """1 for blocks of which something takes part, as int32 of shape (B, H, rows, columns)."""
        dense = _unlisted(self.kv_num_blocks, self.kv_indices)
        if self.full_kv_num_blocks is None or self.full_kv_indices is None:
            return dense
        return dense | _unlisted(self.full_kv_num_blocks, self.full_kv_indices)

    def sparsity(self) -> float:
        """How much of the mask is in blocks that need not be computed, in percent."""
        blocks = int(self.to_dense().sum())
        return 100 * (1 - blocks * self.BLOCK_SIZE[0] * self.BLOCK_SIZE[1] / self.numel())

    def _tensors(self) -> list[Tensor | None]:
        return [self.kv_num_blocks, self.kv_indices, self.full_kv_num_blocks, self.full_kv_indices, self.q_num_blocks, self.q_indices,
                self.full_q_num_blocks, self.full_q_indices]  # fmt: skip

    def __getitem__(self, index: Any) -> BlockMask:
        """The blocks of some batches and heads, without their ``mask_mod``; a number keeps its dimension."""
        index = index if isinstance(index, tuple) else (index,)
        index = tuple(slice(i, i + 1 if i != -1 else None) if isinstance(i, int) else i for i in index)
        picked: list = [None if t is None else t[index] for t in self._tensors()]
        return BlockMask._of(picked, self.seq_lengths, self.BLOCK_SIZE, _sliced)

    def to(self, device: Any) -> BlockMask:
        """The mask on another device."""
        moved: list = [None if t is None else t.to(device) for t in self._tensors()]
        return BlockMask._of(moved, self.seq_lengths, self.BLOCK_SIZE, self.mask_mod)

    def __repr__(self) -> str:
        first = self.to_dense().reshape(-1, *self.kv_indices.shape[-2:])[0].tolist()
        rows = ["".join("██" if block else "  " for block in row) for row in first]
        return f"BlockMask(shape={self.shape}, sparsity={self.sparsity():.2f}%, first:\n" + "\n".join(rows) + "\n)"


def create_block_mask(
    mask_mod: Modification,
    B: int | None,
    H: int | None,
    Q_LEN: int,
    KV_LEN: int,
    device: Any = None,
    BLOCK_SIZE: int | tuple[int, int] = _DEFAULT_SPARSE_BLOCK_SIZE,
    _compile: bool = False,
    separate_full_blocks: bool = True,
) -> BlockMask:
    """The blocks of a mask function ``mask_mod(b, h, q, k)``, of ``BLOCK_SIZE`` queries and keys. None for B or H: the same for all."""
    rows, columns = _pair(BLOCK_SIZE)
    mask = create_mask(mask_mod, B, H, Q_LEN, KV_LEN)
    padded = ops.NAMESPACES["nn.functional"]["pad"](mask.to(int32), (0, -KV_LEN % columns, 0, -Q_LEN % rows))
    blocks = padded.reshape(*padded.shape[:2], -1, rows, padded.shape[3] // columns, columns).sum((3, 5))
    full = blocks == rows * columns if separate_full_blocks else ops.zeros(tuple(blocks.shape), dtype=bool_)
    partial = (blocks > 0) & ~full
    kept: tuple = _listed(full) if separate_full_blocks else (None, None)
    arguments: list = [*_listed(partial), *kept, (rows, columns), mask_mod, (Q_LEN, KV_LEN)]
    return BlockMask.from_kv_blocks(*arguments)


def _check(query: Tensor, key: Tensor, value: Tensor, block_mask: BlockMask | None, enable_gqa: bool) -> None:
    if not query.ndim == key.ndim == value.ndim == 4:
        raise NotImplementedError("NYI: query, key, and value must be 4D tensors")
    if query.shape[1] != key.shape[1] and not enable_gqa:
        raise ValueError("Expect query and key/value to have the same number of heads but got "
                         f"Hq={query.shape[1]} and Hkv={key.shape[1]}. Try setting enable_gqa=True for GQA.")
    if query.shape[1] % key.shape[1]:
        raise ValueError("Expect number of query heads to be a multiple of kv heads for GQA but got "
                         f"Hq={query.shape[1]} and Hkv={key.shape[1]}.")
    if block_mask is None:
        return
    lengths, (queries, keys) = (query.shape[-2], key.shape[-2]), block_mask.seq_lengths
    if block_mask.mask_mod is not noop_mask and (lengths[0] > queries or lengths[1] > keys):
        raise ValueError(f"block_mask was created for block_mask.shape={block_mask.shape} but got q_len={lengths[0]} and "
                         f"kv_len={lengths[1]}: it was created for smaller lengths, create a new one.")


def flex_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    score_mod: Modification | None = None,
    block_mask: BlockMask | None = None,
    scale: float | None = None,
    enable_gqa: bool = False,
    return_lse: bool = False,
    kernel_options: dict[str, Any] | None = None,
    *,
    return_aux: AuxRequest | None = None,
) -> Any:
    """``softmax(score_mod(query @ key^T * scale, b, h, q, k)) @ value`` of tensors (batch, heads, length, channels).

    Args:
        score_mod: changes a score, given the numbers of batch, head, query and key.
        block_mask: scores for which its ``mask_mod`` is false take no part; a query without any others gives 0.
        scale: 1 / sqrt(channels) by default.
        enable_gqa: query may have a multiple of the heads that key and value have.
        return_lse: give also the logarithms of the sums of exponentials (batch, heads, length). ``return_aux=AuxRequest(lse=True)``
            gives them as ``AuxOutput``.
        kernel_options: for kernels of a GPU; they change nothing.

    Raises NotImplementedError for other dimensions and for ``max_scores``, ValueError for heads or lengths that do not fit.
    """
    _check(query, key, value, block_mask, enable_gqa)
    if return_aux is not None and return_aux.max_scores:
        raise NotImplementedError("Returning max scores is not supported on CPU/MPS.")
    repeats = query.shape[1] // key.shape[1]
    if repeats > 1:
        key, value = key.repeat_interleave(repeats, 1), value.repeat_interleave(repeats, 1)
    working = float64 if query.dtype is float64 else float32
    scores = (query @ key.transpose(-2, -1)).to(working) * (query.shape[-1] ** -0.5 if scale is None else scale)
    sizes = tuple(scores.shape)
    if score_mod is not None:
        scores = _everywhere(score_mod, sizes, scores).to(working)
    if block_mask is not None:
        visible = _everywhere(block_mask.mask_mod, sizes).to(bool_).expand(sizes)
        scores = scores.masked_fill(~visible, -math.inf)
    hidden = (scores == -math.inf).all(-1, keepdim=True)
    weights = scores.softmax(-1).masked_fill(hidden, 0.0)
    result = weights.to(query.dtype) @ value
    if not return_lse and return_aux is None:
        return result
    lse = scores.logsumexp(-1)
    if return_aux is not None:
        return result, AuxOutput(lse if return_aux.lse else None)
    return result, lse
