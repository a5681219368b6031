"""The thread pool, and programs that replay natively: a whole list of kernel launches in one call.

The pool is generated code (``threads_ir.py``). It starts at the first parallel launch, stops at exit, and is
started anew in a forked child. Where the system has no futex (anything but Linux), everything runs on the
calling thread.

Kernels have the signature ``void(ptr args, i64 item, i64 thread)``: ``args`` is a block of 8-byte cells,
``item`` says which part of the work is meant, ``thread`` is a number from 0 to ``get_num_threads() - 1`` that
no two items share while they run. The number of threads decides who runs an item, never what the items are.
"""

from __future__ import annotations

import array
import atexit
import contextlib
import ctypes
import functools
import operator
import os
import signal
import struct
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from flambeau.runtime import jit, replay_ir, threads_ir
from flambeau.runtime.forking import POOL, around_fork

_WORD = 8
_WORD_MASK = 2**64 - 1
# How a run-time scalar is laid in its cell: the value in the low bytes, the rest zero or the sign.
_SCALAR_FORMATS = {
    "bool": "?7x",
    "uint8": "q",
    "int8": "q",
    "int16": "q",
    "int32": "q",
    "int64": "q",
    "float16": "e6x",
    "float32": "f4x",
    "float64": "d",
}
# Faults in generated code must still reach whoever handles them in the thread they happen in.
_SYNCHRONOUS_SIGNALS = ("SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT", "SIGTRAP", "SIGSYS")


def get_num_threads() -> int:
    """Number of threads that run the items of a parallel phase.

    Default: the environment variable ``FLAMBEAU_NUM_THREADS``, else ``OMP_NUM_THREADS``, else the number of
    processors this process may use.
    """
    global _num_threads
    if _num_threads is None:
        _num_threads = _default_num_threads()
    return _num_threads


def set_num_threads(num: int) -> None:
    """Let parallel phases use ``num`` threads from now on; it may exceed the num of processors.

    Waits for a running program to end. Raises RuntimeError unless ``num`` is a positive int, and inside an
    item of a parallel phase.
    """
    global _num_threads
    if not isinstance(num, int) or isinstance(num, bool):
        raise RuntimeError(f"set_num_threads expects an int, but got {type(num).__name__}")
    if num < 1:
        raise RuntimeError(f"set_num_threads expects a positive integer, but got {num}")
    with _exclusive():
        if isinstance(_pool, _Pool) and _pool.is_busy():
            raise RuntimeError("set_num_threads cannot be called by an item of a parallel phase")
        if num != get_num_threads():
            _stop_pool()
        _num_threads = num


def parallel_call(function: int, args: int, items: int) -> None:
    """Call the kernel at address ``function`` with ``args`` for the items 0 to ``items - 1``, in any order.

    For one-off launches; what is launched again belongs in a ``Program``. Returns when all items are done.
    """
    with _exclusive():
        native = _native()
        if items > 1 and _pool is None:
            _start_pool()
        native.parallel_call(function, args, items)


@dataclass(frozen=True, slots=True)
class Base:
    """A cell that holds an address: ``bases[index] + offset`` of the run."""

    index: int
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Scalar:
    """A cell that holds ``scalars[index]`` of the run."""

    index: int


class Launch(NamedTuple):
    """A kernel with its cells, to be called for the items 0 to ``items - 1``.

    A cell is an int (an address, a size, a stride, the bits of a constant), a ``Base`` or a ``Scalar``.
    """

    function: int
    cells: Sequence[int | Base | Scalar]
    items: int = 1


class Phase(NamedTuple):
    """Launches whose items are independent of each other: in parallel, or one after the other on the caller.

    A phase starts when the one before has ended. Serial items run in order, as thread 0. With ``strips``, what is independent of
    each other is as many strips: strip ``s`` is the item ``s`` of every launch that has one, in order, on one thread.
    """

    launches: Sequence[Launch]
    parallel: bool = True
    strips: int = 0


