"""The storages of tensors, and the methods that change which memory a tensor shows."""

from __future__ import annotations

from ..autograd.mode import state
from ..lazy.spec import contiguous_strides, span
from ..lazy.spec import spec as make_spec
from ..lazy.storage import Storage, check_inference, new_storage, note_write
from ..runtime import devices, memory
from ..tensor import Tensor
from .registry import export, function
from .schema import spread
from .storage_classes import (
    STORAGE_CLASSES,
    TypedStorage,
    UntypedStorage,
    resize_storage,
    share_storage,
    warn_of_typed_storages,
)

__all__ = ["STORAGE_CLASSES", "TypedStorage", "UntypedStorage", "restride"]


@function(None, method=True)
def untyped_storage(self):
    """The storage that this tensor shows, as bytes."""
    return UntypedStorage.over(self._storage, self.device)


@function(None, method=True)
def storage(self):
    """The storage that this tensor shows, as elements of its dtype."""
    warn_of_typed_storages()
    return _typed_storage(self)


def _typed_storage(self):
    return TypedStorage(wrap_storage=untyped_storage(self), dtype=self.dtype)


Tensor._typed_storage = _typed_storage


@function(None, method=True)
def is_set_to(self, tensor):
    """Whether both tensors show the same elements of the same storage in the same way."""
    return self._storage is tensor._storage and self._offset == tensor._offset and self._spec.plain is tensor._spec.plain


@function(None, method=True)
def share_memory_(self):
    """Move the storage into memory that forked processes share with this one, in place."""
    if not self.is_meta:
        share_storage(self._ready())
    return self


def restride(tensor: Tensor, shape: tuple, stride: tuple, offset: int = 0) -> Tensor:
    """Show ``shape`` of the tensor's storage, which grows where it is too small."""
    check_inference(tensor._storage)
    itemsize = tensor.dtype.itemsize
    needed = offset + span(shape, stride) * itemsize
    if tensor.is_meta:
        tensor._storage.nbytes = max(needed, tensor._storage.nbytes)
    elif needed > tensor._storage.nbytes:
        resize_storage(tensor._ready(), needed)
    tensor._offset = offset
    tensor._spec = tensor._restyle(make_spec(shape, stride, tensor.dtype, tensor.device))
    return tensor


@function(None, method=True)
def resize_(self, *sizes, size=None, memory_format=devices.contiguous_format):
    """Change the shape in place; the storage grows where needed, new elements are uninitialised."""
    from .creation import check_size

    if self.requires_grad:
        raise RuntimeError("cannot resize variables that require grad")
    shape = check_size("resize_", spread(sizes) if size is None else size)
    note_write(self._storage)
    if shape == self.shape and memory_format in (devices.contiguous_format, devices.preserve_format):
        return self
    return restride(self, shape, _strides_in(shape, memory_format), self._offset)


def _strides_in(shape: tuple, memory_format) -> tuple:
    order = {devices.channels_last: (0, 2, 3, 1), devices.channels_last_3d: (0, 2, 3, 4, 1)}.get(memory_format)
    if order is None:
        return contiguous_strides(shape)
    if len(shape) != len(order):
        raise RuntimeError(f"required rank {len(order)} tensor to use {memory_format.name} format")
    packed = contiguous_strides(tuple(shape[d] for d in order))
    return tuple(packed[order.index(d)] for d in range(len(shape)))


@function(None, method=True)
def resize_as_(input, the_template, *, memory_format=None):
    """Change the shape to that of ``the_template``, in place."""
    return resize_(input, the_template.shape, memory_format=memory_format or devices.contiguous_format)


export("torch", "resize_as_", resize_as_)


@function(None, method=True)
def set_(self, source=None, storage_offset=0, size=None, stride=None):
    """Show other memory: that of a tensor or a storage, from ``storage_offset`` with ``size`` and ``stride``."""
    if state.enabled and self.requires_grad and self.grad_fn is None:
        raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")
    if source is None:
        return _show(self, new_storage(memory.allocate(0), 0), (0,), (1,), 0)
    if isinstance(source, Tensor):
        if source.dtype is not self.dtype:
            raise RuntimeError(f"Could not set tensor of type {source.dtype} to a tensor of type {self.dtype}")
        if size is None:
            return _show(self, source._storage, tuple(source.shape), source.stride(), source._offset)
        storage = source._storage
    else:
        storage = _storage_for(self, source)
    if size is None:
        size = (storage.nbytes // self.dtype.itemsize - storage_offset,)
    size = tuple(size)
    stride = contiguous_strides(size) if not stride else tuple(stride)
    return _show(self, storage, size, stride, storage_offset * self.dtype.itemsize)


def _storage_for(tensor: Tensor, source) -> Storage:
    if not isinstance(source, (UntypedStorage, TypedStorage)):
        raise TypeError(f"set_(): argument 'source' (position 1) must be a Tensor or a torch.Storage, not {type(source).__name__}")
    if isinstance(source, TypedStorage) and source.dtype is not tensor.dtype:
        raise RuntimeError(f"set_(): Expected a storage of {tensor.dtype} or an UntypedStorage, but got one of {source.dtype}")
    part = source.untyped()
    if part._part is None:
        return part._storage
    raise NotImplementedError("flambeau: set_: a slice of a storage is not supported yet; use the storage with storage_offset")


def _show(tensor: Tensor, storage: Storage, shape: tuple, stride: tuple, offset: int) -> Tensor:
    check_inference(tensor._storage)
    note_write(storage)
    tensor._storage = storage
    return restride(tensor, shape, stride, offset)


export("torch", "set_", set_)
