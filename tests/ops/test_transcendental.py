"""Exponentials, logarithms, trigonometry, powers and special functions."""

from __future__ import annotations

import numpy as np
import pytest
from tests.ops.elementwise_oracle import SPECIAL, agree, both, gradients_agree

import flambeau

torch = pytest.importorskip("torch")

UNARY = [
    "exp",
    "exp2",
    "expm1",
    "log",
    "log2",
    "log10",
    "log1p",
    "sin",
    "cos",
    "tan",
    "asin",
    "acos",
    "atan",
    "sinh",
    "cosh",
    "tanh",
    "asinh",
    "acosh",
    "atanh",
    "sigmoid",
    "sinc",
    "sqrt",
    "rsqrt",
    "square",
    "deg2rad",
    "rad2deg",
    "erf",
    "erfc",
]
REAL_ONLY = {"deg2rad", "rad2deg", "erf", "erfc"}


@pytest.mark.parametrize("name", UNARY)
def test_whole_real_line(name):
    agree(lambda t, x: getattr(t, name)(x), SPECIAL)
    agree(lambda t, x: getattr(t, name)(x), SPECIAL, dtype="float64")


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.parametrize("dtype", ["bool", "int64", "float16", "bfloat16", "complex64"])
def test_dtypes(name, dtype):
    agree(lambda t, x: getattr(t, name)(x), [1, 0, 1], dtype=dtype)


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_gradients(name, dtype):
    if dtype == "complex128" and name in REAL_ONLY:
        pytest.skip("real functions")
    data = [1.5, 2.5] if name == "acosh" else [0.3, 0.8]
    gradients_agree(lambda t, x: getattr(t, name)(x), data, dtype=dtype)


@pytest.mark.parametrize("name", ["atan2", "hypot", "logaddexp", "logaddexp2", "nextafter", "copysign"])
def test_functions_of_two(name):
    agree(lambda t, x: getattr(t, name)(x[:, None], x), SPECIAL)
    gradients_agree(lambda t, x, y: getattr(t, name)(x, y), [0.5, -1.5], [2.0, 0.7])


@pytest.mark.parametrize("exponent", [-2, -1, 0, 1, 2, 3, 0.5, -0.5, 2.0])
@pytest.mark.parametrize("dtype", ["bool", "int64", "float32", "float16", "complex64"])
def test_powers_by_numbers(exponent, dtype):
    data = [1, 0, 1] if dtype == "bool" else [1, 2, 3]
    agree(lambda t, x: x**exponent, data, dtype=dtype)
    agree(lambda t, x: exponent**x, data, dtype=dtype)


def test_powers_of_special_values():
    agree(lambda t, x: x[:, None] ** x, SPECIAL)
    agree(lambda t, x, y: x**y, [2, -1, 1, -1], [-1, -1, -3, -2], dtype="int64")


def test_power_gradients_at_zero():
    gradients_agree(lambda t, x, y: x**y, [0.0, 0.0, 2.0, 0.0], [0.0, 2.0, 3.0, 1.0])
    for exponent in (0, 1, 2, 2.5):
        gradients_agree(lambda t, x, e=exponent: x**e, [0.0, 2.0])
    gradients_agree(lambda t, x: 3.0**x, [0.0, 2.0])


def test_float_power_is_double():
    agree(lambda t, x: t.float_power(x, 2), [1, 3], dtype="int64")
    agree(lambda t, x: t.float_power(2, x), [1.0, -3.0])


@pytest.mark.parametrize("name", ["erfinv", "digamma", "lgamma", "i0", "logit"])
def test_special_functions(name):
    points = [-2.5, -0.9, -0.3, 0.0, 1e-9, 0.2, 0.5, 0.999, 1.0, 3.7, 25.0, float("nan")]
    agree(lambda t, x: getattr(t, name)(x), points, dtype="float64")
    gradients_agree(lambda t, x: getattr(t, name)(x), [0.2, 0.7])


@pytest.mark.parametrize("name", ["erfcx", "ndtr", "ndtri", "log_ndtr", "i0e", "i1", "i1e", "entr"])
def test_the_special_namespace(name):
    points = [0.0, 1e-12, 0.1, 0.5, 0.9, 1.0, 5.0, 30.0, -3.0]
    agree(lambda t, x: getattr(t.special, name)(x), points, dtype="float64")
    gradients_agree(lambda t, x: getattr(t.special, name)(x), [0.2, 0.7])


@pytest.mark.parametrize("n", [0, 1, 2, 4])
def test_polygamma(n):
    agree(lambda t, x: t.polygamma(n, x), [0.1, 1.0, 3.3, 40.0], dtype="float64")
    gradients_agree(lambda t, x: t.polygamma(n, x), [0.4, 2.0])


def test_products_with_logarithms():
    agree(lambda t, x, y: t.xlogy(x, y), [0.0, 0.0, 2.0, 1.0], [0.0, float("nan"), 3.0, 0.0])
    agree(lambda t, x: t.xlogy(2, x), [1.0, 3.0])
    gradients_agree(lambda t, x, y: t.xlogy(x, y), [0.0, 2.0], [1.5, 3.0])
    gradients_agree(lambda t, x, y: t.special.xlog1py(x, y), [0.0, 2.0], [1.5, 3.0])


def test_mantissa_and_exponent():
    ours, theirs = both(SPECIAL)
    assert flambeau.frexp(ours).exponent.tolist() == theirs.frexp().exponent.tolist()
    agree(lambda t, x: t.frexp(x).mantissa, SPECIAL)
    agree(lambda t, x, y: t.ldexp(x, y), [1.0, 3.0], both([2, -1], "int64"))
    gradients_agree(lambda t, x: t.frexp(x)[0], [3.0, 0.3])


BESSEL = [f"{kind}{order}" for kind in ("bessel_j", "bessel_y", "modified_bessel_k", "scaled_modified_bessel_k") for order in (0, 1)]


@pytest.mark.parametrize("name", [*BESSEL, "airy_ai", "spherical_bessel_j0", "i0", "i0e", "i1", "i1e"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bessel_and_airy_functions(name, dtype):
    """By one kernel, near zero and far out, with what is special in each."""
    points = np.concatenate([np.linspace(-30, 30, 401), [0.0, np.inf, -np.inf, np.nan, 1e-20, 7.999, 8.001, 2.0, 2.5, -4.5]])
    for _ in range(2):  # what comes again is compiled
        ours, theirs = (getattr(m.special, name)(m.tensor(points, dtype=getattr(m, dtype))).numpy() for m in (flambeau, torch))
        np.testing.assert_allclose(ours, theirs, rtol=5e-5, atol=2e-6 if dtype == "float32" else 1e-10)
