"""The window: instructions that were recorded and not yet run.

Every operator call passes through ``record``; what it does per call is kept to a few attribute reads and appends.
An instruction is a tuple ``(code, operand, ...)``. ``code`` is an interned ``Code`` (operator, static arguments,
input layouts). An operand names a view of a storage: the storage's slot, or ``(slot, bytes)`` when the view begins
``bytes`` after the first view that the window saw of it. A view elsewhere of what the window only reads has a slot of
its own (``Place``): how far apart the rows lie that a program happens to pick is no part of the form. Slots of storages
that existed before are negative, slots of storages that the window makes count up from 0; both are given in order of
first use, so that equal programs make equal keys. Python scalars are listed apart and are no part of the key.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
import threading
import weakref
from contextlib import contextmanager

from ..compiler.graph import TraceError
from ..runtime.forking import WINDOW, around_fork
from .storage import Storage, check_inference, new_storage
from .storage import thread as _thread

LOCK = threading.RLock()
around_fork(WINDOW, LOCK.acquire, LOCK.release, LOCK.release)  # a child must not begin in the middle of a record

EAGER = os.environ.get("FLAMBEAU_EAGER", "0") not in ("", "0")
# An instruction weighs 1, and 1 more for each MiB it writes. A window above the soft limit is run where its first instruction
# comes again (a loop's next turn, so that windows are whole turns and recur), above the hard limit anywhere.
SOFT_LIMIT = 128
HARD_LIMIT = 4096
BYTES_PER_WEIGHT = 1 << 20


class Code:
    """What an instruction does: interned per operator, static arguments and input layouts.

    ``inputs`` and ``outputs`` are specs (outputs: of the fresh storages). ``mutates`` lists the inputs that are written.
    ``trace`` is the recorded body of a composite, None for a primitive. ``sited`` codes can fail when they run
    (an index out of range), so the line that recorded them is kept.
    """

    __slots__ = ("operator", "attrs", "inputs", "outputs", "mutates", "scalars", "trace", "sited", "weight", "extra")

    def __init__(self, operator, attrs, inputs, outputs, mutates=(), scalars=0, trace=None, sited=False):
        self.operator = operator
        self.attrs = attrs
        self.inputs = inputs
        self.outputs = outputs
        self.mutates = mutates
        self.scalars = scalars
        self.trace = trace
        self.sited = sited
        self.weight = 1 + sum(o.nbytes for o in outputs) // BYTES_PER_WEIGHT
        self.extra = None

    def __repr__(self) -> str:
        return f"<{self.operator.name} {[list(i.shape) for i in self.inputs]} -> {[list(o.shape) for o in self.outputs]}>"


class Place:
    """A view of a storage that the window does not write, elsewhere than the first one: an input of its own."""

    __slots__ = ("storage", "base", "epoch", "slot")

    def __init__(self, storage: Storage, base: int, epoch: int, slot: int):
        self.storage = storage
        self.base = base
        self.epoch = epoch
        self.slot = slot

    @property
    def buffer(self):
        return self.storage.buffer


class Window:
    """The pending instructions of the process, or those of a body that is being traced."""

    __slots__ = ("epoch", "code", "inputs", "outputs", "scalars", "sites", "places", "weight", "limit", "tracing", "eager")
    _epochs = 0

    def __init__(self, limit: float = SOFT_LIMIT, tracing: bool = False):
        self.limit = limit
        self.tracing = tracing
        self.eager = EAGER and not tracing
        self.reset()

    def reset(self) -> None:
        Window._epochs += 1
        self.epoch = Window._epochs
        self.code: list[tuple] = []
        self.inputs: list[Storage | Place] = []
        self.places: dict[Storage, dict[int, Place]] = {}
        self.outputs: list[weakref.ref[Storage]] = []
        self.scalars: list = []
        self.sites: dict[int, str] = {}
        self.weight = 0


current = Window()
_runner = None


def set_runner(runner) -> None:
    """``runner(window, behind)`` executes a window's instructions; set once by ``lazy.run``."""
    global _runner
    _runner = runner


