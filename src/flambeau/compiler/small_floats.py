"""Floats of 8 bits, and complex numbers of two 16-bit floats: their bits from and to NumPy's numbers.

The formats are those of OCP's "8-bit Floating Point Specification" (e4m3fn, e5m2), of Graphcore and AMD (the two ``fnuz``: no
infinity, no negative zero) and of OCP's "Microscaling Formats" (e8m0fnu, a bare power of two).
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np


class Format(NamedTuple):
    """A float of a sign, an exponent and ``mantissa`` bits.

    ``overflow`` is the code of what is too large, ``infinity`` that of infinities, ``nan`` that of NaN (all without sign).
    ``one_zero`` says that the code of negative zero is the only NaN.
    """

    mantissa: int
    bias: int
    largest: int
    overflow: int
    infinity: int
    nan: int
    one_zero: bool = False


FORMATS = {
    "float8_e4m3fn": Format(3, 7, 0x7E, 0x7E, 0x7E, 0x7F),
    "float8_e5m2": Format(2, 15, 0x7B, 0x7C, 0x7C, 0x7F),
    "float8_e4m3fnuz": Format(3, 8, 0x7F, 0x80, 0x80, 0x80, one_zero=True),
    "float8_e5m2fnuz": Format(2, 16, 0x7F, 0x80, 0x80, 0x80, one_zero=True),
}


@cache
def _values(name: str) -> np.ndarray:
    """The float32 value of each of the 256 codes."""
    codes = np.arange(256)
    if name == "float8_e8m0fnu":
        values = np.ldexp(1.0, codes - 127)
        values[255] = np.nan
        return values.astype(np.float32)
    form = FORMATS[name]
    magnitude = codes & 0x7F
    exponent, fraction = magnitude >> form.mantissa, magnitude & ((1 << form.mantissa) - 1)
    significand = np.where(exponent > 0, fraction + (1 << form.mantissa), fraction).astype(np.float64)
    values = np.ldexp(significand, np.maximum(exponent, 1) - form.bias - form.mantissa)
    values = np.where(magnitude > form.largest, np.nan, values)
    if form.infinity == form.largest + 1 and not form.one_zero:
        values[magnitude == form.infinity] = np.inf
    values = np.where(codes >= 128, -values, values)
    if form.one_zero:
        values[0x80] = np.nan
    return values.astype(np.float32)


def decode(bits: np.ndarray, name: str) -> np.ndarray:
    """The float32 values of 8-bit codes, the complex64 values of complex32's bits."""
    if name == "complex32":
        parts = np.ascontiguousarray(bits).view(np.float16).astype(np.float32)
        return parts.view(np.complex64).reshape(bits.shape)
    return _values(name)[bits]


def encode(numbers: np.ndarray, name: str) -> np.ndarray:
    """Numbers rounded to nearest, ties to even, as 8-bit codes (uint8) or complex32's bits (uint32)."""
    if name == "complex32":
        parts = np.ascontiguousarray(numbers.astype(np.complex64)).view(np.float32).astype(np.float16)
        return parts.view(np.uint32).reshape(numbers.shape)
    if numbers.dtype.kind == "c":
        numbers = numbers.real
    bits = np.ascontiguousarray(numbers.astype(np.float32)).view(np.uint32).reshape(numbers.shape)
    return _encode_power(bits) if name == "float8_e8m0fnu" else _encode(bits, FORMATS[name])


def _encode(bits: np.ndarray, form: Format) -> np.ndarray:
    magnitude = bits & np.uint32(0x7FFFFFFF)
    sign = (bits >> 24 & 0x80).astype(np.uint8)
    dropped = 23 - form.mantissa
    odd = magnitude >> dropped & 1
    rounded = magnitude + odd + np.uint32((1 << dropped - 1) - 1)
    normal = (rounded >> dropped) - np.uint32(127 - form.bias << form.mantissa)
    # Adding a number whose last bit weighs as much as the format's smallest step rounds subnormal numbers.
    step = np.float32(2.0 ** (1 - form.bias - form.mantissa + 23))
    subnormal = (magnitude.view(np.float32) + step).view(np.uint32) - step.view(np.uint32)
    small = magnitude < np.uint32(128 - form.bias << 23)
    code = np.where(small, subnormal, normal)
    code = np.where(~small & (code.view(np.int32) > form.largest), np.uint32(form.overflow), code)
    code = np.where(magnitude >= 0x7F800000, np.uint32(form.infinity), code)
    code = np.where(magnitude > 0x7F800000, np.uint32(form.nan), code).astype(np.uint8)
    if form.one_zero:
        return np.where((code == 0) | (code == 0x80), code, code | sign)
    return code | sign


def _encode_power(bits: np.ndarray) -> np.ndarray:
    exponent = bits >> 23 & 0xFF
    fraction = bits & 0x7FFFFF
    half = np.uint32(0x400000)
    up = (fraction > half) | ((fraction == half) & (exponent > 0))
    return np.where(exponent == 0xFF, np.uint32(0xFF), exponent + up).astype(np.uint8)
