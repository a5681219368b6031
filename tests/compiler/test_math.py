"""The generated elementary functions against NumPy's float64 (for float32) and mpmath (for float64).

Errors are counted in ulp: the distance from the exact value in units of the last place of the result's type.
"""

from __future__ import annotations

import ctypes
import math
from functools import cache

import numpy as np
import pytest

from flambeau.compiler.targets.cpu import math as inline_math
from flambeau.compiler.targets.cpu.builder import Builder, Value
from flambeau.runtime import jit

mpmath = pytest.importorskip("mpmath")
mp = mpmath.mp.clone()
mp.prec = 130

# name: (float64 reference or None to use mpmath, mpmath reference, bound for float32, bound for float64)
REFERENCES = {
    "exp": (np.exp, mp.exp, 2, 4),
    "exp2": (np.exp2, lambda x: mp.mpf(2) ** x, 2, 4),
    "expm1": (np.expm1, mp.expm1, 2, 4),
    "log": (np.log, mp.log, 2, 4),
    "log2": (np.log2, lambda x: mp.log(x) / mp.log(2), 2, 4),
    "log10": (np.log10, lambda x: mp.log(x) / mp.log(10), 2, 4),
    "log1p": (np.log1p, mp.log1p, 2, 4),
    "sin": (np.sin, mp.sin, 2, 4),
    "cos": (np.cos, mp.cos, 2, 4),
    "tan": (np.tan, mp.tan, 4, 4),
    "sinh": (np.sinh, mp.sinh, 2, 4),
    "cosh": (np.cosh, mp.cosh, 2, 4),
    "tanh": (np.tanh, mp.tanh, 2, 4),
    "asin": (np.arcsin, mp.asin, 3, 4),
    "acos": (np.arccos, mp.acos, 3, 4),
    "atan": (np.arctan, mp.atan, 3, 4),
    "asinh": (np.arcsinh, mp.asinh, 3, 4),
    "acosh": (np.arccosh, mp.acosh, 3, 4),
    "atanh": (np.arctanh, mp.atanh, 3, 4),
    "erf": (np.vectorize(math.erf, otypes=[float]), mp.erf, 2, 4),
    "erfc": (np.vectorize(math.erfc, otypes=[float]), mp.erfc, 4, 4),
    "sigmoid": (None, lambda x: 1 / (1 + mp.exp(-x)), 4, 4),
    "sqrt": (np.sqrt, mp.sqrt, 0.5, 0.5),
    "rsqrt": (lambda x: 1 / np.sqrt(x), lambda x: 1 / mp.sqrt(x), 2, 2),
    "erfinv": (None, mp.erfinv, 1, 4),
    "lgamma": (None, lambda x: mp.re(mp.loggamma(x)), 1, 6),
    "digamma": (None, mp.digamma, 1, 6),
}
# Where the function is a real number.
DOMAINS = {
    "log": (0, math.inf), "log2": (0, math.inf), "log10": (0, math.inf), "log1p": (-1, math.inf),
    "asin": (-1, 1), "acos": (-1, 1), "acosh": (1, math.inf), "atanh": (-1, 1), "erfinv": (-1, 1),
    "sqrt": (0, math.inf), "rsqrt": (0, math.inf), "lgamma": (0, math.inf), "digamma": (0, math.inf),
}  # fmt: skip
SPECIAL = [0.0, -0.0, math.inf, -math.inf, math.nan, 1.0, -1.0]


@cache
def kernel(name: str, scalar: str, lanes: int, arity: int):
    """A compiled loop that applies one function to ``count`` vectors."""
    b = Builder()
    type = f"<{lanes} x {scalar}>" if lanes else scalar
    stride = (4 if scalar == "float" else 8) * max(lanes, 1)
    *inputs, output = (Value(f"%p{i}", "ptr") for i in range(arity + 1))
    count = Value("%count", "i64")
    with b.loop(0, count) as i:
        offset = b.mul(i, b.i64(stride))
        values = [b.load(type, b.gep(pointer, offset)) for pointer in inputs]
        b.store(inline_math.emit(b, name, *values), b.gep(output, offset))
    function = f"test_{name}_{scalar}_{lanes}"
    text = b.finish(function, [*inputs, output, count])
    address = jit.compile_ir("\n".join([*sorted(b.declarations), text]), [function])[function]
    return ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * (arity + 1), ctypes.c_int64)(address)


