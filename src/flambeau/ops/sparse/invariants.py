"""What the components of sparse tensors must fulfil, and whether it is checked when they are made."""

from __future__ import annotations

import threading

import numpy as np

from ...tensor import Tensor


class _State(threading.local):
    enabled = False


state = _State()


def wanted(check_invariants: bool | None) -> bool:
    """Whether a construction is to be checked: as it asks, else as was set for all."""
    return state.enabled if check_invariants is None else bool(check_invariants)


def check_coo(indices: Tensor, values: Tensor, size, coalesced: bool) -> None:
    """RuntimeError for indices outside of ``size``, or out of order where they are said to be coalesced."""
    array = np.asarray(indices._array())
    for d, row in enumerate(array):
        if not row.size:
            continue
        if row.min() < 0:
            raise RuntimeError(f"found negative index {row.min()} for dim {d}")
        if row.max() >= size[d]:
            raise RuntimeError(
                f"size is inconsistent with indices: for dim {d}, size is {size[d]} but found index {row.max()}"
            )
    if coalesced and array.shape[1] > 1:
        order = np.lexsort(array[::-1])
        repeated = (np.diff(array[:, order], axis=1) == 0).all(axis=0).any()
        if repeated or (order != np.arange(order.size)).any():
            raise RuntimeError("cannot set is_coalesced to true if indices correspond to uncoalesced COO tensor")


def check_compressed(pattern, values: Tensor, size) -> None:
    """RuntimeError for components of a compressed tensor that do not fit each other, or ``size``."""
    compressed, plain = np.asarray(pattern.compressed._array()), np.asarray(pattern.plain._array())
    first, second = ("crow_indices", "col_indices") if pattern.by_rows else ("ccol_indices", "row_indices")
    batch = compressed.shape[:-1]
    sizes = [s // b for s, b in zip(size[len(batch) : len(batch) + 2], pattern.block or (1, 1))]
    groups, others = sizes if pattern.by_rows else reversed(sizes)
    others_name = "ncols" if pattern.by_rows else "nrows"
    entries = plain.shape[-1]
    checks = [
        (
            compressed.shape[:-1] == plain.shape[:-1] == tuple(values.shape[: len(batch)]),
            f"batch dimensions of {first}, {second}, values",
        ),
        (compressed.shape[-1] == groups + 1, f"{first}.shape[-1] must be equal to {groups} + 1 as implied by size"),
        (values.shape[len(batch)] == entries, f"{second} and values must have the same number of entries"),
        (bool((compressed[..., 0] == 0).all()), f"`{first}[..., 0] == 0` is not satisfied."),
        (bool((compressed[..., -1] == entries).all()), f"`{first}[..., -1] == nnz` is not satisfied."),
        (
            _groups_fit(compressed, others),
            f"`0 <= {first}[..., 1:] - {first}[..., :-1] <= {others_name}` is not satisfied.",
        ),
        (
            not plain.size or bool(plain.min() >= 0 and plain.max() < others),
            f"`0 <= {second} < {others_name}` is not satisfied.",
        ),
    ]
    for holds, message in checks:
        if not holds:
            raise RuntimeError(message)
    for row, line in zip(compressed.reshape(-1, compressed.shape[-1]), plain.reshape(-1, entries)):
        rising = np.diff(line) > 0
        rising[row[1:-1][(row[1:-1] > 0) & (row[1:-1] < entries)] - 1] = True
        if not rising.all():
            raise RuntimeError(f"`{second}[..., {first}[..., i - 1]:{first}[..., i]] for all i = 1, ..., compressed_dim are sorted and "
                               "distinct along the last dimension values` is not satisfied.")  # fmt: skip


def _groups_fit(compressed: np.ndarray, others: int) -> bool:
    counts = np.diff(compressed, axis=-1)
    return bool((counts >= 0).all() and (counts <= others).all())
