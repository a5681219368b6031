"""How saved tensors are put together again: the functions that PyTorch's files name (``torch._utils``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .nn.parameter import Parameter, _rebuild_parameter
from .ops.joining import cat
from .ops.pickling import rebuild_tensor
from .ops.sparse.handling import rebuild_sparse_tensor
from .ops.storages import TypedStorage, UntypedStorage
from .runtime import devices
from .tensor import Tensor, as_subclass

__all__ = [
    "_get_layout",
    "_rebuild_from_type_v2",
    "_rebuild_meta_tensor_no_storage",
    "_rebuild_parameter",
    "_rebuild_parameter_with_state",
    "_rebuild_sparse_tensor",
    "_rebuild_tensor",
    "_rebuild_tensor_v2",
    "_rebuild_tensor_v3",
]


def _rebuild_tensor(storage: TypedStorage, storage_offset: int, size: Sequence[int], stride: Sequence[int]) -> Tensor:
    """A tensor over ``storage``; its dtype is the storage's."""
    return rebuild_tensor(_bytes_of(storage), storage.dtype, storage_offset, size, stride)


def _rebuild_tensor_v2(
    storage: TypedStorage,
    storage_offset: int,
    size: Sequence[int],
    stride: Sequence[int],
    requires_grad: bool,
    backward_hooks: Any,
    metadata: Any = None,
) -> Tensor:
    """As ``_rebuild_tensor``, with ``requires_grad``. Hooks and metadata are empty in files."""
    return _rebuild_tensor(storage, storage_offset, size, stride).requires_grad_(requires_grad)


def _rebuild_tensor_v3(
    storage: TypedStorage | UntypedStorage,
    storage_offset: int,
    size: Sequence[int],
    stride: Sequence[int],
    requires_grad: bool,
    backward_hooks: Any,
    dtype: Any,
    metadata: Any = None,
) -> Tensor:
    """A tensor of ``dtype`` over bytes: for dtypes that have no storage class of their own."""
    return rebuild_tensor(_bytes_of(storage), dtype, storage_offset, size, stride, requires_grad)


def _bytes_of(storage: TypedStorage | UntypedStorage) -> UntypedStorage | None:
    """The bytes of a storage; None where it was loaded onto ``meta``."""
    untyped = storage.untyped()
    return None if getattr(untyped, "is_meta", False) else untyped


def _rebuild_meta_tensor_no_storage(dtype: Any, size: Sequence[int], stride: Sequence[int], requires_grad: bool) -> Tensor:
    """A tensor on ``meta``, which has no elements."""
    return rebuild_tensor(None, dtype, 0, size, stride, requires_grad)


def _rebuild_parameter_with_state(data: Tensor, requires_grad: bool, backward_hooks: Any, state: Any) -> Parameter:
    """A parameter with further attributes."""
    parameter = _rebuild_parameter(data, requires_grad, backward_hooks)
    for name, value in state.items():
        setattr(parameter, name, value)
    return parameter


def _rebuild_from_type_v2(func: Any, new_type: type, args: tuple, state: Any) -> Tensor:
    """A tensor of a subclass, with its attributes."""
    made = func(*args)
    if type(made) is not new_type:
        made = as_subclass(made, new_type)
    if state:
        made.__dict__.update(state[0] if isinstance(state, tuple) else state)
    return made


def _get_layout(name: str) -> devices.layout:
    """The layout of a name such as ``"torch.sparse_coo"``."""
    return devices._constant(name.removeprefix("torch."))


def _rebuild_sparse_tensor(layout: devices.layout, data: tuple) -> Tensor:
    """A sparse tensor from its components, which are checked to fit: ``(indices, values, size, is_coalesced)`` of the COO layout."""
    return rebuild_sparse_tensor(layout, data)


def _element_size(dtype: Any) -> int:
    """The bytes of an element."""
    return dtype.itemsize


def _flatten_dense_tensors(tensors: Sequence[Tensor]) -> Tensor:
    """All elements of the tensors, one after the other. ValueError for no tensors."""
    if not tensors:
        raise ValueError("_flatten_dense_tensors: expected a non-empty list of Tensors")
    return cat([t.reshape(-1) for t in tensors])


def _unflatten_dense_tensors(flat: Tensor, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Views of ``flat`` in the shapes of ``tensors``: the inverse of :func:`_flatten_dense_tensors`."""
    pieces = flat.split([t.numel() for t in tensors])
    return tuple(piece.view(t.shape) for piece, t in zip(pieces, tensors))


def _get_device_index(device: Any, optional: bool = False, allow_cpu: bool = False) -> int | None:
    """The number of a device: a number, a device or its name; None for None where ``optional``, -1 for the CPU where ``allow_cpu``."""
    if isinstance(device, int):
        return device
    found = devices.device(device) if isinstance(device, str) else device
    if isinstance(found, devices.device):
        if found.type == "cpu":
            if not allow_cpu:
                raise ValueError(f"Expected a non cpu device, but got: {device}")
            return -1
        if found.index is not None:
            return found.index
    if optional:
        return None
    raise ValueError(f"Expected a torch.device with a specified index or an integer, but got:{device}")
