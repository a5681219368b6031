"""Matrix products as tasks of the thread pool.

A product ``c = alpha * (a @ b) + beta * d`` over a batch is described by 8-byte cells (:mod:`dot_layout`)
and computed by a task ``void task(ptr cells, i64 item, i64 thread)``. Its items partition batch x row tiles x
column tiles, by sizes only, so the bits of the result do not depend on the number of threads.

There are three kinds of tasks: for float32 and float64, generated register tiles (:mod:`tiled_dot`), and dot
products where there are few rows or columns (:mod:`skinny_dot`); for complex64 and complex128, OpenBLAS
(which takes the real ones too). :func:`choose` is the one place that decides between them::

    plan = choose("float32", batch, m, n, k, (a_row, a_column), (b_row, b_column))
    cells = plan.cells(a=..., b=..., c=..., scratch=..., batch_strides=...)
    # items 0 .. plan.items - 1 of plan.function(), plan.scratch_bytes of scratch a thread
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from flambeau.compiler.targets.cpu import skinny_dot, tiled_dot
from flambeau.compiler.targets.cpu.builder import Builder, Value
from flambeau.compiler.targets.cpu.dot_layout import FIELDS, TASK_PARAMETERS, Cells, module, offset
from flambeau.runtime import blas, jit

ITEMSIZE = {"float32": 4, "float64": 8, "complex64": 8, "complex128": 16}
_LETTER = {"float32": "s", "float64": "d", "complex64": "c", "complex128": "z"}

_ITEM_FLOPS = 4_000_000  # about 20 us on one core: less is not worth a fork
_ITEM_BYTES = 1 << 19  # as long for products that only read memory
_LARGE_ITEM_FLOPS = 64_000_000  # more than 8 items are made of at least this much each
_MAX_ITEMS = 64
_BLOCK_K = 384  # a block of a panel, 384 x 64 floats, takes a part of any second-level cache
_SKINNY = 16  # so few rows or columns are dot products ...
_SKINNY_DEPTH = 24  # ... if k is so many times longer, to pay for adding the lanes at the end
_STREAM_ROWS = 8  # so few rows of a read b once, from memory if its rows are long:
_STREAM_COLUMNS = 2048
_STREAM_BLOCK_K = 32  # then few rows of b at a time, as streams that the processor fetches ahead
_PACK_ROWS = 192  # a panel of b passes over so many rows that a copy in order pays

Strides = tuple[int, int]


@dataclass(frozen=True)
class Partition:
    """What an item covers: ``batch_chunk`` products, or a tile of ``tile_m`` x ``tile_n`` of one."""

    batch_chunk: int
    tile_m: int
    tile_n: int
    tiles_m: int
    tiles_n: int
    items: int


@dataclass(frozen=True)
class Plan:
    """How a product is computed. ``items`` and ``scratch_bytes`` (a thread) are what the launch needs."""

    dtype: str
    kind: str  # "tiled", "skinny" or "blas"
    shape: tuple[int, int, int, int]  # batch, m, n, k
    strides: tuple[Strides, Strides]  # (row, column) of a and b, in elements
    partition: Partition
    block_k: int = 1
    pack_b: int = 0
    scratch_bytes: int = 0
    swapped: bool = False  # computed as c' = b' @ a'; shape and strides are those of that product

    @property
    def items(self) -> int:
        return self.partition.items

    def function(self) -> int:
        """The address of the task, compiled at the first call."""
        return _TASKS[self.kind](self.dtype)

    def cells(
        self,
        *,
        a: Any = 0,
        b: Any = 0,
        c: Any = 0,
        d: Any = 0,
        c_row: int | None = None,
        d_row: int | None = None,
        batch_strides: tuple[int, int, int, int] = (0, 0, 0, 0),
        alpha: complex = 1,
        beta: complex = 0,
        scratch: Any = 0,
    ) -> list[Any]:
        """Return the cells of a launch: ints, and in the cells of addresses whatever is given for them.

        ``a b c d scratch``: addresses, or what the launch replaces by one. ``c_row``, ``d_row``: elements
        from a row of c or d to the next (default n; 0 for d adds one row to all). ``batch_strides``: bytes
        from one matrix to the next of a, b, c, d. Where ``beta`` is 0, d is not read. c may be d itself; it
        must not overlap a, b or d otherwise.
        """
        batch, m, n, k = self.shape
        part = self.partition
        (a_row, a_column), (b_row, b_column) = self.strides
        a_batch, b_batch, c_batch, d_batch = batch_strides
        given_n = m if self.swapped else n
        c_strides = (given_n if c_row is None else c_row, 1)
        d_strides = (given_n if d_row is None else d_row, 1)
        if self.swapped:
            a, b, a_batch, b_batch = b, a, b_batch, a_batch
            c_strides, d_strides = c_strides[::-1], d_strides[::-1]
        values: dict[str, Any] = dict(
            batch=batch, m=m, n=n, k=k, a=a, b=b, c=c, d=d,
            a_row=a_row, a_column=a_column, b_row=b_row, b_column=b_column,
            c_row=c_strides[0], c_column=c_strides[1], d_row=d_strides[0], d_column=d_strides[1],
            a_batch=a_batch, b_batch=b_batch, c_batch=c_batch, d_batch=d_batch,
            batch_chunk=part.batch_chunk, tile_m=part.tile_m, tile_n=part.tile_n,
            tiles_m=part.tiles_m, tiles_n=part.tiles_n,
            block_k=self.block_k, pack_b=self.pack_b,
            scratch=scratch, scratch_bytes=self.scratch_bytes,
        )  # fmt: skip
        values["alpha"], values["alpha_imag"] = _number_cells(alpha, self.dtype)
        values["beta"], values["beta_imag"] = _number_cells(beta, self.dtype)
        return [values[name] for name in FIELDS]


def choose(dtype: str, batch: int, m: int, n: int, k: int, a_strides: Strides, b_strides: Strides) -> Plan:
    """Decide how to compute ``batch`` products of (m, k) by (k, n) matrices.

    ``a_strides`` and ``b_strides`` are those of a row and of a column, in elements. Raises ValueError for
    strides that no kernel takes (see :func:`supports`): copy the operand first.
    """
    if not supports(dtype, m, n, k, a_strides, b_strides):
        raise ValueError(
            f"dot: no kernel for {dtype} ({m}, {k}) @ ({k}, {n}) with strides {a_strides} and {b_strides}"
        )
    partition_ = partition(batch, m, n, k, dtype)
    shape, strides = (batch, m, n, k), (a_strides, b_strides)
    if dtype not in tiled_dot.ITEMSIZE:
        return Plan(dtype, "blas", shape, strides, partition_)
    if a_strides[1] == b_strides[0] == 1 and min(m, n) <= min(_SKINNY, k // _SKINNY_DEPTH):
        return _skinny(dtype, shape, strides)
    pack_b = _pack_b(n, b_strides, partition_)
    block_k = _block_k(m, n, k, pack_b)
    scratch = tiled_dot.scratch_bytes(dtype, block_k, pack_b)
    return Plan(dtype, "tiled", shape, strides, partition_, block_k, pack_b, scratch)


def _skinny(dtype: str, shape: tuple[int, int, int, int], strides: tuple[Strides, Strides]) -> Plan:
    """The fewer of rows and columns become the rows."""
    batch, m, n, k = shape
    swapped = n < m
    if swapped:
        m, n = n, m
        strides = (strides[1][::-1], strides[0][::-1])
    return Plan(dtype, "skinny", (batch, m, n, k), strides, partition(batch, m, n, k, dtype), swapped=swapped)


def supports(dtype: str, m: int, n: int, k: int, a_strides: Strides, b_strides: Strides) -> bool:
    """Whether :func:`choose` finds a kernel.

    float32 and float64 take every a, and every b with a contiguous row or column. Complex operands must be
    matrices to BLAS: contiguous along one axis, without overlap along the other.
    """
    if dtype in tiled_dot.ITEMSIZE:
        return n <= 1 or k <= 1 or 1 in b_strides
    return _is_blas_matrix(m, k, a_strides) and _is_blas_matrix(k, n, b_strides)


@functools.lru_cache(maxsize=4096)
def partition(batch: int, m: int, n: int, k: int, dtype: str) -> Partition:
    """Cut a product into items: one below about 20 us of work, then up to 8, and more where they stay large.

    The number of items is a power of two where the sizes allow: two, four or eight threads share evenly.
    """
    flops = 2 * batch * m * n * k * (4 if dtype.startswith("complex") else 1)
    nbytes = batch * (m * k + k * n + m * n) * ITEMSIZE[dtype]
    wanted = min(max(flops // _ITEM_FLOPS, nbytes // _ITEM_BYTES), 8)
    wanted = max(wanted, min(flops // _LARGE_ITEM_FLOPS, _MAX_ITEMS), 1)
    wanted = 1 << (int(wanted).bit_length() - 1)
    batch_chunk = max(-(-batch // wanted), 1)
    chunks = max(-(-batch // batch_chunk), 1)
    tile_m, tile_n = _tile(m, n, max(wanted // chunks, 1), dtype)
    tiles_m, tiles_n = max(-(-m // tile_m), 1), max(-(-n // tile_n), 1)
    items = chunks * tiles_m * tiles_n if batch and m and n else 0
    return Partition(batch_chunk, tile_m, tile_n, tiles_m, tiles_n, items)


def _tile(m: int, n: int, pieces: int, dtype: str) -> tuple[int, int]:
    """The tile of m x n for ``pieces`` items (a power of two) that has least padding and reads least."""
    row_unit, column_unit = 24, 64 // ITEMSIZE[dtype]
    best, best_cost = (max(m, 1), max(n, 1)), float("inf")
    rows = 1
    while rows <= pieces:
        tile_m, tile_n = _share(m, rows, row_unit), _share(n, pieces // rows, column_unit)
        # What an item computes, and what it reads, weighted by the cost of packing.
        cost = tile_m * tile_n + 8 * tile_m + 16 * tile_n
        if cost < best_cost:
            best, best_cost = (tile_m, tile_n), cost
        rows *= 2
    return best


def _share(total: int, parts: int, unit: int) -> int:
    """The size of a part, in whole units where there is more than one part."""
    if parts == 1 or total <= unit:
        return max(total, 1)
    return min(-(-total // (parts * unit)) * unit, total)


def _block_k(m: int, n: int, k: int, pack_b: int) -> int:
    """How much of k a pass takes: equal blocks, of at most the size that suits the caches."""
    if m <= _STREAM_ROWS and n >= _STREAM_COLUMNS and not pack_b:
        return max(min(k, _STREAM_BLOCK_K), 1)
    blocks = -(-k // _BLOCK_K)
    return -(-k // (8 * blocks)) * 8 if blocks > 1 else max(k, 1)


def _pack_b(n: int, b_strides: Strides, part: Partition) -> int:
    """See :mod:`tiled_dot`: 0 read b in place, 1 copy its rows, 2 transpose its columns."""
    if n > 1 and b_strides[1] != 1:
        return 2
    return int(part.tile_m >= _PACK_ROWS)


def _is_blas_matrix(rows: int, columns: int, strides: Strides) -> bool:
    if not rows or not columns:
        return True
    row, column = strides
    plain = (columns == 1 or column == 1) and (rows == 1 or row >= columns)
    transposed = (rows == 1 or row == 1) and (columns == 1 or column >= rows)
    return plain or transposed


def _number_cells(number: complex, dtype: str) -> list[int]:
    """The two cells of alpha or beta: the number's bytes, then zeros."""
    data = np.array(number, dtype).tobytes()
    return np.frombuffer(data.ljust(16, b"\0"), np.int64).tolist()


