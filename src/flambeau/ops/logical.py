"""Logic on truth values, and bitwise operators on integers and bools."""

from __future__ import annotations

import numpy as np

from ..tensor import Tensor
from .arithmetic import HIDDEN, dtype_of, no_derivative, swapped
from .elementwise import binary, elementwise, refusal, unary
from .infix import attach_infix, attach_inplace
from .overrides import write_out
from .promotion import result_type_of
from .registry import function
from .schema import NUMBERS

# -- truth values --------------------------------------------------------------------------------------------

logical_not = unary("logical_not", np.logical_not, rule="test", inplace="method")
logical_and = elementwise(
    "logical_and(Tensor input, Tensor other)", np.logical_and, rule="compare", inplace="method"
)
logical_or = elementwise(
    "logical_or(Tensor input, Tensor other)", np.logical_or, rule="compare", inplace="method"
)
logical_xor = elementwise(
    "logical_xor(Tensor input, Tensor other)", np.logical_xor, rule="compare", inplace="method"
)


# -- bits ----------------------------------------------------------------------------------------------------


def _integral(name: str, refuse: str = "fc"):
    def rule(op, values):
        d = result_type_of(values)
        if d.kind in refuse:
            raise refusal(name, d, refuse)
        return d, d

    return rule


def _invertible(op, values):
    d = values[0].dtype
    if d.category >= 2:
        raise TypeError("~ (operator.invert) is only implemented on integer and Boolean-type tensors")
    return d, d


bitwise_not = unary("bitwise_not", np.invert, rule=_invertible, inplace="method")


def _bitwise(name: str, numpy_function, lowering: str, refuse: str = "fc", kernel: str = ""):
    """The operator, and the same with exchanged operands, for a number on the left."""
    rule = _integral(f"{kernel or name}_cpu", refuse)
    plain = binary(
        name, numpy_function, rule=rule, lowering=lowering, namespace=None, method=False, out=False
    )
    exchanged = binary(name, numpy_function, lowering=lowering, infer=swapped(rule), **HIDDEN)

    @function(name=name, method=name)
    def public(input, other, *, out=None):
        result = (
            exchanged(other, input)
            if input.__class__ in NUMBERS and isinstance(other, Tensor)
            else plain(input, other)
        )
        return result if out is None else write_out(name, result, out)

    return plain, exchanged, public


def _shift_left(a, b):
    width = a.dtype.itemsize * 8
    inside = (b >= 0) & (b < width)
    return np.where(inside, np.left_shift(a, np.where(inside, b, 0)), 0)


def _shift_right(a, b):
    width = a.dtype.itemsize * 8
    inside = (b >= 0) & (b < width)
    if a.dtype.kind == "u":
        return np.where(inside, np.right_shift(a, np.where(inside, b, 0)), 0)
    return np.right_shift(a, np.where(inside, b, width - 1))


_and, _rand, bitwise_and = _bitwise("bitwise_and", np.bitwise_and, "bitwise_and")
_or, _ror, bitwise_or = _bitwise("bitwise_or", np.bitwise_or, "bitwise_or")
_xor, _rxor, bitwise_xor = _bitwise("bitwise_xor", np.bitwise_xor, "bitwise_xor")
_lshift, _rlshift, bitwise_left_shift = _bitwise(
    "bitwise_left_shift", _shift_left, "shift_left", "bfc", "lshift"
)
_rshift, _rrshift, bitwise_right_shift = _bitwise(
    "bitwise_right_shift", _shift_right, "shift_right", "bfc", "rshift"
)

attach_infix(_and, "__and__", "__rand__")
attach_infix(_or, "__or__", "__ror__")
attach_infix(_xor, "__xor__", "__rxor__")
attach_infix(_lshift, "__lshift__")
attach_infix(_rlshift, "__rlshift__")
attach_infix(_rshift, "__rshift__")
attach_infix(_rrshift, "__rrshift__")
Tensor.__invert__ = bitwise_not
attach_inplace(Tensor.bitwise_and_, "__iand__")
attach_inplace(Tensor.bitwise_or_, "__ior__")
attach_inplace(Tensor.bitwise_xor_, "__ixor__")
attach_inplace(Tensor.bitwise_left_shift_, "__ilshift__")
attach_inplace(Tensor.bitwise_right_shift_, "__irshift__")


# -- number theory -------------------------------------------------------------------------------------------

gcd = elementwise("gcd(Tensor input, Tensor other)", np.gcd, rule=_integral("gcd_cpu", "bfc"))


def _multiple(a, b):
    """NumPy's, computed in 32 bits at least."""
    return np.abs(np.lcm(*[x.astype(np.int32) if x.dtype.itemsize < 4 else x for x in (a, b)]))


lcm = elementwise("lcm(Tensor input, Tensor other)", _multiple, rule=_integral("lcm_cpu", "bfc"))


def _stepping(op, values):
    first, second = (dtype_of(v) for v in values)
    if first is not second:
        raise RuntimeError("heaviside is not yet implemented for tensors with different dtypes.")
    if first.is_complex:
        raise RuntimeError("heaviside is not yet implemented for complex tensors.")
    return first, first


def _step(x, values):
    return np.where(x == 0, values, np.where(x > 0, np.ones_like(x), np.zeros_like(x)))


heaviside = elementwise("heaviside(Tensor input, Tensor values)", _step, rule=_stepping, inplace="method", translated=True)
heaviside.gradient(no_derivative("aten::heaviside"))
