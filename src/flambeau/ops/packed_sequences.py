"""Sequences of different lengths, packed: time step after time step, each with the samples that have not ended.

``batch_sizes`` says how many samples each time step has; samples are ordered by falling length.
"""

from __future__ import annotations

import numpy as np

from .. import dtypes
from ..tensor import Tensor, from_array
from .registry import function
from .reshaping import reshaped
from .selection import where


def _sizes(batch_sizes: Tensor) -> np.ndarray:
    if batch_sizes.dtype is not dtypes.int64:
        raise RuntimeError(f"expected scalar type Long but found {batch_sizes.dtype}: batch_sizes of packed sequences are int64")
    return np.array(batch_sizes._array(), np.int64)


def places(batch_sizes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """How packed rows and a padded ``(steps, batch)`` relate.

    Gives the padded place of each packed row, the packed row of each padded place (0 where there is none), and whether there is one.
    """
    sizes = _sizes(batch_sizes)
    present = np.arange(sizes[0])[None, :] < sizes[:, None]
    rows = np.cumsum(present.ravel()).reshape(present.shape) - 1
    made = (np.flatnonzero(present), np.where(present, rows, 0), present)
    return tuple([from_array(np.ascontiguousarray(a), d) for a, d in zip(made, (dtypes.int64, dtypes.int64, dtypes.bool_))])


def padded_rows(data: Tensor, rows: Tensor, present: Tensor, value: float = 0.0) -> Tensor:
    """Packed rows as ``(steps, batch, *)`` with ``value`` where a sample has ended."""
    found = reshaped(data.index_select(0, reshaped(rows, (-1,))), (*rows.shape, *data.shape[1:]))
    if data.dtype.kind in "iub":
        value = int(value)  # a float would promote the sequences
    return where(reshaped(present, (*present.shape, *[1] * (data.ndim - 1))), found, value)


def packed_rows(padded: Tensor, place: Tensor) -> Tensor:
    """The rows of ``(steps, batch, *)`` that are there."""
    return reshaped(padded, (-1, *padded.shape[2:])).index_select(0, place)


def _check_lengths(lengths: np.ndarray, batch: int) -> None:
    if lengths.ndim != 1:
        raise RuntimeError(f"'lengths' argument should be a 1D CPU int64 tensor, but got {lengths.ndim}D")
    if lengths.size != batch:
        raise RuntimeError(f"Expected `len(lengths)` to be equal to batch_size, but got {lengths.size} (batch_size={batch})")
    if lengths.size == 0 or lengths[-1] <= 0:
        raise RuntimeError("Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0")
    if (np.diff(lengths) > 0).any():
        raise RuntimeError("`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass "
                           "`enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this requirement if you "
                           "do not need ONNX exportability.")


@function()
def _pack_padded_sequence(input, lengths, batch_first):
    """Padded ``(steps, batch, *)``, or ``(batch, steps, *)``, and falling ``lengths`` as packed rows and batch sizes."""
    if not input.numel():
        raise RuntimeError("Cannot pack empty tensors.")
    padded = input.transpose(0, 1) if batch_first else input
    known = np.array(lengths._array(), np.int64)
    _check_lengths(known, padded.shape[1])
    if known[0] > padded.shape[0]:
        raise RuntimeError(f"_pack_padded_sequence: expected lengths of at most {padded.shape[0]} steps, but got {known[0]}")
    sizes = from_array((np.arange(known[0])[:, None] < known[None, :]).sum(1), dtypes.int64)
    return packed_rows(padded[: int(known[0])], places(sizes)[0]), sizes


@function()
def _pad_packed_sequence(data, batch_sizes, batch_first, padding_value, total_length):
    """Packed rows as ``(steps, batch, *)``, or ``(batch, steps, *)``, and the lengths; ``total_length`` steps if it is positive."""
    _, rows, present = places(batch_sizes)
    padded = padded_rows(data, rows, present, padding_value)
    missing = total_length - padded.shape[0]
    if missing > 0:
        from .joining import cat
        padded = cat([padded, padded.new_full((missing, *padded.shape[1:]), padding_value)])
    lengths = present.sum(0)
    return padded.transpose(0, 1) if batch_first else padded, lengths
