"""How the data loader gets a batch out of a dataset."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .collate import default_collate


class MapFetcher:
    """Batches of a dataset that is read by index."""

    def __init__(self, dataset: Any, auto_collation: bool, collate_fn: Callable, drop_last: bool) -> None:
        self.dataset = dataset
        self.auto_collation = auto_collation
        self.collate_fn = collate_fn

    def fetch(self, index: Any) -> Any:
        """The batch of a list of indices, or the one sample at ``index`` without automatic batches."""
        dataset = self.dataset
        if not self.auto_collation:
            return self.collate_fn(dataset[index])
        if self.collate_fn is default_collate and hasattr(dataset, "__getbatch__"):
            batch = dataset.__getbatch__(index)
            if batch is not None:
                return batch
        # A dataset may switch __getitems__ off by setting it to None.
        if getattr(dataset, "__getitems__", None):
            return self.collate_fn(dataset.__getitems__(index))
        return self.collate_fn([dataset[i] for i in index])


class IterableFetcher:
    """Batches of a dataset that is read by iteration."""

    def __init__(self, dataset: Any, auto_collation: bool, collate_fn: Callable, drop_last: bool) -> None:
        self.auto_collation = auto_collation
        self.collate_fn = collate_fn
        self.drop_last = drop_last
        self.iterator = iter(dataset)
        self.ended = False

    def fetch(self, index: Any) -> Any:
        """The next batch, as long as ``index``, or the next sample without automatic batches."""
        if not self.auto_collation:
            return self.collate_fn(next(self.iterator))
        if self.ended:
            raise StopIteration
        samples = []
        for _ in index:
            try:
                samples.append(next(self.iterator))
            except StopIteration:
                self.ended = True
                break
        if not samples or (self.drop_last and len(samples) < len(index)):
            raise StopIteration
        return self.collate_fn(samples)