# -- OpenBLAS --------------------------------------------------------------------------------------


@functools.cache
def gemm_task(dtype: str) -> int:
    """The address of the task that calls OpenBLAS, for float32, float64, complex64 and complex128."""
    symbol, name = f"cblas_{_LETTER[dtype]}gemm", f"blas_dot_{dtype}"
    jit.define_symbol(symbol, blas.address(symbol))
    return jit.compile_ir(gemm_ir(dtype), [name])[name]


_ROW_MAJOR, _PLAIN, _TRANSPOSED = 101, 111, 112


def gemm_ir(dtype: str) -> str:
    """The module of :func:`gemm_task`: one single-threaded call of gemm for each matrix of the item."""
    b = Builder()
    cells = Cells(b, ITEMSIZE[dtype])
    covered = cells.item_range()
    rows = b.sub(covered.rows[1], covered.rows[0])
    columns = b.sub(covered.columns[1], covered.columns[0])
    k = cells.read("k")
    a_order, a_lead = _blas_order(b, rows, k, cells.read("a_row"), cells.read("a_column"))
    b_order, b_lead = _blas_order(b, k, columns, cells.read("b_row"), cells.read("b_column"))
    c_lead = b.smax(cells.read("c_row"), b.smax(columns, b.i64(1)))
    first_row, first_column = covered.rows[0], covered.columns[0]
    size = b.i64(ITEMSIZE[dtype])
    with b.loop(*covered.batch) as entry:
        a = offset(b, cells.matrix("a", entry), (first_row, cells.stride("a_row")))
        right = offset(b, cells.matrix("b", entry), (first_column, cells.stride("b_column")))
        c = offset(b, cells.matrix("c", entry), (first_row, cells.stride("c_row")), (first_column, size))
        d = offset(b, cells.matrix("d", entry), (first_row, cells.stride("d_row")), (first_column, size))
        _copy_addend(b, cells, dtype, c, d, rows, b.mul(columns, size))
        b.call(
            f"cblas_{_LETTER[dtype]}gemm", "void",
            b.constant("i32", _ROW_MAJOR), a_order, b_order,
            b.convert(rows, "i32"), b.convert(columns, "i32"), b.convert(k, "i32"),
            _scale(cells, "alpha", dtype), a, a_lead, right, b_lead,
            _scale(cells, "beta", dtype), c, b.convert(c_lead, "i32"),
        )  # fmt: skip
    return module([b.finish(f"blas_dot_{dtype}", TASK_PARAMETERS)], [b])


