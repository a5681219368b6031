"""``load``: PyTorch's files, in the zip format and in the one before it."""

from __future__ import annotations

import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import dtypes
from ..lazy.storage import Storage
from ..ops.storages import TypedStorage, UntypedStorage
from ..runtime import devices, memory
from .names import find
from .safe import SafeUnpickler

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001


def load(
    f: Any,
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """Read an object that :func:`save` or PyTorch wrote, from a file name or a binary file object that can seek.

    Args:
        map_location: where storages go: a device, a string, a dictionary from the places in the file, or a
            function ``(storage, place) -> storage``. Default: as in the file.
        weights_only: accept tensors, containers and numbers only (the default). ``False`` runs what the file asks
            for: do it only with files that you trust.
        mmap: map the file's storages into memory (copy on write) instead of reading them; needs a file name.

    Raises FileNotFoundError; ``pickle.UnpicklingError`` for a name that ``weights_only`` does not allow; RuntimeError
    for what is no such file, or lies on a device that is not here.
    """
    if weights_only is None:
        allowed = os.environ.get("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "0").lower() in ("1", "y", "yes", "true")
        weights_only = pickle_module is None and not allowed
    if weights_only and pickle_module is not None:
        raise RuntimeError("Can not safely load weights when explicit pickle_module is specified")
    if pickle_module not in (None, pickle):
        raise NotImplementedError("flambeau: load: argument pickle_module is not supported yet")
    path = os.fspath(f) if isinstance(f, (str, os.PathLike)) else None
    if mmap and path is None:
        raise ValueError("f must be a file path in order to use the mmap argument")
    if path is None:
        return _load(f, None, map_location, weights_only, mmap, pickle_load_args)
    with open(path, "rb") as file:
        return _load(file, path, map_location, weights_only, mmap, pickle_load_args)


def _load(file: Any, path: str | None, map_location: Any, weights_only: bool, mmap: bool | None, options: dict) -> Any:
    for needed in ("read", "seek", "tell"):
        if not hasattr(file, needed):
            raise AttributeError(
                f"'{type(file).__name__}' object has no attribute '{needed}'. You can only torch.load from a file that is seekable. "
                "Please pre-load the data into a buffer like io.BytesIO and try to load from it instead."
            )
    start = file.tell()
    head = file.read(4)
    file.seek(start)
    if not head:
        raise EOFError("Ran out of input")
    if head == b"PK\x03\x04":
        return _load_zip(file, path, map_location, weights_only, bool(mmap), options)
    if mmap:
        raise RuntimeError("mmap can only be used with files saved with `torch.save(_use_new_zipfile_serialization=True)`")
    return _load_legacy(file, map_location, weights_only, options)


def _unpickler(file: Any, weights_only: bool, persistent_load: Callable, options: dict) -> Any:
    """An unpickler that knows PyTorch's names."""
    if weights_only:
        made = SafeUnpickler(file, **options)
    else:
        made = _Unpickler(file, **options)
    made.persistent_load = persistent_load
    return made


class _Unpickler(pickle.Unpickler):
    """Any name is allowed; those of torch mean flambeau's."""

    def find_class(self, module: str, name: str) -> Any:
        return find(module, name) if module == "torch" or module.startswith("torch.") else super().find_class(module, name)


# -- where storages go ------------------------------------------------------------------------------------------------


class _MetaStorage(UntypedStorage):
    """Stands for a storage that is not read: its tensors go to ``meta``."""

    is_meta = True


def _destination(map_location: Any, place: str) -> devices.device | None:
    """The device for a storage that was at ``place``; None where ``map_location`` is a function that decides."""
    if isinstance(map_location, dict):
        place = map_location.get(place, place)
    elif callable(map_location) and not isinstance(map_location, devices.device):
        return None
    elif map_location is not None:
        place = map_location
    device = devices.device(str(place))
    if device.type == "cuda":
        raise RuntimeError(
            "Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False. If you are running on a "
            "CPU-only machine, please use torch.load with map_location=torch.device('cpu') to map your storages to the CPU."
        )
    return devices.resolve(device)


def _placed(map_location: Any, place: str, read: Callable[[], UntypedStorage]) -> UntypedStorage:
    """A storage of the file, read unless it goes to ``meta``."""
    device = _destination(map_location, place)
    if device is devices.meta:
        return _MetaStorage()
    storage = read()
    if device is None:
        chosen = map_location(storage, place)
        if chosen is None:
            _destination(None, place)
            return storage
        return chosen.untyped()
    return storage


# -- the zip format ----------------------------------------------------------------------------------------------------


def _load_zip(file: Any, path: str | None, map_location: Any, weights_only: bool, mmap: bool, options: dict) -> Any:
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        pickled = next((n for n in names if n.endswith("/data.pkl")), None)
        if pickled is None:
            raise RuntimeError("PytorchStreamReader failed locating file data.pkl: file not found")
        root = pickled.removesuffix("/data.pkl")
        if f"{root}/constants.pkl" in names:
            raise RuntimeError("flambeau: load: TorchScript archives are not supported yet")
        swapped = f"{root}/byteorder" in names and archive.read(f"{root}/byteorder") == b"big"
        mapped = np.memmap(path, dtype=np.uint8, mode="c") if mmap else None
        storages: dict[str, UntypedStorage] = {}

        def persistent_load(saved_id: tuple) -> TypedStorage:
            kind, storage_type, key, place, _ = saved_id
            if _text(kind) != "storage":
                raise RuntimeError(f"Unknown typename for persistent_load, expected 'storage' but got '{_text(kind)}'")
            dtype = getattr(storage_type, "dtype", None) or dtypes.uint8
            if key not in storages:
                info = archive.getinfo(f"{root}/data/{key}")
                itemsize = dtype.to_real().itemsize if swapped else 1
                storages[key] = _placed(map_location, place, lambda: _read_record(archive, info, mapped, itemsize))
            return TypedStorage(wrap_storage=storages[key], dtype=dtype)

        with archive.open(pickled) as stream:
            return _unpickler(stream, weights_only, persistent_load, options).load()


def _read_record(archive: zipfile.ZipFile, info: zipfile.ZipInfo, mapped: np.ndarray | None, itemsize: int) -> UntypedStorage:
    """The bytes of a record; elements of ``itemsize`` > 1 bytes are turned round."""
    if mapped is not None and itemsize == 1:
        header = info.header_offset
        name, extra = struct.unpack("<HH", mapped[header + 26 : header + 30].tobytes())
        first = header + 30 + name + extra
        return UntypedStorage.over(Storage(memory.wrap(mapped[first : first + info.file_size]), info.file_size))
    storage = UntypedStorage(info.file_size)
    if info.file_size:
        with archive.open(info) as stream:
            _fill(storage, stream, info.filename)
        if itemsize > 1:
            elements = storage._bytes().view(f"u{itemsize}")
            elements[...] = elements.byteswap()
    return storage


def _fill(storage: UntypedStorage, stream: Any, name: str) -> None:
    """Read a storage's bytes."""
    target = memoryview(storage._bytes())
    done = 0
    while done < len(target):
        count = stream.readinto(target[done:])
        if not count:
            raise RuntimeError(f"load: {name} ends after {done} of {len(target)} bytes")
        done += count


def _text(value: Any) -> Any:
    return value.decode("ascii") if isinstance(value, bytes) else value


# -- the format before -------------------------------------------------------------------------------------------------


def _load_legacy(file: Any, map_location: Any, weights_only: bool, options: dict) -> Any:
    """Pickles one after the other: a magic number, a version, the machine, the object, keys; then the storages' bytes."""
    storages: dict[str, tuple[UntypedStorage, Any]] = {}

    def persistent_load(saved_id: tuple) -> Any:
        kind = _text(saved_id[0])
        if kind == "module":
            return saved_id[1]
        if kind != "storage":
            raise RuntimeError(f"Unknown saved id type: {kind}")
        _, storage_type, key, place, count, view = saved_id
        if view is not None:
            raise NotImplementedError("flambeau: load: views of storages in the old file format are not supported yet")
        if key not in storages:
            dtype = getattr(storage_type, "dtype", None) or dtypes.uint8
            storages[key] = _placed(map_location, place, lambda: UntypedStorage(count * dtype.itemsize)), dtype
        storage, dtype = storages[key]
        return TypedStorage(wrap_storage=storage, dtype=dtype)

    def next_pickle() -> Any:
        return _unpickler(file, weights_only, persistent_load, options).load()

    try:
        magic = next_pickle()
    except (KeyError, IndexError, ValueError, AttributeError, struct.error) as error:
        raise pickle.UnpicklingError(f"load: this is not a file of saved tensors ({type(error).__name__}: {error})") from error
    if magic != _LEGACY_MAGIC:
        raise RuntimeError("Invalid magic number; corrupt file?")
    if next_pickle() != _LEGACY_PROTOCOL:
        raise RuntimeError("Invalid protocol version")
    next_pickle()
    result = next_pickle()
    for key in next_pickle():
        storage, dtype = storages[key]
        count = struct.unpack("<q", file.read(8))[0]
        data = file.read(count * dtype.itemsize)
        if not isinstance(storage, _MetaStorage) and data:
            storage._bytes()[...] = np.frombuffer(data, dtype=np.uint8)
    return result
