"""Integers, permutations and choices, as PyTorch's CPU kernels draw them."""

from __future__ import annotations

import math
import warnings

import numpy as np

from . import native
from .continuous import exponential
from .gaussian import libm, unit_float32, unit_float64
from .generator import Generator
from .rounding import cast
from .shapes import DIGITS, LARGEST, SCALAR_NAMES, count, refuse_dtype

_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1
_SIGNED_INTEGERS = ("int8", "int16", "int32", "int64")
_UNSIGNED_INTEGERS = ("uint8", "uint16", "uint32", "uint64")
_INTEGERS = _SIGNED_INTEGERS + _UNSIGNED_INTEGERS
_NUMBERS = (*_SIGNED_INTEGERS, "uint8", *DIGITS)

# From this range on, `word % range` would be visibly skewed with words of 32 bits: PyTorch takes 64.
_WIDE_RANGE = 2**28
# From this size on, randperm changes its algorithm (and needs gigabytes).
_HUGE_PERMUTATION = (2**32 - 1) // 20
_LARGEST_MULTINOMIAL = 2**24


def randint(
    generator: Generator, shape: int | tuple[int, ...], low: int, high: int, dtype: str = "int64"
) -> np.ndarray:
    """Integers of [low, high) in the dtype of that name (bfloat16 as rounded float32).

    Raises RuntimeError when the range is empty or does not fit the dtype.
    """
    return random(generator, shape, dtype, low, high)


def random(
    generator: Generator,
    shape: int | tuple[int, ...],
    dtype: str = "int64",
    low: int | None = None,
    high: int | None = None,
) -> np.ndarray:
    """What ``Tensor.random_`` writes into a tensor of that shape and dtype.

    With neither bound, integers of [0, largest] for an integer dtype and [0, 2**digits] for a floating one.
    With ``high``, integers of [low or 0, high). With ``low`` alone, integers from ``low`` to the largest;
    ``low=-2**63`` stands for all of int64.
    """
    if low is None and high is None:
        return _random_default(generator, shape, dtype)
    if high is None and low == _INT64_MIN:
        return _random_full(generator, shape, dtype)
    first = 0 if low is None else low
    first, last = _bounds(first, high, dtype)
    _check_bounds(first, last, dtype)
    span = last - first + 1
    draw = generator.random64 if span >= _WIDE_RANGE else generator.random32
    values = _remainder(draw(count(shape)), span).view(np.int64)
    return _from_int64(values + np.int64(first) if first else values, dtype).reshape(shape)


def _remainder(words: np.ndarray, span: int) -> np.ndarray:
    """``words % span`` as uint64: by quotients, for which NumPy uses vectors."""
    if span > np.iinfo(words.dtype).max:
        return words.astype(np.uint64)
    divisor = words.dtype.type(span)
    return (words - words // divisor * divisor).astype(np.uint64)


def random_int64(generator: Generator) -> int:
    """One integer of [0, 2**63), as ``torch.empty((), dtype=torch.int64).random_()`` draws it."""
    return int(_random_default(generator, 1, "int64")[0])


def randperm(generator: Generator, n: int, dtype: str = "int64") -> np.ndarray:
    """A permutation of 0 .. n-1: Fisher and Yates' shuffle, forwards, one 32-bit word an element.

    Raises RuntimeError when ``n`` is negative or too large for the dtype, and NotImplementedError from
    n = 214748364 on, where PyTorch's algorithm is another.
    """
    refuse_dtype("randperm", dtype, _NUMBERS)
    _check_permutation_size(n, dtype)
    words = generator.random32(max(n - 1, 0))
    order = np.arange(n)
    if native.available:
        native.shuffle(order, words)
    else:
        _shuffle(order, words)
    return _from_int64(order, dtype)


def _shuffle(order: np.ndarray, words: np.ndarray) -> None:
    """What ``native.shuffle`` does."""
    steps = np.arange(len(words))
    shuffled = order.tolist()
    for step, other in enumerate((steps + words.astype(np.int64) % (len(order) - steps)).tolist()):
        shuffled[step], shuffled[other] = shuffled[other], shuffled[step]
    order[:] = shuffled


def bernoulli(
    generator: Generator, shape: int | tuple[int, ...], p: float | np.ndarray = 0.5, dtype: str = "float32"
) -> np.ndarray:
    """Ones with probability ``p`` and zeros otherwise, as ``Tensor.bernoulli_`` draws them.

    Args:
        p: a number, or an array that broadcasts to ``shape``. A number and a float64 array are compared with
            float64 uniforms, an array of another floating dtype with float32 ones, as in PyTorch.

    Raises RuntimeError when a probability is outside [0, 1].
    """
    refuse_dtype("bernoulli_scalar_cpu_", dtype, ("bool", *_NUMBERS))
    if isinstance(p, np.ndarray):
        return _bernoulli_of_array(generator, shape, p, dtype)
    if not 0 <= p <= 1:
        raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p:g}")
    return _indicator(unit_float64(generator, count(shape)) < p, dtype).reshape(shape)


