"""``torch.cuda.nvtx``: marks for a profiler of CUDA programs, which is not there."""

from __future__ import annotations

from ..backends.absent import declare


def _refusal() -> Exception:
    return RuntimeError("NVTX functions not installed. Are you sure you have a CUDA build?")


declare(globals(), _refusal, refused="range range_pop range_push range_start range_end mark")
