"""How the data loader gets a batch out of a dataset."""

from __future__ import annotations

from ..fetch import IterableFetcher as _IterableDatasetFetcher
from ..fetch import MapFetcher as _MapDatasetFetcher

__all__ = ["_IterableDatasetFetcher", "_MapDatasetFetcher"]