def dropout_noise(
    generator: Generator, shape: tuple[int, ...], p: float, dtype: str = "float32", feature: bool = False
) -> np.ndarray:
    """What dropout in training multiplies its input by: 0 with probability ``p``, else ``1 / (1 - p)``.

    Args:
        shape: the shape of the input.
        feature: drop whole channels (``dropout1d`` to ``dropout3d``): the noise then has the first two
            dimensions of ``shape`` and ones after.

    Neither ``p=0`` nor ``p=1`` draws anything. (``native_dropout`` does draw then: it is ``bernoulli``
    with ``1 - p``, whatever ``p``.)
    """
    if not 0 <= p <= 1:
        raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {p:g}")
    if feature and len(shape) < 2:
        raise RuntimeError(
            f"Feature dropout requires at least 2 dimensions in the input, got {len(shape)}"
        )
    noise_shape = (*shape[:2], *([1] * (len(shape) - 2))) if feature else shape
    if p in (0, 1):
        return cast(np.full(noise_shape, 1.0 - p), dtype)
    kept = bernoulli(generator, noise_shape, 1 - p, dtype)
    work = "float64" if dtype == "float64" else "float32"
    return cast(kept.astype(work) / np.asarray(1 - p, dtype=work), dtype)


def geometric(
    generator: Generator, shape: int | tuple[int, ...], p: float, dtype: str = "float32"
) -> np.ndarray:
    """The number of trials up to the first success, of probability ``p`` each.

    Raises RuntimeError unless 0 < p < 1, NotImplementedError for bool and complex dtypes.
    """
    refuse_dtype("geometric_cpu", dtype, _NUMBERS)
    if not 0 < p < 1:
        raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p:g}")
    uniforms = unit_float64(generator, count(shape))
    uniforms[uniforms == 0] = np.nextafter(0.0, 1.0)  # one in 2**53: the logarithm must stay finite
    trials = np.ceil(libm(math.log, uniforms) / math.log1p(-p))
    return cast(trials, dtype).reshape(shape)


def multinomial(
    generator: Generator,
    weights: np.ndarray,
    samples: int,
    replacement: bool = False,
    dtype: str | None = None,
) -> np.ndarray:
    """Indices (int64) drawn with probabilities proportional to the weights of each row.

    Args:
        weights: (categories,) or (rows, categories), not negative, finite; they need not sum to one.
        samples: how many to draw from each row.
        replacement: whether an index may come twice. Without, the order among indices of weight zero is
            not PyTorch's.
        dtype: the name of the weights' dtype, to tell bfloat16 from float32; by default NumPy's.

    Raises RuntimeError, in PyTorch's words, for what is not a distribution.
    """
    dtype = dtype or weights.dtype.name
    _check_multinomial(weights, samples, replacement, dtype)
    rows = weights.reshape(-1, weights.shape[-1])
    if rows.size == 0:
        return np.empty((*weights.shape[:-1], samples), dtype=np.int64)
    pick = _multinomial_with_replacement if replacement else _multinomial_without_replacement
    return pick(generator, rows, samples, dtype).reshape(*weights.shape[:-1], samples)


