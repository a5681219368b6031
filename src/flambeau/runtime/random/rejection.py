"""Poisson and binomial counts: each element draws until a draw is accepted, so they are taken one after the other.

Small rates multiply uniforms (Knuth) or add geometric gaps (Devroye); large ones are sampled by Hoermann's transformed
rejection: "The transformed rejection method for generating Poisson random variables" (1993), PTRS, and "The generation of
binomial random variates" (1993), BTRS.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from . import counting
from . import native as native_loops
from .gaussian import unit_float64
from .generator import Generator

# From here on the rejection methods are taken.
_LARGE = 10


def poisson(generator: Generator, rates: np.ndarray) -> np.ndarray:
    """Counts (float64) with these rates. Raises RuntimeError for a negative rate."""

    def draw() -> float:
        return float(unit_float64(generator, 1)[0])

    flat = rates.ravel().astype(np.float64)

    def each(part: slice) -> list[float]:
        return [_poisson(rate, draw) for rate in flat[part].tolist()]

    few = (flat > 0) & (flat < _LARGE)
    return _in_runs(few, lambda part: counting.poisson(generator, flat[part]), each).reshape(rates.shape)


def _in_runs(few: np.ndarray, native: Callable[[slice], np.ndarray], each: Callable[[slice], list[float]]) -> np.ndarray:
    """Elements in order: runs of those with few events in machine code, the others one by one."""
    if not (native_loops.available and few.any()):
        return np.array(each(slice(None)), dtype=np.float64)
    bounds = [0, *(np.flatnonzero(np.diff(few)) + 1).tolist(), few.size]
    result = np.empty(few.size)
    for start, end in zip(bounds, bounds[1:]):
        part = slice(start, end)
        result[part] = native(part) if few[start] else each(part)
    return result


def _poisson(rate: float, draw: Callable[[], float]) -> float:
    if not rate >= 0:
        raise RuntimeError("invalid Poisson rate, expected rate to be non-negative")
    if rate >= _LARGE:
        return _poisson_by_rejection(rate, draw)
    if rate == 0:
        return 0
    limit, product, number = math.exp(-rate), draw(), 0
    while product > limit:
        number += 1
        product *= draw()
    return number


def _poisson_by_rejection(rate: float, draw: Callable[[], float]) -> float:
    b = 0.931 + 2.53 * math.sqrt(rate)
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    v_r = 0.9277 - 3.6224 / (b - 2)
    while True:
        u, v = draw() - 0.5, draw()
        us = 0.5 - abs(u)
        k = math.floor((2 * a / us + b) * u + rate + 0.43) if us else -1
        if us >= 0.07 and v <= v_r:
            return k
        if k < 0 or (us < 0.013 and v > us):
            continue
        density = -rate + k * math.log(rate) - math.lgamma(k + 1)
        if _log(v) + math.log(inverse_alpha) - math.log(a / (us * us) + b) <= density:
            return k


def binomial(generator: Generator, counts: np.ndarray, chances: np.ndarray) -> np.ndarray:
    """The number of successes (float64) in ``counts`` trials of probability ``chances``, two arrays of one shape."""

    def draw() -> float:
        return float(unit_float64(generator, 1)[0])

    trials, chance = (array.ravel().astype(np.float64) for array in (counts, chances))
    rare = np.where(chance > 0.5, 1 - chance, chance)

    def native(part: slice) -> np.ndarray:
        found = counting.binomial(generator, trials[part], rare[part])
        return np.where(chance[part] > 0.5, trials[part] - found, found)

    def each(part: slice) -> list[float]:
        return [_binomial(n, p, draw) for n, p in zip(trials[part].tolist(), chance[part].tolist())]

    few = (trials > 0) & (chance > 0) & (chance < 1) & (trials * rare < _LARGE)
    return _in_runs(few, native, each).reshape(counts.shape)


def _binomial(count: float, chance: float, draw: Callable[[], float]) -> float:
    if math.isnan(chance):
        return math.nan
    if count <= 0 or chance <= 0:
        return 0
    if chance >= 1:
        return count
    if chance > 0.5:
        return count - _rare_successes(count, 1 - chance, draw)
    return _rare_successes(count, chance, draw)


def _rare_successes(count: float, chance: float, draw: Callable[[], float]) -> float:
    """As ``binomial`` for a chance of at most one half."""
    if count * chance >= _LARGE:
        return _binomial_by_rejection(count, chance, draw)
    scale, trials, successes = math.log1p(-chance), 0.0, 0
    while True:
        trials += math.ceil(_log(draw()) / scale)
        if trials > count:
            return successes
        successes += 1


def _binomial_by_rejection(count: float, chance: float, draw: Callable[[], float]) -> float:
    deviation = math.sqrt(count * chance * (1 - chance))
    b = 1.15 + 2.53 * deviation
    a = -0.0873 + 0.0248 * b + 0.01 * chance
    c = count * chance + 0.5
    v_r = 0.92 - 4.2 / b
    odds = chance / (1 - chance)
    alpha = (2.83 + 5.1 / b) * deviation
    mode = math.floor((count + 1) * chance)
    while True:
        u, v = draw() - 0.5, draw()
        us = 0.5 - abs(u)
        k = math.floor((2 * a / us + b) * u + c) if us else -1
        if us >= 0.07 and v <= v_r:
            return k
        if k < 0 or k > count:
            continue
        bound = (
            (mode + 0.5) * math.log((mode + 1) / (odds * (count - mode + 1)))
            + (count + 1) * math.log((count - mode + 1) / (count - k + 1))
            + (k + 0.5) * math.log(odds * (count - k + 1) / (k + 1))
            + _stirling_rest(mode) + _stirling_rest(count - mode) - _stirling_rest(k) - _stirling_rest(count - k)
        )
        if _log(v * alpha / (a / (us * us) + b)) <= bound:
            return k


def _log(x: float) -> float:
    return math.log(x) if x else -math.inf


def _stirling_rest(k: float) -> float:
    """What Stirling's formula leaves of log(k!)."""
    square = (k + 1) ** 2
    if k > 9:
        return (1 / 12 - (1 / 360 - 1 / 1260 / square) / square) / (k + 1)
    return math.lgamma(k + 1) - (0.5 * math.log(2 * math.pi) + (k + 0.5) * math.log(k + 1) - (k + 1))
