"""Interpolation on NumPy arrays: along each dimension, every output is a weighted sum of a few inputs (taps)."""

from __future__ import annotations

import numpy as np

from ..compiler.resampling import Resample, taps


def _take(x: np.ndarray, index: np.ndarray, dim: int) -> np.ndarray:
    """``x`` at ``index``, 0 where it is -1."""
    taken = np.take(x, index, dim)
    if index.min() < 0:
        np.moveaxis(taken, dim, 0)[index < 0] = 0
    return taken


def resample(x: np.ndarray, plan: Resample) -> np.ndarray:
    """``x`` resized along its last dimensions."""
    kind = x.dtype.type if x.dtype.kind == "f" else np.float64
    for axis in reversed(range(len(plan.sizes))):
        where = x.ndim - len(plan.sizes) + axis
        if plan.antialias and x.shape[where] == plan.sizes[axis]:  # whatever factor was given
            continue
        index, weights = taps(plan, axis, x.shape[where], kind)
        if weights is None:
            x = np.take(x, index[0], where)
            continue
        combine = _weighted if x.dtype.kind == "f" else _weighted_bytes
        x = combine([_take(x, i, where) for i in index], weights.reshape(len(index), *[-1 if d == where else 1 for d in range(x.ndim)]))
    return x


def _weighted(pieces, weights) -> np.ndarray:
    return sum(piece * w for piece, w in zip(pieces, weights))


def _weighted_bytes(pieces, weights) -> np.ndarray:
    """The weighted sum of uint8 arrays with 16-bit fixed-point weights, rounded after each dimension as PyTorch does."""
    bits = next((n for n in range(22) if int(0.5 + weights.max() * 2 ** (n + 1)) >= 1 << 15), 22)
    fixed = np.trunc(weights * 2 ** bits + np.copysign(0.5, weights)).astype(np.int64)
    total = _weighted([piece.astype(np.int64) for piece in pieces], fixed)
    return np.clip((total + (1 << (bits - 1))) >> bits, 0, 255).astype(np.uint8)


def resample_gradient(grad: np.ndarray, plan: Resample, sizes) -> np.ndarray:
    """The gradient of ``resample`` with respect to an input of ``sizes``."""
    for axis, size in enumerate(sizes):
        where = grad.ndim - len(sizes) + axis
        if plan.antialias and size == plan.sizes[axis]:
            continue
        index, weights = taps(plan, axis, size, grad.dtype.type)
        total = np.zeros((*grad.shape[:where], size, *grad.shape[where + 1 :]), grad.dtype)
        for k, i in enumerate(index):
            share = grad if weights is None else grad * weights[k].reshape(-1, *[1] * (grad.ndim - 1 - where))
            present = i >= 0
            if not present.all():
                i, share = i[present], np.compress(present, share, where)
            _add(total, where, i, share)
        grad = total
    return grad


def _add(total: np.ndarray, dim: int, index: np.ndarray, values: np.ndarray) -> None:
    """Add ``values`` to ``total`` at the positions ``index`` of a dimension."""
    from ..lazy.run import NUMPY_ONLY
    from .scattering import writing

    if NUMPY_ONLY or not writing().write(total, (dim,), dim, [index], values, "add"):
        np.add.at(total, (slice(None),) * dim + (index,), values)


