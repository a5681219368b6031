"""Tensors and NumPy, Python lists, DLPack: the same memory under another name."""

from __future__ import annotations

import numpy as np

from .. import dtypes
from ..compiler.reference import widen
from ..tensor import Tensor, expose, from_array
from .creation import from_numpy
from .registry import export, function


@function(None, method=True)
def numpy(self, *, force: bool = False):
    """A NumPy array over the same memory: writes to one are seen by the other.

    ``force=True`` detaches first. Raises RuntimeError for a tensor that requires grad, TypeError for dtypes
    that NumPy does not have (bfloat16, the 8-bit floats, complex32), and for a tensor without memory (``meta``).
    """
    if self.requires_grad and not force:
        raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
    if self.dtype.packed:
        raise TypeError(f"Got unsupported ScalarType {dtypes.SCALAR_NAMES[self.dtype.name]}")
    if self.is_meta:
        raise TypeError("can't convert meta device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory first.")
    return expose(self)


@function(None, method=True)
def __array__(self, dtype=None, copy=None):
    array = self.numpy()
    if dtype is None or array.dtype == dtype:
        return array.copy() if copy else array
    if copy is False:
        raise ValueError(f"__array__(): a {array.dtype} tensor becomes {np.dtype(dtype)} by a copy only, and copy=False forbids it")
    return array.astype(dtype)


@function(None, method=True)
def __array_wrap__(self, array, context=None, return_scalar=False):
    if array.dtype == bool:
        array = array.astype("uint8")
    return from_numpy(np.asarray(array))


ARRAY_API_VERSIONS = ("2021.12", "2022.12", "2023.12", "2024.12")


def __array_namespace__(self, /, *, api_version: str | None = None):
    """``flambeau.array_api``: the functions of the Python array API standard. PyTorch has no such method.

    Raises ValueError for a version of the standard that is not followed.
    """
    from importlib import import_module

    if api_version is not None and api_version not in ARRAY_API_VERSIONS:
        raise ValueError(f"__array_namespace__(): api_version must be one of {ARRAY_API_VERSIONS}, but received {api_version!r}")
    return import_module(f"{__name__.partition('.')[0]}.array_api")


Tensor.__array_namespace__ = __array_namespace__


@function(None, method=True)
def tolist(self):
    """The elements as nested lists of Python numbers; a number for a 0-dim tensor."""
    return widen(self._array(), self.dtype).tolist()


@function(None, method=True)
def __dlpack__(self, *, stream=-1, max_version=None, dl_device=None, copy=None):
    """A DLPack capsule over the tensor's memory. Raises BufferError for what DLPack cannot hold here."""
    if self.requires_grad:
        raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
    if stream not in (None, -1):
        raise BufferError("flambeau: __dlpack__: a tensor on the cpu has no stream")
    if dl_device not in (None, (1, 0)):
        raise BufferError(f"flambeau: __dlpack__: cannot export to device {dl_device}")
    if self.dtype.packed:
        raise BufferError(f"flambeau: __dlpack__: {self.dtype.name} is not supported yet")
    array = expose(self)
    array = array.copy() if copy else array
    try:
        return array.__dlpack__(max_version=max_version)
    except TypeError:  # a NumPy that knows the first version only
        return array.__dlpack__()


@function(None, method=True)
def __dlpack_device__(self):
    """``(1, 0)``: DLPack's name of the CPU."""
    return (1, 0)


def from_dlpack(ext_tensor, *, device=None, copy=None):
    """A tensor over the memory of any object with ``__dlpack__``, or of a copy where ``copy`` is True."""
    if isinstance(ext_tensor, Tensor):
        return ext_tensor.detach().clone() if copy else ext_tensor.detach()
    if not hasattr(ext_tensor, "__dlpack__"):
        ext_tensor = _Capsule(ext_tensor)
    array = np.from_dlpack(ext_tensor)
    made = from_array(array, dtypes.from_numpy_dtype(array.dtype), copy=bool(copy) or not array.flags.writeable)
    return made if device is None else made.to(device)


class _Capsule:
    """A bare capsule as an object with the DLPack protocol."""

    def __init__(self, capsule):
        self.capsule = capsule

    def __dlpack__(self, **options):
        return self.capsule

    def __dlpack_device__(self):
        return (1, 0)


def to_dlpack(tensor):
    """A DLPack capsule over the tensor's memory."""
    return tensor.__dlpack__()


export("torch", "from_dlpack", from_dlpack)
export("torch", "to_dlpack", to_dlpack)