def overflow(code: Code) -> None:
    """The window is heavy, and ``code`` comes next: run it at the turn of a loop, or if it is far too heavy."""
    if current.weight > HARD_LIMIT or code is current.code[0][0]:
        run()


def enter(window: Window, storage: Storage, offset: int) -> bool:
    """Give a storage that existed before the window its slot; True where the instruction must run at once."""
    if storage.buffer is None and not window.tracing:
        if storage.failure is not None:
            raise storage.failure
        raise RuntimeError("flambeau: a tensor's storage has no memory (meta tensors and freed storages cannot be read)")
    inputs = window.inputs
    inputs.append(storage)
    storage.slot = -len(inputs)
    storage.base = offset
    storage.epoch = window.epoch  # last: an interrupt before it leaves the storage unknown to the window
    # Visible memory is neither read nor written late.
    return storage.external is not None and storage.is_external()


def elsewhere(window: Window, storage: Storage, offset: int):
    """The operand of a view that does not begin where the window's first view of its storage did."""
    if storage.slot >= 0 or storage.written == window.epoch or window.tracing:
        return storage.slot, offset - storage.base
    places = window.places.setdefault(storage, {})
    place = places.get(offset)
    if place is None:
        place = places[offset] = Place(storage, offset, window.epoch, -len(window.inputs) - 1)
        window.inputs.append(place)
    return place.slot


def repair(window: Window) -> None:
    """Take back what an instruction that was cut short (by an interrupt, say) left in the window's lists."""
    del window.outputs[sum(len(instruction[0].outputs) for instruction in window.code):]
    del window.scalars[sum(instruction[0].scalars for instruction in window.code):]
    used = {operand[0] if operand.__class__ is tuple else operand for instruction in window.code for operand in instruction[1:]}
    while window.inputs and -len(window.inputs) not in used and not window.tracing:
        taken_back = window.inputs.pop()
        taken_back.epoch = 0
        if taken_back.__class__ is Place:
            del window.places[taken_back.storage][taken_back.base]


_ref = weakref.ref
_storage = Storage  # makes the storages of results; ``new_storage`` while a thread is in inference mode
_inferring: set[int] = set()


def set_inference(on: bool) -> None:
    """Whether what this thread records from now on makes memory of inference mode."""
    global _storage
    with LOCK:
        _thread.inference = on
        (_inferring.add if on else _inferring.discard)(threading.get_ident())
        _storage = new_storage if _inferring else Storage


def note_writes(window: Window, code: Code, inputs) -> None:
    """Count the writes of an instruction that comes next; what has places, inputs of their own, is written by another window."""
    places = window.places
    if places and any([inputs[i]._storage in places for i in code.mutates]):
        run()
    epoch = window.epoch
    for i in code.mutates:
        written = inputs[i]._storage
        if written.inference:
            check_inference(written)
        else:
            written.version += 1
        written.written = epoch


def record1(code: Code, a) -> Storage:
    """Append an instruction with one tensor input and one fresh output; gives the output's storage."""
    with LOCK:
        try:
            window = current
            if window.weight > window.limit:
                overflow(code)
            urgent = window.eager
            sa = a._storage
            if sa.epoch != window.epoch:
                urgent |= enter(window, sa, a._offset)
            oa = sa.slot if a._offset == sa.base else elsewhere(window, sa, a._offset)
            outputs = window.outputs
            storage = _storage(None, code.outputs[0].nbytes, window.epoch, len(outputs))
            outputs.append(_ref(storage))
            window.code.append((code, oa))
            window.weight += code.weight
            if urgent:
                run()
            return storage
        except BaseException:
            repair(current)
            raise


