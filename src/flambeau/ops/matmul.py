"""Matrix products: the primitives ``mm`` and ``bmm``, and what is made of them.

Operands are passed as they lie in memory: a transposed or broadcast one is a strided view, never a copy.
"""

from __future__ import annotations

import numpy as np

from .. import dtypes
from ..compiler.plans import Dot
from ..compiler.reference import widen
from ..lazy.spec import count, dense
from ..tensor import Tensor
from . import overrides
from .elementwise import refusal
from .gradient import HALVES, in_opmath, in_opmath_gradient
from .operator import Operator, operator, publish, trace_body
from .partial_dtypes import check_product
from .promotion import broadcast_shapes
from .registry import function
from .reshaping import reshaped
from .views import _expand, transpose, unsqueeze, view_strides

_TYPE_NAMES = {"float32": "float", "float64": "double", "float16": "c10::Half", "bfloat16": "c10::BFloat16", "int64": "long long",
               "int32": "int", "int16": "short", "int8": "signed char", "uint8": "unsigned char", "bool": "bool",
               "complex64": "c10::complex<float>", "complex128": "c10::complex<double>"}


def _reference_dot(code, arrays, numbers):
    left, right = [widen(array, spec.dtype) for array, spec in zip(arrays, code.inputs)]
    return (np.matmul(left, right),)


def check_same_dtype(name: str, first, second) -> None:
    """``RuntimeError`` where the operands of a product have different dtypes, which are not promoted."""
    if first is not second:
        raise RuntimeError(f"{name}: expected m1 and m2 to have the same dtype, but got: "
                           f"{_TYPE_NAMES.get(first.name, first.name)} != {_TYPE_NAMES.get(second.name, second.name)}")


def _dot_plan(name: str, left, right) -> Dot:
    check_same_dtype(name, left.dtype, right.dtype)
    if 0 in left.shape or 0 in right.shape:  # nothing to compute, in any dtype
        return Dot(left.dtype)
    if left.dtype.kind == "b":
        raise refusal("addmm_impl_cpu_", left.dtype, "b")
    check_product("addmm_impl_cpu_", left.dtype)
    return Dot(left.dtype)


def _infer_mm(op, specs, values):
    left, right = specs
    for spec, which in ((left, "self"), (right, "mat2")):
        if spec.ndim != 2:
            raise RuntimeError(f"mm: {which} must be a matrix, got {spec.ndim}-D tensor")
    if left.shape[1] != right.shape[0]:
        raise RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({left.shape[0]}x{left.shape[1]} and "
                           f"{right.shape[0]}x{right.shape[1]})")
    plan = _dot_plan("mm", left, right)
    return (dense((left.shape[0], right.shape[1]), left.dtype, left.device),), plan


def _infer_bmm(op, specs, values):
    left, right = specs
    for spec, which in ((left, "batch1"), (right, "batch2")):
        if spec.ndim != 3:
            raise RuntimeError(f"{which} must be a 3D tensor, got {spec.ndim}-D tensor of shape {list(spec.shape)}")
    batch, m, k = left.shape
    if right.shape[:2] != (batch, k):
        raise RuntimeError(f"Expected size for first two dimensions of batch2 tensor to be: [{batch}, {k}] but got: "
                           f"[{right.shape[0]}, {right.shape[1]}].")
    plan = _dot_plan("bmm", left, right)
    return (dense((batch, m, right.shape[2]), left.dtype, left.device),), plan


class _Product(Operator):
    """A product of matrices. 16-bit floats are multiplied in float32, which kernels do, and rounded once."""

    def derive(self, values):
        found = self.derive_primitive(values)
        return trace_body(self, in_opmath(self.function), values) if values[0].dtype in HALVES else found


_mm = _Product("mm(Tensor input, Tensor mat2)", infer=_infer_mm, reference=_reference_dot)
_mm.doc = "The product of two matrices, ``(m, k)`` by ``(k, n)``, of one dtype. No broadcasting."
_bmm = _Product("bmm(Tensor input, Tensor mat2)", infer=_infer_bmm, reference=_reference_dot)
_bmm.doc = "The products of two batches of matrices, ``(b, m, k)`` by ``(b, k, n)``, of one dtype. No broadcasting."
mm = publish(_mm, method=True, out=True).function
bmm = publish(_bmm, method=True, out=True).function


