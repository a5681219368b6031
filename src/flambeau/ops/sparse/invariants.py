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
            raise RuntimeError(f"size is inconsistent with indices: for dim {d}, size is {size[d]} but found index {row.max()}")
    if coalesced and array.shape[1] > 1:
        order = np.lexsort(array[::-1])
        repeated = (np.diff(array[:, order], axis=1) == 0).all(axis=0).any()
        if repeated or (order != np.arange(order.size)).any():
            raise RuntimeError("cannot set is_coalesced to true if indices correspond to uncoalesced COO tensor")
