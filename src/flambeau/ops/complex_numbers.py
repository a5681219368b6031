"""Complex numbers: parts, conjugates, angles, and making them of parts."""

from __future__ import annotations

import numpy as np

from .. import dtypes
from ..dtypes import get_default_dtype
from ..tensor import Tensor
from .arithmetic import HIDDEN
from .creation import zeros_like
from .elementwise import elementwise, unary
from .overrides import write_out
from .registry import function
from .selection import where
from .view_operator import view

_conj = unary("conj_physical", np.conj, lowering="conj")


@_conj.gradient
def _(grad, saved):
    return grad.conj()


@function(method=True)
def conj_physical(input, *, out=None):
    """The complex conjugate in memory of its own; a real tensor as it is."""
    return input if out is None and not input._spec.dtype.is_complex else _conj(input, out=out)


@function(method=True)
def conj(input):
    """The complex conjugate; a real tensor as it is."""
    return _conj(input) if input._spec.dtype.is_complex else input


@function(method=True)
def resolve_conj(input):
    """``input``: conjugation is never deferred to the reader."""
    return input


@function(method=True)
def resolve_neg(input):
    """``input``: negation is never deferred to the reader."""
    return input


# -- parts ---------------------------------------------------------------------------------------------------


@view("real(Tensor input)", namespace=None, method=False)
def _real(spec):
    return spec.shape, tuple([s * 2 for s in spec.stride]), 0, spec.dtype.to_real()


@_real.gradient
def _(grad, saved):
    return grad.to(saved.input.dtype)


@view("imag(Tensor input)", namespace=None, method=False)
def _imag(spec):
    return spec.shape, tuple([s * 2 for s in spec.stride]), 1 if spec.numel else 0, spec.dtype.to_real()


@_imag.gradient
def _(grad, saved):
    return complex(zeros_like(grad), grad)


@function()
def real(input):
    """View of the real parts; a real tensor as it is."""
    return _real(input) if input.is_complex() else input


@function()
def imag(input):
    """View of the imaginary parts. ``RuntimeError`` for real tensors."""
    if not input.is_complex():
        raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")
    return _imag(input)


Tensor.real = property(real, lambda self, value: _assign(real(self), value), doc=real.__doc__)
Tensor.imag = property(imag, lambda self, value: _assign(imag(self), value), doc=imag.__doc__)


def _assign(part, value) -> None:
    part.copy_(value) if isinstance(value, Tensor) else part.fill_(value)


# -- polar form ----------------------------------------------------------------------------------------------


def _measuring(op, values):
    d = values[0].dtype
    if d.category < 2:
        d = get_default_dtype()
    return d, d.to_real()


def _angles(x):
    if x.dtype.kind == "c":
        return np.angle(x)
    return np.where(np.isnan(x), x, np.where(x < 0, x.dtype.type(np.pi), x.dtype.type(0)))


angle = unary("angle", _angles, rule=_measuring, inplace=False, translated=True)


@angle.gradient
def _(grad, saved):
    z = saved.input
    if not z.is_complex():
        return zeros_like(grad)
    size = z.abs()
    turned = z / size * complex(zeros_like(grad), grad / size)
    return where(z == 0, 0, turned)


def _pairing(name: str):
    def rule(op, values):
        first, second = values[0].dtype, values[1].dtype
        if not (first.is_floating_point and second.is_floating_point) or dtypes.bfloat16 in (first, second):
            raise RuntimeError(
                f"Expected both inputs to be Half, Float or Double tensors but got {first} and {second}"
            )
        if first is not second:
            raise RuntimeError(
                f"Expected object of scalar type {first} but got scalar type {second} for second argument"
            )
        if first is dtypes.float16 and name == "polar":
            raise NotImplementedError("\"polar_cpu\" not implemented for 'Half'")
        return first, first.to_complex()

    return rule


def _of_parts(re, im):
    made = np.empty(np.broadcast(re, im).shape, dtype=np.result_type(re, np.complex64))
    made.real, made.imag = re, im
    return made


_complex = elementwise("complex(Tensor real, Tensor imag)", _of_parts, rule=_pairing("complex"), **HIDDEN)


@_complex.gradient
def _(grad, saved):
    return grad.real, grad.imag


_polar = elementwise(
    "polar(Tensor abs, Tensor angle)",
    lambda size, angle: _of_parts(size * np.cos(angle), size * np.sin(angle)),
    rule=_pairing("polar"),
    **HIDDEN,
)


@_polar.gradient
def _(grad, saved):
    turn = grad.conj() * _polar(zeros_like(saved.abs) + 1, saved.angle)
    return turn.real, -(turn * saved.abs).imag


def _store(name: str, result, out):
    """Unlike elsewhere, ``out`` must have the result's very dtype."""
    if out is None:
        return result
    if out.dtype is not result.dtype:
        raise RuntimeError(
            f"Expected object of scalar type {result.dtype} but got scalar type {out.dtype} for argument "
            "'out'"
        )
    return write_out(name, result, out)


@function()
def complex(real, imag, *, out=None):
    """The complex tensor of real and imaginary parts of one floating-point dtype."""
    return _store("complex", _complex(real, imag), out)


@function()
def polar(abs, angle, *, out=None):
    """The complex tensor of absolute values and angles of one floating-point dtype."""
    return _store("polar", _polar(abs, angle), out)


@function()
def is_complex(input) -> bool:
    """Whether the dtype is complex."""
    return input.is_complex()
