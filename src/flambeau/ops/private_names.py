"""Functions of ``torch`` that begin with an underscore and that other packages call all the same."""

from __future__ import annotations

from .. import dtypes
from ..tensor import Tensor
from .creation import tensor
from .matmul import matmul
from .registry import NAMESPACES, function
from .sequences import arange
from .softmax import log_softmax, softmax


@function()
def _shape_as_tensor(self):
    """The sizes of a tensor as a tensor of int64."""
    return tensor(list(self.shape), dtype=dtypes.int64)


@function()
def _dim_arange(like, dim):
    """The positions along a dimension."""
    return arange(like.shape[dim])


@function()
def _int_mm(self, mat2, *, out=None):
    """The product of two int8 matrices as int32. RuntimeError for other dtypes or dimensions."""
    for x in (self, mat2):
        if x.dtype is not dtypes.int8 or x.ndim != 2:
            raise RuntimeError(
                f"_int_mm: expected two int8 matrices, got {self.dtype} {list(self.shape)} and {mat2.dtype} {list(mat2.shape)}"
            )
    product = matmul(self.to(dtypes.int32), mat2.to(dtypes.int32))
    return product if out is None else out.resize_(product.shape).copy_(product)


@function()
def _softmax(self, dim, half_to_float):
    """``softmax``; ``half_to_float`` is for CUDA alone."""
    _refuse_half_to_float("_softmax", half_to_float)
    return softmax(self, dim)


@function()
def _log_softmax(self, dim, half_to_float):
    """``log_softmax``; ``half_to_float`` is for CUDA alone."""
    _refuse_half_to_float("_log_softmax", half_to_float)
    return log_softmax(self, dim)


def _refuse_half_to_float(name: str, half_to_float: bool) -> None:
    if half_to_float:
        raise RuntimeError(f"{name}: half to float conversion is not supported on CPU")


@function()
def _softmax_backward_data(grad_output, output, dim, input_dtype, *, grad_input=None):
    """The gradient of ``softmax`` from that of its result ``output``."""
    gradient = (grad_output - (grad_output * output).sum(dim, keepdim=True)) * output
    return gradient if grad_input is None else grad_input.resize_(gradient.shape).copy_(gradient)


@function()
def _log_softmax_backward_data(grad_output, output, dim, input_dtype, *, out=None):
    """The gradient of ``log_softmax`` from that of its result ``output``."""
    gradient = grad_output - output.exp() * grad_output.sum(dim, keepdim=True)
    return gradient if out is None else out.resize_(gradient.shape).copy_(gradient)


@function()
def _is_all_true(self):
    """Whether all elements of a bool tensor are true, as a tensor."""
    return _of_bool("_is_all_true", self).all()


@function()
def _is_any_true(self):
    """Whether any element of a bool tensor is true, as a tensor."""
    return _of_bool("_is_any_true", self).any()


def _of_bool(name: str, x: Tensor) -> Tensor:
    if x.dtype is not dtypes.bool_:
        raise RuntimeError(f"{name}: expected a bool tensor, got {x.dtype}")
    return x


@function()
def _convert_indices_from_coo_to_csr(self, size, *, out_int32=False, out=None):
    """Sorted row numbers as pointers: how many lie before each of ``size`` rows, and before the end."""
    rows = arange(size + 1, dtype=self.dtype)
    pointers = NAMESPACES["torch"]["searchsorted"](self.contiguous(), rows, out_int32=out_int32)
    return pointers if out is None else out.resize_(pointers.shape).copy_(pointers)


@function()
def _convert_indices_from_csr_to_coo(crow_indices, col_indices, *, out_int32=False, transpose=False, out=None):
    """Row pointers and column numbers as (row, column) pairs, of shape (2, n); columns first where ``transpose``."""
    rows = arange(crow_indices.shape[-1] - 1).repeat_interleave(crow_indices.diff())
    kind = dtypes.int32 if out_int32 else dtypes.int64
    pair = [rows.to(kind), col_indices.to(kind)]
    made = NAMESPACES["torch"]["stack"](pair[::-1] if transpose else pair)
    return made if out is None else out.resize_(made.shape).copy_(made)


@function()
def _weight_norm(v, g, dim=0):
    """``v`` with the norms ``g`` of its slices along ``dim``."""
    dims = tuple(d for d in range(v.ndim) if d != dim % v.ndim)
    return v * (g / NAMESPACES["linalg"]["vector_norm"](v, 2, dims, True))


@function()
def _unique2(self, sorted=True, return_inverse=False, return_counts=False):
    """``unique`` with all three results; those not asked for are empty."""
    found = list(NAMESPACES["torch"]["unique"](self, True, True, True))
    empty = [arange(0), arange(0)]
    return found[0], found[1] if return_inverse else empty[0], found[2] if return_counts else empty[1]


def _declare_cast(name: str, target) -> None:
    def cast(self, non_blocking=False):
        return self.to(target)

    cast.__name__, cast.__doc__ = name, f"The tensor as {target}."
    function()(cast)


for _name, _dtype in (
    ("Byte", dtypes.uint8),
    ("Char", dtypes.int8),
    ("Short", dtypes.int16),
    ("Int", dtypes.int32),
    ("Long", dtypes.int64),
    ("Half", dtypes.float16),
    ("Float", dtypes.float32),
    ("Double", dtypes.float64),
):
    _declare_cast(f"_cast_{_name}", _dtype)
