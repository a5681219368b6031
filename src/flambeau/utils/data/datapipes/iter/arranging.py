"""Pipes that make batches, take them apart, and choose by place."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

from ...collate import default_collate
from ...sampler import SequentialSampler
from .._decorator import functional_datapipe
from ..datapipe import DataChunk, IterDataPipe


@functional_datapipe("batch")
class BatcherIterDataPipe(IterDataPipe):
    """Lists of ``batch_size`` samples; the last one may be shorter unless ``drop_last``."""

    def __init__(
        self, datapipe: IterDataPipe, batch_size: int, drop_last: bool = False, wrapper_class: type = DataChunk
    ) -> None:
        if batch_size <= 0:
            raise AssertionError("Batch size is required to be larger than 0!")
        self.datapipe, self.batch_size, self.drop_last, self.wrapper_class = (
            datapipe,
            batch_size,
            drop_last,
            wrapper_class,
        )

    def __iter__(self) -> Iterator[Any]:
        batch: list = []
        for sample in self.datapipe:
            batch.append(sample)
            if len(batch) == self.batch_size:
                yield self.wrapper_class(batch)
                batch = []
        if batch and not self.drop_last:
            yield self.wrapper_class(batch)

    def __len__(self) -> int:
        samples = len(self.datapipe)
        return samples // self.batch_size if self.drop_last else -(-samples // self.batch_size)


@functional_datapipe("unbatch")
class UnBatcherIterDataPipe(IterDataPipe):
    """The entries of batches, ``unbatch_level`` deep; -1: of all levels."""

    def __init__(self, datapipe: IterDataPipe, unbatch_level: int = 1) -> None:
        self.datapipe, self.unbatch_level = datapipe, unbatch_level

    def __iter__(self) -> Iterator[Any]:
        if self.unbatch_level < -1:
            raise ValueError("unbatch_level must be -1 or >= 0")
        for sample in self.datapipe:
            yield from self._entries(sample, self.unbatch_level)

    def _entries(self, value: Any, level: int) -> Iterator[Any]:
        if level == 0 or (level == -1 and not isinstance(value, (list, DataChunk))):
            yield value
            return
        if not isinstance(value, (list, DataChunk)):
            raise IndexError(f"unbatch_level {self.unbatch_level} exceeds the depth of the DataPipe")
        for entry in value:
            yield from self._entries(entry, level if level == -1 else level - 1)


@functional_datapipe("collate")
class CollatorIterDataPipe(IterDataPipe):
    """``collate_fn`` (by default ``default_collate``) of each batch."""

    def __init__(
        self, datapipe: IterDataPipe, conversion: Any = default_collate, collate_fn: Callable | None = None
    ) -> None:
        chosen = collate_fn or conversion
        if not callable(chosen):
            raise NotImplementedError(
                "flambeau: Collator: argument conversion as a dictionary is not supported yet: give a function"
            )
        self.datapipe, self.fn = datapipe, chosen

    def __iter__(self) -> Iterator[Any]:
        return map(self.fn, iter(self.datapipe))

    def __len__(self) -> int:
        return len(self.datapipe)


@functional_datapipe("groupby")
class GrouperIterDataPipe(IterDataPipe):
    """Samples in lists of equal ``group_key_fn``. A group leaves when it has ``group_size``, or at the end.

    At most ``buffer_size`` samples wait; then the largest group leaves, if it has ``guaranteed_group_size`` samples, or is dropped if
    ``drop_remaining``. RuntimeError where neither holds.
    """

    def __init__(
        self,
        datapipe: IterDataPipe,
        group_key_fn: Callable,
        *,
        keep_key: bool = False,
        buffer_size: int = 10000,
        group_size: int | None = None,
        guaranteed_group_size: int | None = None,
        drop_remaining: bool = False,
    ) -> None:
        self.datapipe, self.group_key_fn, self.keep_key, self.buffer_size = (
            datapipe,
            group_key_fn,
            keep_key,
            buffer_size,
        )
        self.group_size, self.drop_remaining = group_size, drop_remaining
        self.guaranteed_group_size = guaranteed_group_size if guaranteed_group_size is not None else group_size

    def _wrapped(self, key: Any, group: list) -> Any:
        return (key, DataChunk(group)) if self.keep_key else DataChunk(group)

    def __iter__(self) -> Iterator[Any]:
        groups: OrderedDict[Any, list] = OrderedDict()
        waiting = 0
        for sample in self.datapipe:
            key = self.group_key_fn(sample)
            group = groups.setdefault(key, [])
            group.append(sample)
            waiting += 1
            if self.group_size is not None and len(group) == self.group_size:
                waiting -= len(group)
                yield self._wrapped(key, groups.pop(key))
            elif waiting == self.buffer_size:
                key = max(groups, key=lambda k: len(groups[k]))
                largest = groups.pop(key)
                waiting -= len(largest)
                if (
                    self.guaranteed_group_size is not None
                    and len(largest) < self.guaranteed_group_size
                    and not self.drop_remaining
                ):
                    raise RuntimeError(f"Failed to group items: {largest}")
                if self.guaranteed_group_size is None or len(largest) >= self.guaranteed_group_size:
                    yield self._wrapped(key, largest)
        for key, group in groups.items():
            yield self._wrapped(key, group)


class SamplerIterDataPipe(IterDataPipe):
    """What a sampler gives for a pipe that has a length."""

    def __init__(
        self,
        datapipe: IterDataPipe,
        sampler: type = SequentialSampler,
        sampler_args: Any = None,
        sampler_kwargs: Any = None,
    ) -> None:
        self.datapipe = datapipe
        self.sampler = sampler(*(sampler_args or ()), data_source=datapipe, **(sampler_kwargs or {}))

    def __iter__(self) -> Iterator[Any]:
        return iter(self.sampler)

    def __len__(self) -> int:
        return len(self.sampler)


@functional_datapipe("sharding_filter")
class ShardingFilterIterDataPipe(IterDataPipe):
    """Every ``num_of_instances``-th sample, once :meth:`apply_sharding` was called."""

    def __init__(self, source_datapipe: IterDataPipe, sharding_group_filter: Any = None) -> None:
        self.source_datapipe = source_datapipe
        self.num_of_instances, self.instance_id = 1, 0

    def is_shardable(self) -> bool:
        """True."""
        return True

    def apply_sharding(self, num_of_instances: int, instance_id: int, sharding_group: Any = None) -> None:
        """Take part ``instance_id`` of as many parts. ValueError for a number out of range."""
        if instance_id >= num_of_instances:
            raise ValueError(f"instance_id({instance_id}) should be smaller than num_of_instances({num_of_instances})")
        self.num_of_instances, self.instance_id = num_of_instances, instance_id

    def __iter__(self) -> Iterator[Any]:
        for place, sample in enumerate(self.source_datapipe):
            if place % self.num_of_instances == self.instance_id:
                yield sample

    def __len__(self) -> int:
        total = len(self.source_datapipe)
        return total // self.num_of_instances + (self.instance_id < total % self.num_of_instances)
