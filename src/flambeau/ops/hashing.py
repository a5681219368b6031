"""``hash_tensor``: the exclusive or of the bits of all elements."""

from __future__ import annotations

import numpy as np

from .. import dtypes
from ..compiler.reference import widen
from ..lazy.spec import dense
from .elementwise import refusal
from .operator import Operator, publish
from .overrides import write_out
from .reductions import check_has_elements, reduced_dims, reduced_shape
from .registry import function

_UNSIGNED = (dtypes.uint16, dtypes.uint32, dtypes.uint64)


def _infer(op, specs, values):
    (spec,) = specs
    if spec.dtype.is_complex or spec.dtype in _UNSIGNED:
        raise refusal("xor_sum_cpu", spec.dtype, "")
    dims = reduced_dims("hash_tensor", values[1], spec.ndim)
    check_has_elements("hash_tensor", spec.shape, dims, values[1])
    return (dense(reduced_shape(spec.shape, dims, values[2]), dtypes.uint64, spec.device),), dims


def _reference(code, arrays, numbers):
    (spec,) = code.inputs
    array = widen(arrays[0], spec.dtype)
    bits = array.astype(np.float64 if spec.dtype.is_floating_point else np.int64).view(np.uint64)
    return (np.bitwise_xor.reduce(bits, axis=code.extra).reshape(code.outputs[0].shape),)


_hash = Operator("hash_tensor(Tensor input, int[] dim, bool keepdim)", infer=_infer, reference=_reference)
publish(_hash, namespace=None)


@function(method=True)
def hash_tensor(input, dim=(), *, keepdim: bool = False, mode: int = 0, out=None):
    """The exclusive or of all elements' bits, of all or over ``dim`` (an int or several), as uint64.

    Elements count as float64 or int64. Raises ``RuntimeError`` for a ``mode`` other than 0.
    """
    if mode != 0:
        raise RuntimeError(f"hash_tensor: expected mode 0, but got {mode}")
    result = _hash.function(input, () if dim is None else dim, keepdim)
    return result if out is None else write_out("hash_tensor", result, out)
