"""``torch.mps``: there is no such device."""

from __future__ import annotations

from .backends.absent import declare


def _refusal() -> Exception:
    return RuntimeError("torch.mps: there is no MPS backend")


declare(
    globals(),
    _refusal,
    answers={"is_available": False, "device_count": 0},
    nothing="manual_seed empty_cache",
    refused="seed synchronize get_rng_state set_rng_state current_allocated_memory driver_allocated_memory recommended_max_memory "
    "set_per_process_memory_fraction compile_shader load_metallib",
    classes="Event",
)
