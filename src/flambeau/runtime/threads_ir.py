"""LLVM IR of the thread pool: see ``threads.py`` for what it means and how it is driven, ``replay_ir.py`` for programs.

How a fork-join works. The caller writes the job (count, table or function and arguments), sets ``remaining``
to the count and raises ``generation``. Every thread, the caller among them, claims items by counting
``remaining`` down: whoever receives a positive number owns one item of the live job. It reads the job only
then, and the caller rewrites the job only after every owner has reported to ``done``; so a worker that is
late or asleep is never waited for, and cannot take part in anything but the live job.

A program may also be posted: the first worker that sees it replays it in the caller's stead, and says in
``PROGRESS`` how many phases are done. The caller goes on with other things; when it waits for a phase, it
claims items like a worker, or replays the program itself if nobody has taken it yet.

Order of memory: ``remaining`` is stored with release and claimed with acquire, which publishes the job;
``done`` is raised with release and read with acquire, which publishes the results. ``generation`` and
``sleepers`` are sequentially consistent, so that either the caller sees a sleeper or the sleeper sees the new
generation.
"""

from __future__ import annotations

from .replay_ir import REPLAY

# The pool is one structure. Busy fields are 128 bytes apart, since processors fetch lines in pairs.
GENERATION = 0
REMAINING = 128
DONE = 256
JOB_COUNT = 384
JOB_TABLE = 392
JOB_FUNCTION = 400
JOB_ARGS = 408
SLEEPERS = 512
STOP = 640
WORKERS = 648
BUSY = 656
POSTED = 704
PROGRESS = 768
# From here on a record for each worker: the argument its thread starts with.
WORKER_RECORDS = 896
WORKER_RECORD_BYTES = 256
WORKER_POOL = 0
WORKER_THREAD = 8
# The system's number of the thread, and the processor it was last seen on (4 bytes each).
_WORKER_SYSTEM_ID = 16
_WORKER_CPU = 20
# The processors it may run on, when nothing restricts it, and who may touch that.
_WORKER_MASK_STATE = 24
_WORKER_MASK = 32

# A new record is zero: nobody touches the mask of a thread that has not said who it is.
_MASK_TAKEN = 0
_MASK_FREE = 1
_MASK_RESTRICTED = 2

# About half a millisecond: a worker that slept costs the caller 8 us and the work 20 to 40 us.
_WORKER_SPINS = 20000
# A worker that spins on the caller's own processor would starve it, hence a yield now and then.
_SPINS_PER_YIELD = 64
# After so many the caller supposes that the owner of the last item is not running.
_CALLER_SPINS = 1024

_FUTEX_WAIT_PRIVATE = 128
_FUTEX_WAKE_PRIVATE = 129
# Numbers of the system calls futex and gettid.
_SYSTEM_CALLS = {
    "x86_64": (202, 186),
    "aarch64": (98, 178),
    "riscv64": (98, 178),
    "loongarch64": (98, 178),
    "powerpc64le": (221, 207),
}
_PAUSE = {
    "x86_64": ("declare void @llvm.x86.sse2.pause()", "call void @llvm.x86.sse2.pause()"),
    "aarch64": ("declare void @llvm.aarch64.isb(i32)", "call void @llvm.aarch64.isb(i32 15)"),
}
_NO_PAUSE = ("", 'call void asm sideeffect "", "~{memory}"()')

FUNCTIONS = ("replay", "parallel_call", "run_strip")
POOL_FUNCTIONS = ("worker", "use_pool", "stop_pool", "post", "attend")


def has_futex(architecture: str) -> bool:
    """Whether the pool can be built for this architecture (under Linux)."""
    return architecture in _SYSTEM_CALLS


def module(architecture: str, threaded: bool) -> str:
    """The whole module: defines ``FUNCTIONS`` and, if threaded, ``POOL_FUNCTIONS``.

    Without threads every phase runs on the caller.
    """
    if not threaded:
        return "\n".join([_SERIAL, _LAUNCH_SERIAL, REPLAY])
    declare_pause, pause = _PAUSE.get(architecture, _NO_PAUSE)
    futex, gettid = _SYSTEM_CALLS[architecture]
    pool = _POOL.replace("PAUSE", pause).replace("FUTEX", str(futex)).replace("GETTID", str(gettid))
    return "\n".join([declare_pause, pool, _SERIAL, _LAUNCH_PARALLEL, REPLAY])


