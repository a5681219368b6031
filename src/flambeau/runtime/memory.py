"""Host memory: a caching allocator.

Fresh pages are expensive: the kernel clears each one at its first touch, and an elementwise
operator that writes into new memory spends most of its time there. Memory is therefore kept and
handed out again:

- sizes are rounded up to size classes, four to an octave (at most a quarter of a block is unused, and
  pages that are never touched are never resident);
- small blocks are carved out of slabs, large ones are anonymous mappings of their own;
- a :class:`Buffer` gives its block back when it is collected.

What is kept is bounded by :data:`RESERVE_RATIO` times the peak use; beyond it, cached large blocks go
back to the system before new ones are mapped.

Thread safety rests on the GIL: list ``pop`` and ``append`` are atomic, and so is ``+=`` on the counters
(the interpreter switches threads only at calls and backward jumps). The slow path takes a lock; a
finalizer never does.
"""

from __future__ import annotations

import ctypes
import math
import mmap
import os
import threading
from dataclasses import dataclass
from typing import Any

import numpy as np

ALIGNMENT = 64
SMALL_LIMIT = 128 * 1024  # larger blocks have a mapping of their own
SLAB_BYTES = 2 * 1024 * 1024
HUGE_PAGE_LIMIT = 4 * 1024 * 1024  # a mapping of this size contains a whole huge page wherever it lies
RESERVE_RATIO = 1.5  # reserved memory may reach this multiple of the peak use ...
RESERVE_SLACK = 32 * 1024 * 1024  # ... or the peak use plus this, if that is more
MAX_BORROWED = 8  # a large size that was served so often from larger blocks gets one of its own


class OutOfMemoryError(RuntimeError):
    """Raised when a request exceeds the memory limit, or the system has no memory left.

    Nothing is lost: everything allocated before stays valid, and allocation may be tried again.
    """


@dataclass(frozen=True)
class MemoryStatistics:
    """A snapshot of the allocator, in bytes of whole blocks unless said otherwise."""

    allocated: int  # in use
    reserved: int  # in use or cached
    peak_allocated: int
    peak_reserved: int
    allocations: int  # number of requests
    hits: int  # number of requests served from the cache


class _Counters:
    __slots__ = ("allocated", "peak_allocated", "reserved", "peak_reserved", "allocations", "misses", "limit")

    def __init__(self) -> None:
        self.allocated = self.peak_allocated = 0
        self.reserved = self.peak_reserved = 0
        self.allocations = self.misses = 0
        self.limit: int | None = None


_counters = _Counters()
_lock = threading.RLock()  # reentrant: a finalizer run by the collector may allocate


class _Block:
    """A piece of memory of one size class; it is either inside a Buffer or in its class's free list."""

    __slots__ = ("address", "size", "free_list", "mapping")

    def __init__(self, address: int, size: int, free_list: list[_Block], mapping: mmap.mmap | None) -> None:
        self.address = address
        self.size = size
        self.free_list = free_list
        self.mapping = mapping  # None: the block belongs to a slab


class Buffer:
    """A range of host memory, alive as long as the object is.

    Attributes: ``address`` (int; 0 for an empty buffer of the allocator), ``nbytes`` (as requested),
    ``owner`` (what keeps the memory alive).
    """

    __slots__ = ("address", "nbytes", "owner", "__weakref__")

    address: int
    nbytes: int

    def __init__(self, address: int, nbytes: int, owner: object) -> None:
        self.address = address
        self.nbytes = nbytes
        self.owner = owner

    def array(self, dtype: Any, count: int, byte_offset: int = 0) -> np.ndarray:
        """Return a writable one-dimensional NumPy view of ``count`` elements that keeps this buffer alive.

        Raises ValueError if the view does not lie inside the buffer.
        """
        dtype = np.dtype(dtype)
        if count < 0 or byte_offset < 0 or byte_offset + count * dtype.itemsize > self.nbytes:
            raise ValueError(
                f"Buffer.array: {count} elements of {dtype} at byte {byte_offset} do not lie inside "
                f"{self.nbytes} bytes"
            )
        if count == 0:
            return np.empty(0, dtype)
        return np.asarray(_ArrayInterface(self, dtype, count, byte_offset))

    def view(self, dtype: np.dtype, shape: tuple, strides: tuple, byte_offset: int, owner: Any = None) -> np.ndarray:
        """A writable strided NumPy view (``strides`` in bytes) that keeps this buffer, or ``owner``, alive. Not checked."""
        if 0 in shape:
            return np.empty(shape, dtype)
        holder: Any = Holder() if owner is None else owner
        holder.buffer = self
        holder.__array_interface__ = {
            "version": 3,
            "shape": shape,
            "typestr": dtype.str,
            "data": (self.address + byte_offset, False),
            "strides": strides,
        }
        return np.asarray(holder)

    def __repr__(self) -> str:
        return f"<Buffer of {self.nbytes} bytes at {self.address:#x}>"


