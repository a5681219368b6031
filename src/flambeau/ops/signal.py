"""Short-time Fourier transforms: ``stft`` and its inverse ``istft``.

A signal is cut into frames of ``n_fft`` samples that begin ``hop_length`` apart; each is weighed with a window
and transformed.
"""

from __future__ import annotations

import math
import warnings

from ..lazy.spec import dense
from ..tensor import Tensor
from .creation import ones
from .fft import fft, ifft, irfft, rfft
from .operator import operator
from .padding import constant_pad_nd, pad
from .registry import function
from .views import as_strided_scatter_zeros, dense_like, unfold, view_as_real


def _refuse(name: str, problem: str) -> None:
    raise RuntimeError(f"{name}: {problem}")


def _window(name: str, window: Tensor | None, win_length: int, n_fft: int, like: Tensor) -> Tensor:
    """The weights of a frame: the window, zeros to its left and right."""
    if not 0 < win_length <= n_fft:
        _refuse(name, f"expected 0 < win_length <= n_fft, but got win_length={win_length} and n_fft={n_fft}")
    if window is None:
        window = ones(win_length, dtype=like.dtype.to_real(), device=like.device)
    elif tuple(window.shape) != (win_length,):
        _refuse(name, f"expected a 1D window tensor of size equal to win_length={win_length}, but got window "
                      f"with size {list(window.shape)}")
    before = (n_fft - win_length) // 2
    after = n_fft - win_length - before
    return constant_pad_nd(window, (before, after)) if before or after else window


# -- forward -------------------------------------------------------------------------------------------------


def _check_stft(input: Tensor, n_fft: int, hop_length: int) -> None:
    if input.ndim not in (1, 2):
        _refuse("stft", f"expected a 1D or 2D tensor, but got {input.ndim} dimensions")
    if input.dtype.category < 2:
        _refuse("stft", f"expected a tensor of floating point or complex values, but got {input.dtype}")
    if hop_length <= 0:
        _refuse("stft", f"expected hop_length > 0, but got hop_length={hop_length}")


def _centered(x: Tensor, amount: int, pad_mode: str) -> Tensor:
    """``x`` with ``amount`` samples more at both ends."""
    if pad_mode == "constant" or not amount:
        return constant_pad_nd(x, (amount, amount))
    return pad(x.unsqueeze(0), (amount, amount), mode=pad_mode).squeeze(0)


