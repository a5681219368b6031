"""Batches of sequences of different lengths: padded to one length, or packed without padding."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ... import dtypes, ops
from ...tensor import Tensor

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]


class PackedSequence_(NamedTuple):
    """The fields of :class:`PackedSequence`."""

    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(PackedSequence_):
    """Sequences time step after time step: ``data (sum of lengths, *)``, of which step ``t`` has ``batch_sizes[t]`` rows.

    Samples are in the order of falling length; ``sorted_indices`` says where each was, ``unsorted_indices`` undoes it. Made by
    :func:`pack_padded_sequence` and :func:`pack_sequence`.
    """

    def __new__(
        cls,
        data: Any,
        batch_sizes: Tensor | None = None,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> PackedSequence:
        if batch_sizes is None:
            if not isinstance(data, (list, tuple)) or len(data) != 2:
                raise AssertionError("Expected data to be a list or tuple of length 2")
            data, batch_sizes = data
        elif batch_sizes.device.type != "cpu":
            raise ValueError(f"PackedSequence: batch_sizes should always be on CPU, got {batch_sizes.device}")
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def _with(self, change: Callable[[Tensor], Tensor], data: Tensor) -> PackedSequence:
        order, back = (None if i is None else change(i) for i in (self.sorted_indices, self.unsorted_indices))
        return type(self)(data, self.batch_sizes, order, back)

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """The sequences with ``data.to(*args, **kwargs)``; self where that changes nothing."""
        data = self.data.to(*args, **kwargs)
        if data is self.data:
            return self
        return self._with(lambda index: index.to(data.device), data)

    def pin_memory(self) -> PackedSequence:
        """The sequences in memory that a GPU can copy from directly."""
        return self._with(lambda index: index.pin_memory(), self.data.pin_memory())

    def is_pinned(self) -> bool:
        """Whether ``data`` is in such memory."""
        return self.data.is_pinned()

    @property
    def is_cuda(self) -> bool:
        """Whether ``data`` is on a GPU."""
        return self.data.is_cuda

    def cuda(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """The sequences on a GPU."""
        return self.to(*args, **(kwargs if args else {"device": "cuda", **kwargs}))

    def cpu(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """The sequences on the CPU."""
        return self.to(*args, **(kwargs if args else {"device": "cpu", **kwargs}))

    def double(self) -> PackedSequence:
        """``data`` as float64."""
        return self.to(dtype=dtypes.float64)

    def float(self) -> PackedSequence:
        """``data`` as float32."""
        return self.to(dtype=dtypes.float32)

    def half(self) -> PackedSequence:
        """``data`` as float16."""
        return self.to(dtype=dtypes.float16)

    def long(self) -> PackedSequence:
        """``data`` as int64."""
        return self.to(dtype=dtypes.int64)

    def int(self) -> PackedSequence:
        """``data`` as int32."""
        return self.to(dtype=dtypes.int32)

    def short(self) -> PackedSequence:
        """``data`` as int16."""
        return self.to(dtype=dtypes.int16)

    def char(self) -> PackedSequence:
        """``data`` as int8."""
        return self.to(dtype=dtypes.int8)

    def byte(self) -> PackedSequence:
        """``data`` as uint8."""
        return self.to(dtype=dtypes.uint8)


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes ``permutation`` (1-dimensional, int64)."""
    if permutation is None:
        return None
    places = ops.arange(0, permutation.numel(), device=permutation.device)
    return ops.empty_like(permutation).scatter_(0, permutation, places)


def pack_padded_sequence(
    input: Tensor, lengths: Tensor | list[int], batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Pack a padded batch ``(L, N, *)``, or ``(N, L, *)`` with ``batch_first``, of sequences of ``lengths``.

    Lengths fall from sample to sample, or ``enforce_sorted`` is False and samples are sorted. Raises RuntimeError for lengths
    that are not positive, not as many as samples or, with ``enforce_sorted``, not sorted.
    """
    known = lengths if isinstance(lengths, Tensor) else ops.tensor(lengths, dtype=dtypes.int64)
    known = known.to(dtype=dtypes.int64)
    order = None
    if not enforce_sorted:
        known, order = ops.sort(known, descending=True)
        input = input.index_select(0 if batch_first else 1, order)
    data, batch_sizes = ops._pack_padded_sequence(input, known, batch_first)
    return PackedSequence(data, batch_sizes, order, None)


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Padded sequences ``(L, N, *)``, or ``(N, L, *)`` with ``batch_first``, in their order before packing, and their lengths.

    L is the longest length or ``total_length``. Raises ValueError where that is too short.
    """
    longest = sequence.batch_sizes.size(0)
    if total_length is not None and total_length < longest:
        raise ValueError(
            "Expected total_length to be at least the length of the longest sequence in input, but got "
            f"total_length={total_length} and max sequence length being {longest}"
        )
    padded, lengths = ops._pad_packed_sequence(
        sequence.data, sequence.batch_sizes, batch_first, padding_value, total_length or longest
    )
    back = sequence.unsorted_indices
    if back is None:
        return padded, lengths
    return padded.index_select(0 if batch_first else 1, back), lengths[back]


def pad_sequence(
    sequences: Tensor | list[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Sequences ``(length, *)`` as one tensor ``(L, N, *)``, or ``(N, L, *)`` with ``batch_first``, L being the longest length.

    ``padding_side`` is "right" or "left". Raises RuntimeError for no sequences and for what is no iterable.
    """
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            f"pad_sequence: Expected iterable for input sequences, but got arg of type: {type(sequences)}"
        )
    items = tuple(sequences)
    if not items:
        raise RuntimeError("pad_sequence: received an empty list of sequences")
    if padding_side not in ("left", "right"):
        raise RuntimeError(f"pad_sequence: Expected padding_side to be one of left or right, but got {padding_side}.")
    longest = max(item.size(0) for item in items)
    rows = []
    for item in items:
        missing = longest - item.size(0)
        filling = item.new_full((missing, *item.shape[1:]), padding_value)
        rows.append(ops.cat([filling, item] if padding_side == "left" else [item, filling]) if missing else item)
    return ops.stack(rows, 0 if batch_first else 1)


def unpad_sequence(padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False) -> list[Tensor]:
    """The sequences of a padded batch, each of its length."""
    batch = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    return [sequence[:length] for sequence, length in zip(batch, lengths.tolist(), strict=True)]


def pack_sequence(sequences: list[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Pack sequences ``(length, *)``: of falling lengths, or sorted here if ``enforce_sorted`` is False."""
    lengths = [sequence.size(0) for sequence in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences that were packed, in their order before."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
