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

    __slots__ = ("address", "step")

    def __init__(self, array: np.ndarray, dims: int):
        batch = array.shape[:array.ndim - dims]
        count = int(np.prod(batch)) if batch else 1
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
    return int(np.prod(array.shape[:array.ndim - dims], dtype=np.int64))


# -- triangular factors ------------------------------------------------------------------------------------------------


def getrf(a: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """``P L U`` of each matrix: factors in one array, row interchanges counted from 1, and the first zero pivot's number or 0."""
    m, n = a.shape[-2:]
    factors = columns(a)
    pivots = np.zeros((*a.shape[:-2], min(m, n)), np.int32)
    info = np.zeros(a.shape[:-2], np.int32)
    if m and n:
        call("getrf", a.dtype, _count(a, 2), m, n, PerMatrix(factors, 2), m, PerMatrix(pivots, 1), PerMatrix(info, 0))
    return factors, pivots, info


def getrs(factors: np.ndarray, pivots: np.ndarray, b: np.ndarray, transpose: str = "N") -> np.ndarray:
    """Solutions of ``A X = B`` (``transpose`` T or C: of its transpose or adjoint) by the factors of ``getrf``."""
    x = columns(b)
    n, k = b.shape[-2:]
    if x.size:
        info = np.zeros(1, np.int32)
        call("getrs", b.dtype, _count(b, 2), transpose, n, k, PerMatrix(columns_of(factors), 2), n,
             PerMatrix(np.ascontiguousarray(pivots), 1), PerMatrix(x, 2), n, info)
    return x


def columns_of(a: np.ndarray) -> np.ndarray:
    """``a`` where each matrix already lies by columns, else a copy that does."""
    return a if a.swapaxes(-1, -2).flags.c_contiguous else columns(a)
