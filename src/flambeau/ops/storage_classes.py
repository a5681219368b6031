"""Storages as objects: the memory that tensors show, as bytes or as elements of one dtype."""

from __future__ import annotations

import operator
import sys
import weakref

import numpy as np

from .. import dtypes
from ..lazy import window as _window
from ..lazy.spec import spec as make_spec
from ..lazy.storage import Storage
from ..runtime import devices, memory
from ..runtime.warning import warn_once
from ..tensor import Tensor, make
from .registry import export

_wrappers: weakref.WeakValueDictionary[int, UntypedStorage] = weakref.WeakValueDictionary()


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


def share_storage(storage: Storage) -> None:
    """Move a computed storage into memory that forked processes share with this one."""
    if storage.external is True:
        return
    shared = memory.allocate_shared(storage.nbytes)
    if storage.nbytes:
        shared.array(np.uint8, storage.nbytes)[...] = storage.buffer.array(np.uint8, storage.nbytes)
    storage.buffer, storage.external = shared, True


class _AnyStorage:
    """What both kinds of storages answer alike."""

    is_cuda = is_hpu = is_sparse = is_sparse_csr = False

    def _tensor(self) -> Tensor:
        raise NotImplementedError

    def untyped(self) -> UntypedStorage:
        """The storage as bytes."""
        raise NotImplementedError

    def _plain(self) -> Storage:
        return self.untyped()._storage

    @property
    def device(self) -> devices.device:
        """Where the elements are."""
        return self.untyped()._device

    @property
    def filename(self) -> str | None:
        """The file that the memory shows, if any."""
        return self.untyped()._filename

    @property
    def _cdata(self) -> int:
        return id(self._plain())

    def get_device(self) -> int:
        """-1: the storage is not on an accelerator."""
        return -1

    def data_ptr(self) -> int:
        """The address of the first byte."""
        return self._tensor().data_ptr()

    def nbytes(self) -> int:
        """The number of bytes."""
        return self.untyped()._length

    def __len__(self) -> int:
        return self._tensor().numel()

    def size(self) -> int:
        """The number of elements."""
        return len(self)

    def tolist(self) -> list:
        """The elements as Python numbers."""
        return self._tensor().tolist()

    def __iter__(self):
        return iter(self.tolist())

    def cpu(self):
        """The storage itself."""
        return self

    def cuda(self, device=None, non_blocking: bool = False):
        """Raises AssertionError, as PyTorch does where there is no CUDA."""
        raise AssertionError("Torch not compiled with CUDA enabled")

    def hpu(self, device=None, non_blocking: bool = False):
        """Raises AssertionError: there is no such device."""
        raise AssertionError("HPU device module is not loaded")

    def pin_memory(self, device=None):
        """Raises RuntimeError: memory is pinned for an accelerator, and there is none."""
        raise RuntimeError("Cannot access accelerator device when none is available.")

    def is_pinned(self, device=None) -> bool:
        """False: memory is pinned for an accelerator, and there is none."""
        return False

    def is_shared(self) -> bool:
        """Whether forked processes see the memory."""
        return isinstance(self._plain().buffer, memory.SharedBuffer)

    def share_memory_(self):
        """Move to memory that forked processes share with this one, in place."""
        share_storage(self._tensor()._ready())
        return self

    def resizable(self) -> bool:
        """Whether ``resize_`` can work: the memory is nobody else's."""
        return not self._plain().is_external()

    def fill_(self, value):
        """Set each element to ``value``."""
        self._tensor().fill_(value)
        return self

    def copy_(self, source, non_blocking: bool | None = None):
        """Overwrite the bytes with those of ``source``, a storage. RuntimeError where it has another size."""
        if not isinstance(source, _AnyStorage):
            raise TypeError(f"copy_(): argument 'src' (position 1) must be torch.Storage, not {type(source).__name__}")
        if self.nbytes() != source.nbytes():
            raise RuntimeError(f"size does not match, self was {self.nbytes()} bytes but src was {source.nbytes()} bytes")
        self.untyped()._tensor().copy_(source.untyped()._tensor())
        return self

    def __copy__(self):
        return self.clone()

    def clone(self):
        """A copy."""
        raise NotImplementedError

    def _cast(self, d: dtypes.dtype) -> TypedStorage:
        return TypedStorage(wrap_storage=UntypedStorage.over(self._tensor().to(d)._storage), dtype=d)


