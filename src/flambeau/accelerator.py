"""``torch.accelerator``: the device beside the CPU, which there is none of."""

from __future__ import annotations

from .backends.absent import block, declare


def _refusal() -> Exception:
    return RuntimeError("Cannot access accelerator device when none is available.")


device_index = block(globals(), "device_index", _refusal)

declare(
    globals(),
    _refusal,
    answers={"current_accelerator": None, "is_available": False, "device_count": 0},
    refused="current_device_idx current_device_index get_device_capability current_stream empty_cache empty_host_cache get_memory_info "
    "max_memory_allocated max_memory_reserved memory_allocated memory_reserved memory_stats reset_accumulated_memory_stats "
    "reset_peak_memory_stats set_device_idx set_device_index set_stream synchronize",
    classes="Event Graph Stream",
)
