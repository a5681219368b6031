"""Checks of a program's own conditions: ``torch._assert``, ``torch._check`` and their kin."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from .tensor import Tensor

Message = Callable[[], str] | None


def _assert(condition: Any, message: str) -> None:
    """Raise AssertionError with ``message`` unless the condition (a bool, or a tensor of one element) is true."""
    if not condition:
        raise AssertionError(message)


def _check_with(error_type: type[Exception], cond: bool, message: Message) -> None:
    """Raise ``error_type`` with what ``message()`` gives unless ``cond``, which must be a bool."""
    if isinstance(cond, Tensor):
        raise TypeError(
            "cond must be a bool, but got a Tensor. For tensor conditions, use torch._check_tensor_all() to assert "
            "that all elements are true."
        )
    if not isinstance(cond, bool):
        raise TypeError(f"cond must be a bool, but got {type(cond)}")
    if cond:
        return
    if message is None:
        raise error_type("Expected cond to be True, but got False.")
    if not callable(message):
        raise TypeError("message must be a callable")
    raise error_type(str(message()))


def _check(cond: bool, message: Message = None) -> None:
    """RuntimeError unless ``cond``; see :func:`_check_with`."""
    _check_with(RuntimeError, cond, message)


def _check_index(cond: bool, message: Message = None) -> None:
    """IndexError unless ``cond``."""
    _check_with(IndexError, cond, message)


def _check_value(cond: bool, message: Message = None) -> None:
    """ValueError unless ``cond``."""
    _check_with(ValueError, cond, message)


def _check_type(cond: bool, message: Message = None) -> None:
    """TypeError unless ``cond``."""
    _check_with(TypeError, cond, message)


def _check_not_implemented(cond: bool, message: Message = None) -> None:
    """NotImplementedError unless ``cond``."""
    _check_with(NotImplementedError, cond, message)


def _check_is_size(i: int, message: Message = None, *, max: int | None = None) -> None:
    """RuntimeError unless ``i`` is not negative, and at most ``max``."""
    warnings.warn(
        "_check_is_size will be removed in a future PyTorch release. Use _check(i >= 0) instead.",
        FutureWarning,
        stacklevel=2,
    )
    _check(i >= 0 and (max is None or i <= max), message)


def _check_tensor_all_with(error_type: type[Exception], cond: Tensor, message: Message = None) -> None:
    """Raise ``error_type`` unless all elements of a bool tensor are true."""
    if not isinstance(cond, Tensor):
        raise TypeError(f"cond must be a tensor, but got {type(cond)}")
    _check_with(error_type, bool(cond.all().item()), message)


def _check_tensor_all(cond: Tensor, message: Message = None) -> None:
    """RuntimeError unless all elements of a bool tensor are true."""
    _check_tensor_all_with(RuntimeError, cond, message)


def _assert_async(input: Tensor, assert_msg: str | None = None) -> None:
    """RuntimeError unless the one element of a tensor is nonzero."""
    if not bool(input):
        raise RuntimeError(assert_msg or "Expected Tensor with single nonzero value, but got zero")


def _assert_scalar(self: Any, assert_msg: str) -> None:
    """RuntimeError with ``assert_msg`` unless a number is nonzero."""
    if not self:
        raise RuntimeError(assert_msg)


def _assert_tensor_metadata(
    a: Tensor, size: Any = None, stride: Any = None, dtype: Any = None, *, device: Any = None, layout: Any = None
) -> None:
    """RuntimeError unless a tensor's shape, strides, dtype, device and layout are those that are given."""
    found = {
        "sizes": list(a.shape),
        "strides": list(a.stride()),
        "dtype": a.dtype,
        "device": a.device,
        "layout": a.layout,
    }
    wanted = {
        "sizes": None if size is None else list(size),
        "strides": None if stride is None else list(stride),
        "dtype": dtype,
        "device": device,
        "layout": layout,
    }
    for name, value in wanted.items():
        if value is not None and value != found[name]:
            raise RuntimeError(f"Tensor {name} mismatch! Expected: {value}, Got: {found[name]}")
