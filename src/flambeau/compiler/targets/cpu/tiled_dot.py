"""Generated matrix products for float32 and float64: register tiles over the operands where they lie.

The micro-kernel computes a tile of c in registers: for each k, some vectors of a row of b times broadcast
elements of a column of a. The columns of an item are cut into panels of at most four vectors, and b is cut
along k into blocks, so that one panel's block stays in a near cache while all rows of a pass over it.

Library routines first copy both operands into panels. Here a is read in place through its strides, whatever
they are (copying it never paid, measured up to k = 4096). The cell ``pack_b`` says how b is read:

- 0: in place, for contiguous rows;
- 1: contiguous rows are copied into panels, which many rows of a then share;
- 2: contiguous columns are transposed into panels.
"""

from __future__ import annotations

import functools

from flambeau.compiler.targets.cpu.builder import Builder, Value, vector
from flambeau.compiler.targets.cpu.dot_layout import TASK_PARAMETERS, Cells, ItemRange, module, offset
from flambeau.runtime import jit

ITEMSIZE = {"float32": 4, "float64": 8}
_SCALAR = {"float32": "float", "float64": "double"}
# Rows of the register tile by its width in vectors: 24 accumulators where there are 32 registers, else 12.
_ROWS_WIDE = {4: 6, 3: 8, 2: 12, 1: 12}
_ROWS_NARROW = {2: 6, 1: 8}


def lanes(dtype: str) -> int:
    """Elements in a vector register."""
    return jit.target().vector_bytes // ITEMSIZE[dtype]


def panel_width(dtype: str) -> int:
    """The most columns a panel has."""
    return max(_rows_by_width()) * lanes(dtype)


