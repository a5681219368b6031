"""``torch.mtia``: there is no such device."""

from __future__ import annotations

from .backends.absent import block, declare


def _refusal() -> Exception:
    return RuntimeError("torch.mtia: there is no MTIA backend")


device = block(globals(), "device", _refusal)
StreamContext = block(globals(), "StreamContext", _refusal)
stream = StreamContext

declare(
    globals(),
    _refusal,
    answers={
        "is_available": False,
        "is_initialized": False,
        "is_bf16_supported": False,
        "device_count": 0,
        "memory_stats": {},
        "max_memory_allocated": 0,
        "memory_allocated": 0,
        "get_rng_state_all": [],
    },
    nothing="manual_seed manual_seed_all seed seed_all empty_cache set_rng_state_all reset_peak_memory_stats",
    refused="init initial_seed synchronize current_device current_stream default_stream get_device_capability get_device_properties "
    "set_device set_stream set_rng_state get_rng_state record_memory_history snapshot attach_out_of_memory_observer",
    classes="Event Stream MTIAGraph",
)
