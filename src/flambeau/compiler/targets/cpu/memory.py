"""Loads, stores and gathers of a kernel's arguments."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from flambeau.compiler.kernel import INNER, Arg, Kernel, arg_loops
from flambeau.compiler.targets.cpu.builder import Builder, Value, element, lanes, vector
from flambeau.compiler.targets.cpu.frame import Block, Frame
from flambeau.compiler.targets.cpu.layout import Layout
from flambeau.compiler.targets.cpu.types import memory_type, register_type, size_of


class Memory:
    """Writes the accesses of one kernel. Made in the entry block, where it reads the cells."""

    def __init__(self, b: Builder, kernel: Kernel, layout: Layout, args: Value, count: int) -> None:
        self.b = b
        self.kernel = kernel
        self.layout = layout
        self.count = count
        self._args = args
        self._cells: dict[int, Value] = {}
        self._lane_offsets: dict[int, Value] = {}
        self._entry_cells()

    # -- cells -----------------------------------------------------------------------------------

    def cell(self, index: int, type: str = "i64") -> Value:
        """The content of a cell, read once on entry."""
        if index not in self._cells:
            self._cells[index] = self.b.load(type, self.b.gep(self._args, 8 * index), align=8)
        return self._cells[index]

    def _entry_cells(self) -> None:
        """Read every cell of the arguments, so that no loop does."""
        for position, cells in enumerate(self.layout.args):
            self.cell(cells.pointer, "ptr")
            for index in (*cells.outer, *cells.middle, *(i for pair in cells.gather for i in pair)):
                self.cell(index)
            if cells.inner is not None:
                stride = self.b.splat(self.cell(cells.inner), self.count)
                self._lane_offsets[position] = self.b.mul(self.b.iota(self.count), stride)

    def load_scalar(self, index: int, dtype: str) -> Value:
        """A run-time scalar: the low bytes of its cell."""
        pointer = self.b.gep(self._args, 8 * index)
        return self._from_memory(self.b.load(memory_type(dtype), pointer), dtype)

    def _inner_stride(self, position: int) -> Value:
        cell = self.layout.args[position].inner
        assert cell is not None
        return self.cell(cell)

    def is_wide(self, position: int) -> bool:
        """Whether an argument differs between the lanes of a block."""
        return bool(arg_loops(self.kernel, self.kernel.args[position]) & INNER)

    # -- addresses -------------------------------------------------------------------------------

    def move(self, pointer: Value, index: Value, stride_cell: int) -> Value:
        """``pointer`` moved by ``index`` strides."""
        return self.b.gep(pointer, self.b.mul(index, self.cell(stride_cell)))

    def row_pointer(self, position: int, outer: Sequence[Value], item: Value) -> Value:
        """Where an argument stands at the start of a row."""
        cells = self.layout.args[position]
        pointer = self.cell(cells.pointer, "ptr")
        for index, stride in zip(outer, cells.outer, strict=True):
            pointer = self.move(pointer, index, stride)
        if cells.item is not None:
            pointer = self.move(pointer, item, cells.item)
        return pointer

    def _lanes_at(self, position: int, pointer: Value, block: Block, copy: int) -> Value:
        """The addresses of a strided argument's lanes."""
        stride = self._inner_stride(position)
        first = self.b.add(block.start, self.b.i64(copy * block.lanes)) if copy else block.start
        return self.b.pointers(self.b.gep(pointer, self.b.mul(first, stride)), self._lane_offsets[position])

    def _contiguous_at(self, arg: Arg, pointer: Value, block: Block, copy: int) -> Value:
        size = size_of(arg.dtype)
        return self.b.gep(self.b.gep(pointer, block.offsets[size]), copy * block.lanes * size)

    # -- loads and stores ------------------------------------------------------------------------

    def load(self, position: int, pointer: Value, block: Block) -> list[Value]:
        """An argument's number, or its vector for each copy of the block where it differs between lanes."""
        arg = self.kernel.args[position]
        if not self.is_wide(position):
            return [self._from_memory(self.b.load(memory_type(arg.dtype), pointer), arg.dtype)]
        type = vector(memory_type(arg.dtype), self.count)
        loaded = []
        for copy in range(block.copies):
            if arg.inner == "strided":
                addresses = self._lanes_at(position, pointer, block, copy)
                loaded.append(self.b.gather(type, addresses, block.mask))
            elif arg.inner == "reversed":
                loaded.append(self._load_backwards(arg, pointer, block, copy))
            else:
                loaded.append(
                    self.b.load(type, self._contiguous_at(arg, pointer, block, copy), mask=block.mask)
                )
        return [self._from_memory(value, arg.dtype) for value in loaded]

    def _load_backwards(self, arg: Arg, pointer: Value, block: Block, copy: int) -> Value:
        """A vector whose first lane lies at the highest address."""
        b, size, order = self.b, size_of(arg.dtype), range(self.count - 1, -1, -1)
        last = b.gep(b.gep(pointer, b.sub(b.i64(0), block.offsets[size])), -(copy * self.count + self.count - 1) * size)
        mask = None if block.mask is None else b.shuffle(block.mask, None, order)
        return b.shuffle(b.load(vector(memory_type(arg.dtype), self.count), last, mask=mask), None, order)

    def store(self, position: int, pointer: Value, block: Block, copy: int, value: Value) -> None:
        """Write one number, or one vector of a block."""
        arg = self.kernel.args[position]
        value = self._to_memory(value, arg.dtype)
        if not self.is_wide(position):
            self.b.store(value, pointer)
        elif arg.inner == "strided":
            self.b.scatter(value, self._lanes_at(position, pointer, block, copy), block.mask)
        else:
            self.b.store(value, self._contiguous_at(arg, pointer, block, copy), mask=block.mask)

    def _from_memory(self, value: Value, dtype: str) -> Value:
        return self.b.convert(value, "i1") if dtype == "bool" else value

    def _to_memory(self, value: Value, dtype: str) -> Value:
        return self.b.convert(value, memory_type(dtype), signed=False) if dtype == "bool" else value

    # -- gathers ---------------------------------------------------------------------------------

    def resolve(self, position: int, indices: Sequence[Value], mask: Value | None) -> Value:
        """The byte offset that indices (all scalars, or all vectors) of a gathered argument stand for."""
        steps = []
        for (size, stride), index in zip(self.layout.args[position].gather, indices, strict=True):
            count = lanes(index.type)
            inside = self._checked(index, self.b.splat(self.cell(size), count), mask)
            steps.append(self.b.mul(inside, self.b.splat(self.cell(stride), count)))
        return functools.reduce(self.b.add, steps)

    def gather(self, position: int, offset: Value, frame: Frame) -> list[Value]:
        """An argument's numbers at a scalar offset from where it stands."""
        return self.load(position, self.b.gep(frame.pointers[position], offset), frame.block)

    def gather_lanes(self, position: int, offset: Value, frame: Frame, copy: int) -> Value:
        """An argument's numbers at an offset that differs between lanes."""
        arg = self.kernel.args[position]
        pointer = frame.pointers[position]
        if not self.is_wide(position):
            addresses = self.b.pointers(pointer, offset)
        elif arg.inner == "strided":
            base = self._lanes_at(position, pointer, frame.block, copy)
            addresses = self.b.op(f"getelementptr i8, {base!r}, {offset!r}", base.type)
        else:
            base = self._contiguous_at(arg, pointer, frame.block, copy)
            own = self.b.mul(self.b.iota(self.count), self.b.constant(offset.type, size_of(arg.dtype)))
            addresses = self.b.pointers(base, self.b.add(offset, own))
        type = vector(memory_type(arg.dtype), self.count)
        return self._from_memory(self.b.gather(type, addresses, frame.block.mask), arg.dtype)

    def _checked(self, index: Value, size: Value, mask: Value | None) -> Value:
        """The index within 0..size: a negative one counts from the end. One that is out of range is reported
        in the error cell, and 0 is used instead."""
        b = self.b
        zero = b.constant(index.type, 0)
        wrapped = b.select(b.icmp("slt", index, zero), b.add(index, size), index)
        outside = b.icmp("uge", wrapped, size)
        reported = b.and_(outside, mask) if mask is not None else outside
        with b.if_(b.reduce("or", reported) if lanes(index.type) else reported):
            self._report(index, reported)
        return b.select(outside, zero, wrapped)

    def _report(self, index: Value, outside: Value) -> None:
        b = self.b
        if lanes(index.type):
            lowest = b.constant(index.type, -(1 << 63))
            index = b.reduce("smax", b.select(outside, index, lowest))
        error = self.cell(self.layout.error, "ptr")
        b.store(index, error)
        b.store(b.i64(1), b.gep(error, 8))

    # -- scratch ---------------------------------------------------------------------------------

    def scratch_store(self, value: Value, slot: Value, index: Value, mask: Value | None) -> None:
        """Keep a vector at element ``index`` of a slot."""
        self.b.store(value, self._scratch_at(value.type, slot, index), mask=mask)

    def scratch_load(self, dtype: str, slot: Value, index: Value, mask: Value | None) -> Value:
        """Read back what `scratch_store` kept."""
        type = vector(register_type(dtype), self.count)
        return self.b.load(type, self._scratch_at(type, slot, index), mask=mask)

    def _scratch_at(self, type: str, slot: Value, index: Value) -> Value:
        size = {"i8": 1, "i16": 2, "half": 2, "i32": 4, "float": 4}.get(element(type), 8)
        return self.b.gep(slot, self.b.mul(index, self.b.i64(size)))
