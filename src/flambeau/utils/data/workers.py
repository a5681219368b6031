"""Batches from loading processes."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import time
import warnings
import weakref
from multiprocessing.connection import wait
from typing import Any

from .worker import Begin, Ended, Failure, Job, work

_FAREWELL = 5.0  # seconds that a process gets to end by itself


class Workers:
    """The processes of a loader. They get tasks in turn, ``prefetch`` each ahead of what was asked for."""

    def __init__(self, job: Job, context: Any, prefetch: int, timeout: float, in_order: bool) -> None:
        self._job = job
        self._prefetch = prefetch
        self._timeout = timeout
        self._in_order = in_order
        self._epoch = 0
        context = context or multiprocessing.get_context()
        self._processes: list[Any] = []
        self._pipes: list[Any] = []
        forks = context.get_start_method() == "fork"
        for number in range(job.num_workers):
            own, theirs = context.Pipe()
            self._pipes.append(own)
            inherited = list(self._pipes) if forks else []
            process = context.Process(target=work, args=(job, number, theirs, inherited), daemon=True)
            process.start()
            theirs.close()
            self._processes.append(process)
        self.stop = weakref.finalize(self, _stop, self._processes, self._pipes, os.getpid())

    def begin(self, indices: Any) -> None:
        """A new epoch over an iterator of indices; answers to the last one are dropped."""
        self._epoch += 1
        self._indices = indices
        self._asked = self._next = 0
        self._turn = -1
        self._waiting: dict[int, int] = {}  # task -> worker
        self._answers: dict[int, Any] = {}
        self._active = [True] * self._job.num_workers
        for pipe in self._pipes:
            self._send(pipe, Begin(self._epoch))
        for _ in range(self._prefetch * self._job.num_workers):
            self._ask()

    def get(self) -> Any:
        """The next batch. ``StopIteration`` after the last; what a worker raised, with its traceback as the message."""
        while self._waiting or self._answers:
            task = self._ready()
            if task is None:
                self._receive()
                continue
            answer = self._answers.pop(task)
            if isinstance(answer, Ended):
                continue
            self._ask()
            if isinstance(answer, Failure):
                raise answer.raised()
            return answer
        raise StopIteration

    def _ready(self) -> int | None:
        """The task whose answer is given next, if it is there."""
        if not self._in_order:
            return next(iter(self._answers), None)
        while self._next < self._asked and self._next not in self._waiting and self._next not in self._answers:
            self._next += 1  # given already
        return self._next if self._next in self._answers else None

    def _ask(self) -> None:
        """Give the next indices to the next worker that has something left."""
        if not any(self._active):
            return
        try:
            indices = next(self._indices)
        except StopIteration:
            return
        while True:
            self._turn = (self._turn + 1) % len(self._active)
            if self._active[self._turn]:
                break
        self._waiting[self._asked] = self._turn
        self._send(self._pipes[self._turn], (self._epoch, self._asked, indices))
        self._asked += 1

    def _send(self, pipe: Any, order: Any) -> None:
        try:
            pipe.send(order)
        except OSError:
            self._dead()

    def _receive(self) -> None:
        """Wait until a worker answers."""
        deadline = time.monotonic() + self._timeout if self._timeout else None
        while True:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            found = wait([*self._pipes, *(p.sentinel for p in self._processes)], left)
            if not found:
                raise RuntimeError(f"DataLoader timed out after {self._timeout} seconds")
            answered = [pipe for pipe in self._pipes if pipe in found and pipe.poll()]
            if not answered:
                self._dead()
            for pipe in answered:
                self._take(pipe)
            return

    def _take(self, pipe: Any) -> None:
        try:
            epoch, task, answer = pickle.loads(pipe.recv_bytes())
        except (EOFError, OSError):
            self._dead()
        if epoch != self._epoch:
            return
        worker = self._waiting.pop(task)
        if isinstance(answer, Ended):
            self._active[worker] = False
            self._ask()
        self._answers[task] = answer

    def _dead(self) -> None:
        ended = wait([process.sentinel for process in self._processes], 1.0)
        for process in self._processes:
            if process.sentinel in ended:
                process.join()  # it has closed its files, and is about to be gone
        gone = ", ".join(str(p.pid) for p in self._processes if not p.is_alive())
        self.stop()
        raise RuntimeError(f"DataLoader worker (pid(s) {gone}) exited unexpectedly")


def _stop(processes: list, pipes: list, owner: int) -> None:
    """End the processes; a forked copy of their owner leaves them alone."""
    if os.getpid() != owner:
        return
    for pipe in pipes:
        with contextlib.suppress(OSError):
            pipe.send(None)
        pipe.close()
    deadline = time.monotonic() + _FAREWELL
    for process in processes:
        process.join(max(0.0, deadline - time.monotonic()))
        if process.is_alive():
            process.terminate()
            process.join()


def warn_of_many(num_workers: int) -> None:
    """More processes than processors slow each other down."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if usable is not None and num_workers > usable:
        warnings.warn(
            f"This DataLoader will create {num_workers} worker processes in total. This process may use {usable} "
            "processors: more workers than that can make loading slower, or stop it.",
            stacklevel=4,
        )
