"""Generated products of few rows, for float32 and float64: both operands are contiguous along k.

Vectors run along k, as in a dot product, so nothing is copied or transposed: matrix times vector, and a
linear layer on a few samples, read their weights once, in order, at the speed of memory.
"""

from __future__ import annotations

import functools

from flambeau.compiler.targets.cpu.builder import Builder, Value, lanes, vector
from flambeau.compiler.targets.cpu.dot_layout import TASK_PARAMETERS, Cells, ItemRange, module, offset
from flambeau.runtime import jit

ITEMSIZE = {"float32": 4, "float64": 8}
_SCALAR = {"float32": "float", "float64": "double"}
# Columns of the register tile by its rows.
_COLUMNS_WIDE = {1: 8, 2: 8, 4: 4}
_COLUMNS_NARROW = {1: 8, 2: 4, 4: 2}


@functools.cache
def task(dtype: str) -> int:
    """The address of the task function for ``dtype``."""
    name = f"skinny_dot_{dtype}"
    return jit.compile_ir(ir(dtype), [name])[name]


@functools.cache
def ir(dtype: str) -> str:
    """The module: a micro-kernel for each number of rows, and the task."""
    columns = _COLUMNS_WIDE if jit.target().vector_bytes == 64 else _COLUMNS_NARROW
    written = [_micro_kernel(dtype, rows, count) for rows, count in columns.items()]
    written.append(_task(dtype, columns))
    return module([text for text, _ in written], [builder for _, builder in written])


_KERNEL_PARAMETERS = (
    Value("%a", "ptr"), Value("%a_row", "i64"),  # strides in bytes
    Value("%b", "ptr"), Value("%b_column", "i64"),
    Value("%c", "ptr"), Value("%c_row", "i64"), Value("%c_column", "i64"),
    Value("%d", "ptr"), Value("%d_row", "i64"), Value("%d_column", "i64"),
    Value("%k", "i64"),
    Value("%rows", "i64"), Value("%columns", "i64"),  # how much of the tile is stored
)  # fmt: skip


def _micro_kernel(dtype: str, rows: int, columns: int) -> tuple[str, Builder]:
    """c = alpha * (a @ b) + beta * d on a tile of rows x columns scalars."""
    b = Builder()
    count = jit.target().vector_bytes // ITEMSIZE[dtype]
    scalar, type = _SCALAR[dtype], vector(_SCALAR[dtype], count)
    left, a_row, right, b_column = _KERNEL_PARAMETERS[:4]
    c, c_row, c_column, d, d_row, d_column = _KERNEL_PARAMETERS[4:10]
    k, height, width = _KERNEL_PARAMETERS[10:]
    alpha, beta = Value("%alpha", scalar), Value("%beta", scalar)
    # Rows and columns beyond the matrix repeat its last one, and are not stored.
    lefts = _starts(b, left, a_row, rows, height)
    rights = _starts(b, right, b_column, columns, width)
    totals = [[b.alloca(type) for _ in range(columns)] for _ in range(rows)]
    for row in totals:
        for total in row:
            b.store(b.constant(type, 0.0), total)
    with b.loop(0, k, count) as step:
        mask = b.icmp("slt", b.iota(count), b.splat(b.sub(k, step), count))
        moved = b.mul(step, b.i64(ITEMSIZE[dtype]))
        factors = [b.load(type, b.gep(start, moved), mask=mask) for start in lefts]
        for j, start in enumerate(rights):
            column = b.load(type, b.gep(start, moved), mask=mask)
            for factor, row in zip(factors, totals):
                b.store(b.fma(factor, column, b.load(type, row[j])), row[j])

    size = ITEMSIZE[dtype]
    sums = b.alloca(f"[{rows * columns * size} x i8]")
    for i, row in enumerate(totals):
        for j, total in enumerate(row):
            b.store(_sum(b, b.load(type, total)), b.gep(sums, (i * columns + j) * size))
    adds = b.fcmp("une", beta, b.constant(scalar, 0.0))
    rows_stored, columns_stored = b.smin(height, b.i64(rows)), b.smin(width, b.i64(columns))
    with b.loop(0, rows_stored) as i, b.loop(0, columns_stored) as j:
        place = offset(b, sums, (i, b.i64(columns * size)), (j, b.i64(size)))
        result = b.alloca(scalar)
        b.store(b.fmul(alpha, b.load(scalar, place)), result)
        with b.if_(adds):
            addend = b.load(scalar, offset(b, d, (i, d_row), (j, d_column)))
            b.store(b.fma(beta, addend, b.load(scalar, result)), result)
        b.store(b.load(scalar, result), offset(b, c, (i, c_row), (j, c_column)))
    parameters = (*_KERNEL_PARAMETERS, alpha, beta)
    return b.finish(f"skinny{rows}", parameters, attributes="nounwind noinline", linkage="internal"), b


def _starts(b: Builder, first: Value, stride: Value, count: int, valid: Value) -> list[Value]:
    bottom = b.sub(valid, b.i64(1))
    return [offset(b, first, (b.smin(b.i64(i), bottom), stride)) for i in range(count)]


def _sum(b: Builder, value: Value) -> Value:
    """The sum of the lanes: halves are added until one is left."""
    count = lanes(value.type)
    while count > 1:
        count //= 2
        low, high = range(count), range(count, 2 * count)
        value = b.fadd(b.shuffle(value, None, low), b.shuffle(value, None, high))
    return b.extract(value, 0)


def _task(dtype: str, columns: dict[int, int]) -> tuple[str, Builder]:
    b = Builder()
    cells = Cells(b, ITEMSIZE[dtype])
    covered = cells.item_range()
    height = b.sub(covered.rows[1], covered.rows[0])
    with b.loop(*covered.batch) as entry:
        previous = 0
        for rows, count in columns.items():
            fits = b.icmp("sgt", height, b.i64(previous))
            if rows != max(columns):
                fits = b.and_(fits, b.icmp("sle", height, b.i64(rows)))
            with b.if_(fits):
                _tile_loops(b, cells, dtype, covered, entry, rows, count)
            previous = rows
    return b.finish(f"skinny_dot_{dtype}", TASK_PARAMETERS), b


def _tile_loops(
    b: Builder, cells: Cells, dtype: str, covered: ItemRange, entry: Value, rows: int, columns: int
) -> None:
    """Pass the micro-kernel over the item: all rows while the columns of b are in the cache."""
    a_row, b_column = cells.stride("a_row"), cells.stride("b_column")
    c_strides = cells.stride("c_row"), cells.stride("c_column")
    d_strides = cells.stride("d_row"), cells.stride("d_column")
    alpha, beta = cells.read("alpha", _SCALAR[dtype]), cells.read("beta", _SCALAR[dtype])
    left, right, c, d = (cells.matrix(name, entry) for name in "abcd")
    with b.loop(*covered.columns, columns) as column, b.loop(*covered.rows, rows) as row:
        b.call(
            f"skinny{rows}", "void",
            offset(b, left, (row, a_row)), a_row, offset(b, right, (column, b_column)), b_column,
            offset(b, c, (row, c_strides[0]), (column, c_strides[1])), *c_strides,
            offset(b, d, (row, d_strides[0]), (column, d_strides[1])), *d_strides,
            cells.read("k"), b.sub(covered.rows[1], row), b.sub(covered.columns[1], column), alpha, beta,
        )  # fmt: skip
