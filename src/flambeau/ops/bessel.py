"""Bessel functions of the orders 0 and 1, and Airy's function: their NumPy meanings, which kernels are made from.

Near zero they are polynomials in ``x**2`` and a logarithm (NIST DLMF 10.8, 10.31); far out a modulus and a phase (10.17, 9.7) or a
decaying exponential (10.40), times polynomials in the inverse. All is computed in float64.
"""

from __future__ import annotations

import math

import numpy as np

from ..compiler.meanings import repeated
from . import bessel_coefficients as table
from .special_numerics import in_double

_NEAR, _NEAR_MODIFIED = 8.0, 2.0
_LEFT, _RIGHT = -4.5, 2.5
_TWO_OVER_PI = 2 / math.pi


def _squared(x, bound: float):
    """The variable of polynomials in the square of ``x``, which is at most ``bound``."""
    return x * x * (2 / (bound * bound)) - 1.0


def _where_some(wanted, far, near):
    """``far()`` where ``wanted``, else ``near``; nothing is computed where nobody wants it."""

    def step(todo, _):
        return np.zeros_like(todo), np.where(wanted, far(), near)

    return repeated(lambda todo, _: todo > 0, step, np.where(wanted, np.ones_like(near), 0.0), near)[1]


def _waves(order: int, x):
    """``J`` and ``Y`` from 8 on: ``sqrt(2 / pi x)`` times what turns with the angle ``x - pi/4 - order pi/2``."""
    x = np.maximum(x, _NEAR)
    t = _squared(_NEAR / x, 1.0)
    cosine, sine = (table.COSINE0, table.SINE0) if order == 0 else (table.COSINE1, table.SINE1)
    p, q = np.polyval(cosine, t), np.polyval(sine, t) / x
    angle, scale = x - (math.pi / 4 + order * math.pi / 2), np.sqrt(_TWO_OVER_PI / x)
    c, s = np.cos(angle), np.sin(angle)
    return scale * (p * c - q * s), scale * (p * s + q * c)


def _first_kind(order: int, x):
    """``J`` of ``x`` between 0 and 8."""
    values = np.polyval(table.J1 if order else table.J0, _squared(x, _NEAR))
    return x * values if order else values


def bessel_j(order: int):
    """``J``, the Bessel function of the first kind."""

    @in_double
    def apply(x):
        size = np.abs(x)
        near = _first_kind(order, np.minimum(size, _NEAR))
        value = _where_some(size > _NEAR, lambda: _waves(order, size)[0], near)
        return np.where(x < 0, -value, value) if order else value

    return apply


def bessel_y(order: int):
    """``Y``, the Bessel function of the second kind: of what is positive."""

    @in_double
    def apply(x):
        low = np.minimum(x, _NEAR)
        t, logarithm = _squared(low, _NEAR), np.log(low) * _TWO_OVER_PI
        if order:
            near = low * np.polyval(table.Y1, t) + (logarithm * _first_kind(1, low) - _TWO_OVER_PI / low)
        else:
            near = np.polyval(table.Y0, t) + logarithm * _first_kind(0, low)
        value = _where_some(x > _NEAR, lambda: _waves(order, x)[1], near)
        return np.where(x < 0, math.nan, np.where(x == 0, -math.inf, value))

    return apply


def bessel_i(order: int, scaled: bool):
    """``I``, the modified Bessel function of the first kind, times ``exp(-|x|)`` where ``scaled``."""
    near, tail = (table.SCALED_I1, table.SCALED_I1_TAIL) if order else (table.SCALED_I0, table.SCALED_I0_TAIL)

    @in_double
    def apply(x):
        size = np.abs(x)
        low, high = np.minimum(size, _NEAR), np.maximum(size, _NEAR)
        value = np.polyval(near, low * (2 / _NEAR) - 1.0)
        value = value * low if order else value
        value = _where_some(size > _NEAR, lambda: np.polyval(tail, 2 * _NEAR / high - 1.0) / np.sqrt(high), value)
        if not scaled:
            value = value * np.exp(size)
        return np.copysign(value, x) if order else value

    return apply


def bessel_k(order: int, scaled: bool):
    """``K``, the modified Bessel function of the second kind, times ``exp(x)`` where ``scaled``: of what is positive."""

    @in_double
    def apply(x):
        low, high = np.minimum(x, _NEAR_MODIFIED), np.maximum(x, _NEAR_MODIFIED)
        t, logarithm = _squared(low, _NEAR_MODIFIED), np.log(low * 0.5)
        if order:
            near = np.polyval(table.K1, t) / low + logarithm * (low * np.polyval(table.I1, t))
        else:
            near = np.polyval(table.K0, t) - logarithm * np.polyval(table.I0, t)
        tail = np.polyval(table.K1_TAIL if order else table.K0_TAIL, 2 * _NEAR_MODIFIED / high - 1.0) / np.sqrt(high)
        if scaled:
            near = near * np.exp(low)
        else:
            tail = tail * np.exp(-high)
        value = np.where(x > _NEAR_MODIFIED, tail, near)
        value = np.where(x == 0, math.inf, np.where(x == math.inf, 0.0, value))
        return np.where(x < 0, math.nan, value)

    return apply


@in_double
def airy_ai(x):
    """Airy's function Ai."""
    middle = np.minimum(np.maximum(x, _LEFT), _RIGHT)
    near = np.polyval(table.AIRY, (middle - (_LEFT + _RIGHT) / 2) * (2 / (_RIGHT - _LEFT)))

    def waves():
        z, fourth = _exponent(np.maximum(-x, -_LEFT))
        t = _squared((2 / 3 * (-_LEFT) ** 1.5) / z, 1.0)
        p, q = np.polyval(table.AIRY_SINE, t), np.polyval(table.AIRY_COSINE, t) / z
        angle = z + math.pi / 4
        return (np.sin(angle) * p - np.cos(angle) * q) / (fourth * math.sqrt(math.pi))

    def decay():
        z, fourth = _exponent(np.maximum(x, _RIGHT))
        t = (2 * (2 / 3 * _RIGHT**1.5)) / z - 1.0
        return np.polyval(table.AIRY_RIGHT, t) * np.exp(-z) / (fourth * (2 * math.sqrt(math.pi)))

    value = _where_some(x > _RIGHT, decay, _where_some(x < _LEFT, waves, near))
    return np.where(x == math.inf, math.nan, value)  # as PyTorch has it


def _exponent(x):
    """``2/3 x**(3/2)``, and the fourth root of ``x``."""
    root = np.sqrt(x)
    return x * root * (2 / 3), np.sqrt(root)
