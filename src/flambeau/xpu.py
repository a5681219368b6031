"""``torch.xpu``: there is no such device."""

from __future__ import annotations

from .backends.absent import block, declare


def _refusal() -> Exception:
    return AssertionError("Torch not compiled with XPU enabled")


default_generators: tuple = ()
device = block(globals(), "device", _refusal)
device_of = block(globals(), "device_of", _refusal)
StreamContext = block(globals(), "StreamContext", _refusal)
stream = StreamContext

declare(
    globals(),
    _refusal,
    answers={
        "is_available": False,
        "is_initialized": False,
        "is_bf16_supported": False,
        "is_current_stream_capturing": False,
        "device_count": 0,
        "get_arch_list": [],
        "get_rng_state_all": [],
        "max_memory_allocated": 0,
        "max_memory_reserved": 0,
        "memory_allocated": 0,
        "memory_reserved": 0,
        "memory_stats": {},
    },
    nothing="manual_seed manual_seed_all seed seed_all empty_cache set_rng_state_all set_rng_state reset_peak_memory_stats",
    refused="init initial_seed current_device current_stream get_device_capability get_device_name get_device_properties get_rng_state "
    "mem_get_info set_device set_stream synchronize",
    classes="Event Stream XPUGraph",
)
