"""Loops of the generators as machine code: what NumPy has no vectorised form of with PyTorch's very bits.

Each function fills or changes NumPy arrays in place. Without LLVM (``FLAMBEAU_BACKEND=numpy``) callers take their NumPy forms.
"""

from __future__ import annotations

import ctypes
import functools
import math
import os

import numpy as np

available = os.environ.get("FLAMBEAU_BACKEND", "") != "numpy"
_POINTERS = {"ptr": ctypes.c_void_p, "i64": ctypes.c_int64, "float": ctypes.c_float, "double": ctypes.c_double}
_LANES = 8  # a block of normal deviates has eight radii, then eight angles


def shuffle(order: np.ndarray, words: np.ndarray) -> None:
    """Fisher and Yates' shuffle of ``order`` (int64), forwards: step ``i`` takes one of the ``words`` (uint32) modulo what is left."""
    _function("shuffle", "ptr", "ptr", "i64")(order.ctypes.data, words.ctypes.data, len(order) - 1)


def mapped(name: str, values: np.ndarray) -> np.ndarray:
    """The C library's function of that name, of every element of a float64 array."""
    values = np.ascontiguousarray(values, np.float64)
    result = np.empty_like(values)
    _function(f"map_{name}", "ptr", "ptr", "i64")(values.ctypes.data, result.ctypes.data, values.size)
    return result