def _add_casts() -> None:
    names = {"double": "float64", "float": "float32", "half": "float16", "long": "int64", "int": "int32", "short": "int16",
             "char": "int8", "byte": "uint8", "bool": "bool", "bfloat16": "bfloat16", "complex_double": "complex128",
             "complex_float": "complex64"}  # fmt: skip
    names.update({d.name: d.name for d in dtypes.FLOAT8})
    for name, target in names.items():
        d = dtypes.BY_NAME[target]

        def cast(self, d=d) -> TypedStorage:
            return self._cast(d)

        cast.__name__, cast.__doc__ = name, f"The elements as a storage of ``{d!r}``."
        setattr(_AnyStorage, name, cast)


class UntypedStorage(_AnyStorage):
    """A block of bytes that tensors show, of ``size`` bytes or with the bytes of a sequence of ints.

    Tensors over the same memory give the same object. A slice shows a part of the same memory.
    """

    _storage: Storage
    _device: devices.device
    _part: tuple[int, int] | None = None  # where a slice begins, and its length
    _filename: str | None = None

    def __init__(self, *args, size=None, device=None):
        given = args[0] if args else size or 0
        if len(args) > 1:
            raise TypeError(f"torch.UntypedStorage(): expected a number of bytes or a sequence of them, got {len(args)} arguments")
        where = devices.resolve(device)
        count = given if isinstance(given, int) else self._count(given)
        if count < 0:
            raise RuntimeError(f"torch.UntypedStorage(): the number of bytes must not be negative, got {count}")
        self._show(Storage(None if where is devices.meta else memory.allocate(count), count), where)
        if not isinstance(given, int) and count:
            self._bytes()[...] = np.array([b & 255 for b in given], dtype=np.uint8)

    @staticmethod
    def _count(values) -> int:
        if isinstance(values, Tensor) or not hasattr(values, "__len__"):
            raise RuntimeError(f"torch.UntypedStorage(): Expected a sequence type, but got {type(values).__name__}")
        for value in values:
            if not isinstance(value, int):
                raise RuntimeError(f"torch.UntypedStorage(): tried to construct a storage from a sequence ({type(values).__name__}), "
                                   f"but one of the items was of type {type(value).__name__} instead of int")
        return len(values)

    def _show(self, storage: Storage, device: devices.device, start: int = 0, length: int | None = None) -> UntypedStorage:
        self._storage, self._device = storage, device
        if length is not None:
            self._part = (start, length)
        return self

    @property
    def _start(self) -> int:
        return self._part[0] if self._part else 0

    @property
    def _length(self) -> int:
        return self._part[1] if self._part else self._storage.nbytes

    @classmethod
    def over(cls, storage: Storage, device: devices.device = devices.cpu) -> UntypedStorage:
        """The one object for ``storage``."""
        found = _wrappers.get(id(storage))
        if found is None:
            found = object.__new__(cls)._show(storage, device)
            _wrappers[id(storage)] = found
        return found

    @classmethod
    def from_buffer(cls, buffer, byte_order: str = "native", count: int = -1, offset: int = 0, *, dtype) -> UntypedStorage:
        """The elements of ``dtype`` in a copy of a Python buffer, from byte ``offset``, of the given byte order."""
        found = np.frombuffer(buffer, dtype=np.uint8)
        if byte_order not in ("native", "little", "big"):
            raise ValueError(f"invalid byte_order '{byte_order}' (expected 'big', 'little' or 'native')")
        rest = len(found) - offset
        if offset < 0 or rest < 0:
            raise ValueError(f"offset must be non-negative and no greater than buffer length ({len(found)}), but got {offset}")
        if count < 0 and rest % dtype.itemsize:
            raise ValueError(f"buffer size ({len(found)}) must be a multiple of element size ({dtype.itemsize})")
        wanted = rest if count < 0 else count * dtype.itemsize
        if wanted > rest:
            raise ValueError(f"buffer has only {rest // dtype.itemsize} elements after offset {offset}, but specified a size of {count}")
        made = cls(wanted)
        if wanted:
            made._bytes()[...] = found[offset : offset + wanted]
        return made if byte_order in ("native", sys.byteorder) else made.byteswap(dtype)

    @classmethod
    def from_file(cls, filename: str, shared: bool = False, nbytes: int = 0) -> UntypedStorage:
        """The memory of a file: writes reach the file where it is ``shared``, which may also make or lengthen it."""
        from .further_methods import from_file

        made = cls.over(from_file(filename, shared, nbytes, dtype=dtypes.uint8)._storage)
        made._filename = str(filename)
        return made

    def _tensor(self) -> Tensor:
        return make(self._storage, make_spec((self._length,), (1,), dtypes.uint8, self._device), self._start)

    def _bytes(self) -> np.ndarray:
        return self._tensor()._array()

    def untyped(self) -> UntypedStorage:
        """The storage itself."""
        return self

    def element_size(self) -> int:
        """1: the elements are bytes."""
        return 1

    def __getitem__(self, index):
        if isinstance(index, slice):
            return self._slice(index)
        if not hasattr(index, "__index__"):
            raise TypeError(f"can't index a torch.UntypedStorage with {type(index).__name__}")
        return self._bytes()[operator.index(index)].item()

    def _slice(self, index: slice) -> UntypedStorage:
        start, stop, step = index.indices(self._length)
        if step != 1:
            raise RuntimeError(f"Trying to slice with a step of {step}, but only a step of 1 is supported")
        return object.__new__(UntypedStorage)._show(self._storage, self._device, self._start + start, max(stop - start, 0))

    def __setitem__(self, index, value):
        if isinstance(index, slice):
            self._slice(index).fill_(value)
            return
        if not -self._length <= operator.index(index) < self._length:
            raise RuntimeError(f"out of bounds: index {index} of a storage of {self._length} bytes")
        self._tensor()[index] = value

    def clone(self) -> UntypedStorage:
        """A copy."""
        return UntypedStorage.over(self._tensor().clone()._storage, self._device)

    def new(self) -> UntypedStorage:
        """An empty storage on the same device."""
        return UntypedStorage(0, device=self._device)

    def resize_(self, size: int) -> UntypedStorage:
        """Make the storage ``size`` bytes long, keeping what fits."""
        if not isinstance(size, int):
            raise RuntimeError(f"resize_ expects an int, but got {type(size).__name__}")
        if size < 0:
            raise RuntimeError(f"resize_(): the number of bytes must not be negative, got {size}")
        if self._device is devices.meta:
            self._storage.nbytes = size
        else:
            resize_storage(self._tensor()._ready(), size)
        return self

    def to(self, *, device, non_blocking: bool = False) -> UntypedStorage:
        """The storage on ``device``; itself where it is there."""
        where = devices.resolve(device)
        return self if where is self._device else UntypedStorage.over(self._tensor().to(where)._storage, where)

    def type(self, dtype: str | None = None, non_blocking: bool = False):
        """``'torch.storage.UntypedStorage'``; with a name such as ``'torch.FloatStorage'`` the bytes as numbers of that dtype."""
        return "torch.storage.UntypedStorage" if dtype is None else self._cast(_dtype_of(dtype))

    def byteswap(self, dtype) -> UntypedStorage:
        """Reverse the bytes of each element of ``dtype`` (of each part of a complex one), in place."""
        width = dtype.itemsize // (2 if dtype.is_complex else 1)
        data = self._bytes()
        data[...] = data.reshape(-1, width)[:, ::-1].reshape(-1).copy()
        return self

    def __eq__(self, other) -> bool:
        return isinstance(other, UntypedStorage) and (other._storage, other._part) == (self._storage, self._part)

    def __hash__(self) -> int:
        return hash((id(self._storage), self._part))

    def __repr__(self) -> str:
        lines = "...\n" if self._device is devices.meta else "".join(f" {b}\n" for b in self.tolist())
        return f"{lines}[torch.storage.UntypedStorage(device={self._device}) of size {self.nbytes()}]"

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


