"""LAPACK routines on batches of matrices, by address from OpenBLAS.

Routines of Fortran see a matrix column by column. ``columns`` copies a batch ``(..., m, n)`` so that each matrix of it lies
that way; ``call`` runs a routine once for every matrix, passing arrays by the address of their share.
"""

from __future__ import annotations

import ctypes
import functools

import numpy as np

from . import blas

_LETTERS = {"float32": "s", "float64": "d", "complex64": "c", "complex128": "z"}


def columns(batch: np.ndarray) -> np.ndarray:
    """A writable copy of ``(..., m, n)`` with every matrix stored by columns."""
    return np.array(batch.swapaxes(-1, -2), order="C", copy=True).swapaxes(-1, -2)


def real_type(dtype) -> np.dtype:
    """The type of absolute values of ``dtype``."""
    return np.zeros((), dtype).real.dtype


@functools.cache
def _routine(name: str, dtype: str):
    return ctypes.CFUNCTYPE(None)(blas.address(_LETTERS[dtype] + name + "_"))


class PerMatrix:
    """An array with one share for each matrix of the batch; the routine gets the share's address."""

    __slots__ = ("array", "address", "step")

    def __init__(self, array: np.ndarray, dims: int):
        batch = array.shape[: array.ndim - dims]
        count = int(np.prod(batch)) if batch else 1
        self.array = array  # which may be a temporary: it must live as long as its address is used
        self.address = array.ctypes.data
        self.step = array.nbytes // max(count, 1)


def _argument(value):
    """A static argument by reference: Fortran takes everything so."""
    if isinstance(value, str):
        return ctypes.create_string_buffer(value.encode())
    if isinstance(value, np.ndarray):
        return ctypes.c_void_p(value.ctypes.data)
    return ctypes.byref(ctypes.c_int32(value))


def call(name: str, dtype, count: int, *arguments) -> None:
    """Run routine ``name`` (without the letter of its type) for each of ``count`` matrices.

    An argument is a ``PerMatrix``, a string, an int, or an array that all runs share, such as workspace.
    """
    routine = _routine(name, np.dtype(dtype).name)
    fixed = [a if isinstance(a, PerMatrix) else _argument(a) for a in arguments]
    moving = [(i, a) for i, a in enumerate(fixed) if isinstance(a, PerMatrix)]
    for k in range(count):
        for i, share in moving:
            fixed[i] = ctypes.c_void_p(share.address + k * share.step)
        routine(*fixed)


def workspace(name: str, dtype, *arguments, size: int = 1) -> np.ndarray:
    """The workspace that a routine asks for: ``arguments`` with ``None`` where the work array and its length go."""
    answer = np.zeros(size, dtype)
    filled, seen = [], 0
    for a in arguments:
        if a is None:
            filled.append(answer if not seen else -1)
            seen += 1
        else:
            filled.append(a)
    call(name, dtype, 1, *filled)
    return np.empty(max(int(answer[0].real), 1), dtype)


def _count(array: np.ndarray, dims: int) -> int:
    return int(np.prod(array.shape[: array.ndim - dims], dtype=np.int64))


# -- triangular factors ------------------------------------------------------------------------------------------------