def _random_default(generator: Generator, shape: int | tuple[int, ...], dtype: str) -> np.ndarray:
    refuse_dtype("random_kernel_cpu", dtype, ("bool", *_NUMBERS))
    draw = generator.random64 if dtype in ("int64", "float64") else generator.random32
    values = draw(count(shape))
    if dtype == "bool":
        span = 2
    elif dtype in DIGITS:
        span = 2 ** DIGITS[dtype] + 1
    else:
        span = int(np.iinfo(dtype).max) + 1
    return _from_int64(_remainder(values, span).view(np.int64), dtype).reshape(shape)


def _random_full(generator: Generator, shape: int | tuple[int, ...], dtype: str) -> np.ndarray:
    if dtype not in ("int64", "float64", "float32", "bfloat16"):
        raise RuntimeError(
            "random_full_64_bits_range_kernel_cpu handles only int64, double, float and bfloat16, "
            f"got {SCALAR_NAMES.get(dtype, dtype)}"
        )
    return _from_int64(generator.random64(count(shape)).view(np.int64), dtype).reshape(shape)


def _bounds(low: int, high: int | None, dtype: str) -> tuple[int, int]:
    """The first and the last integer to draw; in a floating dtype, those that survive the cast."""
    if dtype not in ("bool", *_INTEGERS, *DIGITS):
        raise RuntimeError("check_random_bounds handles only integral, floating-point and boolean types")
    if high is None:
        return _first_exact(low, dtype), _largest_integer(dtype)
    if not low < high:
        raise RuntimeError(
            f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}"
        )
    _check_bounds(low, high - 1, dtype)
    first, end = _first_exact(low, dtype), _end_exact(high, dtype)
    if not first < end:
        raise RuntimeError(
            "random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, "
            f"but got from={first} >= to={end}"
        )
    return first, end - 1


def _largest_integer(dtype: str) -> int:
    if dtype == "bool":
        return 1
    if dtype in DIGITS:
        return 2 ** DIGITS[dtype]
    return min(int(np.iinfo(dtype).max), _INT64_MAX)


def _first_exact(low: int, dtype: str) -> int:
    """``low``, or the next integer that the floating dtype holds when the one after it rounds below it."""
    if dtype not in DIGITS:
        return low
    above = _through_dtype(low + 1, dtype)
    if above >= low:
        return low
    return above + 2 ** max(abs(low + 1).bit_length() - DIGITS[dtype], 0)


def _end_exact(high: int, dtype: str) -> int:
    """``high``, or an earlier end when the integer before it rounds up to it in the floating dtype."""
    if dtype not in DIGITS:
        return high
    below = _through_dtype(high - 1, dtype)
    if below < high:
        return high
    return below - 2 ** max(abs(high - 1).bit_length() - DIGITS[dtype], 0)


def _through_dtype(value: int, dtype: str) -> int:
    """``value`` cast to the floating dtype and back to int64, where 2**63 wraps as on x86."""
    rounded = int(cast(np.array(value), dtype))
    return rounded if rounded <= _INT64_MAX else _INT64_MIN


def _check_bounds(first: int, last: int, dtype: str) -> None:
    if dtype in DIGITS:
        lowest, largest = -LARGEST[dtype], LARGEST[dtype]
    elif dtype == "bool":
        lowest, largest = 0, 1
    else:
        lowest, largest = int(np.iinfo(dtype).min), min(int(np.iinfo(dtype).max), _INT64_MAX)
    for name, value in (("from", first), ("to - 1", last)):
        if not lowest <= value <= largest:
            raise RuntimeError(f"random_: {name} is out of bounds for {dtype}, got {value}")
        if dtype in DIGITS and abs(value) > 2 ** DIGITS[dtype]:
            warnings.warn(
                f"{name} is out of bounds [-(2^{DIGITS[dtype]}), 2^{DIGITS[dtype]}]: "
                f"{dtype} holds only some of the integers beyond",
                stacklevel=4,
            )


def _check_permutation_size(n: int, dtype: str) -> None:
    if n < 0:
        raise RuntimeError(f"randperm: Trying to create tensor with negative dimension {n}: [{n}]")
    if dtype in _INTEGERS and n - 1 > np.iinfo(dtype).max:
        raise RuntimeError(f"randperm: n = {n} cannot be converted to type {dtype} without overflow")
    if dtype in ("float16", "float32", "float64") and n > 2 ** DIGITS[dtype] + 1:
        limit = 2 ** DIGITS[dtype] + 1
        raise RuntimeError(f"n cannot be greater than {limit} for {SCALAR_NAMES[dtype]} type.")
    if n >= _HUGE_PERMUTATION:
        raise NotImplementedError(f"flambeau: randperm: argument n = {n} is not supported yet")


