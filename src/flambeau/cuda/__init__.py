"""``torch.cuda`` where there is no CUDA: questions are answered, what is harmless does nothing, the rest is refused."""

from __future__ import annotations

from typing import Any

from ..backends.absent import block, declare
from . import amp

__all__ = [
    "amp", "current_device", "device_count", "empty_cache", "init", "is_available", "is_bf16_supported", "is_initialized",
    "manual_seed", "manual_seed_all", "max_memory_allocated", "memory_allocated", "seed", "seed_all", "synchronize",
]  # fmt: skip


def is_available() -> bool:
    """False."""
    return False


is_initialized = is_available


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """False: there is no device."""
    return False


def device_count() -> int:
    """0."""
    return 0


def manual_seed(seed: int) -> None:
    """Nothing: there is no device to seed."""


def manual_seed_all(seed: int) -> None:
    """Nothing: there is no device to seed."""


def seed() -> None:
    """Nothing: there is no device to seed."""


def seed_all() -> None:
    """Nothing: there is no device to seed."""


def empty_cache() -> None:
    """Nothing: no memory is cached on a device."""


def reset_peak_memory_stats(device: Any = None) -> None:
    """Nothing: no memory is used on a device."""


def memory_allocated(device: Any = None) -> int:
    """0."""
    return 0


max_memory_allocated = memory_reserved = max_memory_reserved = memory_allocated


def is_current_stream_capturing() -> bool:
    """False."""
    return False


def _refuse() -> None:
    raise AssertionError("Torch not compiled with CUDA enabled")


def init() -> None:
    """Raises AssertionError, as PyTorch does where it has no CUDA."""
    _refuse()


def current_device() -> int:
    """Raises AssertionError, as PyTorch does where it has no CUDA."""
    _refuse()
    return -1


def synchronize(device: Any = None) -> None:
    """Raises AssertionError, as PyTorch does where it has no CUDA."""
    _refuse()


def set_device(device: Any) -> None:
    """Raises AssertionError, as PyTorch does where it has no CUDA."""
    _refuse()


def get_device_name(device: Any = None) -> str:
    """Raises AssertionError, as PyTorch does where it has no CUDA."""
    _refuse()
    return ""


def get_device_capability(device: Any = None) -> tuple[int, int]:
    """Raises AssertionError, as PyTorch does where it has no CUDA."""
    _refuse()
    return (0, 0)


def get_device_properties(device: Any = None) -> Any:
    """Raises AssertionError, as PyTorch does where it has no CUDA."""
    _refuse()


def get_rng_state_all() -> list:
    """An empty list: one state for each device."""
    return []


def set_rng_state_all(new_states: list) -> None:
    """Nothing, for no states; AssertionError for some."""
    if list(new_states):
        _refuse()


class _NoDevice:
    """What cannot be made without a device."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _refuse()


class Stream(_NoDevice):
    """A queue of work on a device."""


class Event(_NoDevice):
    """A mark in a queue of work on a device."""


class CUDAGraph(_NoDevice):
    """Recorded work on a device."""


class device:
    """Make a device the current one within a block: nothing for None or -1, AssertionError for others."""

    def __init__(self, device: Any) -> None:
        self.idx = -1 if device is None else device
        if self.idx != -1:
            _refuse()

    def __enter__(self) -> None:
        return None

    def __exit__(self, *exc: object) -> None:
        return None


def _refusal() -> Exception:
    return AssertionError("Torch not compiled with CUDA enabled")


default_generators: tuple = ()
device_of = block(globals(), "device_of", _refusal)
StreamContext = block(globals(), "StreamContext", _refusal)
stream = StreamContext

declare(
    globals(),
    _refusal,
    answers={
        "get_arch_list": [],
        "get_gencode_flags": "",
        "is_tf32_supported": False,
        "max_memory_cached": 0,
        "memory_cached": 0,
        "memory_stats": {},
    },
    nothing="set_rng_state reset_max_memory_allocated reset_max_memory_cached reset_accumulated_memory_stats",
    refused="can_device_access_peer cudart current_blas_handle current_stream default_stream get_rng_state initial_seed ipc_collect "
    "list_gpu_processes make_graphed_callables mem_get_info memory_snapshot memory_summary memory_usage set_per_process_memory_fraction "
    "set_stream temperature utilization",
    classes="CudaError ExternalStream graph BFloat16Tensor BoolTensor ByteTensor CharTensor DoubleTensor FloatTensor HalfTensor IntTensor "
    "LongTensor ShortTensor",
)

from . import nvtx, profiler, sparse  # noqa: E402  (they use the refusal above)
