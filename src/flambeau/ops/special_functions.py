"""Special functions: error functions, gamma functions, Bessel functions."""

from __future__ import annotations

import math

import numpy as np

from .transcendental import analytic


def elementary(scalar_function):
    """The NumPy meaning of a function of one Python float, element by element in double precision."""
    each = np.frompyfunc(scalar_function, 1, 1)

    def apply(x):
        return np.asarray(each(x.astype(np.float64)), dtype=np.float64).astype(x.dtype).reshape(x.shape)

    return apply


def _normal(x):
    return (-x * x).exp() * (2 / math.sqrt(math.pi))


erf = analytic("erf", elementary(math.erf), lambda x, y: _normal(x), refuse="c")
erfc = analytic("erfc", elementary(math.erfc), lambda x, y: -_normal(x), refuse="c")
