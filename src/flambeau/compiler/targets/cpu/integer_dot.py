"""Products of integer matrices: vectors of neighbouring columns, a row at a time. BLAS has none."""

from __future__ import annotations

import functools

from flambeau.compiler.plans import Dot
from flambeau.compiler.targets.cpu.builder import Builder, vector
from flambeau.compiler.targets.cpu.dot_layout import TASK_PARAMETERS, module, offset
from flambeau.compiler.targets.cpu.native import Fields, Lowered, Operand, Result, Task, lowering
from flambeau.runtime import jit

_CELLS = Fields("a b c m n k a_batch a_row a_column b_batch b_row c_batch c_row chunk chunks")
_ITEM_PRODUCTS = 32768
_ROWS = 8  # computed together, of each vector of the right matrix that is loaded
_SIZES = {"uint8": 1, "int8": 1, "int16": 2, "int32": 4, "int64": 8}


@lowering(Dot)
def lower(operation) -> Lowered | None:
    """The task of a product whose right matrix has rows without gaps; integers wrap."""
    a, b = (v.spec for v in operation.inputs)
    size = _SIZES.get(a.dtype.name)
    if size is None or a.dtype is not b.dtype or not (a.numel and b.numel) or b.stride[-1] != 1 and b.shape[-1] != 1:
        return None
    batch, (m, k), n = a.shape[0] if a.ndim == 3 else 1, a.shape[-2:], b.shape[-1]
    chunk = -(-max(1, _ITEM_PRODUCTS // (n * k)) // _ROWS) * _ROWS
    chunks = -(-m // chunk)
    cells = _CELLS.cells(
        a=Operand(0), b=Operand(1), c=Result(), m=m, n=n, k=k, a_row=a.stride[-2] * size, a_column=a.stride[-1] * size,
        a_batch=a.stride[0] * size if a.ndim == 3 else 0, b_batch=b.stride[0] * size if b.ndim == 3 else 0, b_row=b.stride[-2] * size,
        c_batch=m * n * size, c_row=n * size, chunk=chunk, chunks=chunks,
    )  # fmt: skip
    return Lowered([Task(_task(size), cells, batch * chunks)])


@functools.cache
def _task(size: int) -> int:
    name = f"integer_dot_{size}"
    return jit.compile_ir(_ir(name, size), [name])[name]


def _ir(name: str, size: int) -> str:
    b = Builder()
    cell = {field: _CELLS.read(b, field, "ptr" if field in ("a", "b", "c") else "i64") for field in _CELLS.names}
    scalar, count = f"i{8 * size}", min(16, jit.target().vector_bytes // size)
    type = vector(scalar, count)
    entry, part = b.udiv(TASK_PARAMETERS[1], cell["chunks"]), b.urem(TASK_PARAMETERS[1], cell["chunks"])
    left, right, result = (offset(b, cell[x], (entry, cell[f"{x}_batch"])) for x in ("a", "b", "c"))
    low = b.mul(part, cell["chunk"])
    high = b.smin(b.add(low, cell["chunk"]), cell["m"])
    totals = [b.alloca(type) for _ in range(_ROWS)]
    with b.loop(low, high, _ROWS) as first, b.loop(0, cell["n"], count) as column:
        # The last row may be computed more than once, to the same end.
        rows = [b.smin(b.add(first, b.i64(i)), b.sub(high, b.i64(1))) for i in range(_ROWS)]
        mask = b.icmp("slt", b.iota(count), b.splat(b.sub(cell["n"], column), count))
        moved = b.mul(column, b.i64(size))
        for total in totals:
            b.store(b.constant(type, 0), total)
        with b.loop(0, cell["k"]) as i:
            values = b.load(type, b.gep(offset(b, right, (i, cell["b_row"])), moved), mask=mask)
            for row, total in zip(rows, totals):
                factor = b.load(scalar, offset(b, left, (row, cell["a_row"]), (i, cell["a_column"])))
                b.store(b.add(b.load(type, total), b.mul(b.splat(factor, count), values)), total)
        for row, total in zip(rows, totals):
            b.store(b.load(type, total), b.gep(offset(b, result, (row, cell["c_row"])), moved), mask=mask)
    return module([b.finish(name, TASK_PARAMETERS)], [b])
