"""Comparisons, tests of single values, and comparisons of whole tensors."""

from __future__ import annotations

import numpy as np

from .. import dtypes
from ..tensor import Tensor
from .creation import zeros_like
from .elementwise import binary, elementwise, refusal, unary
from .infix import Equality, attach_infix
from .promotion import result_type_of
from .registry import function
from .selection import where


def _ordering(name: str):
    def rule(op, values):
        d = result_type_of(values)
        if d.is_complex:
            raise refusal(f"{name}_cpu", d, "c")
        return d, dtypes.bool_

    return rule


eq = binary("eq", np.equal, rule="compare", inplace="method")
ne = binary("ne", np.not_equal, rule="compare", aliases=("not_equal",), inplace="method")
lt = binary("lt", np.less, rule=_ordering("lt"), aliases=("less",), inplace="method")
le = binary("le", np.less_equal, rule=_ordering("le"), aliases=("less_equal",), inplace="method")
gt = binary("gt", np.greater, rule=_ordering("gt"), aliases=("greater",), inplace="method")
ge = binary("ge", np.greater_equal, rule=_ordering("ge"), aliases=("greater_equal",), inplace="method")

attach_infix(eq, "__eq__", kind=Equality)
for _function in (ne, lt, le, gt, ge):
    attach_infix(_function, f"__{_function.__name__}__")

isnan = unary("isnan", np.isnan, rule="test", out=False, inplace=False)
isinf = unary("isinf", np.isinf, rule="test", out=False, inplace=False)
isfinite = unary("isfinite", np.isfinite, rule="test", out=False, inplace=False)
isposinf = unary(
    "isposinf",
    lambda x: np.isposinf(x) if x.dtype.kind == "f" else np.zeros(x.shape, bool),
    rule="test",
    refuse="c",
    inplace=False,
)
isneginf = unary(
    "isneginf",
    lambda x: np.isneginf(x) if x.dtype.kind == "f" else np.zeros(x.shape, bool),
    rule="test",
    refuse="c",
    inplace=False,
)
isreal = unary(
    "isreal",
    lambda x: np.isreal(x) if x.dtype.kind == "c" else np.ones_like(x, bool),
    rule="test",
    out=False,
    inplace=False,
    translated=True,
)


# -- larger and smaller --------------------------------------------------------------------------------------


def _extreme(name: str):
    def rule(op, values):
        d = result_type_of(values)
        if d.is_complex:
            raise RuntimeError(f"{name} not implemented for complex tensors.")
        return d, d

    return rule


def _binary_of_tensors(name: str, numpy_function, rule):
    return elementwise(
        f"{name}(Tensor input, Tensor other)", numpy_function, rule=rule, inplace=False
    )


maximum = _binary_of_tensors("maximum", np.maximum, _extreme("maximum"))
minimum = _binary_of_tensors("minimum", np.minimum, _extreme("minimum"))
fmax = _binary_of_tensors("fmax", np.fmax, _extreme("fmax"))
fmin = _binary_of_tensors("fmin", np.fmin, _extreme("fmin"))


@maximum.gradient
def _(grad, saved):
    a, b = saved.input, saved.other
    shared = where(a == b, grad / 2, grad)  # a tie is halved, as PyTorch does
    return where(a < b, 0, shared), where(b < a, 0, shared)


@minimum.gradient
def _(grad, saved):
    a, b = saved.input, saved.other
    shared = where(a == b, grad / 2, grad)
    return where(a > b, 0, shared), where(b > a, 0, shared)


@fmax.gradient
def _(grad, saved):
    first = (saved.input >= saved.other) | isnan(saved.other)
    return where(first, grad, 0), where(first, 0, grad)


@fmin.gradient
def _(grad, saved):
    first = (saved.input <= saved.other) | isnan(saved.other)
    return where(first, grad, 0), where(first, 0, grad)


def check_tensors(function_name: str, **arguments) -> None:
    """``TypeError`` for arguments that are no tensors."""
    for position, (name, value) in enumerate(arguments.items(), 1):
        if not isinstance(value, Tensor):
            raise TypeError(
                f"{function_name}(): argument '{name}' (position {position}) must be Tensor, not "
                f"{type(value).__name__}"
            )


# -- whole tensors -------------------------------------------------------------------------------------------


@function(method=True)
def isclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Element by element whether ``|input - other| <= atol + rtol * |other|``; infinities are close to
    themselves only.

    Raises:
        RuntimeError: the dtypes differ, or a tolerance is negative.
    """
    check_tensors("isclose", input=input, other=other)
    if input.dtype is not other.dtype:
        raise RuntimeError(f"{input.dtype} did not match {other.dtype}")
    if rtol < 0 or atol < 0:
        raise RuntimeError(
            f"{'rtol' if rtol < 0 else 'atol'} must be greater than or equal to zero, but got "
            f"{rtol if rtol < 0 else atol}"
        )
    close = input == other
    if equal_nan and input.dtype.category >= 2:
        close = close | (isnan(input) & isnan(other))
    if rtol == 0 and atol == 0:
        return close
    if input.dtype.category < 2:
        input, other = input.double(), other.double()
    distance = (input - other).abs()
    return close | (isfinite(distance) & (distance <= (other * rtol).abs() + atol))


@function(method=True)
def allclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False) -> bool:
    """Whether ``isclose`` holds for all elements."""
    return bool(isclose(input, other, rtol, atol, equal_nan)._array().all())


@function(method=True)
def equal(input, other) -> bool:
    """Whether two tensors have the same shape and elements."""
    check_tensors("equal", input=input, other=other)
    if input.shape != other.shape:
        return False
    return bool((input == other)._array().all())


@function()
def isin(elements, test_elements, *, assume_unique=False, invert=False):
    """Element by element whether it occurs in ``test_elements``; at most one of the two may be a number."""
    if not isinstance(elements, Tensor) and not isinstance(test_elements, Tensor):
        raise TypeError("isin() takes a tensor as elements or as test_elements")
    from .creation import as_tensor

    elements, test_elements = as_tensor(elements), as_tensor(test_elements)
    for t in (elements, test_elements):
        if t.dtype in (dtypes.bool_,) or t.is_complex():
            raise RuntimeError(f"Unsupported input type encountered for isin(): {t.dtype}")
    if not test_elements.numel():
        found = zeros_like(elements, dtype=dtypes.bool_)
    else:
        found = (elements.unsqueeze(-1) == test_elements.reshape(-1)).any(-1)
    return ~found if invert else found
