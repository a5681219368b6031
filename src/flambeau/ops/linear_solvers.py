"""Inverses and solutions of systems of linear equations."""

from __future__ import annotations

import numpy as np

from .. import dtypes
from ..runtime import lapack
from .matmul import adjoint, matmul
from .matrices import check_info, library, require_floating, require_square
from .operator import publish
from .overrides import write_out
from .registry import function
from .return_types import named_result

_InverseAndInfo = named_result("linalg_inv_ex", "inverse", "info")


def _inverse(arrays):
    (a,) = arrays
    try:
        return np.linalg.inv(a), np.zeros(a.shape[:-2], np.int32)
    except np.linalg.LinAlgError:
        factors, pivots, info = lapack.getrf(a)
        return lapack.getrs(factors, pivots, np.broadcast_to(np.eye(a.shape[-1], dtype=a.dtype), a.shape)), info


_inv_ex = publish(library("linalg_inv_ex(Tensor A)", lambda specs: [(specs[0].shape, specs[0].dtype), (specs[0].shape[:-2], dtypes.int32)],
                          _inverse), namespace=None).function


@_inv_ex.gradient
def _(grads, saved):
    # d(A^-1) = -A^-1 dA A^-1
    inverse = adjoint(saved.outputs[0])
    return -matmul(inverse, matmul(grads[0], inverse))


def _checked_inverse(name: str, A):
    require_square(name, A)
    require_floating(name, A)
    return _inv_ex(A)


def _singular(name: str, info) -> None:
    check_info(name, info, lambda k: f"The diagonal element {k} is zero, the inversion could not be completed because the input matrix "
                                     "is singular.")


@function("linalg")
def inv_ex(A, *, check_errors: bool = False, out=None):
    """The inverses of square matrices and, in ``info``, the number of the first zero pivot (0: none, the inverse is good).

    Raises ``LinAlgError`` for singular matrices only where ``check_errors``.
    """
    inverse, info = _checked_inverse("linalg.inv_ex" if check_errors else "linalg.inv", A)
    if check_errors:
        _singular("linalg.inv_ex", info)
    made = _InverseAndInfo((inverse, info))
    return made if out is None else _InverseAndInfo(write_out("linalg_inv_ex", tuple(made), out))


@function("linalg")
def inv(A, *, out=None):
    """The inverses of square matrices ``(..., n, n)`` of floating-point or complex dtype. Raises ``LinAlgError`` for singular ones."""
    inverse, info = _checked_inverse("linalg.inv", A)
    _singular("linalg.inv", info)
    return inverse if out is None else write_out("linalg_inv", inverse, out)


@function(method=True)
def inverse(input, *, out=None):
    """``linalg.inv``."""
    return inv(input, out=out)