# One item: the job's own function with the item's number or, where there is a table, what its row says:
# function, arguments, number.
_SERIAL = """
define internal void @run_item(ptr %table, ptr %function, ptr %args, i64 %item, i64 %thread) alwaysinline {
entry:
  %uniform = icmp eq ptr %table, null
  br i1 %uniform, label %own, label %listed
own:
  call void %function(ptr %args, i64 %item, i64 %thread)
  ret void
listed:
  %row = getelementptr [3 x i64], ptr %table, i64 %item
  %args_cell = getelementptr i64, ptr %row, i64 1
  %item_cell = getelementptr i64, ptr %row, i64 2
  %row_function = load ptr, ptr %row, align 8
  %row_args = load ptr, ptr %args_cell, align 8
  %row_item = load i64, ptr %item_cell, align 8
  call void %row_function(ptr %row_args, i64 %row_item, i64 %thread)
  ret void
}

define internal void @run_serial(i64 %count, ptr %table, ptr %function, ptr %args, i64 %thread) nounwind {
entry:
  %any = icmp sgt i64 %count, 0
  br i1 %any, label %next, label %end
next:
  %item = phi i64 [ 0, %entry ], [ %following, %next_done ]
  call void @run_item(ptr %table, ptr %function, ptr %args, i64 %item, i64 %thread)
  br label %next_done
next_done:
  %following = add i64 %item, 1
  %more = icmp slt i64 %following, %count
  br i1 %more, label %next, label %end
end:
  ret void
}

; A strip is a number of rows and, behind it, the rows of a table: they run in order.
define void @run_strip(ptr %strip, i64 %item, i64 %thread) nounwind {
  %count = load i64, ptr %strip, align 8
  %table = getelementptr i64, ptr %strip, i64 1
  call void @run_serial(i64 %count, ptr %table, ptr null, ptr null, i64 %thread)
  ret void
}
"""

_LAUNCH_SERIAL = """
define internal void @launch(i64 %count, ptr %table, ptr %function, ptr %args, i64 %thread) nounwind {
  call void @run_serial(i64 %count, ptr %table, ptr %function, ptr %args, i64 %thread)
  ret void
}
"""