def getrf(a: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """``P L U`` of each matrix: factors in one array, row interchanges counted from 1, and the first zero pivot's number or 0."""
    m, n = a.shape[-2:]
    factors = columns(a)
    pivots = np.zeros((*a.shape[:-2], min(m, n)), np.int32)
    info = np.zeros(a.shape[:-2], np.int32)
    if m and n:
        call(
            "getrf",
            a.dtype,
            _count(a, 2),
            m,
            n,
            PerMatrix(factors, 2),
            m,
            PerMatrix(pivots, 1),
            PerMatrix(info, 0),
        )
    return factors, pivots, info


def getrs(factors: np.ndarray, pivots: np.ndarray, b: np.ndarray, transpose: str = "N") -> np.ndarray:
    """Solutions of ``A X = B`` (``transpose`` T or C: of its transpose or adjoint) by the factors of ``getrf``."""
    x = columns(b)
    n, k = b.shape[-2:]
    if x.size:
        info = np.zeros(1, np.int32)
        call(
            "getrs",
            b.dtype,
            _count(b, 2),
            transpose,
            n,
            k,
            PerMatrix(columns_of(factors), 2),
            n,
            PerMatrix(np.ascontiguousarray(pivots), 1),
            PerMatrix(x, 2),
            n,
            info,
        )
    return x


def columns_of(a: np.ndarray) -> np.ndarray:
    """``a`` where each matrix already lies by columns, else a copy that does."""
    return a if a.swapaxes(-1, -2).flags.c_contiguous else columns(a)


def permutation(pivots: np.ndarray, rows: int) -> np.ndarray:
    """The order of rows, counted from 0, that row interchanges counted from 1 amount to: ``A[order] = L U``."""
    order = np.broadcast_to(np.arange(rows), (*pivots.shape[:-1], rows)).copy()
    for i in range(pivots.shape[-1]):
        j = pivots[..., i, None].astype(np.int64) - 1
        moved = np.take_along_axis(order, j, -1)
        np.put_along_axis(order, j, order[..., i, None], -1)
        order[..., i, None] = moved
    return order


def potrf(a: np.ndarray, uplo: str = "L") -> tuple[np.ndarray, np.ndarray]:
    """Cholesky factors of the triangle ``uplo`` (the other one is left as it is), and the first bad minor's order or 0."""
    factor, n = columns(a), a.shape[-1]
    info = np.zeros(a.shape[:-2], np.int32)
    if n:
        call("potrf", a.dtype, _count(a, 2), uplo, n, PerMatrix(factor, 2), n, PerMatrix(info, 0))
    return factor, info


def trsm(a: np.ndarray, b: np.ndarray, upper: bool, unit: bool) -> np.ndarray:
    """Solutions of ``A X = B`` with triangles ``A``; where ``unit``, its diagonal counts as ones."""
    x = columns(b)
    n, k = b.shape[-2:]
    if x.size:
        one = np.ones(1, b.dtype)
        call(
            "trsm",
            b.dtype,
            _count(b, 2),
            "L",
            "U" if upper else "L",
            "N",
            "U" if unit else "N",
            n,
            k,
            one,
            PerMatrix(columns_of(a), 2),
            n,
            PerMatrix(x, 2),
            n,
        )
    return x


# -- symmetric indefinite factors --------------------------------------------------------------------------------------


def sytrf(a: np.ndarray, hermitian: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """``L D L^T`` (``L D L^H`` where ``hermitian``) of the lower triangles: factors, pivots, info (Bunch and Kaufman 1977)."""
    name = "hetrf" if hermitian and a.dtype.kind == "c" else "sytrf"
    factor, n = columns(a), a.shape[-1]
    pivots = np.zeros(a.shape[:-1], np.int32)
    info = np.zeros(a.shape[:-2], np.int32)
    if factor.size:
        scratch = np.zeros(1, np.int32)
        work = workspace(name, a.dtype, "L", n, factor, n, pivots, None, None, scratch)
        call(
            name,
            a.dtype,
            _count(a, 2),
            "L",
            n,
            PerMatrix(factor, 2),
            n,
            PerMatrix(pivots, 1),
            work,
            work.size,
            PerMatrix(info, 0),
        )
    return factor, pivots, info


def sytrs(factor: np.ndarray, pivots: np.ndarray, b: np.ndarray, hermitian: bool) -> np.ndarray:
    """Solutions by the factors of ``sytrf``."""
    x = columns(b)
    n, k = b.shape[-2:]
    if x.size:
        name = "hetrs" if hermitian and b.dtype.kind == "c" else "sytrs"
        call(
            name,
            b.dtype,
            _count(b, 2),
            "L",
            n,
            k,
            PerMatrix(columns_of(factor), 2),
            n,
            PerMatrix(np.ascontiguousarray(pivots), 1),
            PerMatrix(x, 2),
            n,
            np.zeros(1, np.int32),
        )
    return x


# -- Householder reflections -------------------------------------------------------------------------------------------


def geqrf(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``Q R``: R above vectors that define reflections, and the reflections' factors ``tau``."""
    m, n = a.shape[-2:]
    factor = columns(a)
    tau = np.zeros((*a.shape[:-2], min(m, n)), a.dtype)
    if factor.size:
        info = np.zeros(1, np.int32)
        work = workspace("geqrf", a.dtype, m, n, factor, m, tau, None, None, info)
        call(
            "geqrf",
            a.dtype,
            _count(a, 2),
            m,
            n,
            PerMatrix(factor, 2),
            m,
            PerMatrix(tau, 1),
            work,
            work.size,
            info,
        )
    return factor, tau


def orgqr(a: np.ndarray, tau: np.ndarray) -> np.ndarray:
    """The first columns of the product of reflections, as many as ``a`` has."""
    m, n = a.shape[-2:]
    q, k = columns(a), tau.shape[-1]
    if q.size:
        name = "ungqr" if a.dtype.kind == "c" else "orgqr"
        tau, info = np.ascontiguousarray(tau), np.zeros(1, np.int32)
        work = workspace(name, a.dtype, m, n, k, q, m, tau, None, None, info)
        call(name, a.dtype, _count(a, 2), m, n, k, PerMatrix(q, 2), m, PerMatrix(tau, 1), work, work.size, info)
    return q


def ormqr(a: np.ndarray, tau: np.ndarray, c: np.ndarray, left: bool, adjoint: bool) -> np.ndarray:
    """``Q C`` or (not ``left``) ``C Q`` with the product ``Q`` of reflections or its adjoint."""
    m, n = c.shape[-2:]
    product, k, rows = columns(c), tau.shape[-1], a.shape[-2]
    if product.size and k:
        name, flag = ("unmqr", "C") if c.dtype.kind == "c" else ("ormqr", "T")
        side, transpose = "L" if left else "R", flag if adjoint else "N"
        a, tau, info = columns_of(a), np.ascontiguousarray(tau), np.zeros(1, np.int32)
        work = workspace(name, c.dtype, side, transpose, m, n, k, a, rows, tau, product, m, None, None, info)
        call(
            name,
            c.dtype,
            _count(c, 2),
            side,
            transpose,
            m,
            n,
            k,
            PerMatrix(a, 2),
            rows,
            PerMatrix(tau, 1),
            PerMatrix(product, 2),
            m,
            work,
            work.size,
            info,
        )
    return product
