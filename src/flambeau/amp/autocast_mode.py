"""The block in which listed operators compute in lower precision."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from .. import dtypes, ops
from ..runtime.devices import device as _device
from ..tensor import Tensor

__all__ = ["autocast", "custom_bwd", "custom_fwd", "is_autocast_available"]

_AVAILABLE = ("cpu", "cuda", "mps", "xpu")


def is_autocast_available(device_type: str) -> bool:
    """Whether there is autocast for a device type. Raises RuntimeError for what is no device type."""
    return _device(device_type).type in _AVAILABLE


def _check_device_type(device_type: Any) -> None:
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")


class autocast:
    """A block, or a decorator, in which matrix products and convolutions compute in ``dtype``, and losses, norms of matrices and the
    like in float32; other operators in the dtypes they are given.

    ``device_type`` is "cpu" (or another type that is not here: then nothing changes, with a warning), ``dtype`` bfloat16 by default or
    float16. Blocks nest; ``enabled=False`` switches autocast off within. With ``cache_enabled`` the copy of a weight in lower precision is
    made once until the outermost block ends. Raises ValueError for a device type that is no string, RuntimeError for an unknown one.
    """

    def __init__(
        self, device_type: str, dtype: Any = None, enabled: bool = True, cache_enabled: bool | None = None
    ) -> None:
        _check_device_type(device_type)
        self.device = device_type
        self.fast_dtype = ops.get_autocast_dtype(device_type) if dtype is None else dtype
        if not is_autocast_available(device_type):
            raise RuntimeError(f"User specified an unsupported autocast device_type '{device_type}'")
        self._cache_enabled = ops.is_autocast_cache_enabled() if cache_enabled is None else cache_enabled
        self._enabled = enabled and self._can_be()
        self._before: list[tuple] = []  # what to restore, by nesting: one object may be entered several times

    def _can_be(self) -> bool:
        """Whether this block can do anything; says why not."""
        if self.device != "cpu":
            warnings.warn(f"{self.device.upper()} is not available. Disabling autocast.", stacklevel=3)
            return False
        if self.fast_dtype not in (dtypes.bfloat16, dtypes.float16):
            warnings.warn(
                "In CPU autocast, but the target dtype is not supported. Disabling autocast.\n"
                "CPU Autocast only supports dtypes of torch.bfloat16, torch.float16 currently.",
                stacklevel=3,
            )
            return False
        return True

    def __enter__(self) -> autocast:
        before = (
            ops.is_autocast_enabled(self.device),
            ops.get_autocast_dtype(self.device),
            ops.is_autocast_cache_enabled(),
        )
        self._before.append(before)
        ops.set_autocast_enabled(self.device, bool(self._enabled))
        ops.set_autocast_dtype(self.device, self.fast_dtype)
        ops.autocast_increment_nesting()
        ops.set_autocast_cache_enabled(self._cache_enabled)
        return self

    def __exit__(self, *exc: object) -> None:
        if ops.autocast_decrement_nesting() == 0:
            ops.clear_autocast_cache()
        enabled, dtype, caching = self._before.pop()
        ops.set_autocast_enabled(self.device, enabled)
        ops.set_autocast_dtype(self.device, dtype)
        ops.set_autocast_cache_enabled(caching)

    def __call__(self, func: Callable) -> Callable:
        if not callable(func):
            raise TypeError(
                f"autocast()(func) requires a callable, but got {type(func).__name__}. "
                "Did you mean to use autocast as a context manager? For example:\n"
                "    with torch.autocast(device_type=...):\n        output = model(input)"
            )

        @functools.wraps(func)
        def within(*args: Any, **kwargs: Any) -> Any:
            with self:
                return func(*args, **kwargs)

        return within


def _enter_autocast(*arguments: Any) -> autocast:
    """Begin a block that no ``with`` ends."""
    return autocast(*arguments).__enter__()


def _exit_autocast(mode: autocast) -> None:
    """End a block that :func:`_enter_autocast` began."""
    mode.__exit__(None, None, None)


def _cast(value: Any, device_type: str, dtype: Any) -> Any:
    """Floating-point tensors, but float64 ones, in ``value`` and in the containers in it as ``dtype``."""
    if isinstance(value, Tensor):
        eligible = value.is_floating_point() and value.device.type == device_type and value.dtype is not dtypes.float64
        return value.to(dtype) if eligible else value
    if isinstance(value, (str, bytes, np.ndarray)):
        return value
    if isinstance(value, Mapping):
        return {_cast(k, device_type, dtype): _cast(v, device_type, dtype) for k, v in value.items()}
    if isinstance(value, Iterable):
        each = (_cast(v, device_type, dtype) for v in value)
        return type(value)(each) if isinstance(value, (list, tuple)) else each
    return value


def custom_fwd(fwd: Callable | None = None, *, device_type: str, cast_inputs: Any = None) -> Callable:
    """Decorator for ``forward`` of an ``autograd.Function``: under autocast its tensors come as ``cast_inputs``, and autocast is off in it.

    Without ``cast_inputs`` it computes as what surrounds it.
    """
    _check_device_type(device_type)
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def forward(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        surrounded = ops.is_autocast_enabled(device_type)
        ctx._dtype = ops.get_autocast_dtype(device_type)
        ctx._fwd_used_autocast = surrounded and cast_inputs is None
        if cast_inputs is None or not surrounded:
            return fwd(ctx, *args, **kwargs)
        with autocast(device_type, enabled=False):
            return fwd(ctx, *_cast(args, device_type, cast_inputs), **_cast(kwargs, device_type, cast_inputs))

    return forward


def custom_bwd(bwd: Callable | None = None, *, device_type: str) -> Callable:
    """Decorator for ``backward`` of an ``autograd.Function``: it computes as ``forward`` did."""
    _check_device_type(device_type)
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def backward(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        with autocast(device_type, enabled=ctx._fwd_used_autocast, dtype=ctx._dtype):
            return bwd(ctx, *args, **kwargs)

    return backward
