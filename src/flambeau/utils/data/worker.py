"""A process that loads batches: what it does, and what a dataset can learn about it."""

from __future__ import annotations

import pickle
import queue
import random
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import numpy as np

from ... import ops
from ...runtime.threads import set_num_threads
from .fetch import IterableFetcher, MapFetcher

__all__ = ["get_worker_info"]


@dataclass(frozen=True)
class WorkerInfo:
    """Facts about a loading process: its number of how many, the seed it began with, and its own copy of the dataset."""

    id: int
    num_workers: int
    seed: int
    dataset: Any


_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """Facts about the current loading process; ``None`` in the main process."""
    return _info


class Job(NamedTuple):
    """What all workers of a loader are told."""

    dataset: Any
    iterable: bool
    auto_collation: bool
    collate_fn: Callable
    drop_last: bool
    init: Callable[[int], None] | None
    num_workers: int
    base_seed: int


class Failure(NamedTuple):
    """An exception that cannot leave its process as it is."""

    kind: type | None  # None where the class itself cannot be pickled
    text: str

    @classmethod
    def of(cls, error: BaseException, worker: int) -> Failure:
        kind: type | None = type(error)
        try:
            pickle.dumps(kind)
        except Exception:
            kind = None
        text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        return cls(kind, f"Caught {type(error).__name__} in DataLoader worker process {worker}.\nOriginal {text}")

    def raised(self) -> Exception:
        """The exception, of its own class where that takes a text."""
        try:
            error = self.kind(self.text) if self.kind is not None else RuntimeError(self.text)
        except Exception:
            error = RuntimeError(self.text)
        return error if isinstance(error, Exception) else RuntimeError(self.text)


class Ended:
    """In place of a batch: this worker's part of an iterable dataset has ended."""


class Begin(NamedTuple):
    """A new epoch begins."""

    epoch: int


def work(job: Job, number: int, orders: Connection, inherited: list[Connection]) -> None:
    """Answer ``(epoch, task, indices)`` with ``(epoch, task, batch)``, pickled, until None comes or the main process is gone."""
    for connection in inherited:  # so that the pipes of a main process that is gone close
        connection.close()
    outbox: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_send_all, args=(outbox, orders), daemon=True).start()
    fetcher: Any = None
    failure: Failure | None = None
    try:
        try:
            _prepare(job, number)
        except Exception as error:
            failure = Failure.of(error, number)
        while (order := orders.recv()) is not None:
            if isinstance(order, Begin):
                fetcher = None
                continue
            epoch, task, indices = order
            answer: Any = failure
            if failure is None:
                try:
                    fetcher = fetcher or _fetcher(job)
                    answer = _load(job, fetcher, indices)
                except Exception as error:
                    answer = Failure.of(error, number)
            outbox.put(_packed(epoch, task, answer, number))
    except (EOFError, OSError, KeyboardInterrupt):
        pass  # nobody waits for answers any more


def _prepare(job: Job, number: int) -> None:
    """One thread, and random numbers of its own."""
    global _info
    set_num_threads(1)
    seed = job.base_seed + number
    random.seed(seed)
    ops.manual_seed(seed)
    np.random.seed(np.random.SeedSequence([number, job.base_seed & 0xFFFFFFFF, job.base_seed >> 32, 0]).generate_state(4))
    _info = WorkerInfo(number, job.num_workers, seed, job.dataset)
    if job.init is not None:
        job.init(number)


def _fetcher(job: Job) -> MapFetcher | IterableFetcher:
    kind = IterableFetcher if job.iterable else MapFetcher
    return kind(job.dataset, job.auto_collation, job.collate_fn, job.drop_last)


def _load(job: Job, fetcher: Any, indices: Any) -> Any:
    try:
        return fetcher.fetch(indices)
    except StopIteration:
        if job.iterable:
            return Ended()
        raise


def _packed(epoch: int, task: int, answer: Any, number: int) -> bytes:
    try:
        return pickle.dumps((epoch, task, answer), pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        return pickle.dumps((epoch, task, Failure.of(error, number)))


def _send_all(outbox: queue.SimpleQueue[bytes], answers: Connection) -> None:
    """Batches wait here for the main process, while the next ones are loaded."""
    try:
        while True:
            answers.send_bytes(outbox.get())
    except OSError:
        pass  # the main process is gone
