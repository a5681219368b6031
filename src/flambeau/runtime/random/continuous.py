"""Uniform, exponential, Cauchy and log-normal deviates, as PyTorch's CPU kernels draw them."""

from __future__ import annotations

import math

import numpy as np

from . import native
from .gaussian import libm, normal_pairs, unit_float32, unit_float64
from .generator import Generator
from .rounding import as_complex, cast, fma32, fma64
from .shapes import LARGEST, SCALAR_NAMES, count, real_dtype, refuse_dtype

_FLOATS = ("float16", "bfloat16", "float32", "float64")


def uniform(
    generator: Generator,
    shape: int | tuple[int, ...],
    low: float = 0.0,
    high: float = 1.0,
    dtype: str = "float32",
) -> np.ndarray:
    """An array of that shape, uniform in [low, high), drawn as ``Tensor.uniform_`` draws it.

    Args:
        dtype: float16, bfloat16 (returned as rounded float32), float32, float64, complex32 (returned as rounded
            complex64), complex64 or complex128 (whose two parts are drawn one after the other).

    Raises RuntimeError when ``low > high`` or a bound or the width overflows the dtype, NotImplementedError
    for another dtype.
    """
    refuse_dtype("check_uniform_bounds", dtype, (*_FLOATS, "complex32", "complex64", "complex128"))
    part = real_dtype(dtype)
    _check_uniform_bounds(low, high, part)
    if part != dtype:
        return as_complex(uniform(generator, 2 * count(shape), low, high, part), dtype).reshape(shape)
    size = count(shape)
    if dtype == "float64":
        values = fma64(unit_float64(generator, size), float(high) - low, low)
    else:
        values = unit_float32(generator, size)
        if low != 0 or high != 1:
            values = fma32(values, float(np.float32(high) - np.float32(low)), low)
        values = cast(values, dtype)
    if low == 0 and high == 1 and dtype in ("float32", "float64"):
        return values.reshape(shape)  # they are drawn with the bits that the dtype has
    # The rounding to the dtype may reach the excluded bound: PyTorch then gives the lower one.
    first, end = cast(np.array([low, high], dtype=np.float64), dtype)
    values[values == end] = first
    return values.reshape(shape)


def exponential(
    generator: Generator, shape: int | tuple[int, ...], rate: float = 1.0, dtype: str = "float32"
) -> np.ndarray:
    """Deviates of density ``rate * exp(-rate * x)``. Raises RuntimeError unless ``rate > 0``."""
    _require_floating("Exponential", dtype)
    if not rate > 0:
        raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={rate:g}")
    values = np.float64(-1.0) / rate * libm(math.log1p, -unit_float64(generator, count(shape)))
    return cast(values, dtype).reshape(shape)


def cauchy(
    generator: Generator,
    shape: int | tuple[int, ...],
    median: float = 0.0,
    sigma: float = 1.0,
    dtype: str = "float32",
) -> np.ndarray:
    """Cauchy deviates about ``median`` of half-width ``sigma``. Raises RuntimeError unless ``sigma > 0``."""
    _require_floating("Cauchy", dtype)
    if not sigma > 0:
        raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma:g}")
    angle = math.pi * (unit_float64(generator, count(shape)) - 0.5)
    return cast(fma64(libm(math.tan, angle), sigma, median), dtype).reshape(shape)


def log_normal(
    generator: Generator,
    shape: int | tuple[int, ...],
    mean: float = 1.0,
    std: float = 2.0,
    dtype: str = "float32",
) -> np.ndarray:
    """Exponentials of normal deviates. Raises RuntimeError unless ``std > 0``."""
    refuse_dtype("log_normal_cpu", dtype, _FLOATS)
    if not std > 0:
        raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std:g}")
    exponents = normal_pairs(generator, count(shape), mean, std)
    return cast(_exp(exponents), dtype).reshape(shape)


def _exp(exponents: np.ndarray) -> np.ndarray:
    if native.available:
        return native.mapped("exp", exponents)
    with np.errstate(over="ignore"):
        values = np.exp(exponents)
    finite = np.isfinite(values)  # Python's math.exp raises where C gives infinity
    values[finite] = libm(math.exp, exponents[finite])
    return values


def _check_uniform_bounds(low: float, high: float, dtype: str) -> None:
    largest, name = LARGEST[dtype], SCALAR_NAMES[dtype]
    for bound, value in (("from", low), ("to", high)):
        if not -largest <= value <= largest:
            raise RuntimeError(f"uniform_: {bound} is out of bounds for {dtype}, got {value:g}")
    if not low <= high:
        raise RuntimeError(
            f"uniform_ expects to return a [from, to) range, but found from={low:g} > to={high:g}"
        )
    if high - low > largest:
        raise RuntimeError(
            f"uniform_ expects to-from <= std::numeric_limits<{name}>::max(), but found to={high:g} "
            f"and from={low:g} which result in to-from to exceed the limit"
        )


def _require_floating(distribution: str, dtype: str) -> None:
    if dtype not in _FLOATS:
        raise RuntimeError(
            f"{distribution} distribution is a continuous probability distribution. "
            f"dtype must be a floating point but you specified {SCALAR_NAMES.get(dtype, dtype)}"
        )
