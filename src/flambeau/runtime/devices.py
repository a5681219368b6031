"""Devices, layouts and memory formats: the small vocabulary of where and how a tensor lies."""

from __future__ import annotations

import threading
from typing import Any

from .fixed import Fixed

_KNOWN = ("cpu", "meta", "cuda", "mps", "xpu", "hpu", "privateuseone", "mtia", "xla", "ipu", "vulkan")


class device(Fixed):
    """A device such as ``cpu`` or ``meta``; ``index`` is None unless it was given.

    As a context manager it is where this thread's new tensors lie unless they are told otherwise.
    """

    __slots__ = ("type", "index")
    type: str
    index: int | None

    def __init__(self, type: Any, index: int | None = None):
        if isinstance(type, device):
            type, index = type.type, type.index if index is None else index
        if isinstance(type, int):
            if type < 0:
                raise RuntimeError(f"device(): the index of a device must not be negative, got {type}")
            raise RuntimeError(f"Cannot access accelerator device when none is available: device({type}) names one by its index alone")
        if type == "":
            raise RuntimeError("Device string must not be empty")
        if not isinstance(type, str):
            raise TypeError(f"device(): argument 'type' must be str, not {type.__class__.__name__}")
        name, colon, number = type.partition(":")
        if colon:
            if index is not None:
                raise RuntimeError(f"type (string) must not include an index because index was passed explicitly: {type}")
            if not number.isdigit() or (number[0] == "0" and number != "0"):
                raise RuntimeError(f"Invalid device string: '{type}'")
            index = int(number)
        if index is not None and index < 0:
            raise RuntimeError(f"device(): the index of a device must not be negative, got {index}")
        if name not in _KNOWN:
            raise RuntimeError(f"Expected one of {', '.join(_KNOWN)} device type at start of device string: {name}")
        self._fill(type=name, index=index)

    def __repr__(self) -> str:
        return f"device(type='{self.type}')" if self.index is None else f"device(type='{self.type}', index={self.index})"

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other) -> bool:
        return isinstance(other, device) and self.type == other.type and self.index == other.index

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __reduce__(self):
        return device, (self.type, self.index)

    def __enter__(self):
        _thread.stack = (*_thread.stack, resolve(self))
        return self

    def __exit__(self, *exc):
        _thread.stack = _thread.stack[:-1]


class _Thread(threading.local):
    stack: tuple = ()  # the devices whose blocks this thread is in


cpu = device("cpu")
meta = device("meta")
_default = cpu
_thread = _Thread()


def resolve(value) -> device:
    """The device that a ``device=`` argument names; refuses those that are not there.

    ``cpu`` and ``meta`` exist everywhere. Others raise what PyTorch raises on a machine without them.
    """
    if value is None:
        return _thread.stack[-1] if _thread.stack else _default
    found = value if isinstance(value, device) else device(value)
    if found.type == "cpu":
        return cpu
    if found.type == "meta":
        return meta
    if found.type == "cuda":
        raise AssertionError("Torch not compiled with CUDA enabled")
    raise RuntimeError(f"device {found}: flambeau has no {found.type} device on this machine; expected cpu or meta")


def set_default_device(device) -> None:
    """Make new tensors lie on ``device`` unless they are told otherwise."""
    global _default
    _default = cpu if device is None else resolve(device)


class _Constant:
    __slots__ = ("name",)

    def __init__(self, name: str):
        self.name = name

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self):
        return _constant, (self.name,)


class layout(_Constant):
    """How a tensor's elements are stored: ``strided`` (dense) or one of the sparse layouts."""

    __slots__ = ()


class memory_format(_Constant):
    """An order of dimensions in memory."""

    __slots__ = ()


strided = layout("strided")
sparse_coo = layout("sparse_coo")
sparse_csr = layout("sparse_csr")
sparse_csc = layout("sparse_csc")
sparse_bsr = layout("sparse_bsr")
sparse_bsc = layout("sparse_bsc")
jagged = layout("jagged")
contiguous_format = memory_format("contiguous_format")
preserve_format = memory_format("preserve_format")
channels_last = memory_format("channels_last")
channels_last_3d = memory_format("channels_last_3d")

_CONSTANTS = {c.name: c for c in (strided, sparse_coo, sparse_csr, sparse_csc, sparse_bsr, sparse_bsc, jagged,
                                  contiguous_format, preserve_format, channels_last, channels_last_3d)}


def _constant(name: str):
    return _CONSTANTS[name]