class Program:
    """Phases of launches laid out in one block of memory, run by one native call.

    ``bases`` is the number of addresses a run is given, ``scalars`` the dtype names of its scalars. Raises
    IndexError for a ``Base`` or ``Scalar`` beyond these, NotImplementedError for a scalar of another dtype.
    """

    __slots__ = ("_argument", "_block", "_call", "_pack", "_parallel", "_scalars", "_start")

    def __init__(self, phases: Sequence[Phase], bases: int, scalars: Sequence[str] = ()) -> None:
        for dtype in scalars:
            if dtype not in _SCALAR_FORMATS:
                raise NotImplementedError(f"Program: a run-time scalar of dtype {dtype} is not supported yet")
        self._block = _lay_out(phases, bases, len(scalars))
        self._scalars = tuple(scalars)
        self._parallel = any(phase.parallel and _items(phase) > 1 for phase in phases)
        with _exclusive():
            self._call = _native().replay
        self._argument = ctypes.c_void_p(_address(self._block))
        self._start = replay_ir.HEADER_WORDS * _WORD
        scalar_format = "".join(_SCALAR_FORMATS[dtype] for dtype in scalars)
        self._pack = struct.Struct(f"={bases}Q{scalar_format}").pack_into

    def run(self, bases: Sequence[int], scalars: Sequence[float] = ()) -> None:
        """Run all phases on the memory at ``bases``; returns when they are done.

        Releases the GIL while the kernels run. Programs run one at a time: a call from another Python thread
        waits; a call from inside an item on the calling thread runs its phases serially. Raises ValueError if
        the number of bases or scalars is not the program's.
        """
        if not _try_lock():
            _wait_for_lock()
        try:
            if _posted is not None:
                _finish_posted()
            if _pool is None and self._parallel:
                _start_pool()
            try:
                self._pack(self._block, self._start, *bases, *scalars)
            except (struct.error, OverflowError):
                self._pack_with_care(bases, scalars)
            self._call(self._argument)
        finally:
            _unlock()

    def starts(self) -> bool:
        """Whether there are workers that this program would have work for: they wait for the first parallel run."""
        return self._parallel and isinstance(_pool, _Pool) and bool(_pool.threads)

    def start(self, bases: Sequence[int], scalars: Sequence[float] = ()) -> None:
        """As ``run``, but the workers begin while the caller goes on, where ``starts`` says that they can.

        The memory must stay as it is until ``wait`` returns. Only one program is under way at a time: whatever runs next waits
        for it.
        """
        global _posted
        if not _try_lock():
            _wait_for_lock()
        try:
            if _posted is not None:
                _finish_posted()
            if not isinstance(_pool, _Pool) or not self.starts() or _pool.is_busy():
                self.run(bases, scalars)
                return
            try:
                self._pack(self._block, self._start, *bases, *scalars)
            except (struct.error, OverflowError):
                self._pack_with_care(bases, scalars)
            _posted = self
            _native().post(self._argument)
        finally:
            _unlock()

    def wait(self, phases: int = replay_ir.FINISHED) -> None:
        """Wait until so many phases of the started program are done (default: all), helping with them."""
        if _posted is not self:
            return
        if not _try_lock():
            _wait_for_lock()
        try:
            if _posted is not self:
                return
            if phases == replay_ir.FINISHED:
                _finish_posted()
            else:
                _native().attend(phases)
        finally:
            _unlock()

    def _pack_with_care(self, bases: Sequence[int], scalars: Sequence[float]) -> None:
        """Say what is wrong with the arguments, or bring numbers into range: floats become infinity, 64-bit integers wrap."""
        if len(scalars) != len(self._scalars):
            raise ValueError(f"Program.run: expected {len(self._scalars)} scalars, got {len(scalars)}")
        rounded = [_to_range(value, dtype) for value, dtype in zip(scalars, self._scalars)]
        try:
            self._pack(self._block, self._start, *bases, *rounded)
        except struct.error as error:
            raise ValueError(f"Program.run: {len(bases)} bases, scalars {list(scalars)}: {error}") from None


