"""Roundings that NumPy lacks and PyTorch's kernels rely on: fused multiply-add, bfloat16, narrow casts.

PyTorch's CPU kernels are compiled with fused multiply-add, so ``x * width + low`` is rounded once, not twice.
"""

from __future__ import annotations

import numpy as np

from . import native

_SPLITTER = 2.0**27 + 1  # cuts a float64 into two halves of 26 bits (Veltkamp)
_HUGE = 2.0**960  # beyond, the error terms would overflow: the plain sum stands in


def to_bfloat16(values: np.ndarray) -> np.ndarray:
    """float32 values rounded to the nearest bfloat16 (ties to even), returned as float32."""
    values = np.asarray(values, dtype=np.float32)
    bits = values.view(np.uint32)
    rounded = bits + (np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1)))
    rounded &= np.uint32(0xFFFF0000)
    return np.where(np.isnan(values), values, rounded.view(np.float32))


def cast(values: np.ndarray, dtype: str) -> np.ndarray:
    """``values`` in the dtype of that name; bfloat16 comes as rounded float32.

    The 16-bit formats are reached through float32, as in PyTorch, so a float64 is rounded twice.
    """
    if isinstance(values, np.ndarray) and values.dtype.name == dtype:
        return values
    with np.errstate(over="ignore"):
        if dtype == "bfloat16":
            return to_bfloat16(np.asarray(values).astype(np.float32))
        if dtype == "float16":
            return np.asarray(values).astype(np.float32).astype(np.float16)
        return np.asarray(values).astype(dtype)


def as_complex(parts: np.ndarray, dtype: str) -> np.ndarray:
    """Real and imaginary parts by turns as complex numbers; complex32 comes as complex64 of the same values."""
    return parts.astype(np.float32).view(np.complex64) if dtype == "complex32" else parts.view(dtype)


def fma32(a: np.ndarray, b: float, c: float) -> np.ndarray:
    """``a * b + c`` over float32 operands (``b`` and ``c`` are rounded to it), rounded once."""
    b, c = float(np.float32(b)), float(np.float32(c))
    if native.available and a.ndim and a.dtype == np.float32:
        return native.fused(a, b, c)
    product = np.multiply(a, b, dtype=np.float64)  # exact: 24 bits by 24 bits
    total = product + c
    # float64 has already rounded the sum: where it fell on a tie of float32, step off it to the true side.
    tie = (total.view(np.int64) & 0x1FFFFFFF) == 0x10000000
    if tie.any():
        error = _sum_error(product, c, total)
        total = np.where(tie & (error != 0), np.nextafter(total, np.copysign(np.inf, error)), total)
    return total.astype(np.float32)


def fma64(a: np.ndarray, b: float, c: float) -> np.ndarray:
    """``a * b + c`` over float64 operands, rounded once (for ``|b|`` and ``|c|`` under 2**960).

    Source: Boldo and Melquiond, "Emulation of FMA and correctly rounded sums: proved algorithms using
    rounding to odd", IEEE Transactions on Computers 57(4), 2008.
    """
    a = np.asarray(a, dtype=np.float64)
    if native.available and a.ndim:
        return native.fused(a, float(b), float(c))
    if c == 0 or not max(abs(b), abs(c)) < _HUGE:
        return a * b + c
    high = a * b
    low = _product_error(a, b, high)
    partial = c + low
    partial_error = _sum_error(c, low, partial)
    total = high + partial
    total_error = _sum_error(high, partial, total)
    return total + _add_to_odd(total_error, partial_error)


def _sum_error(a: np.ndarray | float, b: np.ndarray | float, total: np.ndarray) -> np.ndarray:
    """What the rounding of ``total = a + b`` lost, exactly (Knuth's two-sum)."""
    b_part = total - a
    return (a - (total - b_part)) + (b - b_part)


def _product_error(a: np.ndarray, b: float, product: np.ndarray) -> np.ndarray:
    """What the rounding of ``product = a * b`` lost, exactly (Dekker's two-product)."""
    a_high = _SPLITTER * a
    a_high = a_high - (a_high - a)
    b_high = _SPLITTER * b
    b_high = b_high - (b_high - b)
    a_low, b_low = a - a_high, b - b_high
    return ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


def _add_to_odd(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """``a + b`` rounded to odd: an inexact sum takes, of its two neighbours, the one whose last bit is 1."""
    total = a + b
    error = _sum_error(a, b, total)
    move = (error != 0) & (total.view(np.int64) & 1 == 0)
    return np.where(move, np.nextafter(total, np.copysign(np.inf, error)), total)
