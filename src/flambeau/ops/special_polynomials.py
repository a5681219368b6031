"""Orthogonal polynomials of ``torch.special``, by their three-term recurrences (NIST DLMF 18.9)."""

from __future__ import annotations

import numpy as np

from ..compiler.meanings import repeated
from ..tensor import Tensor
from .arithmetic import HIDDEN, as_operand, no_derivative
from .elementwise import elementwise
from .overrides import dispatching, write_out
from .registry import export
from .special_numerics import in_double


def _recurrence(first, second, step):
    """``p_0 = first``, ``p_1 = second(x)``, ``p_(k+1) = step(k, x, p_k, p_(k-1))``, at the degree ``n`` of
    each element."""

    @in_double
    def apply(x, n):
        degree = np.where(np.isfinite(n), np.trunc(n), -1.0)
        before, now = np.full_like(x, first), second(x)

        def advance(k, before, now, result):
            before, now = now, step(k, x, now, before)
            return k + 1, before, now, np.where(degree == k + 1, now, result)

        start = np.where(degree == 0, before, np.where(degree == 1, now, 0.0))
        return repeated(lambda k, *rest: k < degree, advance, np.ones_like(x), before, now, start)[-1]

    return apply


def _chebyshev_step(k, x, now, before):
    return 2 * x * now - before


def _shifted_step(k, x, now, before):
    return 2 * (2 * x - 1) * now - before


_POLYNOMIALS = {
    "chebyshev_polynomial_t": _recurrence(1, lambda x: x, _chebyshev_step),
    "chebyshev_polynomial_u": _recurrence(1, lambda x: 2 * x, _chebyshev_step),
    "chebyshev_polynomial_v": _recurrence(1, lambda x: 2 * x - 1, _chebyshev_step),
    "chebyshev_polynomial_w": _recurrence(1, lambda x: 2 * x + 1, _chebyshev_step),
    "shifted_chebyshev_polynomial_t": _recurrence(1, lambda x: 2 * x - 1, _shifted_step),
    "shifted_chebyshev_polynomial_u": _recurrence(1, lambda x: 2 * (2 * x - 1), _shifted_step),
    "shifted_chebyshev_polynomial_v": _recurrence(1, lambda x: 2 * (2 * x - 1) - 1, _shifted_step),
    "shifted_chebyshev_polynomial_w": _recurrence(1, lambda x: 2 * (2 * x - 1) + 1, _shifted_step),
    "hermite_polynomial_h": _recurrence(
        1, lambda x: 2 * x, lambda k, x, now, before: 2 * x * now - 2 * k * before
    ),
    "hermite_polynomial_he": _recurrence(1, lambda x: x, lambda k, x, now, before: x * now - k * before),
    "laguerre_polynomial_l": _recurrence(
        1, lambda x: 1 - x, lambda k, x, now, before: ((2 * k + 1 - x) * now - k * before) / (k + 1)
    ),
    "legendre_polynomial_p": _recurrence(
        1, lambda x: x, lambda k, x, now, before: ((2 * k + 1) * x * now - k * before) / (k + 1)
    ),
}


def _declare(name: str, numpy_function) -> None:
    op = elementwise(
        f"special_{name}(Tensor input, Tensor n)", numpy_function, rule="float", refuse="c", translated=True, **HIDDEN
    )
    op.gradient(no_derivative(f"special_{name}"))

    def polynomial(input, n, *, out=None):
        if not isinstance(input, Tensor) and not isinstance(n, Tensor):
            raise TypeError(
                f"special_{name}() received an invalid combination of arguments - got "
                f"({type(input).__name__}, {type(n).__name__})"
            )
        result = op(as_operand(input), as_operand(n))
        return result if out is None else write_out(f"special_{name}", result, out)

    polynomial.__name__ = name
    polynomial.__doc__ = f"The {name.replace('_', ' ')} of degree ``n`` at ``input``; 0 for negative degrees."
    export("special", name, dispatching(polynomial))


for _name, _function in _POLYNOMIALS.items():
    _declare(_name, _function)