class _PooledBuffer(Buffer):
    """A buffer whose block goes back to the cache."""

    __slots__ = ()
    owner: _Block

    # The counters are bound as a default: module globals may be gone when the interpreter exits.
    def __del__(self, counters: _Counters = _counters) -> None:
        block = self.owner
        counters.allocated -= block.size
        block.free_list.append(block)


class Holder:
    """NumPy keeps this object as the base of a view, and this object keeps the buffer. Weakly referable."""

    __slots__ = ("buffer", "__array_interface__", "__weakref__")


class _ArrayInterface:
    """NumPy keeps this object as the base of the view, and this object keeps the buffer."""

    __slots__ = ("buffer", "__array_interface__")

    def __init__(self, buffer: Buffer, dtype: np.dtype, count: int, byte_offset: int) -> None:
        self.buffer = buffer
        self.__array_interface__ = {
            "version": 3,
            "shape": (count,),
            "typestr": dtype.str,
            "data": (buffer.address + byte_offset, False),
        }


class _FreeLists(dict[int, list[_Block]]):
    """Free blocks by block size."""

    def __missing__(self, size: int) -> list[_Block]:
        with _lock:  # two threads must not create two lists for one class
            return self.setdefault(size, [])


class _Slab:
    """The mapping that small blocks are carved from. Full slabs are kept for ever: their blocks circulate."""

    def __init__(self) -> None:
        self.mappings: list[mmap.mmap] = []
        self.position = self.end = 0

    def carve(self, size: int) -> int:
        if self.position + size > self.end:
            mapping = _map(SLAB_BYTES)
            self.mappings.append(mapping)
            self.position = _address(mapping)
            self.end = self.position + SLAB_BYTES
        address = self.position
        self.position += size
        return address


_new = object.__new__
_free = _FreeLists()
_borrowed: dict[int, int] = {}  # how often a size was served by the slow path since it got a block
_slab = _Slab()


def allocate(nbytes: int) -> Buffer:
    """Return a buffer of ``nbytes`` bytes, 64-byte aligned, with undefined contents.

    Raises OutOfMemoryError where the memory limit or the system refuses, after cached blocks were released;
    ValueError for a negative size.
    """
    if nbytes <= 0:
        return _empty_buffer(nbytes)
    size = size_class(nbytes)
    try:
        block = _free[size].pop()
    except IndexError:
        block = _allocate_block(nbytes, size)
    counters = _counters
    counters.allocations += 1
    counters.allocated += block.size
    if counters.allocated > counters.peak_allocated:
        counters.peak_allocated = counters.allocated
    return _PooledBuffer(block.address, nbytes, block)


def size_class(nbytes: int) -> int:
    """The bytes of the block that holds ``nbytes`` (at least 1)."""
    shift = (nbytes - 1).bit_length() - 3
    if shift < 6:
        shift = 6
    return (((nbytes - 1) >> shift) + 1) << shift


def allocate_all(requests: list[tuple[int, int]]) -> list[Buffer]:
    """A buffer for each ``(nbytes, size_class(nbytes))``, as :func:`allocate`; what is asked for again is rounded once."""
    counters, free = _counters, _free
    made: list[Buffer] = []
    total = 0
    try:
        for nbytes, size in requests:
            try:
                block = free[size].pop()
            except IndexError:
                block = _allocate_block(nbytes, size)
            total += block.size
            buffer = _new(_PooledBuffer)
            buffer.address = block.address
            buffer.nbytes = nbytes
            buffer.owner = block
            made.append(buffer)
    finally:
        counters.allocations += len(made)
        counters.allocated += total
        if counters.allocated > counters.peak_allocated:
            counters.peak_allocated = counters.allocated
    return made


def wrap(array: np.ndarray) -> Buffer:
    """Return a buffer over the memory of ``array``, which is kept alive.

    The buffer covers every element, whatever the strides: its address is that of the lowest element, which
    is the first one unless a stride is negative.
    """
    first = low = high = array.__array_interface__["data"][0]
    if array.size == 0:
        return Buffer(first, 0, array)
    for size, stride in zip(array.shape, array.strides):
        reach = (size - 1) * stride
        low, high = low + min(reach, 0), high + max(reach, 0)
    return Buffer(low, high + array.itemsize - low, array)


class SharedBuffer(Buffer):
    """Memory that this process shares with those forked from it."""

    __slots__ = ()


def allocate_shared(nbytes: int) -> SharedBuffer:
    """Return zeroed memory of ``nbytes`` bytes that forked processes share."""
    array = np.frombuffer(mmap.mmap(-1, max(nbytes, 1)), dtype=np.uint8)
    return SharedBuffer(array.__array_interface__["data"][0], nbytes, array)


def empty_cache() -> None:
    """Give the cached large blocks back to the system; small ones stay in their slabs."""
    _release_cached(needed=math.inf)


