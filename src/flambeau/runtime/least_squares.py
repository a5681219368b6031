"""Solvers of least squares problems.

For batches ``A (..., m, n)`` and ``B (..., m, k)`` the X of least norm that minimise ``|A X - B|``."""

from __future__ import annotations

import numpy as np

from .lapack import PerMatrix, call, columns, real_type

_BLOCK = 64  # columns that LAPACK works on together; workspace for it is plenty


def _padded(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """B stored by columns of ``max(m, n)`` rows, since LAPACK overwrites it by X."""
    m, n = a.shape[-2:]
    x = np.zeros((*b.shape[:-2], b.shape[-1], max(m, n)), b.dtype)
    x[..., :m] = b.swapaxes(-1, -2)
    return x


def by_qr(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Solutions for matrices of full rank, and ``info``: the number of a zero on the factor's diagonal, or 0 (LAPACK's gels)."""
    (m, n), k = a.shape[-2:], b.shape[-1]
    x, info = _padded(a, b), np.zeros(a.shape[:-2], np.int32)
    if m and n and x.size:
        work = np.zeros(min(m, n) + max(m, n, k) * _BLOCK, a.dtype)
        call(
            "gels",
            a.dtype,
            info.size,
            "N",
            m,
            n,
            k,
            PerMatrix(columns(a), 2),
            m,
            PerMatrix(x, 2),
            max(m, n),
            work,
            work.size,
            PerMatrix(info, 0),
        )
    return x[..., :n].swapaxes(-1, -2), info


def by_pivoted_qr(a: np.ndarray, b: np.ndarray, rcond: float) -> tuple[np.ndarray, np.ndarray]:
    """Solutions and ranks; factors whose condition is above ``1 / rcond`` are cut off (LAPACK's gelsy)."""
    (m, n), k = a.shape[-2:], b.shape[-1]
    x, rank = _padded(a, b), np.zeros(a.shape[:-2], np.int32)
    if m and n and x.size:
        order = np.zeros((*a.shape[:-2], n), np.int32)
        work = np.zeros(3 * min(m, n) + (2 * n + k + 1) * _BLOCK, a.dtype)
        scratch = (np.zeros(2 * n, real_type(a.dtype)),) if a.dtype.kind == "c" else ()
        call(
            "gelsy",
            a.dtype,
            rank.size,
            m,
            n,
            k,
            PerMatrix(columns(a), 2),
            m,
            PerMatrix(x, 2),
            max(m, n),
            PerMatrix(order, 1),
            np.full(1, rcond, real_type(a.dtype)),
            PerMatrix(rank, 0),
            work,
            work.size,
            *scratch,
            np.zeros(1, np.int32),
        )
    return x[..., :n].swapaxes(-1, -2), rank


def by_singular_values(a: np.ndarray, b: np.ndarray, rcond: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Solutions, ranks and singular values; those below ``rcond`` times the largest count as zero."""
    (m, n), k, batch = a.shape[-2:], b.shape[-1], a.shape[:-2]
    x = np.zeros((*batch, n, k), a.dtype)
    rank, values = np.zeros(batch, np.int32), np.zeros((*batch, min(m, n)), real_type(a.dtype))
    for i in np.ndindex(*batch):
        x[i], _, rank[i], values[i] = np.linalg.lstsq(a[i], b[i], rcond=rcond)
    return x, rank, values