def scratch_bytes(dtype: str, block_k: int, pack_b: int) -> int:
    """The scratch a thread needs: one block of a panel of b, its rows rounded up to whole squares."""
    if not pack_b:
        return 0
    width = lanes(dtype)
    return -(-block_k // width) * width * panel_width(dtype) * ITEMSIZE[dtype]


@functools.cache
def task(dtype: str) -> int:
    """The address of the task function for ``dtype``."""
    name = f"tiled_dot_{dtype}"
    return jit.compile_ir(ir(dtype), [name])[name]


@functools.cache
def ir(dtype: str) -> str:
    """The module: a micro-kernel for each panel width, the transposition of a square, and the task."""
    texts, builders = [], []
    for width, rows in _rows_by_width().items():
        text, builder = _micro_kernel(dtype, width, rows)
        texts.append(text)
        builders.append(builder)
    for text, builder in (_transpose(dtype), _task(dtype)):
        texts.append(text)
        builders.append(builder)
    return module(texts, builders)


def _rows_by_width() -> dict[int, int]:
    return _ROWS_WIDE if jit.target().vector_bytes == 64 else _ROWS_NARROW


def _mask(b: Builder, count: Value, width: int) -> Value:
    """True in the first ``count`` lanes."""
    return b.icmp("slt", b.iota(width), b.splat(count, width))


# -- the micro-kernel ------------------------------------------------------------------------------

_KERNEL_PARAMETERS = (
    Value("%a", "ptr"), Value("%a_row", "i64"), Value("%a_k", "i64"),  # strides in bytes
    Value("%b", "ptr"), Value("%b_k", "i64"),
    Value("%c", "ptr"), Value("%c_row", "i64"),
    Value("%d", "ptr"), Value("%d_row", "i64"),
    Value("%k", "i64"),
    Value("%first", "i64"), Value("%rows", "i64"),  # rows first <= i < rows of the tile are stored
    Value("%last", "i64"),  # columns in the last vector
)  # fmt: skip


def _micro_kernel(dtype: str, width: int, rows: int) -> tuple[str, Builder]:
    """c = alpha * (a @ b) + beta * d on a tile of ``rows`` x ``width`` vectors."""
    b = Builder()
    itemsize, count = ITEMSIZE[dtype], lanes(dtype)
    type = vector(_SCALAR[dtype], count)
    a, a_row, a_k, panel, b_k, c, c_row, d, d_row, k, first, valid, last = _KERNEL_PARAMETERS
    alpha, beta = Value("%alpha", _SCALAR[dtype]), Value("%beta", _SCALAR[dtype])
    mask = _mask(b, last, count)
    masks = [None] * (width - 1) + [mask]
    totals = [[b.alloca(type) for _ in range(width)] for _ in range(rows)]
    for row in totals:
        for total in row:
            b.store(b.constant(type, 0.0), total)

    # Rows beyond the matrix repeat its last one, and are not stored.
    bottom = b.sub(valid, b.i64(1))
    starts = [offset(b, a, (b.smin(b.i64(i), bottom), a_row)) for i in range(rows)]
    with b.loop(0, k) as step:
        source = b.gep(panel, b.mul(step, b_k))
        vectors = [b.load(type, b.gep(source, j * count * itemsize), mask=masks[j]) for j in range(width)]
        moved = b.mul(step, a_k)
        for start, row in zip(starts, totals):
            factor = b.splat(b.load(_SCALAR[dtype], b.gep(start, moved)), count)
            for total, column in zip(row, vectors):
                b.store(b.fma(factor, column, b.load(type, total)), total)

    # The tile passes through memory, so that one loop over its rows writes it: straight code for each row
    # would make most of the kernel.
    row_bytes = width * count * itemsize
    tile = b.alloca(f"[{rows * row_bytes} x i8]")
    for i, row in enumerate(totals):
        for j, total in enumerate(row):
            b.store(b.load(type, total), b.gep(tile, i * row_bytes + j * count * itemsize))
    adds = b.fcmp("une", beta, b.constant(beta.type, 0.0))
    scale, weight = b.splat(alpha, count), b.splat(beta, count)
    with b.loop(first, b.smin(valid, b.i64(rows))) as i:
        computed = offset(b, tile, (i, b.i64(row_bytes)))
        addend, target = offset(b, d, (i, d_row)), offset(b, c, (i, c_row))
        result = [b.alloca(type) for _ in range(width)]
        for j in range(width):
            b.store(b.fmul(b.load(type, b.gep(computed, j * count * itemsize)), scale), result[j])
        with b.if_(adds):
            for j in range(width):
                term = b.load(type, b.gep(addend, j * count * itemsize), mask=masks[j])
                b.store(b.fma(weight, term, b.load(type, result[j])), result[j])
        for j in range(width):
            b.store(b.load(type, result[j]), b.gep(target, j * count * itemsize), mask=masks[j])
    parameters = (*_KERNEL_PARAMETERS, alpha, beta)
    return b.finish(f"tile{width}", parameters, attributes="nounwind noinline", linkage="internal"), b


# -- packing ---------------------------------------------------------------------------------------


def _transpose(dtype: str) -> tuple[str, Builder]:
    """Copy a square of b, whose columns are contiguous, into rows of the panel, with zeros beyond its depth.

    log2(lanes) perfect shuffles: each interleaves row i with row i + lanes/2.
    """
    b = Builder()
    count = lanes(dtype)
    type = vector(_SCALAR[dtype], count)
    source, stride, target = Value("%source", "ptr"), Value("%stride", "i64"), Value("%target", "ptr")
    columns, depth = Value("%columns", "i64"), Value("%depth", "i64")
    mask = _mask(b, depth, count)
    bottom = b.sub(columns, b.i64(1))
    rows = [
        b.load(type, offset(b, source, (b.smin(b.i64(i), bottom), stride)), mask=mask) for i in range(count)
    ]
    half = count // 2
    low = [lane // 2 + (lane % 2) * count for lane in range(count)]
    high = [index + half for index in low]
    for _ in range(count.bit_length() - 1):
        rows = [
            b.shuffle(rows[i], rows[i + half], order) for i in range(half) for order in (low, high)
        ]
    for i, row in enumerate(rows):
        b.store(row, b.gep(target, i * panel_width(dtype) * ITEMSIZE[dtype]))
    parameters = (source, stride, target, columns, depth)
    return b.finish("transpose", parameters, attributes="nounwind noinline", linkage="internal"), b


def _copy_rows(
    b: Builder,
    dtype: str,
    source: Value,
    source_row: Value,
    target: Value,
    target_row: Value,
    rows: Value,
    columns: Value,
) -> None:
    """Copy rows of contiguous elements. The target's rows are rounded up to whole vectors."""
    count = lanes(dtype)
    type = vector(_SCALAR[dtype], count)
    with b.loop(0, rows) as row:
        start, end = offset(b, source, (row, source_row)), offset(b, target, (row, target_row))
        with b.loop(0, columns, count) as column:
            moved = b.mul(column, b.i64(ITEMSIZE[dtype]))
            mask = _mask(b, b.sub(columns, column), count)
            b.store(b.load(type, b.gep(start, moved), mask=mask), b.gep(end, moved))


# -- the task --------------------------------------------------------------------------------------


class _Task:
    """Writes the loops of the task: batch, blocks of k, panels of columns, tiles of rows."""

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype
        self.b = Builder()
        self.itemsize = ITEMSIZE[dtype]
        self.cells = Cells(self.b, self.itemsize)
        self.size = self.b.i64(self.itemsize)
        self.panel_row = self.b.i64(panel_width(dtype) * self.itemsize)

    def text(self) -> str:
        b, cells = self.b, self.cells
        self.a_row, self.a_column = cells.stride("a_row"), cells.stride("a_column")
        self.b_row, self.b_column = cells.stride("b_row"), cells.stride("b_column")
        self.alpha = cells.read("alpha", _SCALAR[self.dtype])
        self.pack_b = cells.read("pack_b")
        self.block_k = cells.read("block_k")
        thread = TASK_PARAMETERS[2]
        self.panel = offset(b, cells.read("scratch", "ptr"), (thread, cells.read("scratch_bytes")))
        covered = cells.item_range()
        # k may be 0: one block of no steps then writes beta * d.
        steps = b.smax(cells.read("k"), b.i64(1))
        with b.loop(*covered.batch) as entry, b.loop(0, steps, self.block_k) as start:
            self._block(covered, entry, start)
        return b.finish(f"tiled_dot_{self.dtype}", TASK_PARAMETERS)

    def _block(self, covered: ItemRange, entry: Value, start: Value) -> None:
        """Add one block of k; the first one starts from beta * d."""
        b, cells = self.b, self.cells
        depth = b.smin(self.block_k, b.sub(cells.read("k"), start))
        begins = b.icmp("eq", start, b.i64(0))
        c, c_row = cells.matrix("c", entry), cells.stride("c_row")
        beta = cells.read("beta", _SCALAR[self.dtype])
        beta = b.select(begins, beta, b.constant(beta.type, 1.0))
        d = b.select(begins, cells.matrix("d", entry), c)
        d_row = b.select(begins, cells.stride("d_row"), c_row)
        a = offset(b, cells.matrix("a", entry), (start, self.a_column), (covered.rows[0], self.a_row))
        b_start = offset(b, cells.matrix("b", entry), (start, self.b_row))

        column = b.alloca("i64")
        b.store(covered.columns[0], column)
        panels = b.sdiv(
            b.add(b.sub(covered.columns[1], covered.columns[0]), b.i64(panel_width(self.dtype) - 1)),
            b.i64(panel_width(self.dtype)),
        )
        with b.loop(0, panels) as done:
            low = b.load("i64", column)
            width = self._panel_columns(b.sub(covered.columns[1], low), b.sub(panels, done))
            b.store(b.add(low, width), column)
            source = offset(b, b_start, (low, self.b_column))
            panel, b_k = self._panel_of_b(source, width, depth)
            moved = (low, self.size)
            arguments = (panel, b_k, offset(b, c, moved), c_row, offset(b, d, moved), d_row, depth, beta)
            self._tiles(covered, width, a, arguments)

    def _panel_columns(self, remaining: Value, panels: Value) -> Value:
        """Spread the remaining columns evenly over the remaining panels, in whole vectors."""
        b, count = self.b, self.b.i64(lanes(self.dtype))
        vectors = b.sdiv(b.add(remaining, b.sub(count, b.i64(1))), count)
        share = b.sdiv(b.add(vectors, b.sub(panels, b.i64(1))), panels)
        return b.smin(b.mul(share, count), remaining)

    def _panel_of_b(self, source: Value, width: Value, depth: Value) -> tuple[Value, Value]:
        """One block of a panel: address and stride of k in bytes."""
        b, count = self.b, lanes(self.dtype)
        with b.if_(b.icmp("eq", self.pack_b, b.i64(1))):
            _copy_rows(b, self.dtype, source, self.b_row, self.panel, self.panel_row, depth, width)
        with b.if_(b.icmp("eq", self.pack_b, b.i64(2))), b.loop(0, width, count) as column:
            start = offset(b, source, (column, self.b_column))
            target = offset(b, self.panel, (column, self.size))
            with b.loop(0, depth, count) as step:
                square = offset(b, start, (step, self.b_row))
                place = offset(b, target, (step, self.panel_row))
                left, below = b.sub(width, column), b.sub(depth, step)
                b.call("transpose", "void", square, self.b_column, place, left, below)
        in_place = b.icmp("eq", self.pack_b, b.i64(0))
        return b.select(in_place, source, self.panel), b.select(in_place, self.b_row, self.panel_row)

    def _tiles(self, covered: ItemRange, width: Value, a: Value, arguments: tuple[Value, ...]) -> None:
        """Pass the micro-kernel of the panel's width over the item's rows."""
        b, count = self.b, lanes(self.dtype)
        vectors = b.sdiv(b.add(width, b.i64(count - 1)), b.i64(count))
        for size, rows in _rows_by_width().items():
            with b.if_(b.icmp("eq", vectors, b.i64(size))):
                last = b.sub(width, b.i64((size - 1) * count))
                self._tile_loop(covered, size, rows, last, a, arguments)

    def _tile_loop(
        self, covered: ItemRange, size: int, rows: int, last: Value, a: Value, arguments: tuple[Value, ...]
    ) -> None:
        b = self.b
        panel, b_k, c, c_row, d, d_row, depth, beta = arguments
        low, high = covered.rows
        height = b.sub(high, low)
        with b.loop(0, height, rows) as wanted:
            # The last tile moves up to be a whole one: rows that another tile stores are computed twice.
            top = b.smax(b.smin(wanted, b.sub(height, b.i64(rows))), b.i64(0))
            row = b.add(low, top)
            b.call(
                f"tile{size}", "void",
                offset(b, a, (top, self.a_row)), self.a_row, self.a_column, panel, b_k,
                offset(b, c, (row, c_row)), c_row, offset(b, d, (row, d_row)), d_row,
                depth, b.sub(wanted, top), b.sub(height, top), last, self.alpha, beta,
            )  # fmt: skip


def _task(dtype: str) -> tuple[str, Builder]:
    writer = _Task(dtype)
    return writer.text(), writer.b
