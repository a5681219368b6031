"""The pool and native programs: every item runs once, phases follow each other, nothing breaks the pool."""

from __future__ import annotations

import array
import ctypes
import functools
import math
import os
import struct
import subprocess
import sys
import threading
import time

import pytest

from flambeau.runtime import jit, threads, threads_ir
from flambeau.runtime.threads import Base, Launch, Phase, Program, Scalar

KERNELS = """
; cells: out; out[item] += 1 + thread * 1000
define void @visit(ptr %args, i64 %item, i64 %thread) {
  %out = load ptr, ptr %args
  %cell = getelementptr i64, ptr %out, i64 %item
  %old = load i64, ptr %cell
  %weighted = mul i64 %thread, 1000
  %visit = add i64 %weighted, 1
  %new = add i64 %old, %visit
  store i64 %new, ptr %cell
  ret void
}

; cells: out, in, count; out[item] = in[(item + 1) % count] + 1
define void @shift(ptr %args, i64 %item, i64 %thread) {
  %in_cell = getelementptr i64, ptr %args, i64 1
  %count_cell = getelementptr i64, ptr %args, i64 2
  %out = load ptr, ptr %args
  %in = load ptr, ptr %in_cell
  %count = load i64, ptr %count_cell
  %next = add i64 %item, 1
  %neighbour = srem i64 %next, %count
  %from = getelementptr i64, ptr %in, i64 %neighbour
  %value = load i64, ptr %from
  %sum = add i64 %value, 1
  %to = getelementptr i64, ptr %out, i64 %item
  store i64 %sum, ptr %to
  ret void
}

; cells: out, value; out[item] = value
define void @put(ptr %args, i64 %item, i64 %thread) {
  %value_cell = getelementptr i64, ptr %args, i64 1
  %out = load ptr, ptr %args
  %value = load i64, ptr %value_cell
  %to = getelementptr i64, ptr %out, i64 %item
  store i64 %value, ptr %to
  ret void
}

; cells: in use (one flag a thread), clashes; holds the flag of its thread for a while
define void @hold(ptr %args, i64 %item, i64 %thread) {
entry:
  %clashes_cell = getelementptr i64, ptr %args, i64 1
  %flags = load ptr, ptr %args
  %clashes = load ptr, ptr %clashes_cell
  %flag = getelementptr i64, ptr %flags, i64 %thread
  %held = atomicrmw xchg ptr %flag, i64 1 acq_rel
  %clash = atomicrmw add ptr %clashes, i64 %held acq_rel
  br label %wait
wait:
  %i = phi i64 [ 0, %entry ], [ %following, %wait ]
  %following = add i64 %i, 1
  %look = load atomic i64, ptr %flag acquire, align 8
  %more = icmp slt i64 %following, 300
  br i1 %more, label %wait, label %end
end:
  store atomic i64 0, ptr %flag release, align 8
  ret void
}
"""
KERNEL_TYPE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)


@functools.cache
def kernel(name):
    return jit.compile_ir(KERNELS, ["visit", "shift", "put", "hold"])[name]


@pytest.fixture(params=[1, 2, 4])
def num_threads(request):
    before = threads.get_num_threads()
    threads.set_num_threads(request.param)
    yield request.param
    threads.set_num_threads(before)


@pytest.fixture
def two_threads():
    before = threads.get_num_threads()
    threads.set_num_threads(2)
    yield
    threads.set_num_threads(before)


def words(count):
    """An array of ``count`` 8-byte integers and its address."""
    values = array.array("q", bytes(8 * count))
    return values, values.buffer_info()[0]


def run_python(code, **environment):
    """Run ``code`` in a fresh interpreter with this module's names at hand; return what it printed."""
    prologue = "import sys; sys.path.insert(0, sys.argv[1]); from test_threads import *\n"
    command = [sys.executable, "-c", prologue + code, os.path.dirname(__file__)]
    environment = {**os.environ, **environment}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


