"""Pipes in a random order."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from ..... import ops
from .....dtypes import int64
from .._decorator import functional_datapipe
from ..datapipe import IterDataPipe


@functional_datapipe("shuffle")
class ShufflerIterDataPipe(IterDataPipe):
    """Samples in a random order: each is drawn out of ``buffer_size`` that wait."""

    def __init__(self, datapipe: IterDataPipe, *, buffer_size: int = 10000, unbatch_level: int = 0) -> None:
        if buffer_size <= 0:
            raise AssertionError("buffer_size should be larger than 0")
        self.datapipe = datapipe if unbatch_level == 0 else datapipe.unbatch(unbatch_level=unbatch_level)
        self.buffer_size = buffer_size
        self._enabled = True
        self._seed: int | None = None

    def set_shuffle(self, shuffle: bool = True) -> ShufflerIterDataPipe:
        """Whether the order is random at all."""
        self._enabled = shuffle
        return self

    def set_seed(self, seed: int) -> ShufflerIterDataPipe:
        """The seed of the next epoch; without one it is drawn from the default generator."""
        self._seed = seed
        return self

    def __iter__(self) -> Iterator[Any]:
        if not self._enabled:
            yield from self.datapipe
            return
        seed = self._seed if self._seed is not None else int(ops.empty((), dtype=int64).random_().item())
        self._seed = None
        draw = random.Random(seed)
        waiting: list = []
        for sample in self.datapipe:
            if len(waiting) == self.buffer_size:
                place = draw.randint(0, len(waiting) - 1)
                chosen, waiting[place] = waiting[place], sample
                yield chosen
            else:
                waiting.append(sample)
        while waiting:
            yield waiting.pop(draw.randint(0, len(waiting) - 1))

    def __len__(self) -> int:
        return len(self.datapipe)
