"""Storages as users see them, and the methods that change which memory a tensor shows."""

from __future__ import annotations

import weakref

import numpy as np

from .. import dtypes
from ..lazy import window as _window
from ..lazy.spec import contiguous_strides, span
from ..lazy.spec import spec as make_spec
from ..lazy.storage import Storage, check_inference, new_storage
from ..runtime import devices, memory
from ..tensor import Tensor, make
from .registry import export, function
from .schema import spread

_wrappers: weakref.WeakValueDictionary[int, UntypedStorage] = weakref.WeakValueDictionary()


class UntypedStorage:
    """A block of bytes that tensors show. Tensors over the same memory give the same object."""

    def __init__(self, size: int | None = None, *, device=None):
        self._storage = Storage(memory.allocate(int(size or 0)), int(size or 0))

    @classmethod
    def over(cls, storage: Storage) -> UntypedStorage:
        """The one object for ``storage``."""
        found = _wrappers.get(id(storage))
        if found is None:
            found = object.__new__(cls)
            found._storage = storage
            _wrappers[id(storage)] = found
        return found

    def _tensor(self) -> Tensor:
        return make(self._storage, make_spec((self.nbytes(),), (1,), dtypes.uint8), 0)

    def _bytes(self) -> np.ndarray:
        return self._tensor()._array()

    def data_ptr(self) -> int:
        """The address of the first byte."""
        return self._tensor()._ready().buffer.address if self.nbytes() else 0

    def nbytes(self) -> int:
        """The number of bytes."""
        return self._storage.nbytes

    size = nbytes
    __len__ = nbytes

    @property
    def device(self):
        """Where the bytes are."""
        return devices.cpu

    @property
    def _cdata(self) -> int:
        return id(self._storage)

    is_cuda = False
    is_sparse = False

    def element_size(self) -> int:
        """1: the elements are bytes."""
        return 1

    def __getitem__(self, index):
        return self._bytes()[index].tolist()

    def __setitem__(self, index, value):
        self._tensor()[index] = value

    def __iter__(self):
        return iter(self.tolist())

    def tolist(self) -> list[int]:
        """The bytes as ints."""
        return self._bytes().tolist()

    def clone(self) -> UntypedStorage:
        """A copy."""
        return UntypedStorage.over(self._tensor().clone()._storage)

    def copy_(self, source, non_blocking: bool = False) -> UntypedStorage:
        """Overwrite the bytes with those of ``source``."""
        self._tensor().copy_(source._tensor())
        return self

    def fill_(self, value: int) -> UntypedStorage:
        """Set each byte to ``value``."""
        self._tensor().fill_(value)
        return self

    def resize_(self, size: int) -> UntypedStorage:
        """Make the storage ``size`` bytes long, keeping what fits."""
        resize_storage(self._storage, int(size))
        return self

    def cpu(self) -> UntypedStorage:
        """The storage itself."""
        return self

    def untyped(self) -> UntypedStorage:
        """The storage itself."""
        return self

    def is_shared(self) -> bool:
        """Whether other processes see the memory."""
        return False

    def is_pinned(self, device=None) -> bool:
        """False: there is no accelerator."""
        return False

    def resizable(self) -> bool:
        """Whether ``resize_`` can work: the memory is nobody else's."""
        return not self._storage.is_external()

    def __eq__(self, other) -> bool:
        return isinstance(other, UntypedStorage) and other._storage is self._storage

    def __hash__(self) -> int:
        return id(self._storage)

    def __repr__(self) -> str:
        lines = "".join(f" {b}\n" for b in self.tolist())
        return f"{lines}[torch.storage.UntypedStorage(device=cpu) of size {self.nbytes()}]"

    def __reduce_ex__(self, protocol):
        return _storage_from_bytes, (self._bytes().tobytes(),)

    def __deepcopy__(self, memo):
        copied = memo.get(id(self))
        if copied is None:
            copied = memo[id(self)] = self.clone()
        return copied


def _storage_from_bytes(data: bytes) -> UntypedStorage:
    made = UntypedStorage(len(data))
    if data:
        made._bytes()[...] = np.frombuffer(data, dtype=np.uint8)
    return made


