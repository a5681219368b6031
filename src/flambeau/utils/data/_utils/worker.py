"""What a dataset can learn about the process that loads it."""

from __future__ import annotations

from ..worker import WorkerInfo, get_worker_info

__all__ = ["WorkerInfo", "get_worker_info"]
