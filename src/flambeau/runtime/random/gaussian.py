"""Normal deviates by the Box-Muller transform, in the order and the arithmetic of PyTorch's CPU kernels.

A contiguous tensor of 16 elements or more is filled in blocks of 16: eight uniforms give the radii and the
next eight the angles. When the size is no multiple of 16, the last 16 elements are drawn afresh and written
over what was there. Anything else is drawn in float64 one pair at a time, the second of a pair waiting in the
generator for the next call.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from . import native
from .generator import Generator
from .rounding import as_complex, cast, fma32, fma64
from .shapes import count, real_dtype, refuse_dtype

_BLOCK = 16
# Pairs worked on at a time, so that the temporaries of the float32 transform stay in the L2 cache.
_CHUNK_BLOCKS = 1024

_FLOATS = ("float16", "bfloat16", "float32", "float64", "complex32", "complex64", "complex128")

# The constants as NumPy's float32.
_LOG, _SINE, _COSINE = (np.array(series, dtype=np.float32) for series in (native.LOG, native.SINE, native.COSINE))
_MINUS_QUARTER_PI = np.array(native.MINUS_QUARTER_PI, dtype=np.float32)
_LN2_HIGH, _LN2_LOW = np.float32(native.LN2_HIGH), np.float32(native.LN2_LOW)
_SQRT_HALF, _FOUR_OVER_PI = np.float32(native.SQRT_HALF), np.float32(native.FOUR_OVER_PI)
_TWO_PI = np.float32(2 * math.pi)


def normal(
    generator: Generator,
    shape: int | tuple[int, ...],
    mean: float = 0.0,
    std: float = 1.0,
    dtype: str = "float32",
    contiguous: bool = True,
) -> np.ndarray:
    """An array of that shape from the normal distribution, drawn as ``Tensor.normal_`` draws it.

    Args:
        dtype: float16, bfloat16 (returned as rounded float32), float32, float64, complex32 (returned as rounded
            complex64), complex64 or complex128.
            A complex deviate has two independent parts of variance ``std**2 / 2``.
        contiguous: False when the tensor to fill is not contiguous: PyTorch then draws differently. The
            values come in the order of the tensor's memory.

    Raises RuntimeError when ``std`` is negative, NotImplementedError for another dtype.
    """
    refuse_dtype("normal_kernel_cpu", dtype, _FLOATS)
    if not std >= 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std:g}")
    part = real_dtype(dtype)
    size = count(shape)
    if part != dtype:
        values = normal(generator, 2 * size, mean, std / math.sqrt(2), part, contiguous)
        return as_complex(values, dtype).reshape(shape)
    if size < _BLOCK or not contiguous:
        return cast(normal_pairs(generator, size, mean, std), dtype).reshape(shape)
    return cast(_fill(generator, size, mean, std, dtype), dtype).reshape(shape)


def normal_like(
    generator: Generator, mean: np.ndarray | float, std: np.ndarray | float, dtype: str = "float32"
) -> np.ndarray:
    """Normal deviates with a mean and a standard deviation for each element (``torch.normal`` of tensors).

    ``mean`` and ``std`` broadcast together; at least one should be an array. Raises RuntimeError when an
    element of ``std`` is negative.
    """
    refuse_dtype("normal_kernel_cpu", dtype, _FLOATS[:4])
    shape = np.broadcast_shapes(np.shape(mean), np.shape(std))
    mean = cast(np.asarray(mean), dtype)
    if np.ndim(std) == 0:
        deviates = normal(generator, shape, 0.0, float(std), dtype)
        return cast(deviates + mean, dtype)
    if np.size(std) and not np.min(std) >= 0:
        raise RuntimeError("normal expects all elements of std >= 0.0")
    scaled = cast(normal(generator, shape, 0.0, 1.0, dtype) * cast(np.asarray(std), dtype), dtype)
    return cast(scaled + mean, dtype)


def normal_pairs(generator: Generator, size: int, mean: float, std: float) -> np.ndarray:
    """``size`` float64 deviates drawn in pairs; the one left over is kept in the generator."""
    deviates = np.empty(size)
    start = 0
    if size and generator.next_normal is not None:
        deviates[0], generator.next_normal, start = generator.next_normal, None, 1
    pairs = (size - start + 1) // 2
    uniforms = unit_float64(generator, 2 * pairs).reshape(pairs, 2)
    radius = np.sqrt(-2.0 * libm(math.log1p, -uniforms[:, 1]))
    angle = (2 * math.pi) * uniforms[:, 0]
    drawn = np.stack([radius * libm(math.cos, angle), radius * libm(math.sin, angle)], axis=1).reshape(-1)
    deviates[start:] = drawn[: size - start]
    if drawn.size > size - start:
        generator.next_normal = float(drawn[-1])
    return fma64(deviates, std, mean)


def unit_float32(generator: Generator, size: int) -> np.ndarray:
    """``size`` float32 numbers of [0, 1): the low 24 bits of a word each."""
    return (generator.random32(size) & np.uint32(0xFFFFFF)).astype(np.float32) * np.float32(2.0**-24)


def unit_float64(generator: Generator, size: int) -> np.ndarray:
    """``size`` float64 numbers of [0, 1): the low 53 bits of two words each."""
    return (generator.random64(size) & np.uint64(2**53 - 1)).astype(np.float64) * 2.0**-53


def libm(function: Callable[[float], float], values: np.ndarray) -> np.ndarray:
    """``function`` of the C library, element by element: NumPy's vectorised ones differ in the last bit."""
    if native.available:
        return native.mapped(function.__name__, values)
    return np.array(list(map(function, values.ravel().tolist())), dtype=np.float64).reshape(values.shape)


