"""Tensors as arrays of NumPy and as Python lists, and the namespace of the array API standard."""

from __future__ import annotations

import numpy as np

from .. import dtypes
from ..compiler.reference import widen
from ..tensor import Tensor, expose
from .creation import from_numpy
from .registry import function


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
