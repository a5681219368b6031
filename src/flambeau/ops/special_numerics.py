"""Special functions on NumPy arrays, in double precision whatever the arrays' type."""

from __future__ import annotations

import functools
import math

import numpy as np

from ..compiler.meanings import repeated


def in_double(function):
    """``function`` on float64 arrays, its result rounded to the first argument's type."""

    @functools.wraps(function)
    def apply(*arrays):
        if hasattr(arrays[0], "in_double"):
            return arrays[0].in_double(function, arrays)
        with np.errstate(all="ignore"):
            wide = [np.asarray(a, dtype=np.float64) for a in np.broadcast_arrays(*arrays)]
            return np.asarray(function(*wide)).astype(np.asarray(arrays[0]).dtype)

    return apply


def each(scalar_function):
    """A function of a Python float on every element."""
    ufunc = np.frompyfunc(scalar_function, 1, 1)
    name = scalar_function.__name__.lstrip("_")

    def apply(x):
        return x.apply(name, x) if hasattr(x, "apply") else np.asarray(ufunc(x), dtype=np.float64).reshape(x.shape)

    return in_double(apply)


erf = each(math.erf)
erfc = each(math.erfc)


def _lgamma(x: float) -> float:
    if x == -math.inf or (x <= 0 and x == math.floor(x)):
        return math.inf
    return math.lgamma(x)


lgamma = each(_lgamma)


@in_double
def ndtr(x):
    """The normal distribution function."""
    return 0.5 * erfc(-x * math.sqrt(0.5))


@in_double
def erfcx(x):
    """``exp(x^2) erfc(x)``; far out by the asymptotic series (NIST DLMF 7.12.1)."""
    near = np.exp(np.minimum(x, 25.0) ** 2) * erfc(np.minimum(x, 25.0))
    inverse = 1 / np.maximum(x, 25.0) ** 2
    tail = 1 - inverse / 2 * (1 - inverse * 3 / 2 * (1 - inverse * 5 / 2 * (1 - inverse * 7 / 2)))
    return np.where(x < 25, near, tail / (np.maximum(x, 25.0) * math.sqrt(math.pi)))


# Central and outer rational approximations of the normal quantile (P. J. Acklam), good to 1e-9 before
# refinement.
_INNER = (
    (
        -3.969683028665376e01,
        2.209460984245205e02,
        -2.759285104469687e02,
        1.383577518672690e02,
        -3.066479806614716e01,
        2.506628277459239e00,
    ),
    (
        -5.447609879822406e01,
        1.615858368580409e02,
        -1.556989798598866e02,
        6.680131188771972e01,
        -1.328068155288572e01,
        1.0,
    ),
)
_OUTER = (
    (
        -7.784894002430293e-03,
        -3.223964580411365e-01,
        -2.400758277161838e00,
        -2.549732539343734e00,
        4.374664141464968e00,
        2.938163982698783e00,
    ),
    (7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e00, 3.754408661907416e00, 1.0),
)


def _lower_quantile(p):
    """The normal quantile of p in (0, 1/2]: a rational guess and two steps of Halley's method."""
    q = p - 0.5
    inner = q * np.polyval(_INNER[0], q * q) / np.polyval(_INNER[1], q * q)
    r = np.sqrt(-2 * np.log(p))
    x = np.where(p > 0.02425, inner, np.polyval(_OUTER[0], r) / np.polyval(_OUTER[1], r))
    for _ in range(2):
        error = 0.5 * erfc(-x / math.sqrt(2)) - p
        step = error * math.sqrt(2 * math.pi) * np.exp(x * x / 2)
        x = x - step / (1 + x * step / 2)
    return x


@in_double
def ndtri(p):
    """The quantile function of the normal distribution."""
    low = np.minimum(p, 1 - p)
    x = np.copysign(_lower_quantile(np.where(low > 0, low, 0.25)), p - 0.5)
    x = np.where(p == 0, -np.inf, np.where(p == 1, np.inf, x))
    return np.where((p < 0) | (p > 1) | np.isnan(p), np.nan, x)


