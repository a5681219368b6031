"""Grad modes: whether operators extend the graph. Each thread has its own."""

from __future__ import annotations

import functools
import inspect
import threading

from ..lazy.storage import thread
from ..lazy.window import set_inference


class _State(threading.local):
    enabled = True


state = _State()


def is_grad_enabled() -> bool:
    """Whether operators are recorded for differentiation in this thread."""
    return state.enabled


def is_inference_mode_enabled() -> bool:
    """Whether inference mode is on in this thread."""
    return thread.inference


class _Mode:
    """Context manager and decorator (functions and generators) that sets grad mode."""

    def __enter__(self):
        self._previous = (state.enabled, thread.inference)
        self._set()

    def __exit__(self, *exc):
        state.enabled, inference = self._previous
        if inference is not thread.inference:
            set_inference(inference)

    def _set(self) -> None:
        raise NotImplementedError

    def clone(self):
        return type(self)()

    def __call__(self, function):
        if inspect.isclass(function):
            function.__init__ = self(function.__init__)
            return function
        if inspect.isgeneratorfunction(function):
            return self._wrap_generator(function)

        @functools.wraps(function)
        def wrapped(*args, **kwargs):
            with self.clone():
                return function(*args, **kwargs)

        return wrapped

    def _wrap_generator(self, function):
        @functools.wraps(function)
        def wrapped(*args, **kwargs):
            generator = function(*args, **kwargs)
            sent, thrown = None, None
            while True:
                try:
                    with self.clone():
                        item = generator.send(sent) if thrown is None else generator.throw(thrown)
                except StopIteration as stop:
                    return stop.value
                sent, thrown = None, None
                try:
                    sent = yield item
                except GeneratorExit:
                    generator.close()
                    raise
                except BaseException as error:
                    thrown = error

        return wrapped


class no_grad(_Mode):
    """Operators inside are not recorded for differentiation; results do not require grad."""

    def __new__(cls, function=None):
        instance = super().__new__(cls)
        return instance if function is None else instance(function)

    def __enter__(self):
        self._previous = (state.enabled, thread.inference)
        state.enabled = False


class enable_grad(_Mode):
    """Operators inside are recorded again, within a ``no_grad`` block; never in inference mode."""

    def __new__(cls, function=None):
        instance = super().__new__(cls)
        return instance if function is None else instance(function)

    def _set(self) -> None:
        state.enabled = not thread.inference


class set_grad_enabled(_Mode):
    """Switch grad mode to ``mode``: at once as a function, for a block as a context manager."""

    def __init__(self, mode: bool):
        self._previous = (state.enabled, thread.inference)
        self.prev = state.enabled
        self.mode = bool(mode)
        state.enabled = self.mode

    def __enter__(self):
        state.enabled = self.mode

    def __call__(self, function):
        state.enabled = self._previous[0]
        return super().__call__(function)

    def clone(self):
        return set_grad_enabled(self.mode)

    def _set(self) -> None:
        state.enabled = self.mode


class inference_mode(_Mode):
    """``no_grad`` whose results can never enter a graph."""

    def __new__(cls, mode=True):
        instance = super().__new__(cls)
        if isinstance(mode, bool):
            instance.mode = mode
            return instance
        instance.mode = True
        return instance(mode)

    def clone(self):
        return inference_mode(self.mode)

    def _set(self) -> None:
        set_inference(self.mode)
        state.enabled = not self.mode


class set_multithreading_enabled(_Mode):
    """Accepted for programs that ask for it: backward of one graph always runs in the calling thread."""

    def __init__(self, mode: bool):
        self.mode = bool(mode)

    def clone(self):
        return set_multithreading_enabled(self.mode)

    def _set(self) -> None:
        pass
