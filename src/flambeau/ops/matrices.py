"""What the operators of linear algebra share: checks of their arguments, and primitives that run a library routine.

A routine that can fail for the values of a matrix gives ``info`` beside its results, 0 for success; it is recorded like any
operator. Functions that raise look at ``info`` after it, and so run at the call.
"""

from __future__ import annotations

import numpy as np

from .. import dtypes
from ..compiler.reference import widen
from ..lazy.spec import contiguous_strides, dense
from ..lazy.spec import spec as make_spec
from ..tensor import Tensor
from .operator import Operator, publish
from .overrides import _scalar_name, write_out
from .promotion import broadcast_shapes
from .registry import export
from .views import _expand, transpose


class LinAlgError(RuntimeError):
    """Raised where the values of a matrix do not allow what was asked, such as the inverse of a singular one."""


export("linalg", "LinAlgError", LinAlgError)


def library(
    schema: str,
    outputs,
    function,
    *,
    node: str | None = None,
    differentiable=None,
    zero_gradients: bool = True,
    by_columns: tuple[int, ...] = (),
):
    """A primitive that is a library routine, as a function.

    ``outputs(specs, *static)`` gives ``(shape, dtype)`` of each result, ``function(arrays, *static)`` the results' arrays;
    ``static`` are the arguments that are no tensors. ``differentiable`` says of each result whether it carries gradients;
    without ``zero_gradients``, the gradient gets None for results that no gradient arrived for. ``by_columns``: the numbers of
    results that are matrices stored column by column, as LAPACK leaves them and PyTorch gives them.
    """

    def static(values):
        return [v for p, v in zip(op.parameters, values) if not p.is_tensor]

    def infer(operator, specs, values):
        made = outputs(specs, *static(values))
        specs_of = [column_major if i in by_columns else dense for i in range(len(made))]
        return tuple([of(tuple(shape), dtype, specs[0].device) for of, (shape, dtype) in zip(specs_of, made)]), None

    def reference(code, arrays, numbers):
        arrays = [widen(array, spec.dtype) for array, spec in zip(arrays, code.inputs)]
        return tuple(function(arrays, *static(code.attrs)))

    op = Operator(schema, infer=infer, reference=reference)
    op.differentiable_results = differentiable
    op.zero_gradients = zero_gradients
    if node is not None:
        op.node_name = node
    return publish(op, namespace=None).function


def column_major(shape: tuple[int, ...], dtype, device):
    """The spec of matrices whose columns are dense."""
    if len(shape) < 2:  # stands for a result that was not asked for
        return dense(shape, dtype, device)
    *batch, rows, columns = shape
    *outer, column, row = contiguous_strides((*batch, columns, rows))
    return make_spec(shape, (*outer, row, column), dtype, device)


def attempt(function, a: np.ndarray):
    """``function`` of a batch, and ``info``: 1 for matrices that NumPy raises LinAlgError for, whose results are NaN."""
    info = np.zeros(a.shape[:-2], np.int32)
    try:
        return function(a), info
    except np.linalg.LinAlgError:
        pass
    likes = function(np.zeros_like(a))
    results = [np.full_like(r, np.nan) for r in likes]
    for i in np.ndindex(*info.shape):
        try:
            for result, value in zip(results, function(a[i])):
                result[i] = value
        except np.linalg.LinAlgError:
            info[i] = 1
    return results, info


def real_dtype(dtype):
    """The dtype of absolute values."""
    return {dtypes.complex64: dtypes.float32, dtypes.complex128: dtypes.float64}.get(dtype, dtype)


def complex_dtype(dtype):
    """The complex dtype of the same precision."""
    return {dtypes.float32: dtypes.complex64, dtypes.float64: dtypes.complex128}.get(dtype, dtype)


def epsilon(dtype) -> float:
    """The distance from 1 to the next number of a floating-point or complex dtype."""
    return float(np.finfo(real_dtype(dtype).numpy).eps)


def same_batch(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Two batches of matrices, expanded over each other's batch dimensions."""
    batch = broadcast_shapes(a.shape[:-2], b.shape[:-2])
    return _expand(a, (*batch, *a.shape[-2:])), _expand(b, (*batch, *b.shape[-2:]))


def transposed(x: Tensor) -> Tensor:
    """A view with rows and columns exchanged."""
    return transpose(x, -2, -1)


def deliver(name: str, result, out, exact: bool = True):
    """``result`` (a tensor or a named tuple), written to ``out`` where that is given.

    ``exact``: ``out`` must have the result's own dtype, else ``RuntimeError``.
    """
    if out is None:
        return result
    single = isinstance(result, Tensor)
    if exact:
        for made, given in [(result, out)] if single else zip(result, out):
            if isinstance(given, Tensor) and made.dtype is not given.dtype:
                expected, received = [_PRINTED.get(t.dtype.name, t.dtype.name) for t in (made, given)]
                raise RuntimeError(f"{name}: Expected out tensor to have dtype {expected}, but got {received} instead")
    return write_out(name, result, out) if single else type(result)(write_out(name, tuple(result), out))


_PRINTED = {
    "float32": "float",
    "float64": "double",
    "int32": "int",
    "int64": "long int",
    "complex64": "c10::complex<float>",
    "complex128": "c10::complex<double>",
}


# -- checks of arguments ---------------------------------------------------------------------------------------------------


def require_matrix(name: str, x: Tensor, argument: str = "A") -> None:
    """``RuntimeError`` for fewer than two dimensions."""
    if x.ndim < 2:
        raise RuntimeError(f"{name}: The input tensor {argument} must have at least 2 dimensions.")


def require_square(name: str, x: Tensor, argument: str = "A") -> None:
    """``RuntimeError`` unless ``x`` is a batch of square matrices."""
    require_matrix(name, x, argument)
    if x.shape[-1] != x.shape[-2]:
        raise RuntimeError(
            f"{name}: {argument} must be batches of square matrices, but they are {x.shape[-2]} by {x.shape[-1]} matrices"
        )


def require_floating(name: str, x: Tensor, low_precision: bool = False) -> None:
    """``RuntimeError`` for integers, and for float16 and bfloat16, which LAPACK does not know, unless ``low_precision``."""
    if x.dtype.category < 2:
        raise RuntimeError(f"{name}: Expected a floating point or complex tensor as input. Got {_scalar_name(x.dtype)}")
    if not low_precision and x.dtype.name in ("float16", "bfloat16"):
        raise RuntimeError(f"{name}: Low precision dtypes not supported. Got {_scalar_name(x.dtype)}")


def require_same_dtype(name: str, a: Tensor, b: Tensor, first: str = "A", second: str = "B") -> None:
    """``RuntimeError`` where two operands differ in dtype."""
    if a.dtype is not b.dtype:
        raise RuntimeError(
            f"{name}: Expected {first} and {second} to have the same dtype, but found {first} of type "
            f"{_scalar_name(a.dtype)} and {second} of type {_scalar_name(b.dtype)} instead"
        )


def check_info(name: str, info: Tensor, explain, error: type[RuntimeError] = LinAlgError) -> None:
    """Raise ``error`` with ``explain(info)`` for the first matrix whose ``info`` is not 0."""
    if info.is_meta:
        return
    found = info._array()
    failed = np.flatnonzero(found.reshape(-1))
    if not failed.size:
        return
    batch = f"(Batch element {failed[0]}): " if found.ndim else ""
    raise error(f"{name}: {batch}{explain(int(found.reshape(-1)[failed[0]]))}")
