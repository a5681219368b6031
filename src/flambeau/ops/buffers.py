"""Tensors over memory that others own, and over memory in a chosen order: ``asarray``, ``frombuffer``, ``empty_permuted``."""

from __future__ import annotations

import warnings

import numpy as np

from .. import dtypes
from ..dtypes import get_default_dtype
from ..lazy.spec import contiguous_strides
from ..runtime.warning import warn_once
from ..tensor import Tensor, from_array
from .creation import empty_strided, filled, finish, from_numpy, tensor
from .dlpack import from_dlpack
from .operator import operator
from .registry import function


@function()
def frombuffer(buffer, *, dtype, count=-1, offset=0, requires_grad=False):
    """A 1-dim tensor over the memory of a Python object with the buffer protocol.

    ``count`` elements (-1: all that are left) from the byte ``offset``. Raises ValueError where they do not fit.
    """
    try:
        memory = memoryview(buffer).cast("B")
    except TypeError:
        raise ValueError("object does not implement Python buffer protocol.") from None
    length, itemsize = memory.nbytes, dtype.itemsize
    if length == 0 or count == 0:
        raise ValueError(f"both buffer length ({length}) and count ({count}) must not be 0")
    if not 0 <= offset < length:
        raise ValueError(f"offset ({offset} bytes) must be non-negative and no greater than buffer length ({length} bytes) minus 1")
    if count < 0:
        if (length - offset) % itemsize:
            raise ValueError(f"buffer length ({length - offset} bytes) after offset ({offset} bytes) must be a multiple of element "
                             f"size ({itemsize})")
        count = (length - offset) // itemsize
    if offset + count * itemsize > length:
        raise ValueError(f"requested buffer length ({count} * {itemsize} bytes) after offset ({offset} bytes) must not be greater "
                         f"than actual buffer length ({length} bytes)")
    if memory.readonly:
        warnings.warn("The given buffer is not writable, and PyTorch does not support non-writable tensors. This means you can write "
                      "to the underlying (supposedly non-writable) buffer using the tensor. You may want to copy the buffer to protect "
                      "its data or make it writable before converting it to a tensor.", stacklevel=3)
    array = np.frombuffer(memory, dtype=dtype.numpy, count=count, offset=offset)
    return finish(from_array(array, dtype, copy=False), requires_grad)


@function()
def asarray(obj, *, dtype=None, device=None, copy=None, requires_grad=None):
    """``obj`` as a tensor: it shares the memory of tensors, arrays, DLPack objects and buffers unless a copy is needed.

    ``copy=True`` always copies; ``copy=False`` raises ValueError where a copy would be needed. ``requires_grad=None``: a tensor
    keeps its graph, with a warning; ``False``: the result is apart from it.
    """
    if requires_grad is None and isinstance(obj, Tensor) and obj.requires_grad:
        warn_once("torch.asarray: unspecified requires_grad now defaults to obj.requires_grad instead of False. Pass "
                  "requires_grad=False explicitly to get the old behavior and silence this warning.")
        requires_grad = True
    shared = _shared(obj, dtype)
    if shared is None:
        if copy is False:
            raise ValueError("can't alias arbitrary sequence into a tensor.")
        return tensor(obj, dtype=dtype, device=device, requires_grad=bool(requires_grad))
    if copy is False and dtype is not None and dtype is not shared.dtype:
        raise ValueError(f"can't alias tensor with dtype '{shared.dtype}' into dtype '{dtype}'.")
    made = shared.to(device=device, dtype=dtype)
    if requires_grad and made.dtype.category < 2:
        raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
    if copy and made is shared:
        made = shared.clone()
    if made.requires_grad and not requires_grad:
        return made.detach()
    return finish(made, requires_grad) if made.is_leaf else made


def _shared(obj, dtype) -> Tensor | None:
    """A tensor over the memory of ``obj``, where it has some."""
    if isinstance(obj, Tensor):
        return obj
    if isinstance(obj, np.ndarray):
        return from_numpy(obj)
    if isinstance(obj, np.generic):
        return None
    if hasattr(obj, "__dlpack__"):
        return from_dlpack(obj)
    if isinstance(obj, (list, tuple, str, int, float, complex)):
        return None
    try:
        memoryview(obj)
    except TypeError:
        return None
    return frombuffer(obj, dtype=dtype or get_default_dtype())


@function()
def empty_permuted(size, physical_layout, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """A tensor with uninitialised elements whose dimensions lie in memory in the order ``physical_layout``."""
    shape, order = tuple(size), tuple(physical_layout)
    if len(shape) != len(order):
        raise RuntimeError("Number of dimensions in size does not match the length of the physical_layout; "
                           f"i.e. len(size) = {len(shape)} is not equal to len(physical_layout) = {len(order)}")
    if any(not 0 <= d < len(shape) for d in order):
        raise RuntimeError(f"Dimension out of range (expected to be between 0 and {len(shape) - 1}, but got {order})")
    if len(set(order)) != len(order):
        raise RuntimeError("Duplicate dim not allowed")
    packed = contiguous_strides(tuple(shape[d] for d in order))
    stride = [0] * len(shape)
    for d, step in zip(order, packed):
        stride[d] = step
    return empty_strided(shape, tuple(stride), dtype=dtype, layout=layout, device=device, requires_grad=requires_grad,
                         pin_memory=pin_memory)


@function()
def vander(x, N=None, increasing=False):
    """The powers of each element of a 1-dim ``x``, ``N`` (default its length) columns from the highest to the lowest."""
    if x.ndim != 1:
        raise RuntimeError("x must be a one-dimensional tensor.")
    columns = x.shape[0] if N is None else N
    if columns < 0:
        raise RuntimeError("N must be non-negative.")
    work = dtypes.int64 if x.dtype.category < 2 else x.dtype
    from .joining import stack

    powers = [x.new_ones(x.shape, dtype=work)]
    for _ in range(columns - 1):
        powers.append(powers[-1] * x)
    powers = powers[:columns]
    if not powers:
        return x.new_empty((x.shape[0], 0), dtype=work)
    return stack(powers if increasing else powers[::-1], 1)


@function("linalg", name="vander")
def linalg_vander(x, N=None):
    """The powers ``0 .. N - 1`` (default: as many as ``x`` is long) of each element, along a new last dimension."""
    x = x if x.ndim else x.reshape(1)
    columns = x.shape[-1] if N is None else N
    if columns <= 1:
        raise RuntimeError(f"linalg.vander: N must be greater than 1, but got {columns}")
    return _powers(x, columns)


@operator("linalg_vander(Tensor x, int columns)", namespace=None)
def _powers(x, columns):
    from .joining import cat

    work = dtypes.int64 if x.dtype.category < 2 else x.dtype
    powers = x.to(work).unsqueeze(-1).expand((*x.shape, columns - 1)).cumprod(-1)
    return cat([filled((*x.shape, 1), 1, work, x.device), powers], -1)