@function(method=True)
def stft(input, n_fft: int, hop_length: int | None = None, win_length: int | None = None, window=None,
         center: bool = True, pad_mode: str = "reflect", normalized: bool = False, onesided: bool | None = None,
         return_complex: bool | None = None, align_to_window: bool | None = None):
    """The spectra ``([batch,] frequencies, frames)`` of overlapping frames of ``input`` ``([batch,] samples)``.

    ``hop_length`` is ``n_fft // 4`` and ``win_length`` is ``n_fft`` unless given; ``window`` (``win_length``
    weights, by default ones) is padded with zeros on both sides. With ``center`` the signal is padded by
    ``n_fft // 2`` in ``pad_mode``, so that frame ``t`` is centered at sample ``t * hop_length``. ``onesided``
    (default: unless something is complex) leaves out negative frequencies; ``normalized`` divides by
    ``sqrt(n_fft)``. A complex tensor comes back, or with ``return_complex=False`` pairs of real numbers.

    Raises ``RuntimeError`` for wrong lengths and shapes, and where ``return_complex`` is missing for real input.
    """
    hop_length = n_fft // 4 if hop_length is None else hop_length
    win_length = n_fft if win_length is None else win_length
    is_complex = input.is_complex() or (window is not None and window.is_complex())
    if return_complex is None and not is_complex:
        _refuse("stft", "requires the return_complex parameter be given for real inputs")
    if center and align_to_window is not None:
        _refuse("stft", "align_to_window should only be set when center = false")
    _check_stft(input, n_fft, hop_length)
    x = input if input.ndim == 2 else input.unsqueeze(0)
    if center:
        x = _centered(x, n_fft // 2, pad_mode)
    elif align_to_window:
        x = _centered(x, (n_fft - win_length) // 2, pad_mode)
    if not 0 < n_fft <= x.shape[1]:
        _refuse("stft", f"expected 0 < n_fft <= {x.shape[1]}, but got n_fft={n_fft}")
    frames = unfold(x, 1, n_fft, hop_length) * _window("stft", window, win_length, n_fft, input)
    onesided = not is_complex if onesided is None else onesided
    if onesided and is_complex:
        _refuse("stft", "Cannot have onesided output if window or input is complex")
    spectra = (rfft if onesided else fft)(frames, norm="ortho" if normalized else "backward").transpose(1, 2)
    spectra = spectra if input.ndim == 2 else spectra.squeeze(0)
    return spectra if return_complex or return_complex is None else view_as_real(spectra)


# -- inverse -------------------------------------------------------------------------------------------------


@operator("overlap_add(Tensor frames, int hop_length)", namespace=None)
def _overlap_add(frames, hop_length):
    """The signals ``(batch, samples)`` that frames ``(batch, frames, n)``, ``hop_length`` apart, add up to."""
    batch, count, n = frames.shape
    signal = dense((batch, n + hop_length * (count - 1)), frames.dtype, frames.device)
    cut = dense_like(frames.shape, (signal.stride[0], hop_length, 1), signal)
    return as_strided_scatter_zeros(frames, signal, cut, 0)


@_overlap_add.gradient
def _(grad, saved):
    return unfold(grad, 1, saved.frames.shape[2], saved.hop_length)


def _check_istft(input: Tensor, n_fft: int, hop_length: int, win_length: int) -> None:
    if not input.is_complex():
        _refuse("istft", "requires a complex-valued input tensor matching the output from stft with "
                         f"return_complex=True, but got {input.dtype}")
    if input.ndim not in (2, 3):
        _refuse("istft", f"expected a tensor with 2 or 3 dimensions, but got {input.ndim}")
    if not input.numel():
        _refuse("istft", "input tensor cannot be empty")
    if not 0 < hop_length <= win_length:
        _refuse("istft", f"expected 0 < hop_length <= win_length, but got hop_length={hop_length} and "
                         f"win_length={win_length}")


def _is_onesided(frequencies: int, n_fft: int, onesided: bool | None) -> bool:
    onesided = frequencies != n_fft if onesided is None else onesided
    expected = n_fft // 2 + 1 if onesided else n_fft
    if frequencies != expected:
        _refuse("istft", f"expected {expected} frequencies for n_fft={n_fft} and onesided={onesided}, but "
                         f"got {frequencies}")
    return onesided


def _frames_of(x: Tensor, n_fft: int, normalized: bool, return_complex: bool) -> Tensor:
    """The weighed frames whose spectra are ``x`` ``(batch, frequencies, frames)``.

    Of real frames only the first half of the spectrum is read.
    """
    norm = "ortho" if normalized else "backward"
    return (ifft if return_complex else irfft)(x.transpose(1, 2), n_fft, norm=norm)


@function(method=True)
def istft(input, n_fft: int, hop_length: int | None = None, win_length: int | None = None, window=None,
          center: bool = True, normalized: bool = False, onesided: bool | None = None,
          length: int | None = None, return_complex: bool = False):
    """The signal of which ``stft`` with the same arguments gives ``input`` ``([batch,] frequencies, frames)``.

    Where spectra were changed it is the least-squares estimate: frames are weighed again, added up, and divided
    by the sum of squared windows (Griffin and Lim, 1984). ``length`` cuts the signal or fills it up with zeros.

    Raises ``RuntimeError`` for wrong lengths and shapes, and where a sample lies in no window.
    """
    hop_length = n_fft // 4 if hop_length is None else hop_length
    win_length = n_fft if win_length is None else win_length
    _check_istft(input, n_fft, hop_length, win_length)
    weights = _window("istft", window, win_length, n_fft, input)
    if weights.is_complex() and not return_complex:
        _refuse("istft", "Complex windows are incompatible with return_complex=False")
    x = input if input.ndim == 3 else input.unsqueeze(0)
    if _is_onesided(x.shape[1], n_fft, onesided) and return_complex:
        _refuse("istft", "Cannot have onesided output if window or input is complex")
    frames = _frames_of(x, n_fft, normalized, return_complex) * weights
    signal = _overlap_add(frames, hop_length)
    envelope = _overlap_add((weights * weights).expand(1, x.shape[2], n_fft).contiguous(), hop_length)
    start, end = _extent(signal.shape[1], n_fft, center, length)
    signal, envelope = signal[:, start:end], envelope[:, start:end]
    lowest = envelope.abs().min().item() if envelope.numel() else math.inf
    if lowest <= 1e-11:
        _refuse("istft", f"expected every sample to lie in a window, but window overlap add min is {lowest}")
    result = _lengthened(signal / envelope, end - start)
    return result if input.ndim == 3 else result.squeeze(0)


def _extent(samples: int, n_fft: int, center: bool, length: int | None) -> tuple[int, int]:
    """Where the signal begins and ends among the samples that frames add up to."""
    start = n_fft // 2 if center else 0
    if length is not None:
        return start, start + length
    return start, samples - start


def _lengthened(signal: Tensor, length: int) -> Tensor:
    missing = length - signal.shape[1]
    if missing <= 0:
        return signal
    warnings.warn("istft: the length parameter is longer than the signal, which is padded with zeros at its end; "
                  "check center and hop_length", stacklevel=4)
    return constant_pad_nd(signal, (0, missing))


__all__ = ["stft", "istft"]
