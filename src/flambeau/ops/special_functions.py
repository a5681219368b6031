"""Special functions: error functions, gamma functions, modified Bessel functions of the first kind,
entropies."""

from __future__ import annotations

import math

import numpy as np

from ..dtypes import get_default_dtype
from ..tensor import Tensor
from . import bessel
from . import special_numerics as numerics
from .arithmetic import HIDDEN, as_operand
from .elementwise import binary, elementwise
from .inplace import publish_inplace, rewritten
from .operator import operator
from .overrides import write_out
from .registry import export, function
from .selection import where
from .transcendental import analytic, exp, log

# -- error functions -----------------------------------------------------------------------------------------


def _bell(x):
    """The derivative of erf."""
    return exp(-x * x) * (2 / math.sqrt(math.pi))


def _normal_density(x):
    return exp(x * x * -0.5) * (1 / math.sqrt(2 * math.pi))


_SPECIAL = {"namespace": "special", "method": False, "inplace": False, "refuse": "c", "translated": True}

erf = analytic("erf", numerics.erf, lambda x, y: _bell(x), refuse="c")
erfc = analytic("erfc", numerics.erfc, lambda x, y: -_bell(x), refuse="c")
erfinv = analytic(
    "erfinv",
    numerics.erfinv,
    lambda x, y: exp(y * y) * (math.sqrt(math.pi) / 2),
    refuse="c",
    inplace="method",
)
erfcx = analytic("erfcx", numerics.erfcx, lambda x, y: x * y * 2 - 2 / math.sqrt(math.pi), **_SPECIAL)
ndtri = analytic("ndtri", numerics.ndtri, lambda x, y: exp(y * y / 2) * math.sqrt(2 * math.pi), **_SPECIAL)
log_ndtr = analytic(
    "log_ndtr",
    numerics.log_ndtr,
    lambda x, y: erfcx(x * -math.sqrt(0.5)).reciprocal() * math.sqrt(2 / math.pi),
    **_SPECIAL,
)
ndtr = analytic(
    "ndtr",
    numerics.ndtr,
    lambda x, y: _normal_density(x),
    **_SPECIAL,
)

# -- gamma functions -----------------------------------------------------------------------------------------

digamma = analytic("digamma", numerics.digamma, lambda x, y: polygamma(1, x), refuse="c", inplace="method")
lgamma = analytic("lgamma", numerics.lgamma, lambda x, y: digamma(x), refuse="c", inplace="method")
_polygammas: dict = {}


def _polygamma(n: int):
    """The operator of order n, made at first use."""
    if n not in _polygammas:
        _polygammas[n] = (
            digamma
            if n == 0
            else analytic(
                "polygamma",
                numerics.polygamma(n),
                lambda x, y: _polygamma(n + 1)(x),
                refuse="c",
                lowering=f"polygamma{n}",
                translated=True,
                **HIDDEN,
            )
        )
    return _polygammas[n]


@function()
def polygamma(n: int, input, *, out=None):
    """The n-th derivative of digamma. ``RuntimeError`` for negative ``n``."""
    if n < 0:
        raise RuntimeError("polygamma(n, x) does not support negative n.")
    result = _polygamma(n)(input)
    return result if out is None else write_out("polygamma", result, out)


def _polygamma_method(self, n):
    """The n-th derivative of digamma."""
    return polygamma(n, self)


def _polygamma_inplace(self, n):
    """In-place form of ``polygamma``."""
    return rewritten(self, lambda x: polygamma(n, x))


@operator("mvlgamma(Tensor input, int p)", method=True, out=True)
def mvlgamma(input, p):
    """The logarithm of the multivariate gamma function of dimension ``p``. ``RuntimeError`` for ``p``
    below 1."""
    if p < 1:
        raise RuntimeError("p has to be greater than or equal to 1")
    total = lgamma(input)
    for j in range(1, p):
        total = total + lgamma(input - j / 2)
    return total + p * (p - 1) / 4 * math.log(math.pi)


@mvlgamma.gradient
def _(grad, saved):
    slope = digamma(saved.input)
    for j in range(1, saved.p):
        slope = slope + digamma(saved.input - j / 2)
    return grad * slope


_zeta = elementwise(
    "special_zeta(Tensor input, Tensor other)",
    numerics.zeta,
    rule="float",
    refuse="c",
    lowering="zeta",
    translated=True,
    **HIDDEN,
)


def _zeta_of(input, other):
    return _zeta(input, as_operand(other))


@_zeta.gradient
def _(grad, saved):
    return None, grad * -saved.input * _zeta(saved.input + 1, saved.other)


