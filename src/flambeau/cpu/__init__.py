"""``torch.cpu``: the CPU under the names that devices have."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from . import amp

__all__ = [
    "Event", "Stream", "StreamContext", "amp", "current_device", "current_stream", "device_count", "is_available", "is_initialized",
    "set_device", "stream", "synchronize",
]  # fmt: skip


def is_available() -> bool:
    """True."""
    return True


is_initialized = is_available


def device_count() -> int:
    """1."""
    return 1


def current_device() -> str:
    """"cpu"."""
    return "cpu"


def set_device(device: Any) -> None:
    """Nothing: there is one CPU."""


def synchronize(device: Any = None) -> None:
    """Nothing: whoever looks at a value waits for it."""


class Stream:
    """The order of work, which the CPU has only one of."""

    def __init__(self, priority: int = -1) -> None:
        self.priority = priority

    def wait_stream(self, stream: Stream) -> None:
        """Nothing."""

    def record_event(self) -> None:
        """Nothing."""

    def wait_event(self, event: Event) -> None:
        """Nothing."""


class Event:
    """A mark in the order of work: always passed."""

    def query(self) -> bool:
        """True."""
        return True

    def record(self, stream: Stream | None = None) -> None:
        """Nothing."""

    def synchronize(self) -> None:
        """Nothing."""

    def wait(self, stream: Stream | None = None) -> None:
        """Nothing."""


_current = Stream()


def current_stream(device: Any = None) -> Stream:
    """The stream that work goes to."""
    return _current


class StreamContext(AbstractContextManager):
    """Make a stream the current one within a block."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream

    def __enter__(self) -> None:
        global _current
        self.previous = _current
        if self.stream is not None:
            _current = self.stream

    def __exit__(self, *exc: object) -> None:
        global _current
        _current = self.previous


def stream(stream: Stream) -> StreamContext:
    """The block in which ``stream`` is the current one."""
    return StreamContext(stream)
