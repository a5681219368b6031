"""``save``: objects with tensors to PyTorch's zip format.

The archive holds ``data.pkl``, the object pickled with a reference in place of each storage; ``data/<key>``, the
bytes of each storage; and small records that say how to read them.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import struct
import sys
import zipfile
from collections import OrderedDict
from io import BytesIO
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np

from .. import _utils, dtypes
from ..nn.parameter import Parameter
from ..ops.pickling import warn_if_has_hooks
from ..ops.sparse.handle import SparseTensor
from ..ops.storages import STORAGE_CLASSES, TypedStorage, UntypedStorage
from ..runtime import devices
from ..tensor import Tensor
from .names import place_of

ALIGNMENT = 64
_STORAGE_OF = {cls.dtype: cls for cls in STORAGE_CLASSES.values()}


def save(
    obj: Any,
    f: Any,
    pickle_module: Any = pickle,
    pickle_protocol: int = 2,
    _use_new_zipfile_serialization: bool = True,
    _disable_byteorder_record: bool = False,
) -> None:
    """Write ``obj`` to a file name or a binary file object ``f``, for :func:`load` and for PyTorch.

    Tensors that share a storage share it in the file, and the whole storage is written. Raises RuntimeError
    for a storage that is seen as two dtypes.
    """
    if pickle_module is not pickle:
        raise NotImplementedError("flambeau: save: argument pickle_module is not supported yet")
    if not _use_new_zipfile_serialization:
        raise NotImplementedError("flambeau: save: argument _use_new_zipfile_serialization=False is not supported yet")
    if pickle_protocol < 2:
        raise ValueError(f"save: pickle_protocol must be at least 2, got {pickle_protocol}")
    if isinstance(f, (str, os.PathLike)):
        with open(f, "wb") as file:
            _write(obj, file, Path(os.fspath(f)).stem or "archive", pickle_protocol, _disable_byteorder_record)
    elif hasattr(f, "write"):
        _write(obj, f, "archive", pickle_protocol, _disable_byteorder_record)
    else:
        raise AttributeError(f"expected 'f' to be string, path, or a file-like object with a 'write' attribute, got {type(f).__name__}")


def _write(obj: Any, file: Any, root: str, protocol: int, no_byteorder: bool) -> None:
    pickled = BytesIO()
    pickler = _Pickler(pickled, protocol)
    pickler.dump(obj)
    digest = hashlib.sha1(pickled.getvalue())
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        _record(archive, f"{root}/data.pkl", pickled.getvalue())
        _record(archive, f"{root}/.format_version", b"1")
        _record(archive, f"{root}/.storage_alignment", str(ALIGNMENT).encode())
        if not no_byteorder:
            _record(archive, f"{root}/byteorder", sys.byteorder.encode())
        for key, storage in enumerate(pickler.storages):
            data = storage._bytes()
            digest.update(data)
            _record(archive, f"{root}/data/{key}", memoryview(np.ascontiguousarray(data)))
        _record(archive, f"{root}/version", b"3\n")
        _record(archive, f"{root}/.data/serialization_id", str(int(digest.hexdigest(), 16)).encode())


def _record(archive: zipfile.ZipFile, name: str, data: bytes | memoryview) -> None:
    """Write a record whose data starts at a multiple of 64 bytes, so that it can be mapped into memory."""
    info = zipfile.ZipInfo(name)
    start = archive.start_dir + 30 + len(name.encode()) + 4  # the header, the name, the padding's own header
    padding = -start % ALIGNMENT
    info.extra = struct.pack("<2sH", b"FB", padding) + b"Z" * padding
    archive.writestr(info, data)


class _Pickler(pickle._Pickler):
    """Writes PyTorch's names, and references for storages; the storages themselves are collected in ``storages``."""

    dispatch = dict(pickle._Pickler.dispatch)

    def __init__(self, file: Any, protocol: int):
        super().__init__(file, protocol=protocol)
        self.storages: list[UntypedStorage] = []
        self._keys: dict[UntypedStorage, int] = {}
        self._seen_as: dict[UntypedStorage, Any] = {}

    def persistent_id(self, obj: Any) -> tuple | None:
        if isinstance(obj, TypedStorage):
            cls = _STORAGE_OF.get(obj.dtype, UntypedStorage)
            return self._reference(obj.untyped(), cls, obj.dtype, obj.size() if cls is not UntypedStorage else obj.nbytes())
        if isinstance(obj, UntypedStorage):
            return self._reference(obj, UntypedStorage, None, obj.nbytes())
        return None

    def _reference(self, storage: UntypedStorage, cls: type, dtype: Any, count: int) -> tuple:
        if storage.nbytes() and self._seen_as.setdefault(storage, dtype) is not dtype:
            raise RuntimeError("Cannot save multiple tensors or storages that view the same data as different types")
        key = self._keys.get(storage)
        if key is None:
            key = self._keys[storage] = len(self.storages)
            self.storages.append(storage)
        return ("storage", cls, str(key), "cpu", count)

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, Tensor):
            return NotImplemented if obj.is_nested else _reduced(obj)
        if isinstance(obj, devices.device):
            return devices.device, (obj.type,) if obj.index is None else (obj.type, obj.index)
        if isinstance(obj, devices.layout):
            return _utils._get_layout, (repr(obj),)
        return NotImplemented

    def save_global(self, obj: Any, name: str | None = None) -> None:
        name = name or getattr(obj, "__qualname__", None) or obj.__name__
        place = place_of(obj, pickle.whichmodule(obj, name), name)
        if place[0].partition(".")[0] == "torch":
            self._write_place(obj, *place)
        else:
            super().save_global(obj, name)

    def _write_place(self, obj: Any, module: str, name: str) -> None:
        if self.proto >= 4:
            self.save(module)
            self.save(name)
            self.write(pickle.STACK_GLOBAL)
        else:
            self.write(pickle.GLOBAL + f"{module}\n{name}\n".encode())
        self.memoize(obj)

    def save_dtype(self, obj: Any) -> None:
        self._write_place(obj, "torch", obj.name)

    # Classes and functions are dispatched by their type, past the method above.
    dispatch[dtypes.dtype] = save_dtype
    dispatch[devices.memory_format] = save_dtype
    dispatch[FunctionType] = save_global

    def save_type(self, obj: type) -> None:
        if obj in (type(None), type(NotImplemented), type(...)):
            super().save_type(obj)
        else:
            self.save_global(obj)

    dispatch[type] = save_type


