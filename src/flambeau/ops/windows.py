"""``torch.signal.windows``: weights that fade a stretch of a signal in and out.

Every window has ``M`` points. With ``sym=True`` it is symmetric, as filters need it; with ``sym=False`` it is
one period of a periodic one, as spectra need it: the symmetric window of ``M + 1`` points without the last.
Points are computed in float64 and rounded once to ``dtype`` (float32, float64; default: the default dtype).
Formulas: Harris, "On the use of windows for harmonic analysis with the discrete Fourier transform", 1978.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from .. import dtypes
from ..dtypes import get_default_dtype
from ..runtime import devices
from ..tensor import Tensor, from_array
from .creation import finish
from .registry import function


def _made(name: str, formula: Callable, M: int, sym: bool, dtype, layout, device, requires_grad) -> Tensor:
    """The first ``M`` points ``formula(k, n)`` of a symmetric window of ``n``.

    Raises ``ValueError`` for negative ``M``, and for dtypes and layouts that PyTorch refuses.
    """
    dtype = dtype or get_default_dtype()
    if not hasattr(M, "__index__"):
        raise TypeError(f"{name}(): argument 'M' must be int, not {type(M).__name__}")
    if M < 0:
        raise ValueError(f"{name} requires non-negative window length, got M={M}")
    if layout is not devices.strided:
        raise ValueError(f"{name} is implemented for strided tensors only, got: {layout}")
    if dtype not in (dtypes.float32, dtypes.float64):
        raise ValueError(f"{name} expects float32 or float64 dtypes, got: {dtype}")
    points = np.arange(M, dtype=np.float64)
    weights = np.ones(M) if M <= 1 else formula(points, M if sym else M + 1)
    made = from_array(weights.astype(dtype.numpy), dtype).to(device=devices.resolve(device))
    return finish(made, requires_grad)


def _declare(name: str, formula: Callable, doc: str) -> None:
    """A window without parameters."""

    def window(M, *, sym=True, dtype=None, layout=devices.strided, device=None, requires_grad=False):
        return _made(name, formula, M, sym, dtype, layout, device, requires_grad)

    window.__name__, window.__doc__ = name, doc
    function("signal.windows")(window)


def _cosine_sum(k: np.ndarray, n: int, a: Iterable[float]) -> np.ndarray:
    """``a[0] - a[1] cos(x) + a[2] cos(2 x) - ...`` where ``x`` goes once around."""
    turn = 2 * np.pi * k / (n - 1)
    return sum((-1) ** i * weight * np.cos(i * turn) for i, weight in enumerate(a))


_NUTTALL = (0.3635819, 0.4891775, 0.1365995, 0.0106411)

_declare("bartlett", lambda k, n: 1 - np.abs(2 * k / (n - 1) - 1), "A triangle that is zero at both ends.")
_declare("cosine", lambda k, n: np.sin(np.pi * (k + 0.5) / n), "Half a period of a sine.")
_declare("hann", lambda k, n: _cosine_sum(k, n, (0.5, 0.5)), "A raised cosine, zero at both ends.")
_declare("hamming", lambda k, n: _cosine_sum(k, n, (0.54, 0.46)), "``general_hamming`` with ``alpha=0.54``.")
_declare("blackman", lambda k, n: _cosine_sum(k, n, (0.42, 0.5, 0.08)),
         "``general_cosine`` with the coefficients 0.42, 0.5, 0.08.")
_declare("nuttall", lambda k, n: _cosine_sum(k, n, _NUTTALL),
         "``general_cosine`` with the four coefficients of Nuttall's window of least sidelobes.")


@function("signal.windows")
def general_cosine(M: int, *, a, sym: bool = True, dtype=None, layout=devices.strided, device=None,
                   requires_grad: bool = False):
    """``a[0] - a[1] cos(x) + a[2] cos(2 x) - ...`` over one period of ``x``; ``a`` is a list of numbers."""
    if not isinstance(a, Iterable):
        raise TypeError("Coefficients must be a list/tuple")
    coefficients = tuple(a)
    if not coefficients:
        raise ValueError("Coefficients cannot be empty")

    def formula(k, n):
        return _cosine_sum(k, n, coefficients)

    return _made("general_cosine", formula, M, sym, dtype, layout, device, requires_grad)


@function("signal.windows")
def general_hamming(M: int, *, alpha: float = 0.54, sym: bool = True, dtype=None, layout=devices.strided,
                    device=None, requires_grad: bool = False):
    """``alpha - (1 - alpha) cos(x)`` over one period of ``x``."""
    return general_cosine(M, a=(alpha, 1.0 - alpha), sym=sym, dtype=dtype, layout=layout, device=device,
                          requires_grad=requires_grad)


@function("signal.windows")
def exponential(M: int, *, center: float | None = None, tau: float = 1.0, sym: bool = True, dtype=None,
                layout=devices.strided, device=None, requires_grad: bool = False):
    """``exp(-|k - center| / tau)``; ``center`` (default: the middle) is for ``sym=False`` only."""
    if tau <= 0:
        raise ValueError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows")

    def formula(k, n):
        return np.exp(-np.abs(k - ((n - 1) / 2 if center is None else center)) / tau)

    return _made("exponential", formula, M, sym, dtype, layout, device, requires_grad)


@function("signal.windows")
def gaussian(M: int, *, std: float = 1.0, sym: bool = True, dtype=None, layout=devices.strided, device=None,
             requires_grad: bool = False):
    """``exp(-((k - middle) / std)**2 / 2)``."""
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.")

    def formula(k, n):
        return np.exp(-0.5 * ((k - (n - 1) / 2) / std) ** 2)

    return _made("gaussian", formula, M, sym, dtype, layout, device, requires_grad)


@function("signal.windows")
def kaiser(M: int, *, beta: float = 12.0, sym: bool = True, dtype=None, layout=devices.strided, device=None,
           requires_grad: bool = False):
    """``I0(beta sqrt(1 - x**2)) / I0(beta)`` for ``x`` from -1 to 1; ``I0`` is a modified Bessel function."""
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")

    def formula(k, n):
        x = 2 * k / (n - 1) - 1
        return np.i0(beta * np.sqrt(np.maximum(1 - x * x, 0))) / np.i0(beta)

    return _made("kaiser", formula, M, sym, dtype, layout, device, requires_grad)
