"""The data loader."""

from __future__ import annotations

import math
import multiprocessing
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

from .collate import default_collate, default_convert
from .datapipes.datapipe import IterDataPipe
from .dataset import Dataset, IterableDataset
from .fetch import IterableFetcher, MapFetcher
from .graph_settings import apply_shuffle_settings
from .sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler, draw_seed
from .worker import Job
from .workers import Workers, warn_of_many

__all__ = ["DataLoader"]

T_co = TypeVar("T_co", covariant=True)

_FIXED = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")


class _InfiniteConstantSampler(Sampler):
    """Stands in for indices where a dataset is read by iteration."""

    def __iter__(self) -> Iterator[None]:
        while True:
            yield None


class DataLoader(Generic[T_co]):
    """Batches of a dataset, read in the main process or in processes of their own.

    Args:
        dataset: a map-style or an iterable dataset.
        batch_size: samples in a batch; default 1; ``None``: samples one by one, not batched.
        shuffle: a new random order in every epoch.
        sampler: the order, any iterable of indices; excludes ``shuffle``.
        batch_sampler: an iterable of lists of indices; excludes ``batch_size``, ``shuffle``, ``sampler``
            and ``drop_last``.
        num_workers: loading processes; 0 loads in the main process. Each has its own copy of the dataset, one thread,
            and random numbers from ``worker_info.seed`` on; batches come in order.
        collate_fn: makes a batch of a list of samples; default ``default_collate``, or
            ``default_convert`` without batches.
        pin_memory: without an accelerator it only warns.
        drop_last: leave out the last batch if it is smaller.
        timeout: seconds to wait for a batch of a worker; 0: for ever.
        worker_init_fn: called with its number in each worker, after seeding.
        multiprocessing_context: a start method or a context of ``multiprocessing``.
        prefetch_factor: batches that each worker loads ahead; default 2.
        persistent_workers: keep the processes from one epoch to the next.
        in_order: give batches in order; else as they come.
        generator: of the random order and of the seed that each iterator draws.
        pin_memory_device: deprecated in PyTorch, with no effect.

    Raises:
        ValueError: arguments that exclude each other or are out of range.
        RuntimeError: while batches are read: a worker has ended by itself, or ``timeout`` has passed. What a worker
            raises is raised here, with its traceback as the message.
    """

    __initialized = False

    def __init__(
        self,
        dataset: Dataset[T_co] | Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Sampler | Iterable | None = None,
        batch_sampler: Sampler[list] | Iterable[list] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: Any = None,
        generator: Any = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        if shuffle is not None and isinstance(dataset, IterDataPipe):
            dataset, shuffle = apply_shuffle_settings(dataset, shuffle), None
        self.dataset: Any = dataset
        self.num_workers = num_workers
        self.prefetch_factor = 2 if num_workers and prefetch_factor is None else prefetch_factor
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.in_order = in_order
        self.persistent_workers = persistent_workers
        self.generator = generator

        self._is_iterable = isinstance(dataset, IterableDataset)
        if self._is_iterable:
            _check_no_order(shuffle, sampler, batch_sampler)
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError(
                    "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, "
                    "and drop_last"
                )
            batch_size = None
        elif batch_size is None and drop_last:
            raise ValueError(
                "batch_size=None option disables auto-batching and is mutually exclusive with drop_last"
            )

        if sampler is None:
            sampler = self._default_sampler(bool(shuffle))
        if batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        if collate_fn is None:
            collate_fn = default_collate if self._auto_collation else default_convert
        self.collate_fn = collate_fn
        self._length_said: int | None = None
        self._kept: _WorkersIterator | None = None
        self.__initialized = True
        if num_workers:
            warn_of_many(num_workers)

    def _default_sampler(self, shuffle: bool) -> Sampler:
        if self._is_iterable:
            return _InfiniteConstantSampler()
        if shuffle:
            return RandomSampler(self.dataset, generator=self.generator)
        return SequentialSampler(self.dataset)

    def __setattr__(self, name: str, value: Any) -> None:
        if self.__initialized and name in _FIXED:
            raise ValueError(f"{name} attribute should not be set after {type(self).__name__} is initialized")
        super().__setattr__(name, value)

    def __iter__(self) -> Iterator[Any]:
        return self._get_iterator()

    def _get_iterator(self) -> _LoaderIterator:
        if not self.num_workers:
            return _LoaderIterator(self)
        if self._kept is not None:
            self._kept.begin(self)
            return self._kept
        iterator = _WorkersIterator(self)
        if self.persistent_workers:
            self._kept = iterator
        return iterator

    @property
    def multiprocessing_context(self) -> Any:
        """The context that processes are started with; None for the default."""
        return self._context

    @multiprocessing_context.setter
    def multiprocessing_context(self, context: Any) -> None:
        self._context = _checked_context(context, self.num_workers)

    @property
    def _auto_collation(self) -> bool:
        return self.batch_sampler is not None

    @property
    def _index_sampler(self) -> Any:
        return self.batch_sampler if self._auto_collation else self.sampler

    def __len__(self) -> int:
        """Batches in an epoch, as far as the lengths of dataset and sampler tell."""
        if not self._is_iterable:
            return len(self._index_sampler)
        length = self._length_said = len(self.dataset)
        if self.batch_size is None:
            return length
        return length // self.batch_size if self.drop_last else math.ceil(length / self.batch_size)


class _LoaderIterator:
    """One epoch, loaded in the main process."""

    def __init__(self, loader: DataLoader) -> None:
        _warn_of_pinning(loader)
        self._check(loader)
        self.begin(loader)

    def _check(self, loader: DataLoader) -> None:
        if loader.timeout != 0:
            raise AssertionError("DataLoader requires timeout == 0 where num_workers is 0")

    def begin(self, loader: DataLoader) -> None:
        """Start an epoch."""
        self._dataset = loader.dataset
        self._index_sampler = loader._index_sampler
        self._sampler_iter = iter(self._index_sampler)
        # Workers start from the seed; without them it is drawn all the same, which keeps the random stream PyTorch's.
        self._base_seed = draw_seed(loader.generator)
        self._length_said = loader._length_said if loader._is_iterable else None
        self._num_yielded = 0
        self._start(loader)

    def _start(self, loader: DataLoader) -> None:
        fetcher = IterableFetcher if loader._is_iterable else MapFetcher
        self._fetch = fetcher(loader.dataset, loader._auto_collation, loader.collate_fn, loader.drop_last).fetch

    def _load(self) -> Any:
        return self._fetch(next(self._sampler_iter))

    def __iter__(self) -> _LoaderIterator:
        return self

    def __next__(self) -> Any:
        batch = self._load()
        self._num_yielded += 1
        if self._length_said is not None and self._num_yielded > self._length_said:
            warnings.warn(
                f"Length of IterableDataset {self._dataset} was reported to be {self._length_said}"
                f"(when accessing len(dataloader)), but {self._num_yielded} samples have been fetched. ",
                stacklevel=2,
            )
        return batch

    def __len__(self) -> int:
        return len(self._index_sampler)

    def __getstate__(self) -> Any:
        raise NotImplementedError(f"{type(self).__name__} cannot be pickled")


class _WorkersIterator(_LoaderIterator):
    """An epoch, loaded by worker processes; with persistent workers, one after the other."""

    _workers: Workers | None = None

    def _check(self, loader: DataLoader) -> None:
        self._persistent = loader.persistent_workers

    def _start(self, loader: DataLoader) -> None:
        if self._workers is None:
            job = Job(loader.dataset, loader._is_iterable, loader._auto_collation, loader.collate_fn, loader.drop_last,
                      loader.worker_init_fn, loader.num_workers, self._base_seed)
            context, prefetch = loader.multiprocessing_context, loader.prefetch_factor or 1
            self._workers = Workers(job, context, prefetch, loader.timeout, loader.in_order)
        self._workers.begin(self._sampler_iter)

    def _load(self) -> Any:
        if self._workers is None:
            raise StopIteration
        try:
            return self._workers.get()
        except StopIteration:
            if not self._persistent:
                self._workers.stop()
                self._workers = None
            raise


def _warn_of_pinning(loader: DataLoader) -> None:
    if loader.pin_memory and loader.pin_memory_device:
        warnings.warn(
            "pin_memory_device is deprecated, the current accelerator will be used as the device,"
            f"ignore pin_memory_device='{loader.pin_memory_device}'.",
            stacklevel=4,
        )
    if loader.pin_memory:
        warnings.warn(
            "'pin_memory' argument is set as true but no accelerator is found, "
            "then device pinned memory won't be used.",
            stacklevel=4,
        )


def _checked_context(context: Any, num_workers: int) -> Any:
    """A context of ``multiprocessing``, from one or from the name of a start method."""
    if context is None:
        return None
    if num_workers == 0:
        raise ValueError(
            "multiprocessing_context can only be used with multi-process loading (num_workers > 0), "
            f"but got num_workers={num_workers}"
        )
    if isinstance(context, str):
        known = multiprocessing.get_all_start_methods()
        if context not in known:
            raise ValueError(f"multiprocessing_context option should specify a valid start method in {known!r}, "
                             f"but got multiprocessing_context={context!r}")
        return multiprocessing.get_context(context)
    if not isinstance(context, multiprocessing.context.BaseContext):
        raise TypeError("multiprocessing_context option should be a valid context object or a string specifying the start method, "
                        f"but got multiprocessing_context={context}")
    return context


def _check_workers(num_workers: int, timeout: float, prefetch_factor: int | None, persistent_workers: bool) -> None:
    if num_workers < 0:
        raise ValueError(
            "num_workers option should be non-negative; use num_workers=0 to disable multiprocessing."
        )
    if timeout < 0:
        raise ValueError("timeout option should be non-negative")
    if num_workers > 0:
        if prefetch_factor is not None and prefetch_factor < 0:
            raise ValueError("prefetch_factor option should be non-negative")
        return
    if prefetch_factor is not None:
        raise ValueError(
            "prefetch_factor option could only be specified in multiprocessing."
            "let num_workers > 0 to enable multiprocessing, otherwise set prefetch_factor to None."
        )
    if persistent_workers:
        raise ValueError("persistent_workers option needs num_workers > 0")


def _check_no_order(shuffle: Any, sampler: Any, batch_sampler: Any) -> None:
    """An iterable dataset has an order of its own."""
    given = {"shuffle": shuffle or None, "sampler": sampler, "batch_sampler": batch_sampler}
    for name, value in given.items():
        if value is not None:
            raise ValueError(
                f"DataLoader with IterableDataset: expected unspecified {name} option, but got {name}={value}"
            )


class _DatasetKind:
    """PyTorch's numbers of the two kinds of datasets."""

    Map, Iterable = 0, 1


# The names by which packages know the iterators.
_BaseDataLoaderIter = _SingleProcessDataLoaderIter = _LoaderIterator
_MultiProcessingDataLoaderIter = _WorkersIterator
