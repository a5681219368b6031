"""The parts of floating-point numbers: sign, mantissa and exponent."""

from __future__ import annotations

import numpy as np

from .. import dtypes
from ..compiler.reference import widen
from ..tensor import Tensor
from .comparison import check_tensors
from .creation import zeros_like
from .elementwise import binary
from .inplace import rewritten
from .operator import Operator
from .overrides import write_out
from .powers import pow
from .promotion import elementwise_spec
from .registry import function
from .return_types import named_result
from .selection import where

copysign = binary("copysign", np.copysign, rule="float", refuse="c", inplace="method")


@copysign.gradient
def _(grad, saved):
    x = saved.input
    turned = where(x == 0, 0, grad * (saved.output / x))
    return (turned, zeros_like(grad)) if isinstance(saved.other, Tensor) else turned


def _is_exact(input, other) -> bool:
    return input.dtype.is_floating_point and other.dtype.category == 1


def _scaled(input, other):
    if not _is_exact(input, other):
        return input * pow(2.0, other)
    # In two steps, so that no power is out of range where the result is not.
    exponent = other.to(dtypes.float64).clamp(-2000, 2000)
    half = (exponent / 2).floor()
    return (input.to(dtypes.float64) * pow(2.0, half) * pow(2.0, exponent - half)).to(input.dtype)


@function(method=True)
def ldexp(input, other, *, out=None):
    """``input * 2 ** other``."""
    check_tensors("ldexp", input=input, other=other)
    result = _scaled(input, other)
    return result if out is None else write_out("ldexp", result, out)


@function(method=True)
def ldexp_(input, other):
    """In-place form of ``ldexp``."""
    return rewritten(input, lambda x: _scaled(x, other)) if _is_exact(input, other) else input.mul_(pow(2.0, other))


frexp_result = named_result("frexp", "mantissa", "exponent")


def _infer_frexp(op, specs, values):
    (spec,) = specs
    if not spec.dtype.is_floating_point:
        raise RuntimeError("torch.frexp() only supports floating-point dtypes")
    return (
        elementwise_spec(specs, spec.shape, spec.dtype),
        elementwise_spec(specs, spec.shape, dtypes.int32),
    ), None


def _reference_frexp(code, arrays, numbers):
    array = widen(arrays[0], code.inputs[0].dtype)
    mantissa, exponent = np.frexp(array)
    return mantissa, np.where(np.isfinite(array), exponent, 0)


_frexp = Operator("frexp(Tensor input)", infer=_infer_frexp, reference=_reference_frexp)


@_frexp.gradient
def _(grads, saved):
    return grads[0] / pow(2.0, saved.outputs[1])


@function(method=True)
def frexp(input, *, out=None):
    """``(mantissa, exponent)`` with ``input = mantissa * 2 ** exponent`` and ``0.5 <= |mantissa| < 1``;
    the exponent is int32."""
    result = frexp_result(_frexp(input))
    return result if out is None else frexp_result(write_out("frexp", tuple(result), out))
