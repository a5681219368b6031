"""Unpickling that runs nothing but what rebuilds tensors: the meaning of ``weights_only=True``."""

from __future__ import annotations

import io
import pickle
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .. import _utils, dtypes
from ..lazy.spec import Size
from ..nn.parameter import Parameter
from ..ops.storages import STORAGE_CLASSES, TypedStorage, UntypedStorage
from ..runtime import devices
from ..tensor import Tensor
from .names import find, place_of

_user_globals: dict[tuple[str, str], Any] = {}


def add_safe_globals(safe_globals: list) -> None:
    """Let files name these classes and functions from now on; ``(object, "module.name")`` gives the name explicitly."""
    for entry in safe_globals:
        value, place = entry, None
        if isinstance(entry, tuple):
            value, full = entry
            place = tuple(full.rsplit(".", 1))
        _user_globals[place or place_of(value, value.__module__, value.__qualname__)] = value


def get_safe_globals() -> list:
    """What :func:`add_safe_globals` added."""
    return list(_user_globals.values())


def clear_safe_globals() -> None:
    """Forget what :func:`add_safe_globals` added."""
    _user_globals.clear()


@contextmanager
def safe_globals(safe_globals: list) -> Iterator[None]:
    """Let files name these within the block."""
    kept = dict(_user_globals)
    add_safe_globals(safe_globals)
    try:
        yield
    finally:
        _user_globals.clear()
        _user_globals.update(kept)


_BUILTIN: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("collections", "Counter"): Counter,
    ("builtins", "set"): set,
    ("builtins", "bytearray"): bytearray,
    ("builtins", "complex"): complex,
    ("__builtin__", "set"): set,
    ("__builtin__", "bytearray"): bytearray,
    ("__builtin__", "complex"): complex,
}
_FUNCTIONS = tuple(getattr(_utils, name) for name in _utils.__all__)
_CLASSES = (Tensor, Parameter, Size, devices.device, TypedStorage, UntypedStorage, *STORAGE_CLASSES.values())
# Classes whose instances may be given their state.
_STATEFUL = (Tensor, OrderedDict)


def _encode(text: str, encoding: str) -> bytes:
    """The one use of ``_codecs.encode`` in pickles: bytes written as text."""
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"Weights only load failed. Unsupported encoding {encoding!r} for bytes.")
    return text.encode("latin1")


class SafeUnpickler(pickle._Unpickler):
    """Refuses every name that is not known to be harmless, every other call, and opcodes that files do not need."""

    dispatch = {
        code: function
        for code, function in pickle._Unpickler.dispatch.items()
        if code not in {ord(c) for c in (pickle.INST, pickle.OBJ, pickle.EXT1, pickle.EXT2, pickle.EXT4, pickle.NEWOBJ_EX)}
    }

    def find_class(self, module: str, name: str) -> Any:
        place = (module, name)
        if place in _user_globals:
            return _user_globals[place]
        if place in _BUILTIN:
            return _BUILTIN[place]
        if place == ("_codecs", "encode"):
            return _encode
        if module == "torch" or module.startswith("torch."):
            try:
                found = find(module, name)
            except (ImportError, AttributeError):
                found = None
            if isinstance(found, dtypes.dtype) or any(found is allowed for allowed in (*_FUNCTIONS, *_CLASSES)):
                return found
        raise pickle.UnpicklingError(_refusal(f"Unsupported global: GLOBAL {module}.{name} was not an allowed global by default.", place))

    def load_reduce(self) -> None:
        if not self._may_call(self.stack[-2]):
            raise pickle.UnpicklingError(_refusal(f"Trying to call reduce for unrecognized function {self.stack[-2]}"))
        super().load_reduce()

    def load_newobj(self) -> None:
        if not self._may_call(self.stack[-2]):
            raise pickle.UnpicklingError(_refusal(f"Trying to create new object for unrecognized class {self.stack[-2]}"))
        super().load_newobj()

    def load_build(self) -> None:
        kind = type(self.stack[-2])
        if not (issubclass(kind, _STATEFUL) or kind in _user_globals.values()):
            raise pickle.UnpicklingError(_refusal(f"Can only build Tensor, Parameter, OrderedDict or types allowlisted, but got {kind}"))
        super().load_build()

    @staticmethod
    def _may_call(function: Any) -> bool:
        allowed: tuple[Callable, ...] = (*_FUNCTIONS, *_CLASSES, *_BUILTIN.values(), _encode, *_user_globals.values())
        return any(function is a for a in allowed)

    dispatch[pickle.REDUCE[0]] = load_reduce
    dispatch[pickle.NEWOBJ[0]] = load_newobj
    dispatch[pickle.BUILD[0]] = load_build


def is_safe(module: str, name: str) -> bool:
    """Whether a file may name this."""
    try:
        SafeUnpickler(io.BytesIO(b"")).find_class(module, name)
    except pickle.UnpicklingError:
        return False
    return True


def _refusal(reason: str, place: tuple[str, str] | None = None) -> str:
    text = (
        "Weights only load failed: the file asks for something that could run code. `weights_only=False` runs whatever the file asks "
        "for; use it only with files that you trust. "
    )
    if place is not None:
        text += f"To allow this name, call `torch.serialization.add_safe_globals([{place[1]}])` with it. "
    return f"{text}WeightsUnpickler error: {reason}"