def adjoint(x: Tensor) -> Tensor:
    """The conjugate transpose of the last two dimensions, as a view where ``x`` is real."""
    return transpose(x.conj() if x.dtype.is_complex else x, -2, -1)


@mm.gradient
def _(grad, saved):
    return mm(grad, adjoint(saved.mat2)), mm(adjoint(saved.input), grad)


@bmm.gradient
def _(grad, saved):
    return bmm(grad, adjoint(saved.mat2)), bmm(adjoint(saved.input), grad)


# -- matmul ------------------------------------------------------------------------------------------------------------


def _foldable(x: Tensor) -> bool:
    """Whether the leading dimensions of a batch can be seen as rows of one matrix."""
    rows = count(x.shape[:-1])
    return view_strides(x.shape, x.stride(), (rows, x.shape[-1])) is not None


def _batched_product(left: Tensor, right: Tensor) -> Tensor:
    """The product over broadcast batch dimensions."""
    try:
        batch = broadcast_shapes(left.shape[:-2], right.shape[:-2])
    except RuntimeError:
        raise RuntimeError(f"The size of tensor a {list(left.shape[:-2])} must match the size of tensor b {list(right.shape[:-2])} "
                           "in the batch dimensions of matmul") from None
    b, (m, k), (k2, n) = count(batch), left.shape[-2:], right.shape[-2:]
    left = reshaped(_expand(left, (*batch, m, k)), (b, m, k))
    right = reshaped(_expand(right, (*batch, k2, n)), (b, k2, n))
    return reshaped(bmm(left, right), (*batch, m, n))


def _product(left: Tensor, right: Tensor) -> Tensor:
    """``matmul`` of operands with two or more dimensions each."""
    if left.ndim == 2 and right.ndim == 2:
        return mm(left, right)
    if right.ndim == 2 and _foldable(left):
        return reshaped(mm(reshaped(left, (count(left.shape[:-1]), left.shape[-1])), right), (*left.shape[:-1], right.shape[1]))
    return _batched_product(left, right)


def _different_lengths(first: Tensor, second: Tensor) -> RuntimeError:
    n, m = first.shape[0], second.shape[0]
    return RuntimeError(f"inconsistent tensor size, expected tensor [{n}] and src [{m}] to have the same number of elements, "
                        f"but got {n} and {m} elements respectively")


@operator("matmul(Tensor input, Tensor other)", method=True, out=True)
def matmul(input, other):
    """The matrix product: of vectors a number, of a matrix and a vector a vector; leading dimensions broadcast as batches.

    Operands have one dtype. Raises RuntimeError for 0-dim operands and sizes that do not fit.
    """
    if not input.ndim or not other.ndim:
        raise RuntimeError(f"both arguments to matmul need to be at least 1D, but they are {input.ndim}D and {other.ndim}D")
    left = unsqueeze(input, 0) if input.ndim == 1 else input
    right = unsqueeze(other, 1) if other.ndim == 1 else other
    if left.shape[-1] != right.shape[-2]:
        if input.ndim == other.ndim == 1:
            raise _different_lengths(input, other)
        raise RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({left.shape[-2]}x{left.shape[-1]} and "
                           f"{right.shape[-2]}x{right.shape[-1]})")
    result = _product(left, right)
    if input.ndim > 1 and other.ndim > 1:
        return result
    shape = result.shape[:-2]
    shape = shape + result.shape[-2:-1] if input.ndim > 1 else shape
    return reshaped(result, tuple(shape + result.shape[-1:] if other.ndim > 1 else shape))


@matmul.gradient
def _(grad, saved):
    left, right = saved.input, saved.other
    a = unsqueeze(left, 0) if left.ndim == 1 else left
    b = unsqueeze(right, 1) if right.ndim == 1 else right
    batch = broadcast_shapes(a.shape[:-2], b.shape[:-2])
    g = reshaped(grad, (*batch, a.shape[-2], b.shape[-1]))
    ga = _product(g, adjoint(b))
    gb = _shared_right(g, a) if b.ndim == 2 and a.ndim > 2 else _product(adjoint(a), g)
    return _as_vector(ga, left), _as_vector(gb, right)