def warn_of_typed_storages() -> None:
    """Warn, once, that storages with a dtype are on their way out."""
    warn_once("TypedStorage is deprecated. It will be removed in the future and UntypedStorage will be the only storage class. "
              "This should only matter to you if you are using storages directly.  To access UntypedStorage directly, use "
              "tensor.untyped_storage() instead of tensor.storage()")


class TypedStorage(_AnyStorage):
    """A storage seen as elements of one dtype, of ``size`` elements or with those of a sequence."""

    dtype = None

    def __init__(self, *args, device=None, dtype=None, wrap_storage=None):
        own = type(self).dtype
        self.dtype = dtypes.of_python_type(dtype) or own or dtypes.get_default_dtype()
        if len(args) > 1 or (own is not None and (device is not None or dtype is not None)):
            raise RuntimeError(f"{type(self).__name__}.__new__ received an invalid combination of arguments: expected nothing, "
                               "the number of elements or a sequence of them")
        if wrap_storage is None:
            warn_of_typed_storages()
        if wrap_storage is not None:
            self._untyped = wrap_storage.untyped()
        elif not args or isinstance(args[0], int):
            self._untyped = UntypedStorage((args[0] if args else 0) * self.dtype.itemsize, device=device)
        elif not hasattr(args[0], "__len__"):
            raise TypeError(f"{type(self).__name__}.__new__ received an invalid combination of arguments: a {type(args[0]).__name__}")
        else:
            from .creation import tensor

            self._untyped = UntypedStorage.over(tensor(args[0], dtype=self.dtype, device=device)._storage)

    @classmethod
    def from_buffer(cls, buffer, byte_order: str | None = None, count: int = -1, offset: int = 0, *, dtype=None) -> TypedStorage:
        """The elements of a copy of a Python buffer, from byte ``offset``. ``byte_order`` may be left out for single bytes only."""
        d = dtype or cls.dtype or dtypes.get_default_dtype()
        if byte_order is None and d.itemsize > 1:
            raise TypeError(f"{cls.__name__}.from_buffer(): byte_order must be 'big', 'little' or 'native' for {d!r}")
        return cls._of(UntypedStorage.from_buffer(buffer, byte_order or "native", count, offset, dtype=d), d)

    @classmethod
    def from_file(cls, filename: str, shared: bool = False, size: int = 0) -> TypedStorage:
        """The memory of a file, as ``size`` elements."""
        d = cls.dtype or dtypes.get_default_dtype()
        return cls._of(UntypedStorage.from_file(filename, shared, size * d.itemsize), d)

    @staticmethod
    def _of(untyped: UntypedStorage, d: dtypes.dtype) -> TypedStorage:
        return TypedStorage(wrap_storage=untyped, dtype=d)

    def _tensor(self) -> Tensor:
        untyped = self._untyped
        return make(untyped._storage, make_spec((self.nbytes() // self.dtype.itemsize,), (1,), self.dtype, untyped._device), untyped._start)

    def untyped(self) -> UntypedStorage:
        """The storage as bytes."""
        return self._untyped

    def element_size(self) -> int:
        """Bytes of one element."""
        return self.dtype.itemsize

    def __getitem__(self, index):
        return self._tensor()[self._checked(index)].item()

    def __setitem__(self, index, value):
        whole = isinstance(index, slice)
        self._tensor()[index if whole else self._checked(index)] = value

    def _checked(self, index) -> int:
        if isinstance(index, slice):
            raise RuntimeError("slices are only supported in UntypedStorage.__getitem__")
        if not hasattr(index, "__index__"):
            raise RuntimeError(f"can't index a {type(self)} with {type(index)}")
        if not -len(self) <= operator.index(index) < len(self):
            raise IndexError(f"index {index} out of range for storage of size {len(self)}")
        return operator.index(index)

    def clone(self) -> TypedStorage:
        """A copy."""
        return self._of(self._untyped.clone(), self.dtype)

    def resize_(self, size: int) -> None:
        """Make the storage ``size`` elements long, keeping what fits."""
        self._untyped.resize_(size * self.dtype.itemsize)

    def to(self, *, device, non_blocking: bool = False) -> TypedStorage:
        """The storage on ``device``; itself where it is there."""
        moved = self._untyped.to(device=device)
        return self if moved is self._untyped else self._of(moved, self.dtype)

    def type(self, dtype: str | None = None, non_blocking: bool = False):
        """Its name, as ``'torch.FloatStorage'``; with another such name the elements converted to that dtype."""
        return f"torch.{self.pickle_storage_type()}" if dtype is None else self._cast(_dtype_of(dtype))

    def pickle_storage_type(self) -> str:
        """The name of the storage class for the dtype. KeyError where it has none."""
        try:
            return _NAMES[self.dtype]
        except KeyError:
            raise KeyError(f"dtype {self.dtype} is not recognized") from None

    def __eq__(self, other) -> bool:
        return isinstance(other, TypedStorage) and (other._untyped, other.dtype) == (self._untyped, self.dtype)

    def __hash__(self) -> int:
        return hash(self._untyped)

    def __deepcopy__(self, memo) -> TypedStorage:
        return self._of(self._untyped.__deepcopy__(memo), self.dtype)

    def __repr__(self) -> str:
        lines = "".join(f" {v}\n" for v in self.tolist())
        return f"{lines}[torch.storage.TypedStorage(dtype={self.dtype}, device={self.device}) of size {self.size()}]"


class _StorageType(type):
    """The class of ``FloatStorage`` and its kin: what they make are storages of their dtype, and so are others."""

    def __instancecheck__(cls, instance) -> bool:
        return isinstance(instance, TypedStorage) and instance.dtype is cls.dtype


def _storage_class(name: str, d: dtypes.dtype) -> type:
    home = __name__.partition(".")[0]  # where pickles find the class
    return _StorageType(name, (TypedStorage,), {"dtype": d, "__doc__": f"A storage of {d!r} elements.", "__module__": home})


STORAGE_CLASSES = {
    name: _storage_class(name, d)
    for name, d in {
        "FloatStorage": dtypes.float32, "DoubleStorage": dtypes.float64, "HalfStorage": dtypes.float16,
        "BFloat16Storage": dtypes.bfloat16, "LongStorage": dtypes.int64, "IntStorage": dtypes.int32,
        "ShortStorage": dtypes.int16, "CharStorage": dtypes.int8, "ByteStorage": dtypes.uint8,
        "BoolStorage": dtypes.bool_, "ComplexFloatStorage": dtypes.complex64, "ComplexDoubleStorage": dtypes.complex128,
    }.items()
}  # fmt: skip
_NAMES = {cls.dtype: name for name, cls in STORAGE_CLASSES.items()}


def _dtype_of(name) -> dtypes.dtype:
    """The dtype of ``'torch.FloatStorage'``, or of such a class; ``ValueError`` for others."""
    short = name.removeprefix("torch.") if isinstance(name, str) else getattr(name, "__name__", "")
    if short not in STORAGE_CLASSES:
        raise ValueError(f"invalid storage type: {name!r}")
    return STORAGE_CLASSES[short].dtype


_add_casts()
for _name, _class in (*STORAGE_CLASSES.items(), ("UntypedStorage", UntypedStorage), ("TypedStorage", TypedStorage)):
    export("torch", _name, _class)
