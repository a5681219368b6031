"""The IR text builder: constants, types, control flow, memory."""

from __future__ import annotations

import ctypes
import math

import llvmlite.binding as llvm
import numpy as np
import pytest

from flambeau.compiler.targets.cpu.builder import Builder, Value, bits, element, lanes, like, mangled, vector
from flambeau.runtime import jit

X, Y, N = Value("%x", "ptr"), Value("%y", "ptr"), Value("%n", "i64")


def compiled(b: Builder):
    """The function void f(ptr x, ptr y, i64 n) whose body ``b`` holds."""
    text = b.finish("f", [X, Y, N])
    ir = "\n".join([*sorted(b.declarations), text])
    llvm.parse_assembly(ir).verify()
    address = jit.compile_ir(ir, ["f"])["f"]
    function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)(address)
    return lambda x, y, n=0: function(x.ctypes.data, y.ctypes.data, n)


def test_types():
    assert (element("<8 x float>"), lanes("<8 x float>")) == ("float", 8)
    assert (element("i64"), lanes("i64")) == ("i64", 0)
    assert vector("i8", 0) == "i8"
    assert like("<8 x float>", "i1") == "<8 x i1>"
    assert mangled("<16 x float>") == "v16f32"
    assert (mangled("ptr"), mangled("i64"), mangled("half")) == ("p0", "i64", "f16")
    assert bits("<4 x double>") == 64


@pytest.mark.parametrize("number", [0.1, -0.0, 1e-45, 3.4e38, 1e300, math.inf, -math.inf, math.nan])
@pytest.mark.parametrize(("type", "dtype"), [("float", "f"), ("double", "d"), ("half", "e")])
def test_float_constants_are_exact(number, type, dtype):
    if type == "half" and 65504 < abs(number) < math.inf:
        return
    b = Builder()
    b.store(b.constant(vector(type, 4), number), Y)
    out = np.zeros(4, dtype)
    compiled(b)(out, out)
    with np.errstate(over="ignore"):
        expected = np.full(4, number).astype(dtype)
    np.testing.assert_array_equal(out.view(f"u{out.itemsize}"), expected.view(f"u{out.itemsize}"))


def test_integer_constants_wrap():
    b = Builder()
    for k, number in enumerate((255, -1, 128, 2**64 - 1)):
        b.store(b.constant("i8", number), b.gep(Y, k))
    out = np.zeros(4, np.int8)
    compiled(b)(out, out)
    assert out.tolist() == [-1, -1, -128, -1]


@pytest.mark.parametrize("size", [0, 1, 7])
def test_loop_and_if(size):
    """The loop may run no time; what it carries lives in a variable."""
    b = Builder()
    total = b.alloca("i64")
    b.store(b.i64(0), total)
    with b.loop(0, N) as i:
        value = b.load("i64", b.gep(X, b.mul(i, b.i64(8))))
        with b.if_(b.icmp("sgt", value, b.i64(2))):
            b.store(b.add(b.load("i64", total), value), total)
    b.store(b.load("i64", total), Y)
    x, out = np.arange(size), np.full(1, -1)
    compiled(b)(x, out, size)
    assert out[0] == x[x > 2].sum()


def test_masked_and_scattered_memory():
    """Unaligned masked access leaves the other lanes alone; gathers and scatters go by addresses."""
    b = Builder()
    type = "<8 x float>"
    mask = b.icmp("slt", b.iota(8, "i32"), b.constant("<8 x i32>", 5))
    b.store(b.load(type, X, mask=mask), Y, mask=mask)
    every_second = b.mul(b.iota(8), b.constant("<8 x i64>", 8))
    b.scatter(b.gather(type, b.pointers(X, every_second)), b.pointers(b.gep(Y, 32), every_second), mask)
    x, out = np.arange(17, dtype="f")[1:], np.full(25, -1, "f")[1:]
    compiled(b)(x, out)
    np.testing.assert_array_equal(out[:8], [1, 2, 3, 4, 5, -1, -1, -1])
    np.testing.assert_array_equal(out[8::2], [1, 3, 5, 7, 9, -1, -1, -1])
    np.testing.assert_array_equal(out[9::2], -1)


def test_lanes():
    b = Builder()
    x = b.load("<4 x float>", X)
    x = b.insert(x, b.extract(x, 3), 0)
    x = b.shuffle(x, b.splat(b.extract(x, 1), 4), [0, 3, 4, 7])
    b.store(x, Y)
    b.store(b.reduce("fmax", x), b.gep(Y, 16))
    x, out = np.array([1, 2, 3, 9], "f"), np.zeros(5, "f")
    compiled(b)(x, out)
    assert out.tolist() == [9, 9, 2, 2, 9]


def test_conversions():
    b = Builder()
    x = b.load("<4 x float>", X)
    b.store(b.convert(b.convert(x, "i32"), "i64"), Y)
    b.store(b.convert(b.convert(x, "i1"), "i64"), b.gep(Y, 32))
    b.store(b.convert(b.convert(b.convert(x, "i32"), "i8"), "i64", signed=False), b.gep(Y, 64))
    x, out = np.array([1.9, -1.9, 0, np.nan], "f"), np.zeros(12, np.int64)
    compiled(b)(x, out)
    assert out[[0, 1, 2]].tolist() == [1, -1, 0]
    assert out[4:8].tolist() == [1, 1, 0, 1]
    assert out[8:11].tolist() == [1, 255, 0]


def test_a_value_must_be_returned():
    with pytest.raises(ValueError, match="returning i64"):
        Builder().finish("f", [], ret="i64")