# -- Bessel functions ----------------------------------------------------------------------------------------

i0 = analytic("i0", bessel.bessel_i(0, False), lambda x, y: i1(x), refuse="c", translated=True)
i0e = analytic("i0e", bessel.bessel_i(0, True), lambda x, y: i1e(x) - x.sgn() * y, **_SPECIAL)


def _away_from_zero(x):
    return where(x == 0, 1, x)  # so that what is not chosen at 0 has a finite gradient


i1 = analytic(
    "i1",
    bessel.bessel_i(1, False),
    lambda x, y: i0(x) - where(x == 0, 0.5, y / _away_from_zero(x)),
    **_SPECIAL,
)
i1e = analytic(
    "i1e",
    bessel.bessel_i(1, True),
    lambda x, y: where(x == 0, 0.5, i0e(x) - y * (x.sgn() + _away_from_zero(x).reciprocal())),
    **_SPECIAL,
)

# -- products with logarithms --------------------------------------------------------------------------------


def _product_with(logarithm):
    def apply(x, y):
        return np.where(np.isnan(y), y, np.where(x == 0, 0, x * logarithm(y)))

    return apply


_xlogy = binary(
    "xlogy", _product_with(np.log), rule="float", refuse="c", namespace=None, method=False, out=False, translated=True
)
_xlog1py = binary(
    "special_xlog1py", _product_with(np.log1p), rule="float", refuse="c", lowering="xlog1py", translated=True, **HIDDEN
)


def _value(saved):
    """The second operand as a tensor."""
    from .powers import _as_tensor

    return _as_tensor(saved.other, saved.input)


@_xlogy.gradient
def _(grad, saved):
    x, y = saved.input, _value(saved)
    by_x = grad * where((x == 0) & (y <= 0), 0, log(y))
    return (by_x, grad * (x / y)) if isinstance(saved.other, Tensor) else by_x


@_xlog1py.gradient
def _(grad, saved):
    x, y = saved.input, _value(saved)
    by_x = grad * where((x == 0) & (y <= -1), 0, (y + 1).log())
    return (by_x, grad * (x / (y + 1))) if isinstance(saved.other, Tensor) else by_x


def _two(name, op, input, other, out):
    """An operator of which either operand, but not both, may be a number."""
    if not isinstance(input, Tensor) and not isinstance(other, Tensor):
        raise TypeError(
            f"{name}() received an invalid combination of arguments - got ({type(input).__name__}, "
            f"{type(other).__name__})"
        )
    result = op(as_operand(input), other)
    return result if out is None else write_out(name, result, out)


@function(method=True)
def xlogy(input, other, *, out=None):
    """``input * log(other)``; 0 where ``input`` is 0, NaN where ``other`` is."""
    return _two("xlogy", _xlogy, input, other, out)


@function("special")
def xlog1py(input, other, *, out=None):
    """``input * log1p(other)``; 0 where ``input`` is 0, NaN where ``other`` is."""
    return _two("special_xlog1py", _xlog1py, input, other, out)


@function("special")
def zeta(input, other, *, out=None):
    """The Hurwitz zeta function: the sum of ``(k + other) ** -input`` over k = 0, 1, ..."""
    return _two("special_zeta", _zeta_of, input, other, out)


def _entropy(x):
    return np.where(
        np.isnan(x),
        x,
        np.where(x > 0, -x * np.log(np.where(x > 0, x, 1)), np.where(x == 0, x.dtype.type(0), -np.inf)),
    )


entr = analytic("entr", _entropy, lambda x, y: -log(x) - 1, **_SPECIAL)


@operator("logit(Tensor input, float? eps=None)", method=True, out=True, inplace=True, opmath=True)
def logit(input, eps):
    """``log(input / (1 - input))``, of ``input`` kept within ``eps`` and ``1 - eps`` where ``eps`` is
    given."""
    from .clamping import at_least, at_most

    x = input if input.dtype.category >= 2 else input.to(get_default_dtype())
    if eps is not None:
        x = at_most(at_least(x, eps), 1 - eps)
    return log(x / (1 - x))


@logit.gradient
def _(grad, saved):
    x, eps = saved.input, saved.eps
    slope = grad / (x * (1 - x))
    if eps is None:
        return where((x < 0) | (x > 1), float("nan"), slope)
    return where((x < eps) | (x > 1 - eps), 0, slope)


publish_inplace(mvlgamma.operator, ("mvlgamma",), None)
export("torch", "xlogy_", Tensor.xlogy_)
Tensor.polygamma, Tensor.polygamma_ = _polygamma_method, _polygamma_inplace
