"""Poisson and binomial counts with few events, in machine code: element by element from uniforms that are drawn ahead.

How many uniforms an element takes is only known when it is done. So a block is drawn, used up to some place, and the generator is
set back to that place.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable

import numpy as np

from .gaussian import unit_float64
from .generator import Generator

_MOST_AHEAD = 1 << 20


def poisson(generator: Generator, rates: np.ndarray) -> np.ndarray:
    """Counts with these rates (float64, one-dimensional, between 0 and 10): Knuth's products of uniforms."""
    return _counts(generator, "poisson", (rates,), rates)


def binomial(generator: Generator, counts: np.ndarray, chances: np.ndarray) -> np.ndarray:
    """Successes in ``counts`` trials of ``chances`` (0 to 1/2, with few successes): Devroye's sums of geometric gaps."""
    return _counts(generator, "binomial", (counts, chances), counts * chances)


def _counts(generator: Generator, name: str, parameters: tuple[np.ndarray, ...], expected: np.ndarray) -> np.ndarray:
    parameters = tuple([np.ascontiguousarray(p, np.float64) for p in parameters])
    result, done, extra = np.empty(len(expected)), 0, 64
    while done < len(result):
        ahead = int(min(_MOST_AHEAD, 1.2 * np.sum(expected[done:] + 1))) + extra
        before = generator.mark()
        uniforms = unit_float64(generator, ahead)
        used = ctypes.c_int64(0)
        rest = [array[done:].ctypes.data for array in (*parameters, *[parameters[0]] * (2 - len(parameters)), result)]
        finished = _function(name)(*rest, len(result) - done, uniforms.ctypes.data, ahead, ctypes.addressof(used))
        generator.rewind(before)
        generator.random64(used.value)
        done += finished
        extra *= 2  # one element may need more than a block has
    return result


@functools.cache
def _function(name: str) -> Callable[..., int]:
    from flambeau.runtime import jit

    setup, start, turn = _PARTS[name]
    text = _LOOP.replace("NAME", name).replace("SETUP", setup).replace("START", start).replace("TURN", turn)
    pointer, integer = ctypes.c_void_p, ctypes.c_int64
    signature = ctypes.CFUNCTYPE(integer, pointer, pointer, pointer, integer, pointer, integer, pointer)
    return signature(jit.compile_ir(text, [name])[name])


# A turn takes a uniform and makes %state1 of %state; while %again it counts one more.
_LOOP = """
declare double @exp(double)
declare double @log(double)
declare double @log1p(double)
declare double @llvm.ceil.f64(double)
define i64 @NAME(ptr %first, ptr %second, ptr %results, i64 %n, ptr %uniforms, i64 %available, ptr %used) {
entry:
  br label %element
element:
  %i = phi i64 [ 0, %entry ], [ %next, %done ]
  %begin = phi i64 [ 0, %entry ], [ %at1, %done ]
  store i64 %begin, ptr %used
  %more = icmp slt i64 %i, %n
  br i1 %more, label %start, label %stop
start:
  %first_at = getelementptr double, ptr %first, i64 %i
  %second_at = getelementptr double, ptr %second, i64 %i
  %a = load double, ptr %first_at
  %b = load double, ptr %second_at
  SETUP
  br label %draw
draw:
  %count = phi double [ 0.0, %start ], [ %count1, %take ]
  %state = phi double [ START, %start ], [ %state1, %take ]
  %at = phi i64 [ %begin, %start ], [ %at1, %take ]
  %have = icmp slt i64 %at, %available
  br i1 %have, label %take, label %stop
take:
  %uniform_at = getelementptr double, ptr %uniforms, i64 %at
  %uniform = load double, ptr %uniform_at
  %at1 = add i64 %at, 1
  %count1 = fadd double %count, 1.0
  TURN
  br i1 %again, label %draw, label %done
done:
  %result_at = getelementptr double, ptr %results, i64 %i
  store double %count, ptr %result_at
  %next = add i64 %i, 1
  br label %element
stop:
  ret i64 %i
}
"""

_PARTS = {
    "poisson": (
        "%minus = fneg double %a\n  %limit = call double @exp(double %minus)",
        "1.0",
        "%state1 = fmul double %state, %uniform\n  %again = fcmp ogt double %state1, %limit",
    ),
    "binomial": (
        "%minus = fneg double %b\n  %scale = call double @log1p(double %minus)",
        "0.0",
        "%logarithm = call double @log(double %uniform)\n  %gap = fdiv double %logarithm, %scale\n"
        "  %whole = call double @llvm.ceil.f64(double %gap)\n  %state1 = fadd double %state, %whole\n"
        "  %again = fcmp ole double %state1, %a",
    ),
}
