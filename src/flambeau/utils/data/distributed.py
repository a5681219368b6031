"""A sampler that deals a dataset out to several processes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from ... import ops
from .sampler import Sampler

__all__ = ["DistributedSampler"]


class DistributedSampler(Sampler[int]):
    """Every ``num_replicas``-th sample, beginning with the ``rank``-th.

    The same seed gives the same permutation in every process. Call ``set_epoch`` before each epoch, or
    all epochs have the same order.

    Args:
        dataset: the dataset.
        num_replicas, rank: how many processes there are, and which one this is.
        shuffle: permute the samples; default ``True``.
        seed: of the permutation, to which the epoch is added; default 0.
        drop_last: leave out samples so that all processes have equally many; default: repeat some.
    """

    def __init__(
        self,
        dataset: Any,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        if num_replicas is None or rank is None:
            raise RuntimeError(
                "Requires distributed package to be available: DistributedSampler needs num_replicas and "
                "rank where there is no process group"
            )
        if rank >= num_replicas or rank < 0:
            raise ValueError(f"Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]")
        self.dataset = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.epoch = 0
        self.drop_last = drop_last
        count = len(dataset)
        self.num_samples = count // num_replicas if drop_last else math.ceil(count / num_replicas)
        self.total_size = self.num_samples * num_replicas
        self.shuffle = shuffle
        self.seed = seed

    def __iter__(self) -> Iterator[int]:
        count = len(self.dataset)
        if self.shuffle:
            generator = ops.Generator()
            generator.manual_seed(self.seed + self.epoch)
            indices = ops.randperm(count, generator=generator).tolist()
        else:
            indices = list(range(count))
        if not self.drop_last:
            indices *= math.ceil(self.total_size / max(count, 1))
        return iter(indices[self.rank : self.total_size : self.num_replicas])

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Choose the permutation of this epoch."""
        self.epoch = epoch
