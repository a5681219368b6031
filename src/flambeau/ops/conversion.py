"""Changing a tensor's type or place: ``type``, ``type_as``, ``cpu``, ``cuda``, ``pin_memory``."""

from __future__ import annotations

from .. import dtypes
from ..runtime import devices
from ..tensor import Tensor
from .copying import to
from .registry import function

_LEGACY_NAMES = {
    "FloatTensor": dtypes.float32, "DoubleTensor": dtypes.float64, "HalfTensor": dtypes.float16,
    "BFloat16Tensor": dtypes.bfloat16, "LongTensor": dtypes.int64, "IntTensor": dtypes.int32,
    "ShortTensor": dtypes.int16, "CharTensor": dtypes.int8, "ByteTensor": dtypes.uint8, "BoolTensor": dtypes.bool_,
    "ComplexFloatTensor": dtypes.complex64, "ComplexDoubleTensor": dtypes.complex128,
}  # fmt: skip
_LEGACY_OF = {d: name for name, d in _LEGACY_NAMES.items()}


def legacy_dtype(name: str) -> dtypes.dtype:
    """The dtype that ``torch.FloatTensor`` and its kin stand for; ``ValueError`` for other names."""
    found = _LEGACY_NAMES.get(name.removeprefix("torch.")) if name.startswith("torch.") else None
    if name == "torch.Tensor":
        return dtypes.get_default_dtype()
    if found is None:
        raise ValueError(f"invalid type: '{name}'")
    return found


@function(None, method=True)
def type(self, dtype=None, non_blocking: bool = False):
    """The tensor's type as a string such as ``'torch.FloatTensor'``; with ``dtype``, the tensor cast to it."""
    if dtype is None:
        return f"torch.{'meta.' if self.is_meta else ''}{_LEGACY_OF.get(self.dtype, self.dtype.name)}"
    if isinstance(dtype, str):
        dtype = legacy_dtype(dtype)
    elif not isinstance(dtype, dtypes.dtype):
        named = dtype
        dtype = getattr(dtype, "dtype", None) if dtype is not Tensor else dtypes.get_default_dtype()
        if not isinstance(dtype, dtypes.dtype):
            raise ValueError(f"invalid type: {getattr(named, '__name__', named)!r}")
    return to(self, dtype)


@function(None, method=True)
def type_as(self, other):
    """The tensor in the dtype of ``other``."""
    return to(self, other.dtype)


@function(None, method=True)
def cpu(self, memory_format=devices.preserve_format):
    """The tensor itself: it is on the CPU."""
    return to(self, "cpu", memory_format=memory_format)


@function(None, method=True)
def cuda(self, device=None, non_blocking: bool = False, memory_format=devices.preserve_format):
    """Raises AssertionError, as PyTorch does where there is no CUDA."""
    raise AssertionError("Torch not compiled with CUDA enabled")


@function(None, method=True)
def pin_memory(self, device=None):
    """Raises RuntimeError: memory is pinned for an accelerator, and there is none."""
    raise RuntimeError("Cannot access accelerator device when none is available.")


@function(None, method=True)
def is_pinned(self, device=None):
    """False: memory is pinned for an accelerator, and there is none."""
    return False


@function(None, method=True)
def is_same_size(self, other):
    """Whether both tensors have the same shape."""
    return self.shape == other.shape
