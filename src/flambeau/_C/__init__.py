"""Names of PyTorch's compiled core that programs use: ``torch._C``."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .. import _VF, ops
from ..autograd import is_grad_enabled, set_grad_enabled
from ..dtypes import dtype
from ..lazy.spec import Size
from ..ops.overrides import DisableTorchFunctionSubclass, modes
from ..ops.random import Generator
from ..ops.storages import UntypedStorage
from ..runtime.devices import device
from ..tensor import Tensor
from ..tensor import _disabled_torch_function_impl as _disabled_torch_function_impl
from .keys import DispatchKey, DispatchKeySet, _ExcludeDispatchKeyGuard

__all__ = ["DisableTorchFunction", "DisableTorchFunctionSubclass", "DispatchKey", "DispatchKeySet", "Generator", "Size",
           "StorageBase", "TensorBase", "device", "dtype", "is_grad_enabled"]

TensorBase, StorageBase = Tensor, UntypedStorage
_FUNCTIONS = frozenset({"is_autocast_enabled", "set_autocast_enabled", "get_autocast_dtype", "set_autocast_dtype", "default_generator"})


class DisableTorchFunction(DisableTorchFunctionSubclass):
    """Within the block, subclasses are treated as plain tensors, and modes are not asked."""

    def __enter__(self):
        super().__enter__()
        self._stack, modes.stack = modes.stack, ()

    def __exit__(self, *exc):
        modes.stack = self._stack
        super().__exit__(*exc)


class _ClassesOfTensors(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, type) and issubclass(instance, Tensor)


class _TensorMeta(type, metaclass=_ClassesOfTensors):
    """What classes of tensors are instances of, and a base for metaclasses of further ones."""


def _log_api_usage_once(event: str) -> None:
    """Nothing: nobody counts the use of interfaces."""


_log_api_usage_metadata = _log_api_usage_once


def _get_tracing_state() -> None:
    """None: programs are not traced."""
    return None


def _get_accelerator(check: bool | None = None) -> device:
    """The device beside the CPU: none, so that it is the CPU."""
    return device("cpu")


def _get_default_device() -> str:
    """ "cpu"."""
    return "cpu"


def _get_privateuse1_backend_name() -> str:
    """The name of devices that others may add."""
    return "privateuseone"


_fp16_bf16_reduction = False


def _get_math_sdp_allow_fp16_bf16_reduction() -> bool:
    """Whether attention in half precision may add up in half precision: kept, and not taken up."""
    return _fp16_bf16_reduction


def _set_math_sdp_allow_fp16_bf16_reduction(enabled: bool) -> None:
    """Keep the setting; attention in half precision adds up in float32 whatever it is."""
    global _fp16_bf16_reduction
    _fp16_bf16_reduction = bool(enabled)


class _Functions:
    """The functions of ``torch`` as attributes."""

    def __getattr__(self, name: str) -> Any:
        return getattr(_VF, name)


_VariableFunctions = _VariableFunctionsClass = _Functions()
_set_grad_enabled = set_grad_enabled


def __getattr__(name: str) -> Any:
    if name in ("_nn", "_distributed_rpc"):
        return import_module(f"{__name__}.{name}")
    if name in _FUNCTIONS:
        return getattr(ops, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
