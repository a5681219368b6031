"""Modules spread over several devices: flambeau has one, which computes everything."""

from __future__ import annotations

from .data_parallel import DataParallel

__all__ = ["DataParallel"]