def scalar_cell(dtype: str, value: float) -> int:
    """The 8-byte cell of a constant, as an unsigned int: laid out as a run-time scalar of that dtype."""
    if dtype not in _SCALAR_FORMATS:
        raise NotImplementedError(f"scalar_cell: a scalar of dtype {dtype} is not supported yet")
    return int.from_bytes(struct.pack("<" + _SCALAR_FORMATS[dtype], _to_range(value, dtype)), "little")


def _to_range(value: float, dtype: str) -> float:
    if dtype == "float32":
        return ctypes.c_float(value).value
    if dtype == "float16" and abs(value) >= 65520.0:
        return float("inf") if value > 0 else float("-inf")
    if dtype.startswith(("int", "uint")) and dtype != "uint64" and isinstance(value, int):
        if not -(2**63) <= value < 2**64:
            raise OverflowError(f"int too big to convert: {value}")
        return (value + 2**63) % 2**64 - 2**63
    return value


def _lay_out(phases: Sequence[Phase], bases: int, scalars: int) -> array.array[int]:
    """The program as one block of 8-byte words; the order of its parts is that of ``sizes``."""
    cells = [cell for phase in phases for launch in phase.launches for cell in launch.cells]
    relocated = [(position, cell) for position, cell in enumerate(cells) if isinstance(cell, Base)]
    replaced = [(position, cell) for position, cell in enumerate(cells) if isinstance(cell, Scalar)]
    _check_indices("Base", bases, (cell.index for _, cell in relocated))
    _check_indices("Scalar", scalars, (cell.index for _, cell in replaced))
    sizes = {
        "header": replay_ir.HEADER_WORDS,
        "bases": bases,
        "scalars": scalars,
        "cells": len(cells),
        "relocations": 3 * len(relocated),
        "replacements": 2 * len(replaced),
        "phases": replay_ir.PHASE_WORDS * len(phases),
        "tables": sum(_table_words(phase) for phase in phases),
    }
    block = array.array("Q", bytes(_WORD * sum(sizes.values())))
    at = {}
    address = _address(block)
    for part, size in sizes.items():
        at[part] = address
        address += _WORD * size

    words = [len(relocated), at["relocations"], len(replaced), at["replacements"]]
    words += [len(phases), at["phases"], at["bases"], at["scalars"]]
    words += [0] * (bases + scalars)
    words += [0 if isinstance(cell, (Base, Scalar)) else operator.index(cell) & _WORD_MASK for cell in cells]
    for position, base in relocated:
        words += [at["cells"] + _WORD * position, base.index, base.offset & _WORD_MASK]
    for position, scalar in replaced:
        words += [at["cells"] + _WORD * position, scalar.index]
    words += _phase_words(phases, at["cells"], at["tables"])
    # In place: the addresses above are those of this block.
    block[:] = array.array("Q", words)
    return block


def _phase_words(phases: Sequence[Phase], args: int, table: int) -> list[int]:
    """The phases, then the tables of those with several launches; ``args`` and ``table`` are addresses."""
    words: list[int] = []
    tables: list[int] = []
    for phase in phases:
        head = [_items(phase), int(phase.parallel)]
        if _has_table(phase):
            words += [*head, table + _WORD * len(tables), 0, 0]
        else:
            words += [*head, 0, phase.launches[0].function, args]
        rows = []
        for launch in phase.launches:
            rows += [(launch.function, args, item) for item in range(launch.items)]
            args += _WORD * len(launch.cells)
        if phase.strips:
            tables += _strip_words(rows, phase.strips, table + _WORD * len(tables))
        elif _has_table(phase):
            tables += [word for row in rows for word in row]
    return words + tables


