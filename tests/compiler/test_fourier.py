"""Fourier transforms in machine code against NumPy's in float64: factors of lengths, layouts, directions, numbers of threads."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau
from flambeau.compiler.targets.cpu import fourier

RNG = np.random.default_rng(5)
LENGTHS = [2, 8, 16, 60, 77, 128, 17 * 19, 23 * 8, 29 * 6, 31 * 12, 1024]


def complex_array(shape, dtype) -> np.ndarray:
    return (RNG.standard_normal(shape) + 1j * RNG.standard_normal(shape)).astype(dtype)


def close(found, expected) -> None:
    assert found is not None and found.shape == expected.shape
    tolerance = 5e-7 if found.itemsize // (1 + np.iscomplexobj(found)) == 4 else 2e-15
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * np.abs(expected).max())


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
@pytest.mark.parametrize("n", LENGTHS)
def test_complex_lines_forward_and_back(n, dtype):
    lines = 4096 // n + 5
    for axis, shape in ((1, (lines, n)), (0, (n, lines)), (1, (3, n, lines))):
        x = complex_array(shape, dtype)
        close(fourier.complex_lines(x, axis, True, 1.0), np.fft.fft(x.astype("complex128"), axis=axis))
        close(fourier.complex_lines(x, axis, False, 1 / n), np.fft.ifft(x.astype("complex128"), axis=axis))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [2 * n for n in LENGTHS])
def test_real_lines_there_and_back(n, dtype):
    x = RNG.standard_normal((8192 // n + 5, n)).astype(dtype)
    whole = fourier.real_lines(x, False, 1.0)
    close(whole, np.fft.fft(x.astype("float64")))
    assert np.array_equal(whole[:, 1:], whole[:, :0:-1].conj())
    half = fourier.real_lines(x, True, 1.0)
    close(half, np.fft.rfft(x.astype("float64")))
    close(fourier.hermitian_lines(half, n, 1 / n), x)


def test_the_ends_of_a_spectrum_count_as_real():
    spectrum = complex_array((300, 33), "complex64")
    close(fourier.hermitian_lines(spectrum, 64, 1 / 64), np.fft.irfft(spectrum.astype("complex128"), 64))


@pytest.mark.parametrize("axis", [0, 1])
def test_lines_do_not_meet_and_the_threads_do_not_matter(axis):
    x = complex_array((160, 160), "complex64")
    x[3, :] = np.nan
    before, found = flambeau.get_num_threads(), []
    for threads in (1, 2):
        flambeau.set_num_threads(threads)
        found.append(fourier.complex_lines(x, axis, True, 1.0))
    flambeau.set_num_threads(before)
    assert found[0].tobytes() == found[1].tobytes()
    clean = np.delete(found[0], 3, 0)
    assert np.isnan(clean).all() if axis == 0 else not np.isnan(clean).any()


@pytest.mark.parametrize("x", [np.zeros((8, 37 * 64), "complex64"), np.zeros((2, 4096), "complex64"), np.zeros((8, 8), "complex64"),
                               np.zeros((64, 128), "float32"), np.zeros((0, 128), "complex64"), np.zeros((9999, 1), "complex64")],
                         ids=["large prime", "few lines", "small", "real", "empty", "one point"])
def test_what_is_left_to_numpy(x):
    assert fourier.complex_lines(x, 1, True, 1.0) is None
