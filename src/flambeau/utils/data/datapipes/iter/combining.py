"""Pipes made of several, and several made of one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from .._decorator import functional_datapipe
from ..datapipe import IterDataPipe


def _checked(name: str, datapipes: tuple) -> tuple:
    if not datapipes:
        raise ValueError(f"Expected at least one DataPipe, but got nothing ({name})")
    if not all(isinstance(pipe, IterDataPipe) for pipe in datapipes):
        raise TypeError(f"Expected all inputs to be `IterDataPipe` ({name})")
    return datapipes


@functional_datapipe("concat")
class ConcaterIterDataPipe(IterDataPipe):
    """The samples of one pipe after those of another."""

    def __init__(self, *datapipes: IterDataPipe) -> None:
        self.datapipes = _checked("concat", datapipes)

    def __iter__(self) -> Iterator[Any]:
        for pipe in self.datapipes:
            yield from pipe

    def __len__(self) -> int:
        return sum(len(pipe) for pipe in self.datapipes)


@functional_datapipe("zip")
class ZipperIterDataPipe(IterDataPipe):
    """Tuples of the pipes' samples, as many as the shortest has."""

    def __init__(self, *datapipes: IterDataPipe) -> None:
        self.datapipes = _checked("zip", datapipes)

    def __iter__(self) -> Iterator[Any]:
        return zip(*self.datapipes)

    def __len__(self) -> int:
        return min(len(pipe) for pipe in self.datapipes)


@functional_datapipe("mux")
class MultiplexerIterDataPipe(IterDataPipe):
    """A sample of each pipe in turn, until the shortest has ended."""

    def __init__(self, *datapipes: IterDataPipe) -> None:
        self.datapipes = _checked("mux", datapipes)

    def __iter__(self) -> Iterator[Any]:
        for samples in zip(*self.datapipes):
            yield from samples

    def __len__(self) -> int:
        return min(len(pipe) for pipe in self.datapipes) * len(self.datapipes)


class _Shared:
    """A pipe that several read; what one has not read yet waits for it. A reader that begins again begins the epoch anew."""

    def __init__(
        self, name: str, source: IterDataPipe, count: int, buffer_size: int, targets: Callable[[Any], list[int]]
    ) -> None:
        if buffer_size == 0 or buffer_size < -1:
            raise ValueError(f"{name}: buffer_size should be positive, or -1 for no limit, got {buffer_size}")
        self.name, self.source, self.count, self.buffer_size, self.targets = name, source, count, buffer_size, targets
        self.begin()

    def begin(self) -> None:
        self.samples = iter(self.source)
        self.waiting: list[deque] = [deque() for _ in range(self.count)]
        self.begun = [False] * self.count

    def read(self, reader: int) -> Iterator[Any]:
        if self.begun[reader]:
            self.begin()
        self.begun[reader] = True
        mine = self.waiting[reader]
        while mine is self.waiting[reader]:
            if mine:
                yield mine.popleft()
                continue
            try:
                sample = next(self.samples)
            except StopIteration:
                return
            for target in self.targets(sample):
                self.waiting[target].append(sample)
                if target != reader and 0 < self.buffer_size < len(self.waiting[target]):
                    raise BufferError(f"{self.name} buffer overflow, buffer size {self.buffer_size} is insufficient.")
        raise RuntimeError(
            "This iterator has been invalidated because another iterator has been created from the same IterDataPipe"
        )


class _Reader(IterDataPipe):
    def __init__(self, shared: _Shared, number: int) -> None:
        self.shared, self.number = shared, number

    def __iter__(self) -> Iterator[Any]:
        return self.shared.read(self.number)

    def __len__(self) -> int:
        return len(self.shared.source)


@functional_datapipe("fork")
class ForkerIterDataPipe(IterDataPipe):
    """``num_instances`` pipes with the same samples. ``copy`` is None (the same objects), "shallow" or "deep"."""

    def __new__(
        cls, datapipe: IterDataPipe, num_instances: int, buffer_size: int = 1000, copy: str | None = None
    ) -> Any:
        if num_instances < 1:
            raise ValueError(f"Expected `num_instances` larger than 0, but {num_instances} is found")
        if copy not in (None, "shallow", "deep"):
            raise ValueError(f"Unknown copy method `{copy}` (one of None, 'shallow', 'deep')")
        if num_instances == 1:
            return [datapipe]
        shared = _Shared(
            "ForkerIterDataPipe", datapipe, num_instances, buffer_size, lambda sample: list(range(num_instances))
        )
        readers: list[Any] = [_Reader(shared, i) for i in range(num_instances)]
        if copy is not None:
            from copy import copy as shallow
            from copy import deepcopy

            readers = [reader.map(shallow if copy == "shallow" else deepcopy) for reader in readers]
        return readers


@functional_datapipe("demux")
class DemultiplexerIterDataPipe(IterDataPipe):
    """``num_instances`` pipes, of which each sample goes to the one that ``classifier_fn`` numbers; None only if ``drop_none``."""

    def __new__(
        cls,
        datapipe: IterDataPipe,
        num_instances: int,
        classifier_fn: Callable,
        drop_none: bool = False,
        buffer_size: int = 1000,
    ) -> Any:
        if num_instances < 1:
            raise ValueError(f"Expected `num_instances` larger than 0, but {num_instances} is found")

        def targets(sample: Any) -> list[int]:
            found = classifier_fn(sample)
            if found is None and drop_none:
                return []
            if found is None or not 0 <= found < num_instances:
                raise ValueError(
                    f"Output of the classification fn should be between 0 and {num_instances - 1}. {found} is returned."
                )
            return [found]

        shared = _Shared("DemultiplexerIterDataPipe", datapipe, num_instances, buffer_size, targets)
        return [_Reader(shared, i) for i in range(num_instances)]
