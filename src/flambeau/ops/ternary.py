"""Elementwise operators on three tensors: interpolation, and products and quotients that are added."""

from __future__ import annotations

from operator import mul as times

from ..compiler.graph import Param
from ..dtypes import int64
from ..tensor import Tensor
from .creation import filled, fitting
from .elementwise import refusal
from .operator import operator
from .overrides import write_out
from .promotion import result_type_of
from .registry import function
from .selection import where

# -- lerp ----------------------------------------------------------------------------------------------------


def _weight(value, like):
    """The weight as a tensor, to compute with it."""
    if isinstance(value, Tensor):
        return value
    kind = value.kind if isinstance(value, Param) else value.__class__
    return filled((), value, like.dtype.to_complex() if kind is complex else like.dtype)


def _check_lerp(input, end, weight) -> None:
    for name, value in (("end", end), ("weight", weight)):
        if isinstance(value, Tensor) and value.dtype is not input.dtype:
            raise RuntimeError(f"expected dtype {input.dtype} for `{name}` but got dtype {value.dtype}")
    if isinstance(weight, complex) and not input.is_complex():
        raise RuntimeError(f"value cannot be converted to type {input.dtype} without overflow")
    if input.dtype.category < 2:
        raise refusal("lerp_kernel_scalar", input.dtype, "bi")


@operator("lerp(Tensor input, Tensor end, Tensor|Scalar weight)", namespace=None, opmath=True, inplace=True)
def _lerp(input, end, weight):
    w = _weight(weight, input)
    # From the nearer end, so that both ends are met exactly.
    return where(w.abs() < 0.5, input + w * (end - input), end - (end - input) * (1 - w))


_lerp_ = Tensor.lerp_


@_lerp.gradient
def _(grad, saved):
    w = _weight(saved.weight, saved.input).conj()
    gradients = [grad * (1 - w), grad * w]
    if isinstance(saved.weight, Tensor):
        gradients.append(grad * (saved.end - saved.input).conj())
    return tuple(gradients)


@function(method=True)
def lerp(input, end, weight, *, out=None):
    """``input + weight * (end - input)``; ``weight`` is a number or a tensor. ``RuntimeError`` where
    dtypes differ."""
    _check_lerp(input, end, weight)
    result = _lerp(input, end, weight)
    return result if out is None else write_out("lerp", result, out)


@function(None, method=True)
def lerp_(self, end, weight):
    """In-place form of ``lerp``."""
    _check_lerp(self, end, weight)
    return _lerp_(self, end, weight)


# -- addcmul, addcdiv ----------------------------------------------------------------------------------------


@operator(
    "addcmul(Tensor input, Tensor tensor1, Tensor tensor2, Scalar value)",
    namespace=None,
    opmath=True,
    inplace=True,
)
def _addcmul(input, tensor1, tensor2, value):
    d = result_type_of((input, tensor1, tensor2))
    return input + tensor1.to(d) * tensor2.to(d) * value


_addcmul_ = Tensor.addcmul_


def _scaled(grad, value):
    from .arithmetic import by_conjugate

    return by_conjugate(times, grad, value)


@_addcmul.gradient
def _(grad, saved):
    scaled = _scaled(grad, saved.value)
    return grad, scaled * saved.tensor2.conj(), scaled * saved.tensor1.conj()


@operator(
    "addcdiv(Tensor input, Tensor tensor1, Tensor tensor2, Scalar value)",
    namespace=None,
    opmath=True,
    inplace=True,
)
def _addcdiv(input, tensor1, tensor2, value):
    d = result_type_of((input, tensor1, tensor2))
    return input + tensor1.to(d) * value / tensor2.to(d)


_addcdiv_ = Tensor.addcdiv_


@_addcdiv.gradient
def _(grad, saved):
    scaled = _scaled(grad, saved.value)
    divisor = saved.tensor2
    return grad, scaled / divisor.conj(), -scaled * (saved.tensor1 / (divisor * divisor)).conj()


def _fitted(value, *tensors):
    """``value`` as a number of the result's type."""
    if isinstance(value, Tensor):
        value = value.item()
    kind = result_type_of(tensors)
    return fitting(value, int64) if kind.category < 2 and isinstance(value, float) else value


def _refuse_integers(input, tensor1, tensor2) -> None:
    if tensor1.dtype.category < 2 and tensor2.dtype.category < 2:
        raise RuntimeError(
            "Integer division with addcdiv is no longer supported, and in a future  release addcdiv will "
            "perform a true "
            f"division of tensor1 and tensor2. Got {tensor1.dtype} and {tensor2.dtype}"
        )


@function(method=True)
def addcmul(input, tensor1, tensor2, *, value=1, out=None):
    """``input + value * tensor1 * tensor2``."""
    result = _addcmul(input, tensor1, tensor2, _fitted(value, input, tensor1, tensor2))
    return result if out is None else write_out("addcmul", result, out)


@function(method=True)
def addcdiv(input, tensor1, tensor2, *, value=1, out=None):
    """``input + value * tensor1 / tensor2``. ``RuntimeError`` where integers would be divided."""
    _refuse_integers(input, tensor1, tensor2)
    result = _addcdiv(input, tensor1, tensor2, _fitted(value, input, tensor1, tensor2))
    return result if out is None else write_out("addcdiv", result, out)


@function(None, method=True)
def addcmul_(self, tensor1, tensor2, *, value=1):
    """In-place form of ``addcmul``."""
    return _addcmul_(self, tensor1, tensor2, _fitted(value, self, tensor1, tensor2))


@function(None, method=True)
def addcdiv_(self, tensor1, tensor2, *, value=1):
    """In-place form of ``addcdiv``."""
    _refuse_integers(self, tensor1, tensor2)
    return _addcdiv_(self, tensor1, tensor2, _fitted(value, self, tensor1, tensor2))