class TestParallelCall:
    @pytest.mark.parametrize("items", [0, 1, 2, 3, 100, 5000])
    def test_every_item_runs_once(self, num_threads, items):
        out, address = words(items + 1)
        args, args_address = words(1)
        args[0] = address
        threads.parallel_call(kernel("visit"), args_address, items)
        assert [visit % 1000 for visit in out] == [1] * items + [0]
        assert all(0 <= visit // 1000 < num_threads for visit in out)

    def test_items_that_run_together_have_threads_of_their_own(self, num_threads):
        flags, flags_address = words(num_threads)
        clashes, clashes_address = words(1)
        args, args_address = words(2)
        args[0], args[1] = flags_address, clashes_address
        for _ in range(20):
            threads.parallel_call(kernel("hold"), args_address, 200)
        assert list(flags) == [0] * num_threads
        assert list(clashes) == [0]


class TestProgram:
    def test_a_phase_sees_all_that_the_one_before_wrote(self, num_threads):
        count, rounds = 37, 200
        program = Program(
            [
                Phase([Launch(kernel("shift"), [Base(1), Base(0), count], count)]),
                Phase([Launch(kernel("shift"), [Base(0), Base(1), count], count)]),
            ]
            * rounds,
            bases=2,
        )
        values, address = words(count)
        other, other_address = words(count)
        values[:] = array.array("q", range(count))
        for _ in range(5):
            program.run([address, other_address])
        steps = 5 * 2 * rounds
        assert list(values) == [(i + steps) % count + steps for i in range(count)]

    def test_launches_of_a_phase_share_it(self, num_threads):
        out, address = words(12)
        parts = [(0, 5), (5, 1), (6, 6)]
        launches = [Launch(kernel("visit"), [Base(0, 8 * start)], items) for start, items in parts]
        Program([Phase(launches)], bases=1).run([address])
        assert [visit % 1000 for visit in out] == [1] * 12

    def test_serial_phases_run_in_order_on_the_caller(self, num_threads):
        out, address = words(4)
        order = []
        note = KERNEL_TYPE(lambda args, item, thread: order.append((item, thread, threading.get_ident())))
        function = ctypes.cast(note, ctypes.c_void_p).value
        launches = [Launch(function, [], 2), Launch(kernel("put"), [Base(0), 5], 4), Launch(function, [], 1)]
        Program([Phase(launches, parallel=False)], bases=1).run([address])
        caller = threading.get_ident()
        assert order == [(0, 0, caller), (1, 0, caller), (0, 0, caller)]
        assert list(out) == [5, 5, 5, 5]

    def test_bases_and_offsets_are_those_of_the_run(self):
        launches = [Launch(kernel("put"), [Base(1, 16), 7]), Launch(kernel("put"), [Base(0), -3])]
        program = Program([Phase(launches)], bases=2)
        (first, first_address), (second, second_address) = words(3), words(3)
        program.run([first_address, second_address])
        program.run((second_address, first_address))
        assert list(first) == [-3, 0, 7]
        assert list(second) == [-3, 0, 7]

    @pytest.mark.parametrize(
        ("dtype", "value", "expected"),
        [
            ("bool", True, struct.pack("<q", 1)),
            ("uint8", 255, struct.pack("<q", 255)),
            ("int8", -1, struct.pack("<q", -1)),
            ("int64", -(2**63), struct.pack("<q", -(2**63))),
            ("float16", 0.5, struct.pack("<e6x", 0.5)),
            ("float16", 1e9, struct.pack("<e6x", math.inf)),
            ("float32", 0.1, struct.pack("<f4x", 0.1)),
            ("float32", 3, struct.pack("<f4x", 3.0)),
            ("float32", -1e300, struct.pack("<f4x", -math.inf)),
            ("float64", 1e300, struct.pack("<d", 1e300)),
            ("float64", math.nan, struct.pack("<d", math.nan)),
        ],
    )
    def test_scalars_are_laid_out_by_their_dtype(self, dtype, value, expected):
        launch = Launch(kernel("put"), [Base(0), Scalar(1)])
        program = Program([Phase([launch])], bases=1, scalars=["int64", dtype])
        out, address = words(1)
        program.run([address], [4, value])
        assert out.tobytes() == expected
        assert threads.scalar_cell(dtype, value).to_bytes(8, "little") == expected

    def test_nothing_to_do(self, num_threads):
        Program([], bases=0).run([])
        Program([Phase([])], bases=0).run([])
        Program([Phase([Launch(kernel("put"), [0, 0], items=0)])], bases=0).run([])

    def test_wrong_arguments_are_refused(self):
        with pytest.raises(IndexError, match="Base 1 is out of range, the program has 1"):
            Program([Phase([Launch(kernel("put"), [Base(1), 0])])], bases=1)
        with pytest.raises(IndexError, match="Scalar 0 is out of range, the program has 0"):
            Program([Phase([Launch(kernel("put"), [Base(0), Scalar(0)])])], bases=1)
        with pytest.raises(NotImplementedError, match="complex64"):
            Program([], bases=0, scalars=["complex64"])
        with pytest.raises(TypeError):
            Program([Phase([Launch(kernel("put"), [Base(0), 1.5])])], bases=1)
        program = Program([], bases=1, scalars=["float32"])
        with pytest.raises(ValueError, match="expected 1 scalars, got 0"):
            program.run([0])
        with pytest.raises(ValueError, match="2 bases"):
            program.run([0, 0], [1.0])

    def test_a_failed_run_leaves_the_lock_free(self):
        with pytest.raises(ValueError):
            Program([], bases=1).run([])
        with threads._exclusive():
            pass

    def test_python_threads_take_turns(self, num_threads):
        count = 50
        program = Program([Phase([Launch(kernel("shift"), [Base(0), Base(0), 1], 1)])] * count, bases=1)
        outs = [words(1) for _ in range(6)]

        def work(address):
            for _ in range(100):
                program.run([address])

        workers = [threading.Thread(target=work, args=(address,)) for _, address in outs]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert [list(out) for out, _ in outs] == [[100 * count]] * 6


class TestStarted:
    """A program that was started runs while its caller goes on."""

    def chain(self, length, items):
        """Phases that each read what the one before wrote, serial ones among them; and where the last one writes."""
        (first, a), (second, b) = words(items), words(items)
        phases = []
        for i in range(length):
            source, target = (a, b) if i % 2 == 0 else (b, a)
            parallel = i % 3 != 2
            phases.append(Phase([Launch(kernel("shift"), [target, source, items], items)], parallel))
        return Program(phases, 0), first, second

    def test_all_phases_are_done_after_waiting(self, num_threads):
        items = 50
        program, first, second = self.chain(30, items)
        program.run([])  # starts the pool
        for turn in range(2, 200):
            program.start([])
            program.wait()
            assert list(first) == [30 * turn] * items

    def test_waiting_for_some_phases_is_enough_to_read_what_they_wrote(self, num_threads):
        items = 40
        marks, addresses = zip(*[words(items) for _ in range(12)])
        phases = [Phase([Launch(kernel("visit"), [address], items)], i % 4 != 3) for i, address in enumerate(addresses)]
        program = Program(phases, 0)
        program.run([])
        for turn in range(2, 300):
            program.start([])
            program.wait(5)
            assert all(visits % 1000 == turn % 1000 for mark in marks[:5] for visits in mark)
            program.wait()
            assert all(visits % 1000 == turn % 1000 for mark in marks for visits in mark)

    def test_what_runs_next_waits_for_it(self, num_threads):
        items = 30
        program, first, second = self.chain(8, items)
        out, address = words(items)
        args, args_address = words(1)
        args[0] = address
        program.run([])
        for turn in range(2, 100):
            program.start([])
            if turn % 3 == 0:
                program.run([])
                turn += 1
                program, first, second = self.chain(8, items)
                program.run([])
            elif turn % 3 == 1:
                threads.parallel_call(kernel("visit"), args_address, items)
                program.wait()
            else:
                program.wait()
        assert len(set(first)) == 1

    def test_items_that_run_together_have_threads_of_their_own(self, num_threads):
        flags, flags_address = words(num_threads)
        clashes, clashes_address = words(1)
        phases = [Phase([Launch(kernel("hold"), [flags_address, clashes_address], 40)], i % 2 == 0) for i in range(8)]
        program = Program(phases, 0)
        program.run([])
        for _ in range(40):
            program.start([])
            program.wait()
        assert list(flags) == [0] * num_threads
        assert list(clashes) == [0]

    def test_sleeping_workers_wake_for_it(self, two_threads):
        items = 20
        program, first, _ = self.chain(6, items)
        program.run([])
        for turn in range(2, 8):
            time.sleep(0.01)  # long enough for a worker to fall asleep
            program.start([])
            time.sleep(0.002 * (turn % 2))
            program.wait()
            assert list(first) == [6 * turn] * items

    def test_the_number_of_threads_may_change_while_it_runs(self):
        before = threads.get_num_threads()
        program, first, _ = self.chain(10, 64)
        program.run([])
        for turn, count in enumerate([2, 3, 1, 4, 2], start=2):
            program.start([])
            threads.set_num_threads(count)
            assert list(first) == [10 * turn] * 64
        threads.set_num_threads(before)

    def test_python_threads_may_start_and_wait(self, num_threads):
        def work():
            program, first, _ = self.chain(6, 25)
            for turn in range(1, 60):
                program.start([])
                program.wait()
                results.append(list(first) == [6 * turn] * 25)

        results = []
        several = [threading.Thread(target=work) for _ in range(3)]
        for thread in several:
            thread.start()
        for thread in several:
            thread.join()
        assert all(results) and len(results) == 3 * 59

    def test_a_fork_finds_it_finished(self, two_threads):
        printed = run_python(
            """
threads.set_num_threads(2)
program, first, _ = TestStarted().chain(10, 64)
program.run([])
for turn in range(2, 12):
    program.start([])
    child = os.fork()
    if child == 0:
        program.wait()
        good = list(first) == [10 * turn] * 64
        program.start([])
        program.wait()
        os._exit(0 if good and list(first) == [10 * turn + 10] * 64 else 1)
    assert os.waitpid(child, 0)[1] == 0
    program.wait()
print("done")
"""
        )
        assert printed == "done"

    def test_the_process_ends_cleanly_while_it_runs(self):
        assert run_python(
            """
threads.set_num_threads(2)
program, _, _ = TestStarted().chain(30, 64)
program.run([])
program.start([])
print("started")
"""
        ) == "started"


class TestNesting:
    def test_a_call_from_inside_an_item_runs_on_the_caller(self, two_threads):
        """The items run in Python: on the calling thread they may launch, on a worker they are refused."""
        caller = threading.get_ident()
        out, address = words(8)
        inner = Program([Phase([Launch(kernel("visit"), [Base(0)], 8)])], bases=1)
        calls, refusals = [], []

        def item(args, item, thread):
            try:
                inner.run([address])
                calls.append(threading.get_ident())
            except RuntimeError as error:
                refusals.append(str(error))
            time.sleep(0.001)

        function = KERNEL_TYPE(item)
        threads.parallel_call(ctypes.cast(function, ctypes.c_void_p).value, 0, 10)
        assert len(calls) + len(refusals) == 10
        assert set(calls) <= {caller}
        assert set(refusals) <= {"flambeau: an item of a parallel phase cannot run a program"}
        assert list(out) == [len(calls)] * 8

    def test_an_item_cannot_change_the_number_of_threads(self, two_threads):
        errors = []

        def item(args, item, thread):
            try:
                threads.set_num_threads(3)
            except RuntimeError as error:
                errors.append(error)

        function = KERNEL_TYPE(item)
        threads.parallel_call(ctypes.cast(function, ctypes.c_void_p).value, 0, 4)
        assert len(errors) == 4
        assert threads.get_num_threads() == 2


class TestNumThreads:
    def test_it_may_change_at_any_time(self):
        before = threads.get_num_threads()
        out, address = words(64)
        args, args_address = words(1)
        args[0] = address
        for number in (1, 4, 2, 3, 1, 2):
            threads.set_num_threads(number)
            assert threads.get_num_threads() == number
            threads.parallel_call(kernel("visit"), args_address, 64)
        threads.set_num_threads(before)
        assert [visit % 1000 for visit in out] == [6] * 64

    @pytest.mark.parametrize("number", [0, -1, 1.5, True, "2", None])
    def test_wrong_numbers_are_refused_as_pytorch_does(self, number):
        torch = pytest.importorskip("torch")
        with pytest.raises(RuntimeError) as expected:
            torch.set_num_threads(number)
        with pytest.raises(RuntimeError) as received:
            threads.set_num_threads(number)
        assert str(received.value).startswith(str(expected.value))

    def test_the_environment_sets_the_default(self):
        code = "print(threads.get_num_threads())"
        assert run_python(code, FLAMBEAU_NUM_THREADS="3", OMP_NUM_THREADS="5") == "3"
        assert run_python(code, FLAMBEAU_NUM_THREADS="", OMP_NUM_THREADS="5,2") == "5"
        available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        assert run_python(code, FLAMBEAU_NUM_THREADS="", OMP_NUM_THREADS="") == str(available)


VISIT_64 = """
def visit_64():
    out, address = words(64)
    args, args_address = words(1)
    args[0] = address
    threads.parallel_call(kernel("visit"), args_address, 64)
    return [visit % 1000 for visit in out] == [1] * 64
"""


class TestProcess:
    @pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
    def test_a_forked_child_has_a_pool_of_its_own(self):
        code = """
threads.set_num_threads(2)
ok = visit_64()
child = os.fork()
if child == 0:
    inherited = threads._pool
    ok = inherited is None and all(visit_64() for _ in range(100)) and len(os.listdir("/proc/self/task")) == 2
    threads.set_num_threads(3)
    os._exit(0 if ok and visit_64() else 1)
ok = ok and os.waitpid(child, 0)[1] == 0
print(ok and all(visit_64() for _ in range(100)))
"""
        assert run_python(VISIT_64 + code) == "True"

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
    def test_a_fork_while_other_threads_run_programs(self):
        code = """
threads.set_num_threads(2)
stop = False
def work():
    while not stop:
        visit_64()
workers = [threading.Thread(target=work) for _ in range(2)]
for worker in workers:
    worker.start()
failures = 0
for _ in range(5):
    child = os.fork()
    if child == 0:
        os._exit(0 if visit_64() else 1)
    failures += os.waitpid(child, 0)[1]
stop = True
for worker in workers:
    worker.join()
print(failures)
"""
        assert run_python(VISIT_64 + code) == "0"

    def test_the_process_ends_cleanly_with_a_running_pool(self):
        code = """
import atexit
threads.set_num_threads(4)
atexit.register(lambda: print(visit_64()))
visit_64()
"""
        assert run_python(VISIT_64 + code) == "True"

    @pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")
    def test_sleeping_workers_wake_and_keep_their_processors(self):
        code = """
threads.set_num_threads(4)
before = set(os.listdir("/proc/self/task"))
ok = True
for _ in range(30):
    ok = ok and visit_64()
    time.sleep(0.004)
workers = set(os.listdir("/proc/self/task")) - before
masks = {frozenset(os.sched_getaffinity(int(worker))) for worker in workers}
print(ok, len(workers), masks == {frozenset(os.sched_getaffinity(0))})
"""
        assert run_python(VISIT_64 + code) == "True 3 True"

    def test_where_there_is_no_futex_everything_runs_on_the_caller(self):
        code = """
threads_ir.has_futex = lambda architecture: False
threads.set_num_threads(4)
out, address = words(64)
Program([Phase([Launch(kernel("visit"), [Base(0)], 64)])] * 3, bases=1).run([address])
print(list(out) == [3] * 64)
"""
        assert run_python(code) == "True"

    def test_importing_starts_nothing(self):
        code = "print('llvmlite' in sys.modules, threads._pool)"
        assert run_python(code) == "False None"


def test_a_strip_runs_its_items_of_all_launches_in_order(num_threads):
    """Strip s is the item s of every launch that has one."""
    strips = 5
    first, first_at = words(strips)
    second, second_at = words(strips)
    launches = [
        Launch(kernel("put"), [first_at, 7], strips),
        Launch(kernel("put"), [first_at, 9], 1),
        Launch(kernel("shift"), [second_at, first_at, 1], 1),  # second[0] = first[0] + 1
        Launch(kernel("put"), [Base(0), 3], strips),
    ]
    program = Program([Phase(launches, strips=strips), Phase([Launch(kernel("put"), [second_at + 8, 4])], False)], bases=1)
    third, third_at = words(strips)
    for _ in range(50):
        program.run([third_at])
    assert first.tolist() == [9, 7, 7, 7, 7]
    assert second.tolist() == [10, 4, 0, 0, 0]
    assert third.tolist() == [3] * strips


@pytest.mark.parametrize("architecture", ["x86_64", "aarch64", "riscv64", "powerpc64le"])
def test_the_pool_compiles_for_every_architecture(architecture):
    llvm = pytest.importorskip("llvmlite.binding")
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    triple = f"{architecture}-unknown-linux-gnu"
    module = llvm.parse_assembly(threads_ir.module(architecture, threaded=True), llvm.create_context())
    module.triple = triple
    module.verify()
    try:
        machine = llvm.Target.from_triple(triple).create_target_machine(opt=2)
    except RuntimeError:
        pytest.skip(f"this LLVM has no {architecture} target")
    assert machine.emit_object(module)
