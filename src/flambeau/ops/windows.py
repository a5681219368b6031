"""``torch.signal.windows``: weights that fade a stretch of a signal in and out.

Every window has ``M`` points. With ``sym=True`` it is symmetric, as filters need it; with ``sym=False`` it is
one period of a periodic one, as spectra need it: the symmetric window of ``M + 1`` points without the last.
Points are computed in float64 and rounded once to ``dtype`` (float32, float64; default: the default dtype).
Formulas: Harris, "On the use of windows for harmonic analysis with the discrete Fourier transform", 1978.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np

from .. import dtypes
from ..dtypes import get_default_dtype
from ..runtime import devices
from ..tensor import Tensor
from .creation import finish, ones
from .operator import operator
from .positions import positions
from .registry import function
from .special_functions import i0


@operator("window(any formula, any coefficients, int M, Scalar a, Scalar b, Scalar c, dtype dtype)", namespace=None)
def _window(formula, coefficients, M, a, b, c, dtype):
    """``formula(k, a, b, c)`` at the points ``k``; what depends on the size is in numbers, which compile nothing anew."""
    k = positions(M).to(dtypes.float64)
    return (formula(k, a, b, c) if coefficients is None else formula(k, a, coefficients)).to(dtype)


def _made(name: str, formula: Callable, numbers: Callable, M: int, sym: bool, dtype, layout, device, requires_grad,
          coefficients: tuple | None = None) -> Tensor:
    """The first ``M`` points of a symmetric window of ``n``: ``formula(k, *numbers(n))``, at most three numbers.

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
    if M <= 1:
        return finish(ones(M, dtype=dtype, device=device), requires_grad)
    a, b, c = (*numbers(M if sym else M + 1), 0.0, 0.0)[:3]
    made = _window(formula, coefficients, int(M), a, b, c, dtype)
    return finish(made.to(device=devices.resolve(device)), requires_grad)


# -- formulas of the points k ----------------------------------------------------------------------------------


def _triangle(k, step, _b, _c):
    return 1 - (k * step - 1).abs()


def _sine(k, step, _b, _c):
    return ((k + 0.5) * step).sin()


def _cosine_sum(k, step, coefficients):
    turn = k * step
    total = k * 0 + coefficients[0]
    for i, weight in enumerate(coefficients[1:], 1):
        total = total + (turn * float(i)).cos() * ((-1) ** i * weight)
    return total


def _decay(k, center, tau, _c):
    return (-(k - center).abs() / tau).exp()


def _bell(k, middle, std, _c):
    return ((k - middle) / std).square().mul(-0.5).exp()


def _kaiser(k, step, beta, height):
    x = k * step - 1
    return i0((1 - x * x).clamp_min(0).sqrt() * beta) / height


# -- the public functions ----------------------------------------------------------------------------------------


def _declare(name: str, formula: Callable, numbers: Callable, doc: str, coefficients: tuple | None = None) -> None:
    """A window without parameters."""

    def window(M, *, sym=True, dtype=None, layout=devices.strided, device=None, requires_grad=False):
        return _made(name, formula, numbers, M, sym, dtype, layout, device, requires_grad, coefficients)

    window.__name__, window.__doc__ = name, doc
    function("signal.windows")(window)


def _turn(n: int) -> tuple[float]:
    """The angle from a point to the next where all go once around."""
    return (2 * math.pi / (n - 1),)


def _span(n: int) -> tuple[float]:
    """The step of points that go from 0 to 2."""
    return (2 / (n - 1),)


_NUTTALL = (0.3635819, 0.4891775, 0.1365995, 0.0106411)

_declare("bartlett", _triangle, _span, "A triangle that is zero at both ends.")
_declare("cosine", _sine, lambda n: (math.pi / n,), "Half a period of a sine.")
_declare("hann", _cosine_sum, _turn, "A raised cosine, zero at both ends.", (0.5, 0.5))
_declare("hamming", _cosine_sum, _turn, "``general_hamming`` with ``alpha=0.54``.", (0.54, 0.46))
_declare("blackman", _cosine_sum, _turn, "``general_cosine`` with the coefficients 0.42, 0.5, 0.08.", (0.42, 0.5, 0.08))
_declare("nuttall", _cosine_sum, _turn, "``general_cosine`` with the four coefficients of Nuttall's window of least sidelobes.",
         _NUTTALL)


@function("signal.windows")
def general_cosine(M: int, *, a, sym: bool = True, dtype=None, layout=devices.strided, device=None,
                   requires_grad: bool = False):
    """``a[0] - a[1] cos(x) + a[2] cos(2 x) - ...`` over one period of ``x``; ``a`` is a list of numbers."""
    if not isinstance(a, Iterable):
        raise TypeError("Coefficients must be a list/tuple")
    coefficients = tuple([float(weight) for weight in a])
    if not coefficients:
        raise ValueError("Coefficients cannot be empty")

    return _made("general_cosine", _cosine_sum, _turn, M, sym, dtype, layout, device, requires_grad, coefficients)


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

    def numbers(n):
        return (n - 1) / 2 if center is None else float(center), float(tau)

    return _made("exponential", _decay, numbers, M, sym, dtype, layout, device, requires_grad)


@function("signal.windows")
def gaussian(M: int, *, std: float = 1.0, sym: bool = True, dtype=None, layout=devices.strided, device=None,
             requires_grad: bool = False):
    """``exp(-((k - middle) / std)**2 / 2)``."""
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.")

    return _made("gaussian", _bell, lambda n: ((n - 1) / 2, float(std)), M, sym, dtype, layout, device, requires_grad)


@function("signal.windows")
def kaiser(M: int, *, beta: float = 12.0, sym: bool = True, dtype=None, layout=devices.strided, device=None,
           requires_grad: bool = False):
    """``I0(beta sqrt(1 - x**2)) / I0(beta)`` for ``x`` from -1 to 1; ``I0`` is a modified Bessel function."""
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")

    def numbers(n):
        return *_span(n), float(beta), float(np.i0(beta))

    return _made("kaiser", _kaiser, numbers, M, sym, dtype, layout, device, requires_grad)
