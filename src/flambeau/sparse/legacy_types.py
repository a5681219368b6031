"""``torch.sparse.FloatTensor`` and its kin: old names that make COO tensors, and that ``isinstance`` understands."""

from __future__ import annotations

from typing import Any

from .. import dtypes, ops
from ..lazy.spec import Size
from ..ops.sparse.coo import CooTensor, empty_coo
from ..runtime import devices
from ..tensor import Tensor


class SparseTensorType(type):
    """The class of ``sparse.FloatTensor`` and its kin."""

    dtype: dtypes.dtype

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, CooTensor) and instance.dtype is cls.dtype

    def __call__(cls, *args: Any) -> Any:
        """A COO tensor of ``(indices, values)`` and perhaps a size, or one of the given sizes without entries."""
        if args and isinstance(args[0], Tensor):
            return ops.sparse_coo_tensor(*args)
        if len(args) == 1 and isinstance(args[0], (Size, tuple, list)):
            args = tuple(args[0])
        size = args or (0,)
        return empty_coo(size, len(size), 0, cls.dtype)


def _made(name: str, dtype: dtypes.dtype) -> Any:
    text = f"Makes COO tensors of {dtype!r}."
    return SparseTensorType(
        name, (), {"dtype": dtype, "layout": devices.sparse_coo, "__module__": "torch.sparse", "__doc__": text}
    )


BFloat16Tensor = _made("BFloat16Tensor", dtypes.bfloat16)
ByteTensor = _made("ByteTensor", dtypes.uint8)
CharTensor = _made("CharTensor", dtypes.int8)
DoubleTensor = _made("DoubleTensor", dtypes.float64)
FloatTensor = _made("FloatTensor", dtypes.float32)
HalfTensor = _made("HalfTensor", dtypes.float16)
IntTensor = _made("IntTensor", dtypes.int32)
LongTensor = _made("LongTensor", dtypes.int64)
ShortTensor = _made("ShortTensor", dtypes.int16)