def _strip_words(rows: list[tuple[int, int, int]], strips: int, table: int) -> list[int]:
    """A row for each strip; behind them what the strips are made of: a number of rows, then the rows."""
    run_strip = _native().run_strip
    heads: list[int] = []
    bodies: list[int] = []
    for strip in range(strips):
        own = [row for row in rows if row[2] == strip]
        heads += [run_strip, table + _WORD * (3 * strips + len(bodies)), 0]
        bodies += [len(own), *(word for row in own for word in row)]
    return heads + bodies


def _has_table(phase: Phase) -> bool:
    return len(phase.launches) != 1 or phase.strips > 0


def _table_words(phase: Phase) -> int:
    if phase.strips:
        return 4 * phase.strips + 3 * sum(launch.items for launch in phase.launches)
    return 3 * _items(phase) if _has_table(phase) else 0


def _items(phase: Phase) -> int:
    return phase.strips or sum(launch.items for launch in phase.launches)


def _check_indices(kind: str, count: int, indices: Iterator[int]) -> None:
    for index in indices:
        if not 0 <= index < count:
            raise IndexError(f"Program: {kind} {index} is out of range, the program has {count}")


def _address(block: array.array[int]) -> int:
    return block.buffer_info()[0]


class _Native(NamedTuple):
    """The generated functions. ``worker`` and ``run_strip`` are addresses, ``worker`` is 0 where there are no threads (and so no pool)."""

    replay: Callable[[ctypes.c_void_p], None]
    parallel_call: Callable[[int, int, int], None]
    use_pool: Callable[[int], None]
    stop_pool: Callable[[int], None]
    post: Callable[[ctypes.c_void_p], None]
    attend: Callable[[int], None]
    worker: int
    run_strip: int


@functools.cache
def _native() -> _Native:
    """Compile the pool; the lock is held, for there must be one module only: it knows the pool in use."""
    architecture = jit.target().architecture
    threaded = sys.platform == "linux" and threads_ir.has_futex(architecture)
    names = threads_ir.FUNCTIONS + (threads_ir.POOL_FUNCTIONS if threaded else ())
    addresses = jit.compile_ir(threads_ir.module(architecture, threaded), names)
    one_pointer = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
    launch = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)
    return _Native(
        replay=one_pointer(addresses["replay"]),
        parallel_call=launch(addresses["parallel_call"]),
        use_pool=one_pointer(addresses.get("use_pool", 0)),
        stop_pool=one_pointer(addresses.get("stop_pool", 0)),
        post=one_pointer(addresses.get("post", 0)),
        attend=ctypes.CFUNCTYPE(None, ctypes.c_int64)(addresses.get("attend", 0)),
        worker=addresses.get("worker", 0),
        run_strip=addresses["run_strip"],
    )


