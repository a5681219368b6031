"""Sums, products, quotients, remainders and signs."""

from __future__ import annotations

import operator

import numpy as np
import pytest
from tests.ops.elementwise_oracle import SPECIAL, agree, both, gradients_agree, same

import flambeau

torch = pytest.importorskip("torch")

INFIX = [operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod]
DTYPES = ["bool", "uint8", "int8", "int32", "int64", "float16", "bfloat16", "float32", "float64", "complex64"]


@pytest.mark.parametrize("infix", INFIX)
@pytest.mark.parametrize("dtype", DTYPES)
def test_infix_operators_promote_as_pytorch_does(infix, dtype):
    data = [True, True, False] if dtype == "bool" else [7, 3, 2]
    for other in (2, 2.5, True):
        agree(lambda t, x, o=other: infix(x, o), data, dtype=dtype)
        agree(lambda t, x, o=other: infix(o, x + 1), data, dtype=dtype)
    for second in ("int64", "float32"):
        agree(lambda t, x, y: infix(x, y), data, both([2, 1, 5], second), dtype=dtype)


@pytest.mark.parametrize("infix", INFIX)
def test_zeros_infinities_and_nan(infix):
    agree(lambda t, x, y: infix(x[:, None], y), SPECIAL, SPECIAL)


@pytest.mark.parametrize("infix", INFIX)
def test_shapes_broadcast_and_strides_do_not_matter(infix):
    matrix = np.arange(1.0, 7.0).reshape(2, 3).tolist()
    agree(lambda t, x: infix(x.t(), x.t()[:, :1]), matrix)
    agree(lambda t, x: infix(x, x[0, 0]), matrix)
    agree(lambda t, x: infix(x[:0], x[:1]), matrix)
    agree(lambda t, x: infix(x, x[:, :2]), matrix)


def test_the_memory_order_of_operands_is_kept():
    x = flambeau.ones(2, 3).t()
    assert (x + x).stride() == x.stride()


@pytest.mark.parametrize("infix", [operator.floordiv, operator.mod])
def test_integers_divided_by_zero_raise(infix):
    x = flambeau.tensor([1, 2])
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        infix(x, 0)
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        infix(x, flambeau.tensor([1, 0]))


@pytest.mark.parametrize("mode", [None, "floor", "trunc", "up"])
@pytest.mark.parametrize("dtype", ["int32", "float32"])
def test_div_rounds_as_asked(mode, dtype):
    agree(lambda t, x, y: t.div(x, y, rounding_mode=mode), [7, -7, 7, -7], [2, 2, -2, -2], dtype=dtype)


@pytest.mark.parametrize("name", ["add", "sub", "rsub"])
def test_alpha_scales_the_second_operand(name):
    for alpha in (2, 0.5):
        for dtype in ("int64", "float32", "bfloat16"):
            agree(lambda t, x, y, a=alpha: getattr(t, name)(x, y, alpha=a), [1, 2], [5, 3], dtype=dtype)


def test_numbers_may_come_first():
    agree(lambda t, x: t.add(2, x), [1.0, 2.0])
    agree(lambda t, x: t.sub(2, x, alpha=3), [1.0, 2.0])
    agree(lambda t, x: t.mul(2, x), [1.0, 2.0])
    agree(lambda t, x: t.multiply(True, x), [3, 2], dtype="int8")
    agree(lambda t, x: t.remainder(7, x), [2.0, -4.0])
    agree(lambda t, x: t.floor_divide(7, x), [2.0, -4.0])


def test_foreign_operands_are_left_to_their_class():
    class Word:
        def __radd__(self, other):
            return "added"

    x = flambeau.ones(1)
    assert x + Word() == "added"
    assert (x == "word") is False
    with pytest.raises(TypeError):
        x + "word"
    with pytest.raises(TypeError):
        operator.lt(x, None)


def test_bools_have_no_minus():
    mask = flambeau.tensor([True, False])
    for refused in (lambda: -mask, lambda: mask - mask, lambda: True - mask):
        with pytest.raises(RuntimeError, match="on a bool tensor|two bool tensors"):
            refused()


@pytest.mark.parametrize("name", ["abs", "sign", "sgn", "neg", "signbit", "reciprocal", "positive"])
@pytest.mark.parametrize("dtype", ["bool", "int64", "float32", "float16", "complex64"])
def test_signs(name, dtype):
    data = [True, False] if dtype == "bool" else [-2, 0, 3]
    agree(lambda t, x: getattr(t, name)(x), data, dtype=dtype)


def test_in_place_forms_write_and_refuse_what_does_not_fit():
    ours, theirs = both([1.0, 2.0])
    for x in (ours, theirs):
        y = x
        y += 1
        y *= 3
        y -= 0.5
        y /= 2
        y //= 1
        assert y is x
    same(ours, theirs)
    with pytest.raises(RuntimeError, match="can't be cast"):
        flambeau.tensor([1]).div_(2)
    with pytest.raises(RuntimeError, match="broadcast shape"):
        flambeau.ones(1).add_(flambeau.ones(2))


def test_out_is_written():
    out = flambeau.empty(0)
    assert flambeau.add(flambeau.ones(2), 1, out=out) is out
    assert out.tolist() == [2.0, 2.0]


@pytest.mark.parametrize("infix", [operator.add, operator.sub, operator.mul, operator.truediv, operator.mod])
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_gradients(infix, dtype):
    if infix is operator.mod and dtype == "complex128":
        pytest.skip("complex numbers have no remainder")
    gradients_agree(lambda t, x, y: infix(x, y), [[1.5, -2.0], [3.0, 0.7]], [0.3, 5.0], dtype=dtype)
    gradients_agree(lambda t, x: infix(x, 1.5), [1.5, -2.0], dtype=dtype)
    if infix is not operator.mod:  # PyTorch has no gradient of a remainder of a number
        gradients_agree(lambda t, x: infix(1.5, x), [1.5, -2.0], dtype=dtype)


def test_floor_divide_has_no_derivative():
    x = flambeau.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="not implemented"):
        (x // 2).sum().backward()


def test_abs_is_flat_at_zero():
    gradients_agree(lambda t, x: x.abs(), [0.0, -1.0, 2.0])


MIXED = [("float32", "bfloat16"), ("bfloat16", "float32"), ("float64", "float16"), ("float16", "bfloat16")]


@pytest.mark.parametrize("dtypes", MIXED)
@pytest.mark.parametrize("call", ["m.add(a, b, alpha=0.3)", "m.sub(a, b, alpha=0.3)", "m.addcmul(a, b, b, value=0.3)", "m.addcdiv(a, b, b)",
                                  "a.clone().add_(b, alpha=0.3)", "m.add(a, b[0], alpha=0.3)", "m.nn.functional.mse_loss(a, b)"])
def test_a_half_and_a_wider_operand_are_not_rounded_to_the_half(call, dtypes):
    seen = []
    for library in (flambeau, torch):
        a, b = (library.tensor(v).to(getattr(library, d)) for v, d in zip(([0.7312, -0.31], [0.1212, 0.5123]), dtypes))
        result = eval(call, {"m": library, "a": a, "b": b})
        seen.append((str(result.dtype), result.double().tolist()))
    (dtype, values), (expected_dtype, expected) = seen
    assert dtype == expected_dtype
    assert values == pytest.approx(expected, rel=1e-2 if "16" in dtype else 1e-5)
