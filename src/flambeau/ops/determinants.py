"""Determinants and their logarithms."""

from __future__ import annotations

import math

import numpy as np

from .complex_numbers import imag
from .linear_solvers import unchecked_inverse
from .matmul import adjoint, matmul
from .matrices import deliver, library, real_dtype, require_floating, require_square
from .operator import operator
from .registry import function
from .return_types import named_result
from .selection import where
from .views import unsqueeze

_SignAndLog = named_result("linalg_slogdet", "sign", "logabsdet")
_LegacySignAndLog = named_result("slogdet", "sign", "logabsdet")


def _number(specs):
    return [(specs[0].shape[:-2], specs[0].dtype)]


_det = library("linalg_det(Tensor A)", _number, lambda arrays: (np.linalg.det(arrays[0]),))


def _cofactor_arrays(arrays):
    """``conj(det A) A^-H``; of singular matrices by singular values, where the product has a limit (Higham 2020)."""
    (a,) = arrays
    det = np.linalg.det(a)
    singular = det == 0
    safe = np.where(singular[..., None, None], np.eye(a.shape[-1], dtype=a.dtype), a)
    made = np.conj(det)[..., None, None] * np.linalg.inv(safe).conj().swapaxes(-1, -2)
    if singular.any():
        made[singular] = _cofactors_of_singular(a[singular])
    return (made,)


def _cofactors_of_singular(a: np.ndarray) -> np.ndarray:
    u, s, vh = np.linalg.svd(a)
    others = np.where(np.eye(s.shape[-1], dtype=bool), 1, s[..., None, :]).prod(-1)
    phase = np.conj(np.linalg.det(u) * np.linalg.det(vh))
    return phase[..., None, None] * (u * others[..., None, :]) @ vh


_cofactors = library("cofactors(Tensor A)", lambda specs: [(specs[0].shape, specs[0].dtype)], _cofactor_arrays)


@_det.gradient
def _(grad, saved):
    # Jacobi's formula
    return unsqueeze(unsqueeze(grad, -1), -1) * _cofactors(saved.A)


@_cofactors.gradient
def _(grad, saved):
    inverse, cofactors = adjoint(unchecked_inverse(saved.A)[0]), saved.output
    trace = (grad.conj() * inverse).sum((-2, -1), keepdim=True)
    return trace * cofactors - matmul(cofactors, matmul(adjoint(grad), inverse))


@function("linalg")
def det(A, *, out=None):
    """The determinants of square matrices ``(..., n, n)``; 1 for ``n = 0``. Differentiable also where it is 0."""
    require_square("linalg.det", A)
    require_floating("linalg.det", A)
    return deliver("linalg_det", _det(A), out)


@function("torch", name="det", method=True)
def _legacy_det(input):
    """``linalg.det``."""
    return det(input)


_slogdet = library(
    "linalg_slogdet(Tensor A)",
    lambda specs: [(specs[0].shape[:-2], specs[0].dtype), (specs[0].shape[:-2], real_dtype(specs[0].dtype))],
    lambda arrays: np.linalg.slogdet(arrays[0]),
    zero_gradients=False,
)


@_slogdet.gradient
def _(grads, saved):
    # d log det = tr(A^-1 dA); its real part changes the logarithm, its imaginary part turns the sign.
    to_sign, to_log = grads
    A = saved.A
    if A.is_complex():
        slope = to_log.to(A.dtype) if to_log is not None else 0
        if to_sign is not None:
            slope = slope - 1j * imag(to_sign.conj() * saved.outputs[0])
    else:
        slope = to_log
    if slope is None:
        return A * 0
    return unsqueeze(unsqueeze(slope, -1), -1) * adjoint(unchecked_inverse(A)[0])


@function("linalg")
def slogdet(A, *, out=None):
    """The sign (of complex matrices: a number of absolute value 1) and the logarithm of the absolute value of determinants; 0 and -inf
    for singular matrices."""
    require_square("linalg.slogdet", A)
    require_floating("linalg.slogdet", A)
    return deliver("linalg_slogdet", _SignAndLog(_slogdet(A)), out)


@function("torch", name="slogdet", method=True)
def _legacy_slogdet(input, *, out=None):
    """``linalg.slogdet``."""
    return deliver("slogdet", _LegacySignAndLog(slogdet(input)), out)


@operator("logarithm_of_sign(Tensor sign, Tensor logabsdet)", namespace=None)
def _real_logarithm(sign, logabsdet):
    return where(sign == -1, math.nan, logabsdet)


@_real_logarithm.gradient
def _(grad, saved):
    return None, where(saved.sign == -1, math.nan, grad)


@function(method=True)
def logdet(input):
    """The logarithms of determinants; NaN for real matrices whose determinant is negative."""
    require_square("logdet", input)
    sign, logabsdet = slogdet(input)
    if input.is_complex():
        return sign.log() + logabsdet
    return _real_logarithm(sign, logabsdet)
