"""The Mersenne Twister's words as machine code: 16 of them at a time, in the memory of NumPy's engine, which has the same recurrence.

Source: Matsumoto and Nishimura, "Mersenne Twister", ACM Transactions on Modeling and Computer Simulation 8(1), 1998.
"""

from __future__ import annotations

import ctypes
import functools

import numpy as np

_WORDS, _MIDDLE, _LANES = 624, 397, 16
_V = f"<{_LANES} x i32>"


def fill(state_address: int, result: np.ndarray) -> None:
    """The next words of the engine at an address (624 words and the place in them) into a uint32 array."""
    _function()(state_address, result.ctypes.data, result.size)


@functools.cache
def _function():
    from flambeau.runtime import jit

    pointer = ctypes.c_void_p
    return ctypes.CFUNCTYPE(None, pointer, pointer, ctypes.c_int64)(jit.compile_ir(_text(), ["words"])["words"])


def _step(label: str, type: str, low: int, high: int, far: int, following: str) -> str:
    """The loop that makes new state words ``low`` to ``high`` from those ``far`` places on, in vectors or one by one."""
    lanes = _LANES if type == _V else 1
    return f"""
{label}:
  %{label}_i = phi i64 [ {low}, %{_BEFORE[label]} ], [ %{label}_next, %{label} ]
  %{label}_at = getelementptr i32, ptr %state, i64 %{label}_i
  %{label}_on = getelementptr i32, ptr %{label}_at, i64 1
  %{label}_over = getelementptr i32, ptr %{label}_at, i64 {far}
  %{label}_a = load {type}, ptr %{label}_at, align 4
  %{label}_b = load {type}, ptr %{label}_on, align 4
  %{label}_c = load {type}, ptr %{label}_over, align 4
{_twisted(label, type)}
  store {type} %{label}_new, ptr %{label}_at, align 4
  %{label}_next = add i64 %{label}_i, {lanes}
  %{label}_more = icmp slt i64 %{label}_next, {high}
  br i1 %{label}_more, label %{label}, label %{following}
"""


def _constant(type: str, number: int) -> str:
    return f"splat (i32 {number})" if type == _V else str(number)


def _twisted(name: str, type: str) -> str:
    """``new`` of the words ``a`` and ``b``, neighbours, and ``c``."""
    top, rest, one, matrix = (_constant(type, n) for n in (-(1 << 31), (1 << 31) - 1, 1, 0x9908B0DF - (1 << 32)))
    zero = "zeroinitializer" if type == _V else "0"
    return f"""  %{name}_upper = and {type} %{name}_a, {top}
  %{name}_lower = and {type} %{name}_b, {rest}
  %{name}_y = or {type} %{name}_upper, %{name}_lower
  %{name}_half = lshr {type} %{name}_y, {one}
  %{name}_odd = and {type} %{name}_y, {one}
  %{name}_all = sub {type} {zero}, %{name}_odd
  %{name}_bits = and {type} %{name}_all, {matrix}
  %{name}_d = xor {type} %{name}_c, %{name}_half
  %{name}_new = xor {type} %{name}_d, %{name}_bits"""


def _tempered(name: str, type: str) -> str:
    """``out`` of the state word ``w``."""
    lines, value = [], f"%{name}_w"
    for k, (shift, amount, mask) in enumerate((("lshr", 11, -1), ("shl", 7, 0x9D2C5680 - (1 << 32)), ("shl", 15, 0xEFC60000 - (1 << 32)),
                                               ("lshr", 18, -1))):
        made = f"%{name}_out" if k == 3 else f"%{name}_t{k}"
        lines.append(f"  %{name}_s{k} = {shift} {type} {value}, {_constant(type, amount)}")
        lines.append(f"  %{name}_m{k} = and {type} %{name}_s{k}, {_constant(type, mask)}")
        lines.append(f"  {made} = xor {type} {value}, %{name}_m{k}")
        value = made
    return "\n".join(lines)


_BEFORE = {"first": "renew", "first_rest": "first", "second": "first_rest", "second_rest": "second"}


def _text() -> str:
    near = _WORDS - _MIDDLE  # 227 words are made from those further on, the others from new ones
    first, second = near // _LANES * _LANES, near + (_WORDS - 1 - near) // _LANES * _LANES
    loops = [
        _step("first", _V, 0, first, _MIDDLE, "first_rest"),
        _step("first_rest", "i32", first, near, _MIDDLE, "second"),
        _step("second", _V, near, second, -near, "second_rest"),
        _step("second_rest", "i32", second, _WORDS - 1, -near, "last"),
    ]
    return f"""
define void @words(ptr %state, ptr %result, i64 %count) {{
entry:
  %place = getelementptr i32, ptr %state, i64 {_WORDS}
  br label %block
block:
  %done = phi i64 [ 0, %entry ], [ %done_now, %kept ]
  %left = sub i64 %count, %done
  %some = icmp sgt i64 %left, 0
  br i1 %some, label %look, label %end
look:
  %at32 = load i32, ptr %place
  %used = icmp sge i32 %at32, {_WORDS}
  br i1 %used, label %renew, label %take
renew:
  br label %first
{"".join(loops)}
last:
  %last_at = getelementptr i32, ptr %state, i64 {_WORDS - 1}
  %last_over = getelementptr i32, ptr %state, i64 {_MIDDLE - 1}
  %last_a = load i32, ptr %last_at
  %last_b = load i32, ptr %state
  %last_c = load i32, ptr %last_over
{_twisted("last", "i32")}
  store i32 %last_new, ptr %last_at
  br label %take
take:
  %from32 = phi i32 [ %at32, %look ], [ 0, %last ]
  %from = zext i32 %from32 to i64
  %room = sub i64 {_WORDS}, %from
  %fewer = icmp slt i64 %left, %room
  %amount = select i1 %fewer, i64 %left, i64 %room
  %source = getelementptr i32, ptr %state, i64 %from
  %target = getelementptr i32, ptr %result, i64 %done
  %whole = and i64 %amount, -{_LANES}
  %many = icmp sgt i64 %whole, 0
  br i1 %many, label %wide, label %rest
wide:
  %wide_i = phi i64 [ 0, %take ], [ %wide_next, %wide ]
  %wide_from = getelementptr i32, ptr %source, i64 %wide_i
  %wide_to = getelementptr i32, ptr %target, i64 %wide_i
  %wide_w = load {_V}, ptr %wide_from, align 4
{_tempered("wide", _V)}
  store {_V} %wide_out, ptr %wide_to, align 4
  %wide_next = add i64 %wide_i, {_LANES}
  %wide_more = icmp slt i64 %wide_next, %whole
  br i1 %wide_more, label %wide, label %rest
rest:
  %few = icmp slt i64 %whole, %amount
  br i1 %few, label %single, label %kept
single:
  %single_i = phi i64 [ %whole, %rest ], [ %single_next, %single ]
  %single_from = getelementptr i32, ptr %source, i64 %single_i
  %single_to = getelementptr i32, ptr %target, i64 %single_i
  %single_w = load i32, ptr %single_from
{_tempered("single", "i32")}
  store i32 %single_out, ptr %single_to
  %single_next = add i64 %single_i, 1
  %single_more = icmp slt i64 %single_next, %amount
  br i1 %single_more, label %single, label %kept
kept:
  %amount32 = trunc i64 %amount to i32
  %now = add i32 %from32, %amount32
  store i32 %now, ptr %place
  %done_now = add i64 %done, %amount
  br label %block
end:
  ret void
}}
"""
