"""Products of integer matrices in machine code."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau

RNG = np.random.default_rng(5)


def product(left: np.ndarray, right: np.ndarray, layout) -> list[np.ndarray]:
    a, b = layout(flambeau.tensor(left), flambeau.tensor(right))
    return [(a @ b).numpy() for _ in range(3)]  # at first sight, and compiled


@pytest.mark.parametrize("dtype", ["int64", "int32", "int16", "int8", "uint8"])
@pytest.mark.parametrize("shapes", [((3, 5), (5, 7)), ((64, 100), (100, 33)), ((4, 3, 5), (4, 5, 40)), ((1, 1), (1, 1)), ((2, 0), (0, 3))])
def test_products_wrap_as_numpys(dtype, shapes):
    left, right = (RNG.integers(0, 100, shape).astype(dtype) for shape in shapes)
    for found in product(left, right, lambda a, b: (a, b)):
        np.testing.assert_array_equal(found, left @ right)


def test_any_strides():
    left, right = RNG.integers(-9, 9, (40, 30)), RNG.integers(-9, 9, (30, 50))
    layouts = (lambda a, b: (a.t().contiguous().t(), b), lambda a, b: (a, b.t().contiguous().t()), lambda a, b: (a[::3, ::2], b[::2, ::2]))
    for layout in layouts:
        a, b = layout(flambeau.tensor(left), flambeau.tensor(right))
        for found in product(left, right, layout):
            np.testing.assert_array_equal(found, a.numpy() @ b.numpy())


@pytest.mark.parametrize("threads", [1, 2])
def test_any_number_of_threads(threads):
    before = flambeau.get_num_threads()
    flambeau.set_num_threads(threads)
    left, right = RNG.integers(-9, 9, (200, 300)), RNG.integers(-9, 9, (300, 70))
    for found in product(left, right, lambda a, b: (a, b)):
        np.testing.assert_array_equal(found, left @ right)
    flambeau.set_num_threads(before)
