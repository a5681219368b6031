"""What the samplers share about their arguments: sizes and names of dtypes."""

from __future__ import annotations

import math

import numpy as np

# PyTorch's names of the dtypes, as its messages spell them.
SCALAR_NAMES = {
    "bool": "Bool", "uint8": "Byte", "int8": "Char", "int16": "Short", "int32": "Int", "int64": "Long",
    "uint16": "UInt16", "uint32": "UInt32", "uint64": "UInt64", "float16": "Half", "bfloat16": "BFloat16",
    "float32": "Float", "float64": "Double", "complex32": "ComplexHalf", "complex64": "ComplexFloat", "complex128": "ComplexDouble",
    **{name: name.capitalize() for name in ("float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu")},
}

# Bits of the significand, the hidden one included: integers up to 2**DIGITS are exact.
DIGITS = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}

LARGEST = {
    "float16": 65504.0,
    "bfloat16": 3.3895313892515355e38,
    "float32": float(np.finfo(np.float32).max),
    "float64": float(np.finfo(np.float64).max),
}


def count(shape: int | tuple[int, ...]) -> int:
    """The number of elements of an array of that shape."""
    return shape if isinstance(shape, int) else math.prod(shape)


def real_dtype(dtype: str) -> str:
    """The dtype of the parts of a complex dtype, and any other as it is."""
    return {"complex32": "float16", "complex64": "float32", "complex128": "float64"}.get(dtype, dtype)


def refuse_dtype(kernel: str, dtype: str, supported: tuple[str, ...]) -> None:
    """Raise NotImplementedError, in PyTorch's words, unless ``dtype`` is one of ``supported``."""
    if dtype not in supported:
        raise NotImplementedError(f'"{kernel}" not implemented for \'{SCALAR_NAMES.get(dtype, dtype)}\'')
