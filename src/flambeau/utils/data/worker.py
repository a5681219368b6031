"""What a dataset can learn about the process that it is read in."""

from __future__ import annotations

from typing import Any

__all__ = ["get_worker_info"]


def get_worker_info() -> Any:
    """Facts about the current loading process; ``None`` in the main process, which loads everything here."""
    return None
