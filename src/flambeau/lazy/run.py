"""Running a window: find its program by structure, give it memory, execute it."""

from __future__ import annotations

import os
import warnings

from ..compiler import reference
from ..compiler.graph import expand
from ..compiler.report import log, note_program
from ..runtime.memory import OutOfMemoryError
from . import window as _window

NUMPY_ONLY = os.environ.get("FLAMBEAU_BACKEND", "") == "numpy"
MAX_PROGRAMS = 4096
COMPILE_AT = int(os.environ.get("FLAMBEAU_COMPILE_AT", "2"))
LARGE_BYTES = 1 << 22

_programs: dict = {}


class Entry:
    """What is known of a window's structure: its graph, how often it was seen, its compiled program."""

    __slots__ = ("graph", "largest", "seen", "program", "refused")

    def __init__(self, graph):
        self.graph = graph
        self.largest = max(graph.sizes, default=0)
        self.seen = 0
        self.program = None
        self.refused = False  # the compiler failed on it


class Flight:
    """A compiled window under way: what it needs is kept until it has been waited for."""

    __slots__ = ("program", "reserved", "inputs", "outputs", "sites", "epoch")

    def __init__(self, program, reserved, inputs, outputs, sites, epoch):
        self.program = program
        self.reserved = reserved
        self.inputs = inputs
        self.outputs = outputs
        self.sites = sites
        self.epoch = epoch

    def finish(self) -> None:
        """Wait to the end; raise what went wrong."""
        self.program.finish(self.outputs, self.sites)

    def finish_value(self, storage) -> bool:
        """Wait for one of the results; False where that takes the whole program."""
        return storage.epoch == self.epoch and self.program.finish_value(storage.slot)


def run_window(window, behind: bool = False) -> None:
    """Execute the pending instructions; afterwards the window is empty, also when execution fails.

    ``behind``: a compiled window may be left under way.
    """
    if _window.flight is not None:
        _window.settle()  # what it raises leaves this window pending
    epoch = window.epoch
    code, inputs, scalars, sites = window.code, window.inputs, window.scalars, window.sites
    outputs = [ref() for ref in window.outputs]
    window.reset()
    try:
        _execute(code, inputs, outputs, scalars, sites, epoch if behind else None)
    except BaseException as error:
        _give_up(outputs, error)
        raise


def _give_up(outputs, error: BaseException) -> None:
    """Results that an error left without memory say so when they are read; after an interrupt no result is trusted."""
    interrupted = not isinstance(error, Exception)
    for storage in outputs:
        if storage is not None and storage.failure is None and (interrupted or storage.buffer is None):
            storage.buffer = None
            storage.failure = RuntimeError(f"the computation of this tensor was cut short ({type(error).__name__}: {error})")


def _execute(code, inputs, outputs, scalars, sites, epoch=None) -> None:
    """Compile and execute a window; with its ``epoch`` given, it may be left under way."""
    key = (tuple(code), tuple([storage is not None for storage in outputs]))
    entry = _programs.get(key)
    if entry is None:
        entry = _remember(key, Entry(expand(code, len(inputs), key[1])))
    entry.seen += 1
    log.windows += 1
    if log.watching:
        log.sites[_window.user_line()] += 1
    if entry.program is None and worth_compiling(entry):
        _compile(entry)
    if entry.program is not None:
        try:
            reserved = entry.program.reserve(inputs, outputs)
        except OutOfMemoryError:
            pass  # one operation at a time needs less, and saves what it can
        else:
            log.compiled_windows += 1
            if epoch is not None and entry.program.start(reserved, scalars):
                _window.flight = Flight(entry.program, reserved, inputs, outputs, sites, epoch)
                return
            entry.program.execute(reserved, inputs, outputs, scalars, sites)
            return
    reference.execute(entry.graph, inputs, outputs, scalars, sites, _kernels())


def worth_compiling(entry: Entry) -> bool:
    """Whether a window is compiled now: when it comes again, or at once when a value is large.

    It depends on what was seen before, never on time.
    """
    return not (NUMPY_ONLY or entry.refused) and (entry.seen >= COMPILE_AT or entry.largest >= LARGE_BYTES)


def _kernels():
    """What runs single operations whose bits NumPy would not match; None on the reference backend."""
    if NUMPY_ONLY:
        return None
    from ..compiler.targets.cpu import single
    return single


def _compile(entry: Entry) -> None:
    """Compile a window. What the compiler cannot do is said once and computed by the reference backend: slower, and right."""
    from ..compiler.targets.cpu.program import Compiled
    try:
        entry.program = Compiled(entry.graph)
    except Exception as error:
        entry.refused = True
        warnings.warn(f"flambeau: a window was not compiled and runs operation by operation ({type(error).__name__}: {error})",
                      RuntimeWarning, stacklevel=2)
        return
    note_program(entry.program, _window.user_line() if log.watching else None)


def _remember(key, entry: Entry) -> Entry:
    if len(_programs) >= MAX_PROGRAMS:
        for old in list(_programs)[:MAX_PROGRAMS // 4]:
            del _programs[old]
    _programs[key] = entry
    return entry


_window.set_runner(run_window)