class TypedStorage:
    """A storage seen as elements of one dtype."""

    dtype = None

    def __init__(self, *args, wrap_storage=None, dtype=None, device=None):
        self.dtype = dtype or type(self).dtype or dtypes.get_default_dtype()
        size = args[0] if args and isinstance(args[0], int) else 0
        self._untyped = wrap_storage if wrap_storage is not None else UntypedStorage(size * self.dtype.itemsize)
        if args and not isinstance(args[0], int):
            from .creation import tensor

            self._untyped = tensor(list(args[0]), dtype=self.dtype).untyped_storage()

    def _tensor(self) -> Tensor:
        return make(self._untyped._storage, make_spec((self.size(),), (1,), self.dtype), 0)

    def untyped(self) -> UntypedStorage:
        """The storage as bytes."""
        return self._untyped

    def size(self) -> int:
        """The number of elements."""
        return self._untyped.nbytes() // self.dtype.itemsize

    __len__ = size

    def nbytes(self) -> int:
        """The number of bytes."""
        return self._untyped.nbytes()

    def element_size(self) -> int:
        """Bytes of one element."""
        return self.dtype.itemsize

    def data_ptr(self) -> int:
        """The address of the first element."""
        return self._untyped.data_ptr()

    @property
    def device(self):
        """Where the elements are."""
        return devices.cpu

    @property
    def _cdata(self) -> int:
        return self._untyped._cdata

    def tolist(self) -> list:
        """The elements as Python numbers."""
        return self._tensor().tolist()

    def __getitem__(self, index):
        return self._tensor()[index].tolist()

    def __setitem__(self, index, value):
        self._tensor()[index] = value

    def __iter__(self):
        return iter(self.tolist())

    def is_shared(self) -> bool:
        """Whether other processes see the memory."""
        return False

    def __eq__(self, other) -> bool:
        return isinstance(other, TypedStorage) and other._untyped == self._untyped

    def __hash__(self) -> int:
        return hash(self._untyped)

    def __repr__(self) -> str:
        lines = "".join(f" {v}\n" for v in self.tolist())
        return f"{lines}[torch.storage.TypedStorage(dtype={self.dtype}, device=cpu) of size {self.size()}]"


def _storage_class(name: str, dtype) -> type:
    return type(name, (TypedStorage,), {"dtype": dtype, "__doc__": f"A storage of {dtype!r} elements.", "__module__": "torch"})


STORAGE_CLASSES = {
    name: _storage_class(name, d)
    for name, d in {
        "FloatStorage": dtypes.float32, "DoubleStorage": dtypes.float64, "HalfStorage": dtypes.float16,
        "BFloat16Storage": dtypes.bfloat16, "LongStorage": dtypes.int64, "IntStorage": dtypes.int32,
        "ShortStorage": dtypes.int16, "CharStorage": dtypes.int8, "ByteStorage": dtypes.uint8,
        "BoolStorage": dtypes.bool_, "ComplexFloatStorage": dtypes.complex64, "ComplexDoubleStorage": dtypes.complex128,
    }.items()
}  # fmt: skip
for _name, _class in (*STORAGE_CLASSES.items(), ("UntypedStorage", UntypedStorage), ("TypedStorage", TypedStorage)):
    export("torch", _name, _class)


# -- methods ---------------------------------------------------------------------------------------------------------


@function(None, method=True)
def untyped_storage(self):
    """The storage that this tensor shows, as bytes."""
    return UntypedStorage.over(self._storage)


@function(None, method=True)
def storage(self):
    """The storage that this tensor shows, as elements of its dtype."""
    return TypedStorage(wrap_storage=untyped_storage(self), dtype=self.dtype)


Tensor._typed_storage = storage


@function(None, method=True)
def is_set_to(self, tensor):
    """Whether both tensors show the same elements of the same storage in the same way."""
    return self._storage is tensor._storage and self._offset == tensor._offset and self._spec.plain is tensor._spec.plain


@function(None, method=True)
def share_memory_(self):
    """Move the storage into memory that forked processes share with this one, in place."""
    if self.is_meta or self._storage.external is True:
        return self
    import mmap

    storage = self._ready()
    shared = np.frombuffer(mmap.mmap(-1, max(storage.nbytes, 1)), dtype=np.uint8)[: storage.nbytes]
    shared[...] = storage.buffer.array(np.uint8, storage.nbytes)
    storage.buffer = memory.wrap(shared)
    storage.external = True
    return self


def resize_storage(storage: Storage, nbytes: int) -> None:
    """Give a computed storage another size; its first bytes stay."""
    if storage.is_external():
        raise RuntimeError("Trying to resize storage that is not resizable")
    _window.settle()
    kept = min(nbytes, storage.nbytes)
    buffer = memory.allocate(nbytes)
    if kept:
        buffer.array(np.uint8, kept)[...] = storage.buffer.array(np.uint8, kept)
    storage.buffer, storage.nbytes = buffer, nbytes


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
    if self.requires_grad and self.grad_fn is None:
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
        storage = source.untyped()._storage
    if size is None:
        size = (storage.nbytes // self.dtype.itemsize - storage_offset,)
    size = tuple(size)
    stride = contiguous_strides(size) if not stride else tuple(stride)
    return _show(self, storage, size, stride, storage_offset * self.dtype.itemsize)


def _show(tensor: Tensor, storage: Storage, shape: tuple, stride: tuple, offset: int) -> Tensor:
    check_inference(tensor._storage)
    tensor._storage = storage
    return restride(tensor, shape, stride, offset)


export("torch", "set_", set_)