def box_muller(uniforms: np.ndarray, mean: float, std: float) -> np.ndarray:
    """Normal deviates (float32) of uniform ones, whole blocks of 16: eight for the radii, eight for the angles."""
    result = np.empty_like(uniforms)
    call = _function("box_muller", "ptr", "ptr", "i64", "float", "float")
    call(uniforms.ctypes.data, result.ctypes.data, uniforms.size // (2 * _LANES), mean, std)
    return result


def fused(a: np.ndarray, b: float, c: float) -> np.ndarray:
    """``a * b + c`` over float32 or float64, rounded once."""
    a = np.ascontiguousarray(a)
    result = np.empty_like(a)
    scalar = "float" if a.dtype == np.float32 else "double"
    _function(f"fused_{scalar}", "ptr", "ptr", "i64", scalar, scalar)(a.ctypes.data, result.ctypes.data, a.size, b, c)
    return result


@functools.cache
def _function(name: str, *types: str):
    from flambeau.runtime import jit

    kind, _, argument = name.partition("_")
    if kind == "map":
        text = _MAP.replace("FUNCTION", argument)
    elif kind == "fused":
        text = _FUSED.replace("SUFFIX", "f32" if argument == "float" else "f64").replace("SCALAR", argument)
    else:
        text = _SHUFFLE if kind == "shuffle" else _BoxMuller().text()
    address = jit.compile_ir(text, [name])[name]
    return ctypes.CFUNCTYPE(None, *[_POINTERS[t] for t in types])(address)


_SHUFFLE = """
define void @shuffle(ptr %order, ptr %words, i64 %steps) {
entry:
  %some = icmp sgt i64 %steps, 0
  br i1 %some, label %loop, label %end
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %word_at = getelementptr i32, ptr %words, i64 %i
  %word = load i32, ptr %word_at
  %left64 = sub i64 %steps, %i
  %left32 = trunc i64 %left64 to i32
  %left = add i32 %left32, 1
  %rest32 = urem i32 %word, %left
  %rest = zext i32 %rest32 to i64
  %other = add i64 %i, %rest
  %here_at = getelementptr i64, ptr %order, i64 %i
  %other_at = getelementptr i64, ptr %order, i64 %other
  %here = load i64, ptr %here_at
  %there = load i64, ptr %other_at
  store i64 %there, ptr %here_at
  store i64 %here, ptr %other_at
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %steps
  br i1 %more, label %loop, label %end
end:
  ret void
}
"""

_MAP = """
declare double @FUNCTION(double)
define void @map_FUNCTION(ptr %values, ptr %results, i64 %count) {
entry:
  %some = icmp sgt i64 %count, 0
  br i1 %some, label %loop, label %end
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %from = getelementptr double, ptr %values, i64 %i
  %to = getelementptr double, ptr %results, i64 %i
  %value = load double, ptr %from
  %result = call double @FUNCTION(double %value)
  store double %result, ptr %to
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %count
  br i1 %more, label %loop, label %end
end:
  ret void
}
"""

_FUSED = """
declare SCALAR @llvm.fma.SUFFIX(SCALAR, SCALAR, SCALAR)
declare <16 x SCALAR> @llvm.fma.v16SUFFIX(<16 x SCALAR>, <16 x SCALAR>, <16 x SCALAR>)
define void @fused_SCALAR(ptr %values, ptr %results, i64 %count, SCALAR %b, SCALAR %c) {
entry:
  %b0 = insertelement <16 x SCALAR> poison, SCALAR %b, i64 0
  %bs = shufflevector <16 x SCALAR> %b0, <16 x SCALAR> poison, <16 x i32> zeroinitializer
  %c0 = insertelement <16 x SCALAR> poison, SCALAR %c, i64 0
  %cs = shufflevector <16 x SCALAR> %c0, <16 x SCALAR> poison, <16 x i32> zeroinitializer
  %whole = and i64 %count, -16
  %many = icmp sgt i64 %whole, 0
  br i1 %many, label %vectors, label %rest
vectors:
  %v = phi i64 [ 0, %entry ], [ %following, %vectors ]
  %from16 = getelementptr SCALAR, ptr %values, i64 %v
  %to16 = getelementptr SCALAR, ptr %results, i64 %v
  %value16 = load <16 x SCALAR>, ptr %from16, align 4
  %result16 = call <16 x SCALAR> @llvm.fma.v16SUFFIX(<16 x SCALAR> %value16, <16 x SCALAR> %bs, <16 x SCALAR> %cs)
  store <16 x SCALAR> %result16, ptr %to16, align 4
  %following = add i64 %v, 16
  %further = icmp slt i64 %following, %whole
  br i1 %further, label %vectors, label %rest
rest:
  %some = icmp slt i64 %whole, %count
  br i1 %some, label %loop, label %end
loop:
  %i = phi i64 [ %whole, %rest ], [ %next, %loop ]
  %from = getelementptr SCALAR, ptr %values, i64 %i
  %to = getelementptr SCALAR, ptr %results, i64 %i
  %value = load SCALAR, ptr %from
  %result = call SCALAR @llvm.fma.SUFFIX(SCALAR %value, SCALAR %b, SCALAR %c)
  store SCALAR %result, ptr %to
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %count
  br i1 %more, label %loop, label %end
end:
  ret void
}
"""

# Cephes' polynomials for float32 (S. Moshier): log(1 + x) on [sqrt(1/2) - 1, sqrt(2) - 1], then sine and cosine on [-pi/4, pi/4],
# and the constants that reduce their arguments.
LOG = (
    7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1, 2.0000714765e-1,
    -2.4999993993e-1, 3.3333331174e-1,
)  # fmt: skip
LN2_HIGH, LN2_LOW = 0.693359375, -2.12194440e-4
SQRT_HALF = 0.707106781186547524
SINE = (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)
COSINE = (2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)
MINUS_QUARTER_PI = (-0.78515625, -2.4187564849853515625e-4, -3.77489497744594108e-8)
FOUR_OVER_PI = 1.27323954473516


class _BoxMuller:
    """Writes the loop over blocks: one vector of radii and one of angles at a time."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def text(self) -> str:
        radius = self._radius()
        sine, cosine = self._sine_cosine()
        for place, part in ((0, cosine), (_LANES, sine)):
            deviate = self._fma(self._op("fmul", radius, part), "%std", "%mean")
            at = self._new(f"getelementptr float, ptr %to, i64 {place}")
            self.lines.append(f"store {_F} {deviate}, ptr {at}, align 4")
        body = "\n  ".join(self.lines)
        return f"""
declare {_F} @llvm.fma.v{_LANES}f32({_F}, {_F}, {_F})
declare {_F} @llvm.sqrt.v{_LANES}f32({_F})
define void @box_muller(ptr %uniforms, ptr %results, i64 %blocks, float %mean1, float %std1) {{
entry:
  %mean0 = insertelement {_F} poison, float %mean1, i64 0
  %mean = shufflevector {_F} %mean0, {_F} poison, <{_LANES} x i32> zeroinitializer
  %std0 = insertelement {_F} poison, float %std1, i64 0
  %std = shufflevector {_F} %std0, {_F} poison, <{_LANES} x i32> zeroinitializer
  %some = icmp sgt i64 %blocks, 0
  br i1 %some, label %loop, label %end
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %first = mul i64 %i, {2 * _LANES}
  %from = getelementptr float, ptr %uniforms, i64 %first
  %to = getelementptr float, ptr %results, i64 %first
  {body}
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %blocks
  br i1 %more, label %loop, label %end
end:
  ret void
}}
"""

    def _radius(self) -> str:
        """The square root of minus twice the logarithm of one minus a uniform, in Cephes' arithmetic."""
        x = self._op("fsub", _f(1), self._new(f"load {_F}, ptr %from, align 4"))
        bits = self._new(f"bitcast {_F} {x} to {_I}")
        exponent = self._int("sub", self._int("lshr", bits, _i(23)), _i(126))
        kept = self._int("or", self._int("and", bits, _i(0x7FFFFF)), _i(0x3F000000))
        mantissa = self._new(f"bitcast {_I} {kept} to {_F}")
        small = self._new(f"fcmp olt {_F} {mantissa}, {_f(SQRT_HALF)}")
        exponent = self._new(f"sitofp {_I} {exponent} to {_F}")
        exponent = self._op("fsub", exponent, self._select(small, _f(1), _f(0)))
        x = self._op("fadd", self._op("fsub", mantissa, _f(1)), self._select(small, mantissa, _f(0)))
        square = self._op("fmul", x, x)
        y = self._op("fmul", self._polynomial(LOG, x), x)
        y = self._fma(y, square, self._op("fmul", exponent, _f(LN2_LOW)))
        y = self._fma(square, _f(-0.5), y)
        logarithm = self._fma(exponent, _f(LN2_HIGH), self._op("fadd", x, y))
        return self._new(f"call {_F} @llvm.sqrt.v{_LANES}f32({_F} {self._op('fmul', _f(-2), logarithm)})")

    def _sine_cosine(self) -> tuple[str, str]:
        """Of two pi times a uniform, in Cephes' arithmetic."""
        at = self._new(f"getelementptr float, ptr %from, i64 {_LANES}")
        x = self._op("fmul", self._new(f"load {_F}, ptr {at}, align 4"), _f(2 * math.pi))
        octant = self._new(f"fptosi {_F} {self._op('fmul', x, _f(FOUR_OVER_PI))} to {_I}")
        octant = self._int("and", self._int("add", octant, _i(1)), _i(-2))
        turns = self._new(f"sitofp {_I} {octant} to {_F}")
        for part in MINUS_QUARTER_PI:
            x = self._fma(turns, _f(part), x)
        square = self._op("fmul", x, x)
        cosine = self._op("fmul", self._polynomial(COSINE, square), square)
        cosine = self._op("fadd", self._fma(cosine, square, self._op("fmul", square, _f(-0.5))), _f(1))
        sine = self._fma(self._op("fmul", self._polynomial(SINE, square), square), x, x)
        swapped = self._new(f"icmp ne {_I} {self._int('and', octant, _i(2))}, {_i(0)}")
        sine, cosine = self._select(swapped, cosine, sine), self._select(swapped, sine, cosine)
        return self._negated(sine, octant), self._negated(cosine, self._int("add", octant, _i(2)))

    def _negated(self, value: str, octant: str) -> str:
        """With the other sign in the lanes of odd half turns."""
        sign = self._int("shl", self._int("and", octant, _i(4)), _i(29))
        bits = self._int("xor", self._new(f"bitcast {_F} {value} to {_I}"), sign)
        return self._new(f"bitcast {_I} {bits} to {_F}")

    def _polynomial(self, coefficients, x: str) -> str:
        """Horner's rule, a fused multiply-add a step."""
        value = _f(coefficients[0])
        for coefficient in coefficients[1:]:
            value = self._fma(value, x, _f(coefficient))
        return value

    def _new(self, text: str) -> str:
        name = f"%t{len(self.lines)}"
        self.lines.append(f"{name} = {text}")
        return name

    def _op(self, name: str, a: str, b: str) -> str:
        return self._new(f"{name} {_F} {a}, {b}")

    def _int(self, name: str, a: str, b: str) -> str:
        return self._new(f"{name} {_I} {a}, {b}")

    def _fma(self, a: str, b: str, c: str) -> str:
        return self._new(f"call {_F} @llvm.fma.v{_LANES}f32({_F} {a}, {_F} {b}, {_F} {c})")

    def _select(self, condition: str, a: str, b: str) -> str:
        return self._new(f"select <{_LANES} x i1> {condition}, {_F} {a}, {_F} {b}")


_F, _I = f"<{_LANES} x float>", f"<{_LANES} x i32>"


def _f(number: float) -> str:
    """A float32 constant in every lane: LLVM writes a float as the double of the same value."""
    return f"splat (float 0x{np.float64(np.float32(number)).view(np.uint64):016X})"


def _i(number: int) -> str:
    return f"splat (i32 {number})"
