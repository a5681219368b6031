"""The caching allocator: alignment, reuse, lifetimes, limits, threads and fork."""

from __future__ import annotations

import gc
import os
import threading

import numpy as np
import pytest

from flambeau.runtime import memory

MEBIBYTE = 1 << 20


@pytest.fixture(autouse=True, scope="module")
def older_objects_at_rest():
    """What earlier tests left is looked at by the garbage collector once, not before every test."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def fresh_limits():
    gc.collect()
    memory.empty_cache()
    memory.reset_peak_statistics()
    yield
    memory.set_memory_limit(None)


@pytest.mark.parametrize("nbytes", [1, 63, 64, 65, 1000, 4096, 100_000, 131_072, 131_073, 10_000_001])
def test_blocks_are_aligned_and_writable_to_the_last_byte(nbytes):
    buffer = memory.allocate(nbytes)
    assert buffer.nbytes == nbytes
    assert buffer.address % memory.ALIGNMENT == 0
    view = buffer.array(np.uint8, nbytes)
    view[:] = 7
    assert view.sum() == 7 * nbytes


def test_live_blocks_do_not_overlap():
    buffers = [memory.allocate(n) for n in (1, 64, 65, 200, 5000, 70_000, 200_000) for _ in range(20)]
    ranges = sorted((b.address, b.address + b.nbytes) for b in buffers)
    assert all(end <= start for (_, end), (start, _) in zip(ranges, ranges[1:]))


def test_zero_bytes():
    buffer = memory.allocate(0)
    assert buffer.nbytes == 0
    assert buffer.array(np.float32, 0).shape == (0,)


def test_negative_size_is_refused():
    with pytest.raises(ValueError, match="non-negative"):
        memory.allocate(-1)


@pytest.mark.parametrize("nbytes", [100, 50_000, 3 * MEBIBYTE])
def test_a_collected_buffer_is_handed_out_again(nbytes):
    buffer = memory.allocate(nbytes)
    address = buffer.address
    before = memory.statistics()
    del buffer
    again = memory.allocate(nbytes - 1)
    after = memory.statistics()
    assert again.address == address
    assert after.hits == before.hits + 1
    assert after.reserved == before.reserved


def test_a_large_request_may_use_a_somewhat_larger_free_block():
    address = memory.allocate(10 * MEBIBYTE).address
    assert memory.allocate(8 * MEBIBYTE).address == address
    assert memory.allocate(2 * MEBIBYTE).address != address


def test_views_keep_the_buffer_alive():
    buffer = memory.allocate(4 * MEBIBYTE)
    address = buffer.address
    view = buffer.array(np.float32, MEBIBYTE)
    part = view[10:20]
    del buffer, view
    part[:] = 1.5
    other = memory.allocate(4 * MEBIBYTE)
    assert other.address != address
    assert part.sum() == 15.0


def test_view_with_offset_and_dtype():
    buffer = memory.allocate(64)
    buffer.array(np.uint8, 64)[:] = 0
    buffer.array(np.int64, 2, 16)[:] = [-1, 5]
    assert buffer.array(np.int64, 8).tolist() == [0, 0, -1, 5, 0, 0, 0, 0]
    assert buffer.array(np.bool_, 1, 24).dtype == np.bool_
    assert buffer.array(np.complex64, 8).flags.writeable


@pytest.mark.parametrize("count, offset", [(17, 0), (16, 1), (-1, 0), (1, -4)])
def test_view_outside_of_the_buffer_is_refused(count, offset):
    with pytest.raises(ValueError, match="do not lie inside"):
        memory.allocate(64).array(np.float32, count, offset)


def test_wrap_shares_and_keeps_external_memory():
    array = np.arange(6, dtype=np.float64)
    buffer = memory.wrap(array)
    view = buffer.array(np.float64, 6)
    del buffer
    view[0] = 42
    assert array[0] == 42
    assert memory.wrap(array).nbytes == 48


def test_wrap_covers_every_stride():
    array = np.arange(24, dtype=np.int32).reshape(4, 6)
    backward = memory.wrap(array[::-1, ::2])
    assert backward.address == array.ctypes.data
    assert backward.nbytes == (3 * 6 + 4 + 1) * 4
    broadcast = memory.wrap(np.broadcast_to(array[0], (5, 6)))
    assert broadcast.nbytes == 24
    assert memory.wrap(np.empty((0, 3))).nbytes == 0
    assert memory.wrap(np.float32(3).reshape(())).nbytes == 4


def test_statistics_count_what_is_in_use():
    before = memory.statistics()
    buffer = memory.allocate(8 * MEBIBYTE)
    during = memory.statistics()
    assert during.allocated == before.allocated + 8 * MEBIBYTE
    assert during.peak_allocated >= during.allocated
    assert during.reserved >= during.allocated
    assert during.allocations == before.allocations + 1
    del buffer
    after = memory.statistics()
    assert after.allocated == before.allocated
    assert after.peak_allocated == during.peak_allocated
    memory.empty_cache()
    assert memory.statistics().reserved == during.reserved - 8 * MEBIBYTE


def test_the_cache_is_bounded_by_the_peak_use():
    """A program that never needs more than 64 MiB at a time, in ever other sizes, does not hoard them all."""
    base = memory.statistics().allocated
    for mebibytes in range(1, 65, 3):
        memory.allocate(mebibytes * MEBIBYTE)
    peak = memory.statistics().peak_allocated - base
    bound = max(peak * memory.RESERVE_RATIO, peak + memory.RESERVE_SLACK)
    assert memory.statistics().reserved - base <= bound


def test_limit_names_the_numbers_and_leaves_the_process_usable():
    held = memory.allocate(4 * MEBIBYTE)
    held.array(np.uint8, 4)[:] = 9
    limit = memory.statistics().reserved + 8 * MEBIBYTE
    memory.set_memory_limit(limit)
    message = rf"{16 * MEBIBYTE} bytes.*allocated.*limit: {limit} bytes"
    with pytest.raises(memory.OutOfMemoryError, match=message):
        memory.allocate(16 * MEBIBYTE)
    assert held.array(np.uint8, 4).tolist() == [9] * 4
    assert memory.allocate(8 * MEBIBYTE).nbytes == 8 * MEBIBYTE
    memory.set_memory_limit(None)
    assert memory.allocate(16 * MEBIBYTE).nbytes == 16 * MEBIBYTE


def test_cached_blocks_make_room_before_a_request_is_refused():
    memory.set_memory_limit(memory.statistics().reserved + 20 * MEBIBYTE)
    memory.allocate(16 * MEBIBYTE)  # freed at once: cached
    small = [memory.allocate(MEBIBYTE) for _ in range(16)]
    assert len(small) == 16


def test_the_limit_holds_for_small_blocks():
    memory.set_memory_limit(memory.statistics().reserved + 100_000)
    held = []
    with pytest.raises(memory.OutOfMemoryError):
        for _ in range(10_000):
            held.append(memory.allocate(3_000))


def test_an_impossible_size_is_out_of_memory():
    for nbytes in (1 << 60, 1 << 70):
        with pytest.raises(memory.OutOfMemoryError, match=str(nbytes)):
            memory.allocate(nbytes)
    assert memory.allocate(100).nbytes == 100


def test_negative_limit_is_refused():
    with pytest.raises(ValueError, match="non-negative"):
        memory.set_memory_limit(-1)


def test_threads_share_the_allocator():
    errors = []

    def work(seed):
        random = np.random.default_rng(seed)
        held = []
        for step in range(2000):
            buffer = memory.allocate(int(random.integers(8, 300_000)))
            buffer.array(np.int64, 1)[0] = seed * 10_000 + step
            held.append((buffer, seed * 10_000 + step))
            if len(held) > 20:
                kept, expected = held.pop(int(random.integers(20)))
                if kept.array(np.int64, 1)[0] != expected:
                    errors.append((seed, step))

    before = memory.statistics().allocated
    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert memory.statistics().allocated == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_has_memory_of_its_own():
    buffer = memory.allocate(2 * MEBIBYTE)
    view = buffer.array(np.uint8, 2 * MEBIBYTE)
    view[:] = 1
    with memory._lock:  # as if another thread were inside the allocator
        child = os.fork()
        if child == 0:
            view[:] = 2
            memory.allocate(3 * MEBIBYTE)
            memory.allocate(30)
            os._exit(0 if view[-1] == 2 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert view[0] == 1
