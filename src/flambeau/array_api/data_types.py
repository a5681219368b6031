"""Type promotion of the standard, and what can be asked of dtypes."""

from __future__ import annotations

import builtins
from typing import Any, NamedTuple

import flambeau as fb
from flambeau import Tensor, dtype

SIGNED = (fb.int8, fb.int16, fb.int32, fb.int64)
UNSIGNED = (fb.uint8, fb.uint16, fb.uint32, fb.uint64)
REAL_FLOATING = (fb.float32, fb.float64, fb.float16, fb.bfloat16)
COMPLEX = (fb.complex64, fb.complex128)
KINDS = {
    "bool": (fb.bool,),
    "signed integer": SIGNED,
    "unsigned integer": UNSIGNED,
    "integral": SIGNED + UNSIGNED,
    "real floating": REAL_FLOATING,
    "complex floating": COMPLEX,
    "numeric": SIGNED + UNSIGNED + REAL_FLOATING + COMPLEX,
}
NUMBERS = (builtins.bool, int, float, complex)


def astype(x: Tensor, dtype: dtype, /, *, copy: bool = True, device: Any = None) -> Tensor:
    """``x`` in another dtype: a new tensor, unless ``copy`` is False and nothing changes."""
    return x.to(device=device, dtype=dtype, copy=copy)


def can_cast(from_: dtype | Tensor, to: dtype, /) -> bool:
    """Whether type promotion can lead from one dtype to another."""
    return result_type(from_, to) == to


def isdtype(dtype: dtype, kind: Any) -> bool:
    """Whether ``dtype`` is of a kind: a dtype, a name such as "real floating", or a tuple of these.

    Raises:
        ValueError: the kind has no such name.
    """
    if isinstance(kind, tuple):
        return any(isdtype(dtype, one) for one in kind)
    if not isinstance(kind, str):
        return dtype == kind
    if kind not in KINDS:
        raise ValueError(f"isdtype(): kind must be one of {', '.join(KINDS)}, but received {kind!r}")
    return dtype in KINDS[kind]


def result_type(*arrays_and_dtypes: Any) -> dtype:
    """The dtype that a function of these has. A number takes the dtype of the tensors, unless it is of a higher kind.

    Raises:
        ValueError: there is neither a tensor nor a dtype among the arguments.
    """
    numbers = [value for value in arrays_and_dtypes if isinstance(value, NUMBERS)]
    known = [value.dtype if isinstance(value, Tensor) else value for value in arrays_and_dtypes if not isinstance(value, NUMBERS)]
    if not known:
        raise ValueError("result_type(): at least one argument must be a tensor or a dtype")
    result = known[0]
    for other in known[1:]:
        result = promoted(result, other)
    for number in numbers:
        result = _with_number(result, number)
    return result


def promoted(one: dtype, other: dtype) -> dtype:
    """The smallest dtype that holds both. Integers of different signs need a signed one of more bits, up to int64."""
    if one == other:
        return one
    if one in UNSIGNED and other in SIGNED:
        one, other = other, one
    if one in SIGNED and other in UNSIGNED:
        bits = max(one.itemsize, min(2 * other.itemsize, 8))
        return next(signed for signed in SIGNED if signed.itemsize == bits)
    if one in UNSIGNED and other in UNSIGNED:
        return max(one, other, key=lambda unsigned: unsigned.itemsize)
    return fb.promote_types(one, other)


def _with_number(known: dtype, number: Any) -> dtype:
    if isinstance(number, complex):
        return known if known in COMPLEX else promoted(fb.complex64, known)
    if isinstance(number, float):
        return known if known in REAL_FLOATING + COMPLEX else fb.get_default_dtype()
    if isinstance(number, builtins.bool) or known != fb.bool:
        return known
    return fb.int64


def same_dtype(*operands: Any) -> list[Tensor]:
    """Tensors of the common dtype. Numbers become 0-dim tensors."""
    common = result_type(*operands)
    device = next(value.device for value in operands if isinstance(value, Tensor))
    return [
        value.to(common) if isinstance(value, Tensor) else fb.asarray(value, dtype=common, device=device) for value in operands
    ]


class FloatLimits(NamedTuple):
    """What ``finfo`` gives."""

    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float
    dtype: dtype


class IntegerLimits(NamedTuple):
    """What ``iinfo`` gives."""

    bits: int
    max: int
    min: int
    dtype: dtype


def finfo(type: dtype | Tensor, /) -> FloatLimits:
    """Limits of a floating-point dtype; of a complex one, those of its parts."""
    given = type.dtype if isinstance(type, Tensor) else type
    limits = fb.finfo(given)
    return FloatLimits(limits.bits, limits.eps, limits.max, limits.min, limits.smallest_normal, given.to_real())


def iinfo(type: dtype | Tensor, /) -> IntegerLimits:
    """Limits of an integer dtype."""
    given = type.dtype if isinstance(type, Tensor) else type
    limits = fb.iinfo(given)
    return IntegerLimits(limits.bits, limits.max, limits.min, given)


__all__ = ["astype", "can_cast", "finfo", "iinfo", "isdtype", "result_type"]