def _shared_right(grad: Tensor, left: Tensor) -> Tensor:
    """The gradient of a matrix that multiplied a whole batch: the batch's rows are one long matrix."""
    rows = count(left.shape[:-1])
    left, grad = reshaped(left, (rows, left.shape[-1])), reshaped(grad, (rows, grad.shape[-1]))
    return mm(adjoint(left), grad)


def _as_vector(gradient: Tensor, like: Tensor) -> Tensor:
    """The gradient of a vector that took part as a matrix of one row or column, still with the batches' dimensions."""
    if like.ndim > 1:
        return gradient
    rows = count(gradient.shape[:-2])
    return reshaped(gradient, (rows, *like.shape)).sum(0) if rows != 1 else reshaped(gradient, like.shape)


def _matmul_infix(self, other):
    return matmul(self, other) if isinstance(other, Tensor) or hasattr(type(other), "__torch_function__") else NotImplemented


def _matmul_reflected(self, other):
    return matmul(other, self) if isinstance(other, Tensor) or hasattr(type(other), "__torch_function__") else NotImplemented


overrides.offer_as(_matmul_infix, matmul.operator, "matmul")
Tensor.__matmul__, Tensor.__rmatmul__ = _matmul_infix, overrides.dispatching(_matmul_reflected)
Tensor.__rmatmul__.__name__ = "__rmatmul__"


# -- vectors -------------------------------------------------------------------------------------------------------------


def _check_vectors(name: str, first: Tensor, second: Tensor) -> None:
    if first.ndim != 1 or second.ndim != 1:
        raise RuntimeError(f"1D tensors expected, but got {first.ndim}D and {second.ndim}D tensors")
    if first.dtype is not second.dtype:
        raise RuntimeError(f"{name} : expected both vectors to have same dtype, but found {first.dtype} and {second.dtype}")
    if first.shape != second.shape:
        raise _different_lengths(first, second)


_LONG = 1 << 15  # elements from which on sums are shared by threads; a matrix product of one element is not


def _inner_product(first: Tensor, second: Tensor) -> Tensor:
    if first.numel() >= _LONG and first.dtype in (dtypes.float32, dtypes.float64):
        return (first * second).sum()
    return reshaped(mm(unsqueeze(first, 0), unsqueeze(second, 1)), ())


@operator("dot(Tensor input, Tensor tensor)", method=True, out=True)
def dot(input, tensor):
    """The sum of products of two vectors of one dtype and length (without conjugation)."""
    _check_vectors("dot", input, tensor)
    return _inner_product(input, tensor)


@dot.gradient
def _(grad, saved):
    return grad * saved.tensor.conj(), grad * saved.input.conj()


@operator("vdot(Tensor input, Tensor other)", method=True, out=True)
def vdot(input, other):
    """``dot`` of the conjugate of the first vector and the second."""
    _check_vectors("vdot", input, other)
    return _inner_product(input.conj(), other)


@vdot.gradient
def _(grad, saved):
    return grad.conj() * saved.other, grad * saved.input


@operator("mv(Tensor input, Tensor vec)", method=True, out=True)
def mv(input, vec):
    """The product of a matrix ``(m, k)`` and a vector ``(k,)``."""
    if input.ndim != 2 or vec.ndim != 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got 1, {input.ndim}, {vec.ndim}")
    if input.shape[1] != vec.shape[0]:
        raise RuntimeError(f"size mismatch, got input ({input.shape[0]}), mat ({input.shape[0]}x{input.shape[1]}), vec ({vec.shape[0]})")
    return reshaped(mm(input, unsqueeze(vec, 1)), (input.shape[0],))


@mv.gradient
def _(grad, saved):
    return _outer(grad, saved.vec.conj()), mv(adjoint(saved.input), grad)


def _outer(first: Tensor, second: Tensor) -> Tensor:
    return unsqueeze(first, 1) * unsqueeze(second, 0)


