"""What the operators of linear algebra share: checks of their arguments, and primitives that run a library routine.

A routine that can fail for the values of a matrix gives ``info`` beside its results, 0 for success; it is recorded like any
operator. Functions that raise look at ``info`` after it.
"""

from __future__ import annotations

import numpy as np

from ..lazy.spec import dense
from ..tensor import Tensor
from .operator import Operator
from .overrides import _scalar_name
from .registry import export


class LinAlgError(RuntimeError):
    """Raised where the values of a matrix do not allow what was asked, such as the inverse of a singular one."""


export("linalg", "LinAlgError", LinAlgError)


def library(schema: str, outputs, function, *, node: str | None = None, differentiable=None) -> Operator:
    """A primitive that is a library routine.

    ``outputs(specs, *static)`` gives ``(shape, dtype)`` of each result, ``function(arrays, *static)`` the results' arrays;
    ``static`` are the arguments that are no tensors. ``differentiable`` says of each result whether it carries gradients.
    """

    def static(values):
        return [v for p, v in zip(op.parameters, values) if not p.is_tensor]

    def infer(operator, specs, values):
        made = outputs(specs, *static(values))
        return tuple([dense(tuple(shape), dtype, specs[0].device) for shape, dtype in made]), None

    def reference(code, arrays, numbers):
        return tuple(function(arrays, *static(code.attrs)))

    op = Operator(schema, infer=infer, reference=reference)
    op.differentiable_results = differentiable
    op.doc = function.__doc__
    if node is not None:
        op.node_name = node
    return op


# -- checks of arguments ---------------------------------------------------------------------------------------------------


def require_matrix(name: str, x: Tensor, argument: str = "A") -> None:
    """``RuntimeError`` for fewer than two dimensions."""
    if x.ndim < 2:
        raise RuntimeError(f"{name}: The input tensor {argument} must have at least 2 dimensions.")


def require_square(name: str, x: Tensor, argument: str = "A") -> None:
    """``RuntimeError`` unless ``x`` is a batch of square matrices."""
    require_matrix(name, x, argument)
    if x.shape[-1] != x.shape[-2]:
        raise RuntimeError(f"{name}: {argument} must be batches of square matrices, but they are {x.shape[-2]} by {x.shape[-1]} matrices")


def require_floating(name: str, x: Tensor, low_precision: bool = False) -> None:
    """``RuntimeError`` for integers, and for float16 and bfloat16, which LAPACK does not know, unless ``low_precision``."""
    if x.dtype.category < 2:
        raise RuntimeError(f"{name}: Expected a floating point or complex tensor as input. Got {_scalar_name(x.dtype)}")
    if not low_precision and x.dtype.name in ("float16", "bfloat16"):
        raise RuntimeError(f"{name}: Low precision dtypes not supported. Got {_scalar_name(x.dtype)}")


def require_same_dtype(name: str, a: Tensor, b: Tensor, first: str = "A", second: str = "B") -> None:
    """``RuntimeError`` where two operands differ in dtype."""
    if a.dtype is not b.dtype:
        raise RuntimeError(f"{name}: Expected {first} and {second} to have the same dtype, but found {first} of type "
                           f"{_scalar_name(a.dtype)} and {second} of type {_scalar_name(b.dtype)} instead")


def check_info(name: str, info: Tensor, explain) -> None:
    """Raise ``LinAlgError`` with ``explain(info)`` for the first matrix whose ``info`` is not 0."""
    found = info._array()
    failed = np.flatnonzero(found.reshape(-1))
    if not failed.size:
        return
    batch = f"(Batch element {failed[0]}): " if found.ndim else ""
    raise LinAlgError(f"{name}: {batch}{explain(int(found.reshape(-1)[failed[0]]))}")


__all__ = ["LinAlgError", "check_info", "library", "require_floating", "require_matrix", "require_same_dtype", "require_square"]
