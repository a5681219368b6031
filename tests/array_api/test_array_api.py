"""``flambeau.array_api``: names, promotion and results are those of the Python array API standard, as NumPy 2 has them."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau
from flambeau import array_api as xp

INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]


def given(values, dtype):
    return xp.asarray(values, dtype=getattr(xp, dtype))


def same(actual, expected):
    """The same dtype, shape and values; sequences element by element."""
    if isinstance(expected, (tuple, list)):
        assert len(actual) == len(expected)
        for one, other in zip(actual, expected, strict=True):
            same(one, other)
        return
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.dtype == expected.dtype
    np.testing.assert_allclose(actual, expected, rtol=1e-6)


def test_a_tensor_names_its_namespace():
    x = flambeau.ones(2)
    assert x.__array_namespace__() is xp
    assert x.__array_namespace__(api_version="2022.12") is xp
    with pytest.raises(ValueError, match="api_version"):
        x.__array_namespace__(api_version="1999.12")


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("int8", "uint8", "int16"),
        ("uint32", "int8", "int64"),
        ("uint16", "uint32", "uint32"),
        ("int16", "int64", "int64"),
        ("float32", "float64", "float64"),
        ("float64", "complex64", "complex128"),
        ("bool", "bool", "bool"),
    ],
)
def test_promotion_does_not_ask_for_dimensions(one, other, expected):
    vector, scalar = given([1, 1], one), given(1, other)
    assert xp.result_type(vector, scalar) == getattr(xp, expected)
    assert xp.result_type(scalar.dtype, vector.dtype) == getattr(xp, expected)
    if one not in ("bool", "float64"):
        assert xp.add(vector, scalar).dtype == getattr(xp, expected)


def test_numbers_take_the_dtype_of_tensors():
    assert xp.result_type(xp.int8, 3) == xp.int8
    assert xp.result_type(xp.float32, 3, True) == xp.float32
    assert xp.result_type(xp.int64, 1.5) == xp.float32
    assert xp.result_type(xp.float64, 1j) == xp.complex128
    assert xp.multiply(2, given([1, 2], "uint16")).dtype == xp.uint16
    with pytest.raises(ValueError, match="at least one"):
        xp.result_type(1, 2.0)


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "bitwise_and", "bitwise_left_shift", "maximum", "less", "equal"])
def test_all_integers_compute(name, dtype):
    a, b = [3, 100, 7], [1, 2, 7]
    same(getattr(xp, name)(given(a, dtype), given(b, dtype)), getattr(np, name)(np.array(a, dtype), np.array(b, dtype)))


def test_the_upper_half_of_uint64():
    a, b = np.array([2**64 - 1, 5, 2**63], "uint64"), np.array([2, 7, 2**63 - 1], "uint64")
    x, y = given(a.tolist(), "uint64"), given(b.tolist(), "uint64")
    for name in ("add", "subtract", "multiply", "maximum", "minimum", "less", "greater_equal"):
        same(getattr(xp, name)(x, y), getattr(np, name)(a, b))
    same(xp.sum(x), a.sum())
    same(xp.cumulative_sum(x), a.cumsum())
    same([xp.max(x), xp.min(x), xp.argmax(x)], [a.max(), a.min(), a.argmax()])
    assert type(xp.argmax(x).item()) is int


@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2), ()])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("name", ["sum", "prod", "max", "mean", "std", "all", "count_nonzero"])
def test_reductions(name, axis, keepdims):
    values = np.linspace(-1, 2, 24).reshape(2, 3, 4)
    actual = getattr(xp, name)(given(values.tolist(), "float64"), axis=axis, keepdims=keepdims)
    same(actual, getattr(np, name)(values, axis=axis, keepdims=keepdims))


def test_reductions_refuse_dimensions_that_are_not_there():
    for axis in (2, (0, 0), (-3,)):
        with pytest.raises(IndexError):
            xp.sum(xp.ones((2, 3)), axis=axis)


def test_small_integers_add_up_in_the_widest_of_their_sign():
    assert xp.sum(given([100, 100], "int8")).item() == 200
    assert xp.sum(given([200, 200], "uint8")).dtype == xp.uint64
    assert xp.prod(given([100, 100], "int8"), dtype=xp.int32).dtype == xp.int32


def test_running_sums_may_begin_with_nothing():
    same(xp.cumulative_sum(given([1, 2, 3], "int64"), include_initial=True), np.array([0, 1, 3, 6]))
    same(xp.cumulative_prod(given([[1.0, 2.0]], "float64"), axis=1, include_initial=True), np.array([[1.0, 1.0, 2.0]]))
    with pytest.raises(ValueError, match="axis"):
        xp.cumulative_sum(xp.ones((2, 2)))


@pytest.mark.parametrize("dtype", ["int32", "float64", "complex64", "bool"])
def test_unique(dtype):
    values = np.array([[3, 0, 3], [1, 0, 3]]).astype(dtype)
    values_, indices, inverse, counts = np.unique(values, return_index=True, return_inverse=True, return_counts=True)
    same(xp.unique_all(given(values.tolist(), dtype)), (values_, indices, inverse, counts))


def test_each_nan_is_unique():
    found = xp.unique_counts(given([np.nan, 1.0, np.nan], "float64"))
    same(found, (np.array([1.0, np.nan, np.nan]), np.array([1, 1, 1])))
    same(xp.unique_values(given([], "float32")), np.array([], "float32"))


@pytest.mark.parametrize("bounds", [(5,), (5, 1), (5, 0, -2), (0,), (1, 2, 0.25)])
def test_arange_may_be_empty(bounds):
    same(xp.arange(*bounds, dtype=xp.float64), np.arange(*bounds, dtype="float64"))


def test_shapes():
    x, a = xp.reshape(xp.arange(6), (2, 3)), np.arange(6).reshape(2, 3)
    same(xp.expand_dims(x, axis=(0, -1)), np.expand_dims(a, (0, -1)))
    same(xp.flip(x), np.flip(a))
    same(xp.roll(x, 1, axis=(0, 1)), np.roll(a, 1, axis=(0, 1)))
    same(xp.concat([x, x], axis=None), np.concatenate([a, a], axis=None))
    same(xp.take(x, xp.asarray([-1, 0]), axis=1), np.take(a, [-1, 0], axis=1))
    same(xp.unstack(x, axis=1), list(np.moveaxis(a, 1, 0)))
    same(xp.linspace(0, 1, 4, endpoint=False, dtype=xp.float64), np.linspace(0, 1, 4, endpoint=False))
    with pytest.raises(ValueError, match="copy"):
        xp.reshape(xp.matrix_transpose(x), (6,), copy=False)
    with pytest.raises(ValueError, match="squeeze"):
        xp.squeeze(x, 0)
    with pytest.raises(IndexError, match="expand_dims"):
        xp.expand_dims(x, axis=3)


def test_a_bound_that_is_nan_or_beyond_the_dtype():
    assert xp.all(xp.isnan(xp.clip(xp.ones(2), float("nan"))))
    same(xp.clip(given([100, -100], "int8"), 0, 1000), np.array([100, 0], "int8"))


def test_products():
    a, b = np.arange(6).reshape(2, 3), np.arange(3)
    same(xp.matmul(given(a.tolist(), "uint16"), given(b.tolist(), "uint16")), a.astype("uint16") @ b.astype("uint16"))
    same(xp.vecdot(given([1j, 2], "complex128"), given([1, 1], "complex128")), np.vecdot(np.array([1j, 2]), np.array([1, 1 + 0j])))
    same(xp.linalg.vector_norm(given(a.tolist(), "float64"), axis=(0, 1)), np.linalg.vector_norm(a.astype("float64")))
    stacked = np.broadcast_to(np.eye(2) * 2, (2, 2, 2))
    same(xp.linalg.solve(given(stacked.tolist(), "float64"), given([1.0, 3.0], "float64")), np.array([[0.5, 1.5]] * 2))
    with pytest.raises(ValueError, match="cross"):
        xp.linalg.cross(xp.ones(2), xp.ones(2))


def test_gradients_flow_through():
    x = flambeau.tensor([1.0, 2.0], requires_grad=True)
    xp.sum(xp.multiply(2, xp.square(x))).backward()
    assert x.grad.tolist() == [4.0, 8.0]


def test_what_the_namespace_tells_of_itself():
    info = xp.__array_namespace_info__()
    assert info.default_dtypes()["integral"] == xp.int64
    assert set(info.dtypes(kind="real floating")) == {"float32", "float64"}
    assert info.capabilities()["boolean indexing"]
    assert str(info.default_device()) == "cpu"
    assert xp.finfo(xp.complex128).dtype == xp.float64
    assert xp.iinfo(given(1, "int8")).max == 127
    assert xp.isdtype(xp.uint16, ("bool", "unsigned integer"))
    with pytest.raises(ValueError, match="kind"):
        xp.isdtype(xp.bool, "number")
