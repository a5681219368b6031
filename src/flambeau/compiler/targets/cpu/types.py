"""How dtypes look in registers and in memory."""

from __future__ import annotations

from flambeau.compiler.kernel import SMALL_FLOATS

# bfloat16 and the 8-bit floats travel as their bits: only a cast looks inside.
_REGISTER = {
    "bool": "i1", "uint8": "i8", "int8": "i8", "int16": "i16", "int32": "i32", "int64": "i64",
    "float16": "half", "bfloat16": "i16", "float32": "float", "float64": "double",
    **dict.fromkeys(SMALL_FLOATS, "i8"),
}  # fmt: skip
_SIZE = {"bool": 1, "uint8": 1, "int8": 1, "int16": 2, "float16": 2, "bfloat16": 2, "int32": 4, "float32": 4,
         **dict.fromkeys(SMALL_FLOATS, 1)}


def register_type(dtype: str) -> str:
    """The LLVM type of a number of ``dtype`` in a register."""
    return _REGISTER[dtype]


def memory_type(dtype: str) -> str:
    """The LLVM type of a number of ``dtype`` in memory: a bool is a byte."""
    return "i8" if dtype == "bool" else _REGISTER[dtype]


def size_of(dtype: str) -> int:
    """The bytes of a number of ``dtype`` in memory."""
    return _SIZE.get(dtype, 8)


def is_floating(dtype: str) -> bool:
    """Whether ``dtype`` is one of the floating point dtypes."""
    return "float" in dtype


def is_signed(dtype: str) -> bool:
    """Whether an integer of ``dtype`` has a sign."""
    return dtype not in ("bool", "uint8")