def record2(code: Code, a, b) -> Storage:
    """As ``record1``, with two tensor inputs."""
    with LOCK:
        try:
            window = current
            if window.weight > window.limit:
                overflow(code)
            urgent = window.eager
            epoch = window.epoch
            sa, sb = a._storage, b._storage
            if sa.epoch != epoch:
                urgent |= enter(window, sa, a._offset)
            if sb.epoch != epoch:
                urgent |= enter(window, sb, b._offset)
            oa = sa.slot if a._offset == sa.base else elsewhere(window, sa, a._offset)
            ob = sb.slot if b._offset == sb.base else elsewhere(window, sb, b._offset)
            outputs = window.outputs
            storage = _storage(None, code.outputs[0].nbytes, epoch, len(outputs))
            outputs.append(_ref(storage))
            window.code.append((code, oa, ob))
            window.weight += code.weight
            if urgent:
                run()
            return storage
        except BaseException:
            repair(current)
            raise


def record(code: Code, inputs, scalars=()) -> list[Storage]:
    """Append an instruction: any inputs, scalars and outputs; bumps the versions of what it writes."""
    with LOCK:
        try:
            window = current
            if window.weight > window.limit:
                overflow(code)
            if code.mutates:
                note_writes(window, code, inputs)
            urgent = window.eager
            epoch = window.epoch
            instruction = [code]
            known = window.inputs
            for t in inputs:
                s, offset = t._storage, t._offset
                if s.epoch == epoch:
                    instruction.append(s.slot if offset == s.base else elsewhere(window, s, offset))
                    continue
                if s.buffer is None or s.external is not None:
                    urgent |= enter(window, s, offset)
                else:  # as ``enter``: the parameters of a model come here at every step
                    known.append(s)
                    s.slot = -len(known)
                    s.base = offset
                    s.epoch = epoch
                instruction.append(s.slot)
            fresh = []
            outputs = window.outputs
            for spec in code.outputs:
                storage = _storage(None, spec.nbytes, epoch, len(outputs))
                outputs.append(_ref(storage))
                fresh.append(storage)
            if scalars:
                window.scalars.extend(scalars)
            if code.sited:
                window.sites[len(window.code)] = user_line()
            window.code.append(tuple(instruction))
            window.weight += code.weight
            if urgent:
                run()
            return fresh
        except BaseException:
            repair(current)
            raise


def run(behind: bool = False) -> None:
    """Execute every pending instruction. Storages made by them have memory afterwards.

    ``behind``: nobody looks at a value now, so that the work may go on after this returns (see ``settle``).
    """
    with LOCK:
        if current.tracing:
            raise TraceError("a value was looked at while an operator's body was traced")
        if not current.code:
            if flight is not None and not behind:
                settle()
            return
        collecting = gc.isenabled()
        gc.disable()  # a finalizer must not look at what is being computed
        try:
            _runner(current, behind)
        finally:
            if collecting:
                gc.enable()


# The program that runs while Python goes on: its storages have memory whose content is still to come. At most one; whatever
# reads or writes memory from Python waits for it first, and so does the next window.
flight = None


def settle() -> None:
    """Wait for the program that is under way, if there is one; raises what its instructions raise."""
    global flight
    if flight is None:
        return
    with LOCK:
        under_way, flight = flight, None
        if under_way is not None:
            under_way.finish()


def settle_value(storage: Storage) -> None:
    """Wait until ``storage`` has its content, though the rest of the program may go on."""
    with LOCK:
        if flight is not None and not flight.finish_value(storage):
            settle()


@contextmanager
def tracing():
    """Record into a window of its own, which is given; nothing in it is run."""
    global current
    with LOCK:
        outer = current
        current = Window(limit=float("inf"), tracing=True)
        try:
            yield current
        finally:
            current = outer


_inside: dict[str, bool] = {}  # whether a file is flambeau's
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def user_line() -> str:
    """``file:line`` of the innermost frame outside flambeau."""
    frame = sys._getframe(1)
    while frame.f_back is not None:
        name = frame.f_code.co_filename
        inside = _inside.get(name)
        if inside is None:
            inside = _inside[name] = name.startswith((_PACKAGE, "<flambeau"))
        if not inside:
            break
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


atexit.register(settle)  # what went wrong in the last program is said, though nobody looked at it
