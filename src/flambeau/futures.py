"""``torch.futures``: values that are there later."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["Future", "collect_all", "wait_all"]


class Future:
    """A value, or an exception, that somebody will set. May be waited for in any thread."""

    def __init__(self, *, devices: Sequence[Any] | None = None) -> None:
        if devices:
            raise RuntimeError(f"Future: there are no accelerators, got devices={list(devices)!r}")
        self._changed = threading.Condition()
        self._done = False
        self._value: Any = None
        self._error: BaseException | None = None
        self._callbacks: list[Callable[[Future], Any]] = []

    def done(self) -> bool:
        """Whether it has a value or an exception."""
        return self._done

    def wait(self) -> Any:
        """The value, once it is there; the exception is raised."""
        with self._changed:
            self._changed.wait_for(self.done)
        return self.value()

    def value(self) -> Any:
        """The value. RuntimeError where it is not there yet; the exception is raised."""
        if not self._done:
            raise RuntimeError("Future.value: it is not completed yet; use wait()")
        if self._error is not None:
            raise self._error
        return self._value

    def set_result(self, result: Any) -> None:
        """Give it its value. RuntimeError where it has one."""
        self._complete(result, None)

    def set_exception(self, result: BaseException) -> None:
        """Give it an exception, which waiting will raise."""
        if not isinstance(result, Exception):
            raise AssertionError(f"{result} is of type {type(result)}, not an Exception.")
        self._complete(None, result)

    def _complete(self, value: Any, error: BaseException | None) -> None:
        with self._changed:
            if self._done:
                raise RuntimeError("Attempting to mark a completed Future as complete again. Note that a Future can only be marked "
                                   "completed once.")
            self._value, self._error, self._done = value, error, True
            callbacks, self._callbacks = self._callbacks, []
            self._changed.notify_all()
        for callback in callbacks:
            callback(self)

    def add_done_callback(self, callback: Callable[[Future], Any]) -> None:
        """Call ``callback(self)`` when it is done, in the thread that makes it so; at once where it is."""
        with self._changed:
            if not self._done:
                self._callbacks.append(callback)
                return
        callback(self)

    def then(self, callback: Callable[[Future], Any]) -> Future:
        """A future of what ``callback(self)`` gives when this one is done."""
        following = Future()

        def run(done: Future) -> None:
            try:
                result = callback(done)
            except Exception as error:
                following.set_exception(error)
            else:
                following.set_result(result)

        self.add_done_callback(run)
        return following


def collect_all(futures: Sequence[Future]) -> Future:
    """A future of the list of futures, done when all are."""
    futures = list(futures)
    collected = Future()
    left = len(futures)
    lock = threading.Lock()

    def one_more(_: Future) -> None:
        nonlocal left
        with lock:
            left -= 1
            finished = left == 0
        if finished:
            failed = next((f._error for f in futures if f._error is not None), None)
            if failed is None:
                collected.set_result(futures)
            else:
                collected._complete(None, failed)

    if not futures:
        collected.set_result(futures)
    for future in futures:
        future.add_done_callback(one_more)
    return collected


def wait_all(futures: Sequence[Future]) -> list[Any]:
    """The values of all futures, once they are there; the first exception is raised."""
    return [future.wait() for future in collect_all(futures).wait()]