_POOL = f"""
@current_pool = internal global ptr null, align 8

declare i64 @syscall(i64, ...)
declare i32 @sched_yield()
declare i32 @sched_getcpu()
declare i32 @sched_getaffinity(i32, i64, ptr)
declare i32 @sched_setaffinity(i32, i64, ptr)

define void @use_pool(ptr %pool) nounwind {{
  store ptr %pool, ptr @current_pool, align 8
  ret void
}}

define internal void @wake(ptr %generation, i32 %threads) nounwind {{
  %rc = call i64 (i64, ...) @syscall(i64 FUTEX, ptr %generation, i32 {_FUTEX_WAKE_PRIVATE}, i32 %threads,
                                     ptr null, ptr null, i32 0)
  ret void
}}

; Claim items of the live job until none is left, then report how many were done.
define internal void @drain(ptr %pool, i64 %thread) nounwind {{
entry:
  %remaining = getelementptr i8, ptr %pool, i64 {REMAINING}
  %done = getelementptr i8, ptr %pool, i64 {DONE}
  %count_cell = getelementptr i8, ptr %pool, i64 {JOB_COUNT}
  %table_cell = getelementptr i8, ptr %pool, i64 {JOB_TABLE}
  %function_cell = getelementptr i8, ptr %pool, i64 {JOB_FUNCTION}
  %args_cell = getelementptr i8, ptr %pool, i64 {JOB_ARGS}
  br label %claim
claim:
  %finished = phi i64 [ 0, %entry ], [ %finished_one_more, %ran ]
  %left = atomicrmw sub ptr %remaining, i64 1 acq_rel, align 8
  %mine = icmp sgt i64 %left, 0
  br i1 %mine, label %run, label %report
run:
  %count = load i64, ptr %count_cell, align 8
  %table = load ptr, ptr %table_cell, align 8
  %function = load ptr, ptr %function_cell, align 8
  %args = load ptr, ptr %args_cell, align 8
  %item = sub i64 %count, %left
  call void @run_item(ptr %table, ptr %function, ptr %args, i64 %item, i64 %thread)
  br label %ran
ran:
  %finished_one_more = add i64 %finished, 1
  br label %claim
report:
  %worked = icmp sgt i64 %finished, 0
  br i1 %worked, label %tell, label %end
tell:
  %before = atomicrmw add ptr %done, i64 %finished acq_rel, align 8
  br label %end
end:
  ret void
}}

; Systems leave a worker on the caller's processor for many milliseconds, where it cannot run while the caller
; does, although other processors are idle. So workers note where they are, and a caller that finds one noted
; on its own processor forbids it that processor; the worker lifts this when it runs. The state of the mask
; says who may touch it. Where masks cannot be had nothing of this happens.
define internal void @send_elsewhere(ptr %self, i32 %cpu) nounwind {{
entry:
  %others = alloca [16 x i64], align 8
  %cpu_cell = getelementptr i8, ptr %self, i64 {_WORKER_CPU}
  %its_cpu = load atomic i32, ptr %cpu_cell monotonic, align 4
  %same = icmp eq i32 %its_cpu, %cpu
  %named = icmp ult i32 %cpu, 1024
  %together = and i1 %same, %named
  br i1 %together, label %take, label %end
take:
  %state_cell = getelementptr i8, ptr %self, i64 {_WORKER_MASK_STATE}
  %state = atomicrmw xchg ptr %state_cell, i32 {_MASK_TAKEN} acq_rel, align 4
  %taken = icmp eq i32 %state, {_MASK_TAKEN}
  br i1 %taken, label %end, label %restrict
restrict:
  %id_cell = getelementptr i8, ptr %self, i64 {_WORKER_SYSTEM_ID}
  %original = getelementptr i8, ptr %self, i64 {_WORKER_MASK}
  %id = load i32, ptr %id_cell, align 4
  %mask = load [16 x i64], ptr %original, align 8
  store [16 x i64] %mask, ptr %others, align 8
  %wide = zext i32 %cpu to i64
  %word_index = lshr i64 %wide, 6
  %bit_index = and i64 %wide, 63
  %bit = shl i64 1, %bit_index
  %all_but = xor i64 %bit, -1
  %word_cell = getelementptr i64, ptr %others, i64 %word_index
  %word = load i64, ptr %word_cell, align 8
  %cleared = and i64 %word, %all_but
  store i64 %cleared, ptr %word_cell, align 8
  %failed = call i32 @sched_setaffinity(i32 %id, i64 128, ptr %others)
  store atomic i32 {_MASK_RESTRICTED}, ptr %state_cell release, align 4
  br label %end
end:
  ret void
}}

; A worker notes where it is and lifts a restriction.
define internal void @settle(ptr %self) nounwind {{
entry:
  %cpu_cell = getelementptr i8, ptr %self, i64 {_WORKER_CPU}
  %state_cell = getelementptr i8, ptr %self, i64 {_WORKER_MASK_STATE}
  %cpu = call i32 @sched_getcpu()
  %noted = load atomic i32, ptr %cpu_cell monotonic, align 4
  %moved = icmp ne i32 %cpu, %noted
  br i1 %moved, label %note, label %look
note:
  store atomic i32 %cpu, ptr %cpu_cell monotonic, align 4
  br label %look
look:
  %seen = load atomic i32, ptr %state_cell monotonic, align 4
  %restricted = icmp eq i32 %seen, {_MASK_RESTRICTED}
  br i1 %restricted, label %take, label %end
take:
  %state = atomicrmw xchg ptr %state_cell, i32 {_MASK_TAKEN} acq_rel, align 4
  %taken = icmp eq i32 %state, {_MASK_TAKEN}
  br i1 %taken, label %end, label %restore
restore:
  %original = getelementptr i8, ptr %self, i64 {_WORKER_MASK}
  %failed = call i32 @sched_setaffinity(i32 0, i64 128, ptr %original)
  store atomic i32 {_MASK_FREE}, ptr %state_cell release, align 4
  br label %end
end:
  ret void
}}

; Store the mask to go back to, and let go of it; what cannot be had stays taken for ever.
define internal void @ask_mask(ptr %self) nounwind {{
entry:
  %original = getelementptr i8, ptr %self, i64 {_WORKER_MASK}
  %refused = call i32 @sched_getaffinity(i32 0, i64 128, ptr %original)
  %known = icmp eq i32 %refused, 0
  br i1 %known, label %free, label %end
free:
  %state_cell = getelementptr i8, ptr %self, i64 {_WORKER_MASK_STATE}
  store atomic i32 {_MASK_FREE}, ptr %state_cell release, align 4
  br label %end
end:
  ret void
}}

; Before it sleeps, a worker that is unrestricted learns its mask again: somebody may have changed it.
define internal void @refresh_mask(ptr %self) nounwind {{
entry:
  %state_cell = getelementptr i8, ptr %self, i64 {_WORKER_MASK_STATE}
  %exchange = cmpxchg ptr %state_cell, i32 {_MASK_FREE}, i32 {_MASK_TAKEN} acq_rel monotonic, align 4
  %was_free = extractvalue {{ i32, i1 }} %exchange, 1
  br i1 %was_free, label %ask, label %end
ask:
  call void @ask_mask(ptr %self)
  br label %end
end:
  ret void
}}

; Wait until the generation is no longer %last: spin, then sleep. Returns the new one.
define internal i32 @await_generation(ptr %pool, ptr %self, i32 %last) nounwind {{
entry:
  %sleepers = getelementptr i8, ptr %pool, i64 {SLEEPERS}
  br label %spin
spin:
  %spins = phi i32 [ 0, %entry ], [ %spins_next, %spin_again ]
  %seen = load atomic i32, ptr %pool acquire, align 4
  %new = icmp ne i32 %seen, %last
  br i1 %new, label %spun, label %pause
pause:
  PAUSE
  %spins_next = add i32 %spins, 1
  %phase = urem i32 %spins_next, {_SPINS_PER_YIELD}
  %yield_now = icmp eq i32 %phase, 0
  br i1 %yield_now, label %yield, label %spin_again
yield:
  %y = call i32 @sched_yield()
  call void @settle(ptr %self)
  br label %spin_again
spin_again:
  %patient = icmp ult i32 %spins_next, {_WORKER_SPINS}
  br i1 %patient, label %spin, label %sleep
spun:
  ret i32 %seen
sleep:
  call void @settle(ptr %self)
  call void @refresh_mask(ptr %self)
  %s0 = atomicrmw add ptr %sleepers, i32 1 seq_cst, align 4
  br label %check
check:
  %current = load atomic i32, ptr %pool seq_cst, align 4
  %changed = icmp ne i32 %current, %last
  br i1 %changed, label %awake, label %doze
doze:
  %rc = call i64 (i64, ...) @syscall(i64 FUTEX, ptr %pool, i32 {_FUTEX_WAIT_PRIVATE}, i32 %last,
                                     ptr null, ptr null, i32 0)
  br label %check
awake:
  %s1 = atomicrmw sub ptr %sleepers, i32 1 seq_cst, align 4
  call void @settle(ptr %self)
  ret i32 %current
}}

; Start routine of a worker thread; its argument is its record.
define ptr @worker(ptr %self) nounwind {{
entry:
  %pool_cell = getelementptr i8, ptr %self, i64 {WORKER_POOL}
  %thread_cell = getelementptr i8, ptr %self, i64 {WORKER_THREAD}
  %id_cell = getelementptr i8, ptr %self, i64 {_WORKER_SYSTEM_ID}
  %pool = load ptr, ptr %pool_cell, align 8
  %thread = load i64, ptr %thread_cell, align 8
  %stop_cell = getelementptr i8, ptr %pool, i64 {STOP}
  %id = call i64 (i64, ...) @syscall(i64 GETTID)
  %id32 = trunc i64 %id to i32
  store i32 %id32, ptr %id_cell, align 4
  call void @settle(ptr %self)
  call void @ask_mask(ptr %self)
  br label %wait
wait:
  %last = phi i32 [ 0, %entry ], [ %generation, %help ]
  %generation = call i32 @await_generation(ptr %pool, ptr %self, i32 %last)
  %stop = load atomic i32, ptr %stop_cell acquire, align 4
  %stopped = icmp ne i32 %stop, 0
  br i1 %stopped, label %leave, label %work
work:
  %posted_cell = getelementptr i8, ptr %pool, i64 {POSTED}
  %posted = load atomic ptr, ptr %posted_cell monotonic, align 8
  %any_posted = icmp ne ptr %posted, null
  br i1 %any_posted, label %take, label %help
take:
  %program = atomicrmw xchg ptr %posted_cell, ptr null acq_rel, align 8
  %taken = icmp ne ptr %program, null
  br i1 %taken, label %lead, label %help
lead:
  %progress = getelementptr i8, ptr %pool, i64 {PROGRESS}
  call void @replay_as(ptr %program, i64 %thread, ptr %progress)
  br label %help
help:
  call void @drain(ptr %pool, i64 %thread)
  br label %wait
leave:
  ret ptr null
}}

; Ask all workers to return from their start routine.
define void @stop_pool(ptr %pool) nounwind {{
  %stop_cell = getelementptr i8, ptr %pool, i64 {STOP}
  store atomic i32 1, ptr %stop_cell release, align 4
  %before = atomicrmw add ptr %pool, i32 1 seq_cst, align 4
  call void @wake(ptr %pool, i32 2147483647)
  ret void
}}

; Make sure that workers can run: send those away that are noted on this processor, and wake as many sleepers
; as the job needs beyond the workers that are awake. %thread is the number of the one who asks: it may be a worker.
define internal void @rouse(ptr %pool, i64 %count, i64 %workers, i64 %thread) nounwind {{
entry:
  %records = getelementptr i8, ptr %pool, i64 {WORKER_RECORDS}
  %sleepers_cell = getelementptr i8, ptr %pool, i64 {SLEEPERS}
  %cpu = call i32 @sched_getcpu()
  br label %next
next:
  %i = phi i64 [ 0, %entry ], [ %following, %seen ]
  %following = add i64 %i, 1
  %itself = icmp eq i64 %following, %thread
  br i1 %itself, label %seen, label %other
other:
  %record = getelementptr [{WORKER_RECORD_BYTES} x i8], ptr %records, i64 %i
  call void @send_elsewhere(ptr %record, i32 %cpu)
  br label %seen
seen:
  %more = icmp slt i64 %following, %workers
  br i1 %more, label %next, label %count_them
count_them:
  %sleepers32 = load atomic i32, ptr %sleepers_cell seq_cst, align 4
  %sleepers = sext i32 %sleepers32 to i64
  %is_worker = icmp ne i64 %thread, 0
  %own = zext i1 %is_worker to i64
  %others = sub i64 %workers, %own
  %helpers = sub i64 %count, 1
  %few = icmp slt i64 %helpers, %others
  %wanted = select i1 %few, i64 %helpers, i64 %others
  %awake = sub i64 %others, %sleepers
  %missing = sub i64 %wanted, %awake
  %lacking = icmp sgt i64 %missing, 0
  br i1 %lacking, label %call_them, label %end
call_them:
  %missing32 = trunc i64 %missing to i32
  call void @wake(ptr %pool, i32 %missing32)
  br label %end
end:
  ret void
}}

; Leave a program to the workers.
define void @post(ptr %program) nounwind {{
  %pool = load ptr, ptr @current_pool, align 8
  %posted_cell = getelementptr i8, ptr %pool, i64 {POSTED}
  %progress = getelementptr i8, ptr %pool, i64 {PROGRESS}
  %workers_cell = getelementptr i8, ptr %pool, i64 {WORKERS}
  %workers = load i64, ptr %workers_cell, align 8
  store atomic i64 0, ptr %progress monotonic, align 8
  store atomic ptr %program, ptr %posted_cell release, align 8
  %before = atomicrmw add ptr %pool, i32 1 seq_cst, align 4
  call void @rouse(ptr %pool, i64 2, i64 %workers, i64 0)
  ret void
}}

; Wait until %target phases of the posted program are done, and take part in the work.
define void @attend(i64 %target) nounwind {{
entry:
  %pool = load ptr, ptr @current_pool, align 8
  %posted_cell = getelementptr i8, ptr %pool, i64 {POSTED}
  %progress = getelementptr i8, ptr %pool, i64 {PROGRESS}
  %remaining = getelementptr i8, ptr %pool, i64 {REMAINING}
  %program = atomicrmw xchg ptr %posted_cell, ptr null acq_rel, align 8
  %untaken = icmp ne ptr %program, null
  br i1 %untaken, label %lead, label %look
lead:
  call void @replay_as(ptr %program, i64 0, ptr %progress)
  ret void
look:
  %spins = phi i32 [ 0, %entry ], [ 0, %help ], [ %spins_next, %pause ], [ 0, %yield ]
  %done = load atomic i64, ptr %progress acquire, align 8
  %reached = icmp sge i64 %done, %target
  br i1 %reached, label %end, label %work
work:
  %left = load atomic i64, ptr %remaining monotonic, align 8
  %some = icmp sgt i64 %left, 0
  br i1 %some, label %help, label %pause
help:
  call void @drain(ptr %pool, i64 0)
  br label %look
pause:
  PAUSE
  %spins_next = add i32 %spins, 1
  %patient = icmp ult i32 %spins_next, {_CALLER_SPINS}
  br i1 %patient, label %look, label %yield
yield:
  %y = call i32 @sched_yield()
  br label %look
end:
  ret void
}}

; Wait until all items of the job are done.
define internal void @join(ptr %pool, i64 %count) nounwind {{
entry:
  %done_cell = getelementptr i8, ptr %pool, i64 {DONE}
  br label %look
look:
  %spins = phi i32 [ 0, %entry ], [ %spins_next, %pause ], [ 0, %yield ]
  %done = load atomic i64, ptr %done_cell acquire, align 8
  %complete = icmp sge i64 %done, %count
  br i1 %complete, label %end, label %pause
pause:
  PAUSE
  %spins_next = add i32 %spins, 1
  %patient = icmp ult i32 %spins_next, {_CALLER_SPINS}
  br i1 %patient, label %look, label %yield
yield:
  %y = call i32 @sched_yield()
  br label %look
end:
  ret void
}}

define internal void @fork_join(ptr %pool, i64 %workers, i64 %count,
                                ptr %table, ptr %function, ptr %args, i64 %thread) nounwind {{
  %busy_cell = getelementptr i8, ptr %pool, i64 {BUSY}
  %remaining = getelementptr i8, ptr %pool, i64 {REMAINING}
  %done = getelementptr i8, ptr %pool, i64 {DONE}
  %count_cell = getelementptr i8, ptr %pool, i64 {JOB_COUNT}
  %table_cell = getelementptr i8, ptr %pool, i64 {JOB_TABLE}
  %function_cell = getelementptr i8, ptr %pool, i64 {JOB_FUNCTION}
  %args_cell = getelementptr i8, ptr %pool, i64 {JOB_ARGS}
  store i64 1, ptr %busy_cell, align 8
  store i64 %count, ptr %count_cell, align 8
  store ptr %table, ptr %table_cell, align 8
  store ptr %function, ptr %function_cell, align 8
  store ptr %args, ptr %args_cell, align 8
  store atomic i64 0, ptr %done monotonic, align 8
  store atomic i64 %count, ptr %remaining release, align 8
  %before = atomicrmw add ptr %pool, i32 1 seq_cst, align 4
  call void @rouse(ptr %pool, i64 %count, i64 %workers, i64 %thread)
  call void @drain(ptr %pool, i64 %thread)
  call void @join(ptr %pool, i64 %count)
  store i64 0, ptr %busy_cell, align 8
  ret void
}}
"""

# A launch from inside an item of the running job (only the caller's thread can get here) runs serially.
_LAUNCH_PARALLEL = f"""
define internal void @launch(i64 %count, ptr %table, ptr %function, ptr %args, i64 %thread) nounwind {{
entry:
  %pool = load ptr, ptr @current_pool, align 8
  %several = icmp sgt i64 %count, 1
  %started = icmp ne ptr %pool, null
  %possible = and i1 %several, %started
  br i1 %possible, label %look, label %serial
look:
  %workers_cell = getelementptr i8, ptr %pool, i64 {WORKERS}
  %busy_cell = getelementptr i8, ptr %pool, i64 {BUSY}
  %workers = load i64, ptr %workers_cell, align 8
  %busy = load i64, ptr %busy_cell, align 8
  %free = icmp eq i64 %busy, 0
  br i1 %free, label %parallel, label %serial
parallel:
  call void @fork_join(ptr %pool, i64 %workers, i64 %count, ptr %table, ptr %function, ptr %args, i64 %thread)
  ret void
serial:
  call void @run_serial(i64 %count, ptr %table, ptr %function, ptr %args, i64 %thread)
  ret void
}}
"""
