"""Rare special functions. Those of the incomplete gamma function come from SciPy, which is an optional extra: without it they
raise ``ImportError``."""

from __future__ import annotations

import numpy as np

from . import bessel
from .arithmetic import no_derivative
from .elementwise import elementwise
from .numpy_threads import in_parts
from .registry import export
from .special_functions import lgamma
from .transcendental import exp, floats_only, log


def _from_scipy(name: str, scipy_name: str):
    """SciPy's function on double-precision arrays, imported at first use."""

    def apply(*arrays):
        try:
            import scipy.special
        except ImportError:
            raise ImportError(
                f"flambeau: {name} needs SciPy, an optional dependency: pip install scipy"
            ) from None
        function = getattr(scipy.special, scipy_name)
        flat = [a.astype(np.float64).ravel() for a in np.broadcast_arrays(*arrays)]
        values = in_parts(function, flat, 0)
        return values.reshape(np.broadcast_shapes(*[a.shape for a in arrays])).astype(arrays[0].dtype)

    return apply


def _declare(name: str, numpy_function) -> None:
    op = elementwise(
        f"special_{name}(Tensor input)",
        numpy_function,
        rule="float",
        refuse="c",
        namespace=None,
        method=False,
        inplace=False,
        translated=True,
        doc=f"The function {name.replace('_', ' ')}.",
    )
    op.gradient(no_derivative(f"special_{name}"))
    export("special", name, op)


def _spherical_bessel_j0(x):
    return np.where(np.isinf(x), 0.0, np.where(x == 0, 1.0, np.sin(x) / np.where(x == 0, 1.0, x)))


for _order in (0, 1):
    _declare(f"bessel_j{_order}", bessel.bessel_j(_order))
    _declare(f"bessel_y{_order}", bessel.bessel_y(_order))
    _declare(f"modified_bessel_k{_order}", bessel.bessel_k(_order, False))
    _declare(f"scaled_modified_bessel_k{_order}", bessel.bessel_k(_order, True))
_declare("airy_ai", bessel.airy_ai)
_declare("spherical_bessel_j0", _spherical_bessel_j0)

# -- incomplete gamma functions ------------------------------------------------------------------------------

_lower, _upper = _from_scipy("igamma", "gammainc"), _from_scipy("igammac", "gammaincc")


def _upper_gamma(a, x):
    """One minus the lower function, which is ten times as fast, but where little would be left."""
    wide = [np.asarray(v, np.float64) for v in np.broadcast_arrays(a, x)]
    lower = _lower(*wide)
    result, rest = np.array(1 - lower), ~(lower < 0.9)
    result[rest] = _upper(*[v[rest] for v in wide])
    return result.astype(a.dtype)


igamma = elementwise(
    "igamma(Tensor input, Tensor other)",
    _lower,
    rule=floats_only("igamma_cpu"),
    inplace="method",
)
igammac = elementwise(
    "igammac(Tensor input, Tensor other)",
    _upper_gamma,
    rule=floats_only("igammac_cpu"),
    inplace="method",
)


def _density(saved):
    """The derivative of igamma by its second argument."""
    a, x = saved.input, saved.other
    return exp((a - 1) * log(x) - x - lgamma(a))


@igamma.gradient
def _(grad, saved):
    return None, grad * _density(saved)


@igammac.gradient
def _(grad, saved):
    return None, -grad * _density(saved)


export("special", "gammainc", igamma)
export("special", "gammaincc", igammac)
