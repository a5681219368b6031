"""Parts of the data loader by the places that they have in PyTorch."""

from __future__ import annotations

from . import collate, fetch, worker

__all__ = ["MP_STATUS_CHECK_INTERVAL", "collate", "fetch", "worker"]

MP_STATUS_CHECK_INTERVAL = 5.0  # seconds