def evaluate(name: str, *arrays: np.ndarray, lanes: int = 8) -> np.ndarray:
    width = max(lanes, 1)
    size = arrays[0].size
    padded = [np.concatenate([a, np.ones(-size % width, a.dtype)]) for a in arrays]
    output = np.empty_like(padded[0])
    scalar = "float" if output.dtype == np.float32 else "double"
    pointers = [a.ctypes.data for a in (*padded, output)]
    kernel(name, scalar, lanes, len(arrays))(*pointers, output.size // width)
    return output[:size]


def worst_error(got: np.ndarray, exact: np.ndarray) -> float:
    """The largest error in ulp; ``exact`` has more bits (float64 or longdouble). Infinities must agree."""
    with np.errstate(all="ignore"):
        rounded = exact.astype(got.dtype)
        limits = ~np.isfinite(rounded)
        np.testing.assert_array_equal(got[limits], rounded[limits])
        finite = ~limits
        unit = np.spacing(np.abs(rounded[finite]))
        wide = np.promote_types(exact.dtype, np.float64)
        return float(np.max(np.abs(got[finite].astype(wide) - exact[finite]) / unit, initial=0))


def exact_values(function, *arrays: np.ndarray) -> np.ndarray:
    """mpmath's values as the nearest double plus the rest, in the longest float there is."""
    values = [function(*map(mp.mpf, numbers)) for numbers in zip(*(a.tolist() for a in arrays))]
    high = np.array([float(v) for v in values])
    rest = [float(v - h) if math.isfinite(h) else 0.0 for v, h in zip(values, high)]
    return high.astype(np.longdouble) + np.array(rest, np.longdouble)


def inside(name: str, x: np.ndarray) -> np.ndarray:
    low, high = DOMAINS.get(name, (-math.inf, math.inf))
    return x[(x > low) & (x < high)]


def float32_samples() -> np.ndarray:
    """Every exponent and sign, and the neighbourhoods where formulas change."""
    patterns = np.arange(0, 2**32, 100003, dtype=np.uint64).astype(np.uint32).view(np.float32)
    patterns = patterns[np.isfinite(patterns)]
    near = [np.linspace(-12, 12, 40001), np.linspace(-105, 105, 20001), 1 + np.linspace(-1e-3, 1e-3, 2001)]
    return np.concatenate([patterns, *near]).astype(np.float32)


def float64_samples(name: str) -> np.ndarray:
    rng = np.random.default_rng(5)
    size = 10.0 ** rng.uniform(-308, 308, 300)
    samples = [size, -size, 5e-324 * 2.0 ** rng.uniform(0, 52, 50), rng.uniform(-2, 2, 400)]
    samples += [rng.uniform(-30, 30, 300), rng.uniform(-745, 710, 200), 1 + 2.0 ** rng.uniform(-50, 0, 100)]
    samples += [1 - 2.0 ** rng.uniform(-50, 0, 100), np.round(rng.uniform(-1e6, 1e6, 100)) * np.pi / 2]
    x = inside(name, np.concatenate(samples))
    # mpmath needs for ever where the result is 0, 2 or infinite, and loggamma(1e300) adds nothing.
    limit = {"erf": 40, "erfc": 40, "exp": 800, "exp2": 1100, "expm1": 800}.get(name, math.inf)
    limit = {"sigmoid": 800, "sinh": 800, "cosh": 800, "lgamma": 1e20, "digamma": 1e20}.get(name, limit)
    return x[np.abs(x) < limit]


@pytest.mark.parametrize("name", sorted(REFERENCES))
def test_float32_is_accurate_over_the_whole_range(name):
    reference, precise, bound, _ = REFERENCES[name]
    x = inside(name, float32_samples())
    if reference is None:
        x = x[np.abs(x) < 1e10][::101]
        exact = exact_values(precise, x)
    else:
        with np.errstate(all="ignore"):
            exact = reference(x.astype(np.float64))
    assert worst_error(evaluate(name, x, lanes=16), exact) <= bound


@pytest.mark.parametrize("name", sorted(REFERENCES))
def test_float64_is_accurate_over_the_whole_range(name):
    _, precise, _, bound = REFERENCES[name]
    x = float64_samples(name)
    assert worst_error(evaluate(name, x), exact_values(precise, x)) <= bound


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", sorted(n for n, r in REFERENCES.items() if r[0] is not None))
def test_special_values(name, dtype):
    """Zeros keep their sign, infinities and NaN give what C says; outside of the domain is NaN."""
    x = np.array([*SPECIAL, 2.0, -2.0], dtype)
    reference = REFERENCES[name][0]
    with np.errstate(all="ignore"):
        exact = reference(x.astype(np.float64))
    got = evaluate(name, x)
    np.testing.assert_allclose(got, exact, rtol=1e-6)
    known = ~np.isnan(exact)
    np.testing.assert_array_equal(np.signbit(got[known]), np.signbit(exact[known]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_special_values_against_pytorch(dtype):
    torch = pytest.importorskip("torch")
    x = np.array([*SPECIAL, 2.0, -2.0, 0.5, -0.5, -3.0, -3.5], dtype)
    for name in ("sigmoid", "erfinv", "lgamma", "digamma"):
        exact = getattr(torch, name)(torch.tensor(x)).numpy()
        np.testing.assert_allclose(evaluate(name, x), exact, rtol=2e-6, err_msg=name)


@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
def test_angles_of_any_size(name):
    x = [1e5, 1e9, 2.0**30, -(2.0**31), 1e15, 1e16, -1e22, 2.0**120, -3e38, 1e100, 1.7e308]
    # The double that lies closest to a multiple of pi/2.
    x = np.array([*x, 6381956970095103 * 2.0**797, *10.0 ** np.linspace(9, 308, 500)])
    single = x[np.abs(x) < 3.4e38].astype(np.float32)
    assert worst_error(evaluate(name, x), exact_values(REFERENCES[name][1], x)) <= 4
    assert worst_error(evaluate(name, single), exact_values(REFERENCES[name][1], single)) <= 4


@pytest.mark.parametrize(("dtype", "bound"), [(np.float32, 2), (np.float64, 4)])
def test_pow_is_accurate(dtype, bound):
    rng = np.random.default_rng(6)
    largest = 127.9 if dtype == np.float32 else 1023.9
    base = np.concatenate([2.0 ** rng.uniform(-largest, largest, 600), 1 + rng.normal(size=400) * 1e-4])
    base = base.astype(dtype)
    base = base[base != 1]
    power = rng.uniform(-1.15 * largest, largest, base.size) / np.log2(base.astype(float))
    power = power.astype(dtype)
    exact = exact_values(lambda x, y: x**y, base, power)
    assert worst_error(evaluate("pow", base, power), exact) <= bound


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_atan2_is_accurate(dtype):
    rng = np.random.default_rng(7)
    y, x = (rng.choice([-1, 1], 1000) * 2.0 ** rng.uniform(-120, 120, 1000) for _ in range(2))
    y = np.concatenate([y, rng.normal(size=1000)]).astype(dtype)
    x = np.concatenate([x, rng.normal(size=1000)]).astype(dtype)
    assert worst_error(evaluate("atan2", y, x), exact_values(mp.atan2, y, x)) <= 3


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("name", "reference"), [("pow", np.power), ("atan2", np.arctan2)])
def test_special_pairs(name, reference, dtype):
    values = [*SPECIAL, 2.0, -2.0, 0.5, -0.5, 3.0, -3.0, 1e-45, 1e30, -1e30, 16777217.0]
    first, second = (a.ravel().astype(dtype) for a in np.meshgrid(values, values))
    with np.errstate(all="ignore"):
        exact = reference(first, second)
    got = evaluate(name, first, second)
    np.testing.assert_allclose(got, exact, rtol=1e-6)
    known = ~np.isnan(exact)
    np.testing.assert_array_equal(np.signbit(got[known]), np.signbit(exact[known]))


@pytest.mark.parametrize("lanes", [0, 1, 4])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_number_of_lanes_does_not_change_the_result(dtype, lanes):
    x = np.linspace(0.01, 0.99, 50).astype(dtype)
    for name in ("exp", "log", "sin", "tanh", "erf", "sigmoid", "lgamma"):
        expected = evaluate(name, x, lanes=16)
        np.testing.assert_array_equal(evaluate(name, x, lanes=lanes), expected, err_msg=name)


def test_every_name_is_tested():
    assert frozenset(REFERENCES) | {"pow", "atan2"} == inline_math.NAMES


def test_wrong_requests_are_refused():
    b = Builder()
    with pytest.raises(KeyError):
        inline_math.emit(b, "gudermannian", Value("%x", "float"))
    with pytest.raises(TypeError, match="exp: expected float or double lanes, got <4 x i32>"):
        inline_math.emit(b, "exp", Value("%x", "<4 x i32>"))