class _Pool:
    """The workers that help the calling thread, and the memory they share with it."""

    def __init__(self, native: _Native, workers: int) -> None:
        self._native = native
        size = threads_ir.WORKER_RECORDS + workers * threads_ir.WORKER_RECORD_BYTES
        self._memory = ctypes.create_string_buffer(size + 127)
        self.address = -(-ctypes.addressof(self._memory) // 128) * 128
        self.threads: list[int] = []
        for number in range(1, workers + 1):
            if not self._start_worker(number):
                break
        self._word(threads_ir.WORKERS).value = len(self.threads)

    def is_busy(self) -> bool:
        """Whether a fork-join is going on; for the thread that holds the lock."""
        return self._word(threads_ir.BUSY).value != 0

    def stop(self) -> None:
        """End the workers and wait for them."""
        self._native.stop_pool(self.address)
        join = _process_function("pthread_join", ctypes.c_void_p, ctypes.c_void_p)
        for thread in self.threads:
            join(thread, None)

    def _start_worker(self, number: int) -> bool:
        record = threads_ir.WORKER_RECORDS + (number - 1) * threads_ir.WORKER_RECORD_BYTES
        self._word(record + threads_ir.WORKER_POOL).value = self.address
        self._word(record + threads_ir.WORKER_THREAD).value = number
        create = _process_function("pthread_create", *[ctypes.c_void_p] * 4)
        thread = ctypes.c_uint64()
        # A system that refuses another thread leaves us with fewer, which is only slower.
        if create(ctypes.addressof(thread), None, self._native.worker, self.address + record) != 0:
            return False
        self.threads.append(thread.value)
        return True

    def _word(self, offset: int) -> ctypes.c_uint64:
        return ctypes.c_uint64.from_address(self.address + offset)


_num_threads: int | None = None
# The program that was started and not yet waited for.
_posted: Program | None = None
# None until a parallel launch; False once there is to be no pool (one thread, no futex, the process ends).
_pool: _Pool | bool | None = None
# One program runs at a time: it owns its cells and the pool. Reentrant, for a call from inside an item.
_lock = threading.RLock()
_try_lock = functools.partial(_lock.acquire, False)
_unlock = _lock.release


@contextlib.contextmanager
def _exclusive() -> Iterator[None]:
    if not _try_lock():
        _wait_for_lock()
    try:
        if _posted is not None:
            _finish_posted()
        yield
    finally:
        _unlock()


def _finish_posted() -> None:
    """Help the program that is under way to its end; the lock is held."""
    global _posted
    _native().attend(replay_ir.FINISHED)
    _posted = None


def _wait_for_lock() -> None:
    # A worker would wait for the program that waits for it.
    if isinstance(_pool, _Pool) and threading.get_ident() in _pool.threads:
        raise RuntimeError("flambeau: an item of a parallel phase cannot run a program")
    _lock.acquire()


def _start_pool() -> None:
    """Start the workers; the lock is held."""
    global _pool
    native = _native()
    if get_num_threads() == 1 or not native.worker:
        _pool = False
        return
    with _signals_blocked():
        _pool = _Pool(native, get_num_threads() - 1)
    native.use_pool(_pool.address)


def _stop_pool() -> None:
    """End the workers; the next parallel launch starts new ones. The lock is held."""
    global _pool
    if isinstance(_pool, _Pool):
        _native().use_pool(0)
        _pool.stop()
    _pool = None


@contextlib.contextmanager
def _signals_blocked() -> Iterator[None]:
    """Threads created inside do not receive signals: those are for Python's threads."""
    asynchronous = set(signal.valid_signals())
    asynchronous -= {getattr(signal, name) for name in _SYNCHRONOUS_SIGNALS if hasattr(signal, name)}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, asynchronous)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _process_function(name: str, *argument_types: type) -> Callable[..., int]:
    return ctypes.CFUNCTYPE(ctypes.c_int, *argument_types)((name, ctypes.CDLL(None)))


def _default_num_threads() -> int:
    for variable in ("FLAMBEAU_NUM_THREADS", "OMP_NUM_THREADS"):
        # OpenMP allows a list, one number a nesting level.
        text = os.environ.get(variable, "").partition(",")[0].strip()
        if text.isdecimal() and int(text) > 0:
            return int(text)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@atexit.register
def _finish() -> None:
    """Stop the pool before the interpreter goes; what still runs after this runs on its caller."""
    global _pool
    # A daemon thread in the middle of a program keeps its pool: it will be frozen with the process.
    if not _lock.acquire(timeout=1.0):
        return
    try:
        if _posted is not None:
            _finish_posted()
        _stop_pool()
        _pool = False
    finally:
        _unlock()


def _forget_pool() -> None:
    """Make a forked child start a pool of its own: the workers exist only in the parent."""
    global _pool
    if isinstance(_pool, _Pool):
        _native().use_pool(0)
    _pool = None
    _unlock()


def _before_fork() -> None:
    """Let no program be half run in the child: the lock is held during the fork."""
    _lock.acquire()
    if _posted is not None:
        _finish_posted()


around_fork(POOL, _before_fork, _unlock, _forget_pool)
