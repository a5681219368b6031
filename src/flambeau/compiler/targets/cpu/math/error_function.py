"""erf and erfc.

Measured errors in ulp (float, double) stay below: erf 1.0, 1.0; erfc 4.0, 2.3.
"""

from __future__ import annotations

from flambeau.compiler.targets.cpu.math import exponential
from flambeau.compiler.targets.cpu.math.lanes import Lanes, fma, polynomial, where


def erfc_positive(a: Lanes) -> Lanes:
    """erfc(a) = exp(-a^2) p((a - 4)/(a + 4)) / (1 + 2a) for a >= 0 (after Shepherd and Laframboise, 1981)."""
    # exp magnifies the rounding of a^2, so its error is carried along.
    square = a * a
    error = fma(a, a, -square)
    r, shifted = exponential.reduce(-square)
    e = exponential.small_expm1(r - error)
    ratio = polynomial((a - 4.0) / (a + 4.0), a.table("ERFCX")) / fma(a, 2.0, 1.0)
    return exponential.scale(fma(e, ratio, ratio), shifted)


def erf_small(x: Lanes) -> Lanes:
    """erf(x) for |x| <= 1."""
    return fma(x, polynomial(x * x, x.table("ERF")), x)


def erfc(x: Lanes) -> Lanes:
    a = abs(x)
    y = erfc_positive(a.at_most(x.pick(10.2, 27.5)))
    large = where(x < 0.0, 2.0 - y, y)
    return where(a < 0.5, 1.0 - erf_small(x), large)


def erf(x: Lanes) -> Lanes:
    a = abs(x)
    if x.single:
        complement = exponential.exp_in_range(polynomial(a.at_most(4.0) - 1.0, x.table("LOG_ERFC")))
    else:
        complement = erfc_positive(a.at_most(6.0))
    return where(a < 1.0, erf_small(a), 1.0 - complement).sign_of(x)
