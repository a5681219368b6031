"""NumPy functions on several threads: those that work slice by slice, and let other threads run meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..runtime.threads import get_num_threads

_LARGE = 1 << 16  # elements; less is done before a thread has started


def in_parts(function: Callable, arrays: Sequence[np.ndarray], axis: int):
    """``function(*arrays)``, an array or a tuple of them, made of its results for slices of the arrays along ``axis``.

    The function must treat these slices independently, so that no result depends on the number of threads.
    """
    size = arrays[0].shape[axis]
    count = min(get_num_threads(), size)
    if count < 2 or arrays[0].size < _LARGE:
        return function(*arrays)
    bounds = [size * i // count for i in range(count + 1)]
    lead = (slice(None),) * (axis % arrays[0].ndim)

    def part(start: int, end: int):
        return function(*[array[(*lead, slice(start, end))] for array in arrays])

    from concurrent.futures import ThreadPoolExecutor  # a tenth of the import of flambeau

    with ThreadPoolExecutor(count) as pool:
        parts = list(pool.map(part, bounds[:-1], bounds[1:]))
    if isinstance(parts[0], tuple):
        return tuple([np.concatenate(results, axis) for results in zip(*parts)])
    return np.concatenate(parts, axis)


def along(function: Callable, array: np.ndarray, axis: int):
    """``function(array)`` that treats lines along ``axis`` independently."""
    others = [d for d in range(array.ndim) if d != axis % array.ndim]
    return in_parts(function, (array,), max(others, key=lambda d: array.shape[d])) if others else function(array)
