"""Casts between dtypes, in registers."""

from __future__ import annotations

from flambeau.compiler.targets.cpu import small_floats
from flambeau.compiler.targets.cpu.builder import Builder, Value
from flambeau.compiler.targets.cpu.types import is_floating, is_signed, register_type


def cast(b: Builder, x: Value, source: str, target: str) -> Value:
    """The numbers of ``x`` (of dtype ``source``) in dtype ``target``.

    A cast to bool asks whether the number differs from zero; a float that does not fit an integer gives what
    the machine's conversion gives; the floats of 16 and 8 bits are rounded to nearest, ties to even, through float32.
    """
    if source == target:
        return x
    if source in small_floats.NAMES:
        return cast(b, small_floats.widen(b, x, source), "float32", target)
    if target in small_floats.NAMES:
        return small_floats.narrow(b, cast(b, x, source, "float32"), target)
    if source == "bfloat16":
        return cast(b, _widen_bfloat16(b, x), "float32", target)
    if target == "bfloat16":
        return _narrow_to_bfloat16(b, cast(b, x, source, "float32"))
    if target == "float16" and source != "float32":
        return b.convert(cast(b, x, source, "float32"), "half")
    if source == "float16" and target not in ("float32", "bool"):
        return cast(b, b.convert(x, "float"), "float32", target)
    type = register_type(target)
    if is_floating(source) and not is_floating(target) and target != "bool":
        # The machine converts to 32 and 64 bits; what is narrower keeps the low bits.
        whole = b.convert(x, "i64" if target == "int64" else "i32")
        return b.convert(whole, type)
    return b.convert(x, type, is_signed(target if is_floating(source) else source))


def _widen_bfloat16(b: Builder, x: Value) -> Value:
    """A bfloat16 is the upper half of the float32 of the same value."""
    wide = b.convert(x, "i32", signed=False)
    return b.bitcast(b.shl(wide, b.constant(wide.type, 16)), "float")


def _narrow_to_bfloat16(b: Builder, x: Value) -> Value:
    """The upper half, after adding what rounds to nearest with ties to even. A NaN stays one."""
    number = b.bitcast(x, "i32")
    sixteen = b.constant(number.type, 16)
    odd = b.and_(b.lshr(number, sixteen), b.constant(number.type, 1))
    rounded = b.add(number, b.add(odd, b.constant(number.type, 0x7FFF)))
    nan = b.constant(number.type, 0x7FC00000)
    kept = b.select(b.fcmp("uno", x, x), nan, rounded)
    return b.convert(b.lshr(kept, sixteen), "i16")
