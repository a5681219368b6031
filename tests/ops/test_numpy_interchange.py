"""NumPy's functions and arrays meet tensors as they meet PyTorch's."""

from __future__ import annotations

import operator
import warnings

import numpy as np
import pytest

import flambeau

torch = pytest.importorskip("torch")

ARRAY = np.array([1.0, 2.0, 3.0], dtype="float32")
INFIX = [operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.pow, operator.eq, operator.ne, operator.lt]


def outcome(module, call):
    """What a call gives, or the type of what it raises."""
    x = module.tensor([1.0, -2.0, 4.0])
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            result = call(module, x)
        except Exception as error:
            return type(error)
    if isinstance(result, module.Tensor):
        return "tensor", str(result.dtype), tuple(result.shape), str(result.tolist())
    if isinstance(result, np.ndarray):
        return "array", str(result.dtype), result.shape, str(result.tolist())
    return "other", tuple(result) if isinstance(result, tuple) else result


def agree(call):
    assert outcome(flambeau, call) == outcome(torch, call)


@pytest.mark.parametrize("infix", INFIX)
def test_arrays_beside_tensors(infix):
    for other in (ARRAY, ARRAY.astype("float64"), np.array(2.0), np.array([1, 2, 3]), np.ones((2, 3)), np.array(["a", "b", "c"])):
        agree(lambda m, x, o=other: infix(x, o))
        agree(lambda m, x, o=other: infix(o, x))


@pytest.mark.parametrize("infix", INFIX)
@pytest.mark.parametrize("number", [np.float64(2), np.float32(2), np.int8(2), np.int64(2)])
def test_numbers_of_numpy_are_numbers(infix, number):
    agree(lambda m, x: infix(x, number))
    agree(lambda m, x: infix(number, x))
    agree(lambda m, x: infix(number, m.tensor([1, 2, 3])))


@pytest.mark.parametrize("symbol", ["iadd", "isub", "imul", "itruediv", "ifloordiv", "ipow"])
def test_an_in_place_operator_with_an_array_makes_a_new_tensor(symbol):
    agree(lambda m, x: getattr(operator, symbol)(x, ARRAY))
    agree(lambda m, x: getattr(operator, symbol)(x, "word"))
    agree(lambda m, x: getattr(operator, symbol)(x, np.float64(2)) is x)
    agree(lambda m, x: getattr(operator, symbol)(ARRAY.copy(), x))


@pytest.mark.parametrize("name", ["add", "maximum", "less", "matmul", "arctan2"])
def test_universal_functions_of_two(name):
    function = getattr(np, name)
    agree(lambda m, x: function(x, ARRAY))
    agree(lambda m, x: function(ARRAY, x))
    agree(lambda m, x: function(x, x))
    agree(lambda m, x: function(x, 2))
    agree(lambda m, x: function(ARRAY, x.requires_grad_()))
    agree(lambda m, x: function(ARRAY, ARRAY, out=m.zeros(3)))


@pytest.mark.parametrize("name", ["sin", "sqrt", "abs", "isnan", "logical_not", "floor"])
def test_universal_functions_of_one(name):
    function = getattr(np, name)
    agree(lambda m, x: function(x))
    agree(lambda m, x: function(x[0]))
    agree(lambda m, x: function(m.tensor([True, False])))
    agree(lambda m, x: function(x.bfloat16()))
    agree(lambda m, x: function(x.requires_grad_()))


@pytest.mark.parametrize(
    "name", ["sum", "mean", "max", "std", "argsort", "cumsum", "median", "unique", "squeeze", "transpose", "shape", "ndim", "flip", "round"]
)
def test_numpys_functions(name):
    agree(lambda m, x: getattr(np, name)(x))


def test_numpys_functions_of_several_arrays():
    agree(lambda m, x: np.concatenate([x, ARRAY]))
    agree(lambda m, x: np.where(x > 0, x, ARRAY))
    agree(lambda m, x: np.einsum("i,i", x, ARRAY))
    agree(lambda m, x: np.add.reduce(x))
    agree(lambda m, x: np.add.outer(x, ARRAY))
    agree(lambda m, x: np.zeros_like(x))
    agree(lambda m, x: np.array([x, x]))


def test_as_an_array():
    agree(lambda m, x: np.asarray(x))
    agree(lambda m, x: np.asarray(x, dtype="int64"))
    agree(lambda m, x: np.shares_memory(np.asarray(x), x.numpy()))
    agree(lambda m, x: np.shares_memory(np.array(x), x.numpy()))
    agree(lambda m, x: np.asarray(x, dtype="float64", copy=False))
    agree(lambda m, x: np.asarray(x.requires_grad_()))
    agree(lambda m, x: np.asarray(x.bfloat16()))
    agree(lambda m, x: x.__array_wrap__(np.array([True, False])))
    agree(lambda m, x: x.__array_priority__)


@pytest.mark.parametrize("dtype", ["float64", "float16", "int8", "uint16", "complex128", "bool"])
def test_numpys_numbers_keep_their_dtype_in_sequences(dtype):
    one = np.dtype(dtype).type(1)
    agree(lambda m, x: m.tensor([one, one]))
    agree(lambda m, x: m.tensor([[one], [one]]))
    agree(lambda m, x: m.as_tensor((one,)))
    if dtype != "bool":
        agree(lambda m, x: m.tensor([one, 1]))
        agree(lambda m, x: m.tensor([1.5, one]))


def test_tensors_keep_their_dtype_in_sequences():
    for dtype in ("float64", "int8", "bfloat16", "bool"):
        agree(lambda m, x, d=dtype: m.tensor([m.tensor(1, dtype=getattr(m, d)), m.tensor(0, dtype=getattr(m, d))]))
    agree(lambda m, x: m.tensor([m.tensor(1.0, dtype=m.float64), 2]))
    agree(lambda m, x: m.tensor([np.array([1, 2], "int16"), np.array([3, 4], "int16")]))
    agree(lambda m, x: m.tensor([]))


def test_arguments_may_be_numbers_of_numpy():
    agree(lambda m, x: m.full((2,), np.int8(3)))
    agree(lambda m, x: m.arange(np.int64(3)))
    agree(lambda m, x: m.zeros((np.int32(2), np.int64(1))))
    agree(lambda m, x: x.clamp(np.float64(0.5), np.float32(2)))
    agree(lambda m, x: x[np.int64(1):])
    agree(lambda m, x: x[np.array([0, 2])])
    agree(lambda m, x: x[np.array([True, False, True])])


def test_a_foreign_byte_order_is_refused():
    agree(lambda m, x: m.from_numpy(np.array([1, 2], dtype=">i4")))
    agree(lambda m, x: m.tensor(np.array([1, 2], dtype=">i4")))
