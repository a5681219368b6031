"""DLPack: the same memory as arrays of other libraries.

NumPy makes and reads the capsules. It has no bfloat16: such memory passes as uint16, and the dtype that is written in
the capsule is corrected. The layout of the structures is that of https://dmlc.github.io/dlpack/latest/c_api.html
"""

from __future__ import annotations

import ctypes
import enum

import numpy as np

from .. import dtypes
from ..tensor import Tensor, expose, from_array
from .overrides import DisableTorchFunctionSubclass
from .registry import export, function


class DLDeviceType(enum.IntEnum):
    """DLPack's numbers of devices."""

    kDLCPU = 1
    kDLCUDA = 2


CPU = (DLDeviceType.kDLCPU, 0)
UNSIGNED, BFLOAT = 1, 4  # codes of dtypes
# Where the code of the dtype is in a capsule of each name: after pointer, device and number of dimensions of the
# tensor, which the newer structure has after its version, context, deleter and flags.
CODE_OFFSET = {b"dltensor": 20, b"dltensor_versioned": 32 + 20}

_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_pointer.restype, _pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
_name = ctypes.pythonapi.PyCapsule_GetName
_name.restype, _name.argtypes = ctypes.c_char_p, [ctypes.py_object]


def _code(capsule) -> ctypes.c_uint8 | None:
    """The code of the dtype in a capsule, to read and write; None for a capsule that is used up."""
    name = _name(capsule)
    if name not in CODE_OFFSET:
        return None
    return ctypes.c_uint8.from_address(_pointer(capsule, name) + CODE_OFFSET[name])


@function(None, method=True)
def __dlpack__(self, *, stream=-1, max_version=None, dl_device=None, copy=None):
    """A DLPack capsule over the tensor's memory, or over a copy of it where ``copy`` is True.

    Raises:
        BufferError: the tensor requires grad, has no memory, or is wanted on another device.
        AssertionError: a stream is given, which the CPU does not have.
    """
    if self.requires_grad:
        raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
    if self.is_meta:
        raise BufferError("__dlpack__(): a tensor on meta has no memory to export")
    if dl_device not in (None, CPU):
        raise BufferError(f"__dlpack__(): cannot export to device {dl_device} from the cpu, {tuple(CPU)}")
    if stream not in (None, -1):
        raise AssertionError(f"__dlpack__(): stream should be None on the cpu, got {stream}")
    array = expose(self)
    array = array.copy() if copy else array
    try:
        capsule = array.__dlpack__(max_version=max_version)
    except TypeError:  # a NumPy that knows the first version only
        capsule = array.__dlpack__()
    if self.dtype is dtypes.bfloat16:
        _code(capsule).value = BFLOAT
    return capsule


@function(None, method=True)
def __dlpack_device__(self):
    """``(1, 0)``: DLPack's name of the CPU."""
    return CPU


def from_dlpack(ext_tensor, *, device=None, copy=None):
    """A tensor over the memory of any object with ``__dlpack__``, or of a copy where ``copy`` is True.

    Raises ``RuntimeError`` for an object that is neither that nor a DLPack capsule.
    """
    if isinstance(ext_tensor, Tensor):
        with DisableTorchFunctionSubclass():
            shared = ext_tensor.detach()
            return shared.clone() if copy else shared.as_subclass(Tensor)
    capsule = _exported(ext_tensor) if hasattr(ext_tensor, "__dlpack__") else ext_tensor
    if type(capsule).__name__ != "PyCapsule":
        raise RuntimeError(f"from_dlpack(): expected an object with __dlpack__ or a DLPack capsule, got {type(ext_tensor).__name__}")
    code = _code(capsule)
    found = None
    if code is not None and code.value == BFLOAT:
        code.value, found = UNSIGNED, dtypes.bfloat16
    says_read_only = _name(capsule) == b"dltensor_versioned"
    array = np.from_dlpack(_Capsule(capsule))
    if not (array.flags.writeable or says_read_only):
        array = np.asarray(_Writable(array))
    made = from_array(array, found or dtypes.from_numpy_dtype(array.dtype), copy=bool(copy) or not array.flags.writeable)
    return made if device is None else made.to(device)


def _exported(owner):
    try:
        return owner.__dlpack__(max_version=(1, 0))
    except TypeError:  # a library that knows the first version only
        return owner.__dlpack__()


class _Capsule:
    """A bare capsule as an object with the DLPack protocol."""

    def __init__(self, capsule):
        self.capsule = capsule

    def __dlpack__(self, **options):
        return self.capsule

    def __dlpack_device__(self):
        return CPU


class _Writable:
    """An array that NumPy takes for read-only because the first version of DLPack does not say; others write to it."""

    def __init__(self, array: np.ndarray):
        self.owner = array
        seen = array.__array_interface__
        self.__array_interface__ = {**seen, "data": (seen["data"][0], False)}


def to_dlpack(tensor):
    """A DLPack capsule over the tensor's memory."""
    return tensor.__dlpack__()


export("torch", "from_dlpack", from_dlpack)
export("torch", "to_dlpack", to_dlpack)