def set_memory_limit(nbytes: int | None) -> None:
    """Bound the memory that may be reserved, in bytes; None (the default) removes the bound.

    Cached blocks above the limit are released now. Memory in use above it stays valid, but nothing more is
    reserved until it has been freed. Raises ValueError for a negative limit.
    """
    if nbytes is not None and nbytes < 0:
        raise ValueError(f"set_memory_limit: expected a non-negative number of bytes, got {nbytes}")
    _counters.limit = nbytes
    if nbytes is not None:
        _release_cached(_counters.reserved - nbytes)


def statistics() -> MemoryStatistics:
    """Return the current counters and peaks."""
    c = _counters
    hits = c.allocations - c.misses
    return MemoryStatistics(c.allocated, c.reserved, c.peak_allocated, c.peak_reserved, c.allocations, hits)


def reset_peak_statistics() -> None:
    """Let the peaks start again from the current use."""
    _counters.peak_allocated = _counters.allocated
    _counters.peak_reserved = _counters.reserved


def _empty_buffer(nbytes: int) -> Buffer:
    if nbytes < 0:
        raise ValueError(f"allocate: expected a non-negative number of bytes, got {nbytes}")
    return Buffer(0, 0, None)


def _allocate_block(nbytes: int, size: int) -> _Block:
    """The slow path: no free block of this very size."""
    with _lock:
        if size > SMALL_LIMIT:
            _borrowed[size] = times = _borrowed.get(size, 0) + 1
            if times <= MAX_BORROWED or _beyond_reserve(size) > 0:
                block = _larger_free_block(size)
                if block is not None:
                    return block
            _release_cached(_beyond_reserve(size))
            _borrowed[size] = 0
        _keep_within_limit(nbytes, size)
        block = _new_block(nbytes, size)
        _counters.misses += 1
        _counters.reserved += size
        _counters.peak_reserved = max(_counters.peak_reserved, _counters.reserved)
        return block


def _larger_free_block(size: int) -> _Block | None:
    """Take a free block of one of the four classes above: less than twice the size is put up with."""
    for _ in range(4):
        size += 1 << (size.bit_length() - 3)
        try:
            return _free[size].pop()
        except IndexError:
            continue
    return None


def _new_block(nbytes: int, size: int) -> _Block:
    try:
        return _carve_or_map(size)
    except (OSError, OverflowError):  # OverflowError: more than the address space
        empty_cache()
    try:
        return _carve_or_map(size)
    except (OSError, OverflowError) as error:
        raise _out_of_memory(nbytes) from error


def _carve_or_map(size: int) -> _Block:
    if size <= SMALL_LIMIT:
        return _Block(_slab.carve(size), size, _free[size], None)
    mapping = _map(size)
    return _Block(_address(mapping), size, _free[size], mapping)


def _beyond_reserve(size: int) -> int:
    """By how many bytes another block of ``size`` would exceed what may be kept."""
    peak = max(_counters.peak_allocated, _counters.allocated + size)
    bound = max(int(peak * RESERVE_RATIO), peak + RESERVE_SLACK)
    return _counters.reserved + size - bound


def _keep_within_limit(nbytes: int, size: int) -> None:
    limit = _counters.limit
    if limit is None:
        return
    _release_cached(_counters.reserved + size - limit)
    if _counters.reserved + size > limit:
        raise _out_of_memory(nbytes)


def _out_of_memory(nbytes: int) -> OutOfMemoryError:
    limit = "none" if _counters.limit is None else f"{_counters.limit} bytes"
    return OutOfMemoryError(
        f"CPU out of memory: tried to allocate {nbytes} bytes; {_counters.allocated} bytes are allocated, "
        f"{_counters.reserved} bytes reserved; memory limit: {limit}"
    )


def _release_cached(needed: float) -> None:
    """Unmap cached large blocks, the largest first, until ``needed`` bytes are released or none is left."""
    if needed <= 0:
        return
    with _lock:
        for size in sorted((size for size in _free if size > SMALL_LIMIT), reverse=True):
            while needed > 0:
                try:
                    block = _free[size].pop()
                except IndexError:
                    break
                _unmap(block)
                needed -= size


def _map(size: int) -> mmap.mmap:
    # Private, so that a forked child does not write into its parent's memory.
    mapping = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if size >= HUGE_PAGE_LIMIT and hasattr(mmap, "MADV_HUGEPAGE"):
        try:
            mapping.madvise(mmap.MADV_HUGEPAGE)
        except OSError:  # a kernel without huge pages
            pass
    return mapping


def _unmap(block: _Block) -> None:
    assert block.mapping is not None
    block.mapping.close()
    _counters.reserved -= block.size


def _address(mapping: mmap.mmap) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(mapping))


def _after_fork_in_child() -> None:
    """Another thread of the parent may have held the lock; it does not exist here."""
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