@function(method=True, aliases=("ger",))
def outer(input, vec2, *, out=None):
    """All products of an element of one vector and one of the other: ``(n,)`` and ``(m,)`` give ``(n, m)``; dtypes are promoted."""
    for x, position in ((input, 1), (vec2, 2)):
        if x.ndim != 1:
            raise RuntimeError(f"outer: Expected 1-D argument {'self' if position == 1 else 'vec2'}, but got {x.ndim}-D")
    result = _outer(input, vec2)
    if out is None:
        return result
    from .overrides import write_out
    return write_out("outer", result, out)


@function(method=True)
def inner(input, other, *, out=None):
    """Sums of products over the last dimension of both, for all pairs of rows; with a 0-dim operand, the plain product."""
    from .overrides import write_out
    if not input.ndim or not other.ndim:
        result = input * other
    else:
        if input.shape[-1] != other.shape[-1]:
            raise RuntimeError("inner() the last dimension must match on both input tensors but got shapes "
                               f"{list(input.shape)} and {list(other.shape)}")
        check_same_dtype("inner", input.dtype, other.dtype)
        from .contraction import tensordot
        result = tensordot(input, other, ([-1], [-1]))
    return result if out is None else write_out("inner", result, out)


# -- linear layers -----------------------------------------------------------------------------------------------------------


def _rows(x: Tensor) -> Tensor:
    """The tensor as a matrix: its leading dimensions flattened."""
    return x if x.ndim == 2 else reshaped(x, (count(x.shape[:-1]), x.shape[-1]))


def _check_linear(input: Tensor, weight: Tensor, bias: Tensor | None) -> None:
    for other, which in ((weight, "mat2"), (bias, "bias")):
        if other is not None and other.dtype is not input.dtype:
            raise RuntimeError(f"mat1 and {which} must have the same dtype, but got {_type_name(input)} and {_type_name(other)}")
    if weight.ndim > 2 or not weight.ndim or not input.ndim:
        raise RuntimeError(f"linear(): expected a weight with 1 or 2 dimensions and an input with at least 1, "
                           f"got weight {list(weight.shape)} and input {list(input.shape)}")
    if input.shape[-1] != weight.shape[-1]:
        rows = count(input.shape[:-1])
        raise RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({rows}x{input.shape[-1]} and "
                           f"{'x'.join(map(str, weight.shape[::-1]))})")


def _type_name(x: Tensor) -> str:
    from .overrides import _scalar_name
    return _scalar_name(x.dtype)


def added(x: Tensor, y: Tensor) -> Tensor:
    """``x + y`` as a step of a matrix product: 8-bit floats, which have no sum of their own, are added in float32."""
    return (x.to(dtypes.float32) + y.to(dtypes.float32)).to(x.dtype) if x.dtype in dtypes.FLOAT8 else x + y


def _product_and_bias(input, weight, bias):
    columns = weight if weight.ndim == 2 else unsqueeze(weight, 0)
    result = mm(_rows(input), columns.t())
    if bias is not None:
        result = added(result, bias)
    return result if input.ndim == weight.ndim == 2 else reshaped(result, (*input.shape[:-1], *weight.shape[:-1]))


def _linear_gradients(grad, saved):
    weight = saved.weight if saved.weight.ndim == 2 else unsqueeze(saved.weight, 0)
    rows = reshaped(grad, (count(saved.input.shape[:-1]), weight.shape[0]))
    to_input = reshaped(mm(rows, weight.conj()), saved.input.shape)
    to_weight = reshaped(mm(rows.t(), _rows(saved.input).conj()), saved.weight.shape)
    return rows, to_input, to_weight


@operator("linear(Tensor input, Tensor weight, Tensor? bias=None)", namespace="nn.functional")
def linear(input, weight, bias):
    """``input @ weight.T + bias`` for ``input (..., k)``, ``weight (n, k)`` or ``(k,)`` and ``bias (n,)`` or none.

    One dtype; float16 and bfloat16 accumulate in float32 and are rounded once.
    """
    _check_linear(input, weight, bias)
    return in_opmath(_product_and_bias)(input, weight, bias)


@linear.gradient
@in_opmath_gradient
def _(grad, saved):
    rows, to_input, to_weight = _linear_gradients(grad, saved)
    return (to_input, to_weight) if saved.bias is None else (to_input, to_weight, rows.sum(0))