def _reduced(tensor: Tensor) -> tuple:
    """How PyTorch takes a tensor apart: a function of ``torch._utils`` and its arguments."""
    if not isinstance(tensor, SparseTensor):
        warn_if_has_hooks(tensor)
    if isinstance(tensor, Parameter) and type(tensor) is Parameter:
        state = dict(tensor.__dict__)
        if state:
            return _utils._rebuild_parameter_with_state, (tensor.data, tensor.requires_grad, OrderedDict(), state)
        return _utils._rebuild_parameter, (tensor.data, tensor.requires_grad, OrderedDict())
    if isinstance(tensor, SparseTensor):
        return _utils._rebuild_sparse_tensor, tensor.__reduce_ex__(2)[1]
    plain, arguments = _reduced_plain(tensor)
    if type(tensor) is Tensor and not tensor.__dict__:
        return plain, arguments
    return _utils._rebuild_from_type_v2, (plain, type(tensor), arguments, dict(tensor.__dict__))


def _reduced_plain(tensor: Tensor) -> tuple:
    if tensor.is_meta:
        return _utils._rebuild_meta_tensor_no_storage, (tensor.dtype, tuple(tensor.shape), tensor.stride(), tensor.requires_grad)
    typed = TypedStorage(wrap_storage=tensor.untyped_storage(), dtype=tensor.dtype)
    where = (typed, tensor.storage_offset(), tuple(tensor.shape), tensor.stride(), tensor.requires_grad, OrderedDict())
    if tensor.dtype in _STORAGE_OF:
        return _utils._rebuild_tensor_v2, where
    return _utils._rebuild_tensor_v3, (*where, tensor.dtype)
