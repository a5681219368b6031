"""Datasets that are built as pipes, one behind the other: ``torch.utils.data.datapipes``."""

from __future__ import annotations

from . import iter, map  # noqa: A004
from .datapipe import DataChunk, DFIterDataPipe, IterDataPipe, MapDataPipe

__all__ = ["DFIterDataPipe", "DataChunk", "IterDataPipe", "MapDataPipe", "iter", "map"]
