"""``torch.utils._device``: a mode in which new tensors lie on a device, as ``with torch.device(...)`` is."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..ops.overrides import TorchFunctionMode
from ..runtime.devices import device as _device


class DeviceContext(TorchFunctionMode):
    """Within the block, new tensors lie on ``device`` unless they are told otherwise."""

    def __init__(self, device: Any) -> None:
        self.device = _device(device)
        self._entered: list = []

    def __enter__(self) -> DeviceContext:
        block = _device(self.device)
        block.__enter__()
        self._entered.append(block)
        return self

    def __exit__(self, *exc: Any) -> None:
        self._entered.pop().__exit__(*exc)

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        with _device(self.device):
            return func(*args, **(kwargs or {}))


def device_decorator(device: Any, func: Callable) -> Callable:
    """``func`` called within :class:`DeviceContext`."""

    @functools.wraps(func)
    def within(*args: Any, **kwargs: Any) -> Any:
        with DeviceContext(device):
            return func(*args, **kwargs)

    return within


def set_device(device: Any) -> Callable:
    """:func:`device_decorator` as a decorator."""
    return lambda func: device_decorator(device, func)