def _fill(generator: Generator, size: int, mean: float, std: float, dtype: str) -> np.ndarray:
    """Whole blocks of 16, then the last 16 elements again when the size is not a multiple of 16.

    float32 and float64 first draw a uniform for every element; the 16-bit formats, worked a block at a time,
    draw none for the incomplete block.
    """
    unit, box_muller = (unit_float64, _box_muller64) if dtype == "float64" else (unit_float32, _box_muller32)
    whole = size - size % _BLOCK
    drawn = size if dtype in ("float32", "float64") else whole
    uniforms = unit(generator, drawn)
    values = np.empty(size, dtype=uniforms.dtype)
    values[:whole] = box_muller(uniforms[:whole], mean, std)
    if whole < size:
        values[-_BLOCK:] = box_muller(unit(generator, _BLOCK), mean, std)
    return values


def _box_muller64(uniforms: np.ndarray, mean: float, std: float) -> np.ndarray:
    blocks = uniforms.reshape(-1, 2, _BLOCK // 2)
    radius = np.sqrt(-2.0 * libm(math.log, 1.0 - blocks[:, 0]))
    angle = (2 * math.pi) * blocks[:, 1]
    pairs = np.stack([radius * libm(math.cos, angle), radius * libm(math.sin, angle)], axis=1)
    return fma64(pairs.reshape(-1), std, mean)


def _box_muller32(uniforms: np.ndarray, mean: float, std: float) -> np.ndarray:
    if native.available:
        return native.box_muller(np.ascontiguousarray(uniforms), mean, std)
    blocks = uniforms.reshape(-1, 2, _BLOCK // 2)
    deviates = np.empty_like(blocks)
    for start in range(0, len(blocks), _CHUNK_BLOCKS):
        chunk = slice(start, start + _CHUNK_BLOCKS)
        radius = np.sqrt(np.float32(-2) * _log(np.float32(1) - blocks[chunk, 0]))
        sine, cosine = _sine_cosine(blocks[chunk, 1] * _TWO_PI)
        np.multiply(radius, cosine, out=deviates[chunk, 0])
        np.multiply(radius, sine, out=deviates[chunk, 1])
    deviates = deviates.reshape(-1)
    if std == 1 and mean == 0:
        return deviates
    return fma32(deviates, std, mean)


def _fused(a: np.ndarray, b: np.ndarray | np.float32, c: np.ndarray | np.float32) -> np.ndarray:
    """``a * b + c`` to float32 through float64: a fused multiply-add but for one case in some 2**29."""
    total = np.multiply(a, b, dtype=np.float64)
    total += c
    return total.astype(np.float32)


def _polynomial(coefficients: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Horner's rule, a fused multiply-add a step."""
    x = x.astype(np.float64)
    value = _fused(x, coefficients[0], coefficients[1])
    for coefficient in coefficients[2:]:
        value = _fused(value, x, coefficient)
    return value


def _log(x: np.ndarray) -> np.ndarray:
    """The natural logarithm of float32 values in (0, 1], in Cephes' arithmetic."""
    mantissa, exponent = np.frexp(x)
    exponent = exponent.astype(np.float32)
    small = mantissa < _SQRT_HALF
    exponent -= small
    x = (mantissa - np.float32(1)) + mantissa * small
    square = x * x
    y = _fused(_polynomial(_LOG, x) * x, square, exponent * _LN2_LOW)
    y = _fused(square, np.float32(-0.5), y)
    return _fused(exponent, _LN2_HIGH, x + y)


def _sine_cosine(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sine and cosine of float32 angles in [0, 2 pi), in Cephes' arithmetic."""
    octant = ((x * _FOUR_OVER_PI).astype(np.int32) + 1) & ~1
    turns = octant.astype(np.float32)
    for part in _MINUS_QUARTER_PI:
        x = _fused(turns, part, x)
    square = x * x
    cosine = _fused(_polynomial(_COSINE, square) * square, square, square * np.float32(-0.5)) + np.float32(1)
    sine = _fused(_polynomial(_SINE, square) * square, x, x)
    swapped = (octant & 2) != 0
    sine, cosine = np.where(swapped, cosine, sine), np.where(swapped, sine, cosine)
    np.negative(sine, out=sine, where=(octant & 4) != 0)
    np.negative(cosine, out=cosine, where=((octant + 2) & 4) != 0)
    return sine, cosine
