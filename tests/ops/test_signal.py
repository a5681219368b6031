"""Short-time Fourier transforms."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau as fl

torch = pytest.importorskip("torch")

RNG = np.random.default_rng(0)
SIGNAL = RNG.standard_normal((2, 40))


def both(name, array, **options):
    results = []
    for lib in (fl, torch):
        window = options.get("window")
        given = {**options, "window": None if window is None else lib.from_numpy(window.copy())}
        results.append(getattr(lib, name)(lib.from_numpy(array.copy()), **given))
    return results


def same(ours, theirs) -> None:
    assert str(ours.dtype) == str(theirs.dtype)
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), atol=1e-10)


@pytest.mark.parametrize("options", [
    {}, {"hop_length": 3}, {"window": np.hanning(8) + 0.1}, {"win_length": 5}, {"win_length": 5, "window": np.ones(5)},
    {"center": False}, {"center": False, "align_to_window": True, "win_length": 5}, {"pad_mode": "constant"},
    {"normalized": True}, {"onesided": False}, {"return_complex": False},
])  # fmt: skip
def test_stft(options):
    for signal in (SIGNAL, SIGNAL[0]):
        same(*both("stft", signal, **{"n_fft": 8, "return_complex": True, **options}))


def test_stft_of_complex_signals():
    same(*both("stft", SIGNAL + 1j, n_fft=8))
    same(*both("stft", SIGNAL, n_fft=8, window=np.ones(8) + 1j))


@pytest.mark.parametrize("options", [
    {}, {"window": np.hanning(9)[:8]}, {"normalized": True}, {"length": 30}, {"hop_length": 4}, {"onesided": False},
])  # fmt: skip
def test_istft_is_the_inverse(options):
    forward = {k: v for k, v in options.items() if k != "length"}
    spectra = both("stft", SIGNAL, n_fft=8, return_complex=True, **forward)[1].numpy()
    ours, theirs = both("istft", spectra, n_fft=8, **options)
    same(ours, theirs)
    np.testing.assert_allclose(ours.numpy(), SIGNAL[:, : ours.shape[1]], atol=1e-10)


def test_istft_of_any_spectra():
    spectra = RNG.standard_normal((2, 5, 9)) + 1j * RNG.standard_normal((2, 5, 9))
    same(*both("istft", spectra, n_fft=8, window=np.hanning(10)[1:9]))
    full = RNG.standard_normal((8, 9)) + 1j * RNG.standard_normal((8, 9))
    same(*both("istft", full, n_fft=8))
    same(*both("istft", full, n_fft=8, return_complex=True))
    with pytest.warns(UserWarning, match="length"):
        assert fl.istft(fl.from_numpy(full), 8, length=99).shape == (99,)


def test_gradients():
    gradients = []
    for lib in (fl, torch):
        x = lib.from_numpy(SIGNAL.copy()).requires_grad_()
        window = lib.from_numpy(np.hanning(10)[1:9].copy()).requires_grad_()
        spectra = lib.stft(x, 8, window=window, return_complex=True)
        (lib.istft(spectra * spectra.abs(), 8, window=window) ** 2).sum().backward()
        gradients.append((x.grad, window.grad))
    for ours, theirs in zip(*gradients):
        same(ours, theirs)


@pytest.mark.parametrize("options", [
    {"return_complex": None}, {"n_fft": 0}, {"n_fft": 90}, {"hop_length": 0}, {"win_length": 9}, {"win_length": 0},
    {"window": np.ones(5)}, {"window": np.ones(8) + 0j, "onesided": True}, {"align_to_window": True},
])  # fmt: skip
def test_errors_of_stft(options):
    for lib in (fl, torch):
        given = {k: lib.from_numpy(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
        with pytest.raises(RuntimeError):
            lib.stft(lib.from_numpy(SIGNAL.copy()), **{"n_fft": 8, "return_complex": True, **given})


@pytest.mark.parametrize("options", [
    {"hop_length": 0}, {"hop_length": 9}, {"win_length": 9}, {"n_fft": 20}, {"window": np.zeros(8)},
    {"return_complex": True}, {"window": np.ones(8) + 0j}, {"onesided": False},
])  # fmt: skip
def test_errors_of_istft(options):
    for lib in (fl, torch):
        given = {k: lib.from_numpy(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
        with pytest.raises(RuntimeError):
            lib.istft(lib.ones(5, 6, dtype=lib.complex128), **{"n_fft": 8, **given})