def _blas_order(b: Builder, rows: Value, columns: Value, row: Value, column: Value) -> tuple[Value, Value]:
    """Whether BLAS must transpose an operand, and its leading dimension."""
    one = b.i64(1)
    plain = b.or_(b.icmp("eq", column, one), b.icmp("sle", columns, one))
    order = b.select(plain, b.constant("i32", _PLAIN), b.constant("i32", _TRANSPOSED))
    # The stride of a single row or column may be anything; BLAS insists on a valid one.
    lead = b.smax(b.select(plain, row, column), b.smax(b.select(plain, columns, rows), one))
    return order, b.convert(lead, "i32")


def _copy_addend(
    b: Builder, cells: Cells, dtype: str, c: Value, d: Value, rows: Value, nbytes: Value
) -> None:
    """gemm adds to c itself: bring d there first."""
    number = cells.read("beta", f"i{min(8 * ITEMSIZE[dtype], 64)}")
    if dtype == "complex128":
        number = b.or_(number, cells.read("beta_imag"))
    used = b.icmp("ne", number, b.constant(number.type, 0))
    with b.if_(b.and_(used, b.icmp("ne", c, d))), b.loop(0, rows) as row:
        target = offset(b, c, (row, cells.stride("c_row")))
        source = offset(b, d, (row, cells.stride("d_row")))
        b.call("llvm.memcpy.p0.p0.i64", "void", target, source, nbytes, b.constant("i1", 0))


def _scale(cells: Cells, name: str, dtype: str) -> Value:
    """Real factors are passed by value, complex ones by address."""
    if dtype.startswith("complex"):
        return cells.address(name)
    return cells.read(name, "float" if dtype == "float32" else "double")


_TASKS = {"tiled": tiled_dot.task, "skinny": skinny_dot.task, "blas": gemm_task}