def _from_int64(values: np.ndarray, dtype: str) -> np.ndarray:
    if dtype == "bool":
        return values != 0
    return cast(values, dtype)


def _indicator(chosen: np.ndarray, dtype: str) -> np.ndarray:
    return chosen.astype("float32" if dtype == "bfloat16" else dtype)


def _bernoulli_of_array(
    generator: Generator, shape: int | tuple[int, ...], p: np.ndarray, dtype: str
) -> np.ndarray:
    if p.dtype.kind != "f":
        name = SCALAR_NAMES.get(p.dtype.name, p.dtype.name)
        raise NotImplementedError(f'"bernoulli_tensor_cpu_p_" not implemented for \'{name}\'')
    if not np.all((p >= 0) & (p <= 1)):
        raise RuntimeError("bernoulli: expected 0 <= p <= 1 for every element of p")
    wide = p.dtype == np.float64
    unit = unit_float64 if wide else unit_float32
    uniforms = unit(generator, count(shape)).reshape(shape)
    return _indicator(uniforms < np.broadcast_to(p, uniforms.shape), dtype)


def _check_multinomial(weights: np.ndarray, samples: int, replacement: bool, dtype: str) -> None:
    if weights.ndim not in (1, 2):
        raise RuntimeError(f"multinomial: prob_dist must be 1 or 2 dim, got {weights.ndim}")
    if dtype not in DIGITS:
        name = SCALAR_NAMES.get(dtype, dtype)
        raise RuntimeError(f"multinomial only supports floating-point dtypes for input, got: {name}")
    if samples <= 0:
        raise RuntimeError(f"cannot sample n_sample <= 0 samples, got {samples}")
    if not replacement and samples > weights.shape[-1]:
        raise RuntimeError("cannot sample n_sample > prob_dist.size(-1) samples without replacement")
    if weights.shape[-1] > _LARGEST_MULTINOMIAL:
        raise RuntimeError("number of categories cannot exceed 2^24")
    if not np.all((weights >= 0) & np.isfinite(weights)):
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    if weights.size and not np.all(weights.sum(axis=-1, dtype=np.float64) > 0):
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")


_MANY_ROWS = 8  # fewer are searched one after the other


def _multinomial_with_replacement(
    generator: Generator, rows: np.ndarray, samples: int, dtype: str
) -> np.ndarray:
    """Each uniform finds its slot in the cumulated weights of its row, normalised to end at one."""
    totals = rows.astype(np.float64 if dtype == "float64" else np.float32).cumsum(axis=1)
    uniforms = unit_float64(generator, len(rows) * samples).reshape(-1, samples)
    if len(rows) >= _MANY_ROWS:
        return _slots(totals, uniforms)
    np.divide(totals, totals[:, -1:].copy(), out=totals)
    totals[:, -1] = 1
    return np.stack([np.searchsorted(row.astype(np.float64), u) for row, u in zip(totals, uniforms)])


def _slots(totals: np.ndarray, uniforms: np.ndarray) -> np.ndarray:
    """The first place of each row whose share of the last is not below the uniform, by bisection of all rows at once."""
    low, high = np.zeros(uniforms.shape, np.int64), np.full(uniforms.shape, totals.shape[1] - 1)
    last = totals[:, -1:]
    for _ in range((totals.shape[1] - 1).bit_length()):
        middle = (low + high) // 2
        below = np.take_along_axis(totals, middle, 1) / last < uniforms
        low, high = np.where(below, middle + 1, low), np.where(below, high, middle)
    return low


def _multinomial_without_replacement(
    generator: Generator, rows: np.ndarray, samples: int, dtype: str
) -> np.ndarray:
    """The largest of weight / exponential deviate: as many races as there are samples, run at once."""
    deviates = exponential(generator, rows.shape, 1.0, dtype)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        scores = cast(rows.astype(deviates.dtype) / deviates, dtype)
    if samples == 1:
        return scores.argmax(axis=1)
    return np.argsort(-scores, axis=1, kind="stable")[:, :samples]