@in_double
def erfinv(y):
    """The inverse of erf: by the normal quantile, then a Newton step, which keeps small arguments exact."""
    size = np.abs(y)
    inside = np.where(size < 1, size, 0.5)
    x = -_lower_quantile((1 - inside) / 2) / math.sqrt(2)
    slope = 2 / math.sqrt(math.pi) * np.exp(-x * x)
    x = x - np.where(inside < 0.5, (erf(x) - inside) / slope, 0)
    x = np.copysign(np.where(size == 1, np.inf, x), y)
    return np.where((size > 1) | np.isnan(y), np.nan, x)


@in_double
def log_ndtr(x):
    """The logarithm of the normal distribution function, without underflow."""
    low = np.log(erfcx(-np.minimum(x, -1.0) / math.sqrt(2)) / 2) - np.minimum(x, -1.0) ** 2 / 2
    high = np.log1p(-erfc(np.maximum(x, -1.0) / math.sqrt(2)) / 2)
    return np.where(x < -1, low, np.where(np.isnan(x), np.nan, high))


# B_2k / (2k)!
_BERNOULLI = (
    1 / 12,
    -1 / 720,
    1 / 30240,
    -1 / 1209600,
    1 / 47900160,
    -691 / 1307674368000,
    1 / 74724249600,
    -3617 / 10670622842880000,
)


@in_double
def digamma(x):
    """The logarithmic derivative of gamma: reflection, recurrence to 10, asymptotic series (NIST DLMF
    5.11.2)."""
    reflected = x < 0
    z = np.where(reflected, 1 - x, x)
    shift = np.zeros_like(z)
    for _ in range(10):
        small = z < 10
        shift = shift - np.where(small, 1 / z, 0)
        z = np.where(small, z + 1, z)
    inverse = 1 / (z * z)
    series = inverse * (
        1 / 12
        - inverse
        * (1 / 120 - inverse * (1 / 252 - inverse * (1 / 240 - inverse * (1 / 132 - inverse * 691 / 32760))))
    )
    result = shift + np.log(z) - 0.5 / z - np.where(np.isinf(z), 0, series)
    fraction = x - np.floor(x)
    result = np.where(reflected, result - np.pi / np.tan(np.pi * fraction), result)
    result = np.where(x == 0, np.copysign(np.inf, -x), result)
    return np.where((x < 0) & (x == np.floor(x)), np.nan, result)


@in_double
def zeta(s, q):
    """The Hurwitz zeta function."""
    return _hurwitz(s, q, lambda base: base**-s)


def _hurwitz(s, q, to_minus_s):
    """The first terms, then Euler and Maclaurin's formula (NIST DLMF 25.11.28); ``to_minus_s(base)`` is ``base**-s``."""
    total = np.zeros_like(q)
    whole = q == np.floor(q)
    base = np.where(np.isfinite(q) & ~((q <= 0) & whole), q, 1.0)

    def next_term(total, base):
        small = base < 10
        return total + np.where(small, to_minus_s(base), 0), np.where(small, base + 1, base)

    total, base = repeated(lambda total, base: base < 10, next_term, total, base)
    power = to_minus_s(base)
    total = total + base * power / (s - 1) + power / 2
    factor, power = s, power / base
    for k, b in enumerate(_BERNOULLI):
        total = total + b * factor * power
        factor = factor * (s + 2 * k + 1) * (s + 2 * k + 2)
        power = power / (base * base)
    total = np.where(q <= 0, np.where(whole, np.inf, np.where(s == np.floor(s), total, np.nan)), total)
    total = np.where(s == 1, np.inf, np.where(s < 1, np.nan, total))
    return np.where(np.isnan(q) | np.isnan(s) | (q == np.inf), np.nan, total)


_MOST_PRODUCTS = 8  # a power with a higher exponent is no product of factors


def polygamma(n: int):
    """The n-th derivative of digamma (n > 0) on arrays, by the zeta function."""
    scale = (-1.0) ** (n + 1) * math.factorial(n)

    def to_minus_s(base):
        if n > _MOST_PRODUCTS:
            return base ** -(n + 1.0)
        inverse = power = 1 / base
        for _ in range(n):
            power = power * inverse
        return power

    @in_double
    def apply(x):
        values = scale * _hurwitz(np.full_like(x, n + 1.0), x, to_minus_s)
        return np.where(x == np.inf, 0.0 if n == 1 else np.nan, values)

    return apply
