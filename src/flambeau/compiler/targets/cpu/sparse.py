"""Products with sparse matrices as tasks: each item takes some groups of entries, or some entries.

A row of the result is summed entry by entry in vector registers, four of them at a time where rows are long; the entries of a row are
taken in their order, so that results do not depend on the number of threads.
"""

from __future__ import annotations

import functools

from flambeau.compiler.plans import GatherSum, Pairwise
from flambeau.compiler.targets.cpu.builder import Builder, Value, vector
from flambeau.compiler.targets.cpu.convolution_ir import ITEMSIZE, SCALAR
from flambeau.compiler.targets.cpu.convolution_ir import lanes as register_lanes
from flambeau.compiler.targets.cpu.dot_layout import TASK_PARAMETERS, module, offset
from flambeau.compiler.targets.cpu.native import Fields, Lowered, Operand, Result, Task, lowering
from flambeau.runtime import jit

_ITEM_ELEMENTS = 16384
_MAX_ITEMS = 64
_REGISTERS = 4  # vectors of a row that are summed together
_SUMS = Fields("values matrix cols pointers order result groups width chunk")
_PAIRS = Fields("left right rows cols result entries width chunk")
_POINTERS = frozenset(["values", "matrix", "cols", "pointers", "order", "result", "left", "right", "rows"])


@lowering(GatherSum)
def lower_sums(operation) -> Lowered | None:
    """The task of sums of scaled rows, in float32 or float64 over contiguous memory."""
    values, matrix = operation.inputs[0].spec, operation.inputs[1].spec
    (result,) = operation.code.outputs
    dtype, (groups, width) = result.dtype.name, result.shape
    if dtype not in ITEMSIZE or values.dtype is not result.dtype or not result.numel or not _contiguous(operation):
        return None
    chunk, items = _share(groups, max(values.shape[0], groups) * width)
    operands = {name: Operand(i) for i, name in enumerate(["values", "matrix", "cols", "pointers", "order"])}
    cells = _SUMS.cells(**operands, result=Result(), groups=groups, width=matrix.shape[1], chunk=chunk)
    return Lowered([Task(_task("sums", dtype, width == 1), cells, items)])


@lowering(Pairwise)
def lower_pairs(operation) -> Lowered | None:
    """The task of products of rows, in float32 or float64 over contiguous memory."""
    left, right = operation.inputs[0].spec, operation.inputs[1].spec
    (result,) = operation.code.outputs
    dtype, (entries,) = result.dtype.name, result.shape
    if (
        dtype not in ITEMSIZE
        or left.dtype is not right.dtype
        or not entries
        or not left.numel
        or not _contiguous(operation)
    ):
        return None
    chunk, items = _share(entries, entries * left.shape[1])
    operands = {name: Operand(i) for i, name in enumerate(["left", "right", "rows", "cols"])}
    cells = _PAIRS.cells(**operands, result=Result(), entries=entries, width=left.shape[1], chunk=chunk)
    return Lowered([Task(_task("pairs", dtype, left.shape[1] == 1), cells, items)])


def _contiguous(operation) -> bool:
    return all(view.spec.contiguous for view in operation.inputs)


def _share(count: int, work: int) -> tuple[int, int]:
    """How many of ``count`` equal parts an item takes, and how many items there are."""
    chunk = max(1, _ITEM_ELEMENTS * count // work, -(-count // _MAX_ITEMS))
    return chunk, -(-count // chunk)


@functools.cache
def _task(kind: str, dtype: str, narrow: bool) -> int:
    """The address of the task "sums" or "pairs"; ``narrow``: rows have one element."""
    name = f"sparse_{kind}_{'narrow' if narrow else 'wide'}_{dtype}"
    b = Builder()
    if kind == "sums":
        _sums(b, dtype, narrow)
    else:
        _pairs(b, dtype, narrow)
    return jit.compile_ir(module([b.finish(name, TASK_PARAMETERS)], [b]), [name])[name]


def _cells(b: Builder, fields: Fields) -> dict[str, Value]:
    return {name: fields.read(b, name, "ptr" if name in _POINTERS else "i64") for name in fields.names}


def _item(b: Builder, cell: dict[str, Value], count: str) -> tuple[Value, Value]:
    low = b.mul(TASK_PARAMETERS[1], cell["chunk"])
    return low, b.smin(b.add(low, cell["chunk"]), cell[count])


def _index(b: Builder, pointer: Value, at: Value) -> Value:
    return b.load("i64", offset(b, pointer, (at, b.i64(8))))


def _sums(b: Builder, dtype: str, narrow: bool) -> None:
    """Row ``g`` of the result: the rows of the matrix that the entries of group ``g`` name, each times its value."""
    cell, size = _cells(b, _SUMS), b.i64(ITEMSIZE[dtype])
    count = 1 if narrow else register_lanes(dtype)
    type = SCALAR[dtype] if narrow else vector(SCALAR[dtype], count)
    sums = [b.alloca(type) for _ in range(1 if narrow else _REGISTERS)]
    with b.loop(*_item(b, cell, "groups")) as group:
        first, last = _index(b, cell["pointers"], group), _index(b, cell["pointers"], b.add(group, b.i64(1)))
        target = offset(b, cell["result"], (group, b.mul(cell["width"], size)))

        def add_up(at: Value, totals: list[Value], mask: Value | None) -> None:
            for total in totals:
                b.store(b.constant(type, 0.0), total)
            with b.loop(first, last) as place:
                entry = _index(b, cell["order"], place)
                value = b.load(SCALAR[dtype], offset(b, cell["values"], (entry, size)))
                factor = value if narrow else b.splat(value, count)
                row = b.add(b.mul(_index(b, cell["cols"], entry), cell["width"]), at)
                start = offset(b, cell["matrix"], (row, size))
                for i, total in enumerate(totals):
                    element = b.load(type, b.gep(start, i * count * ITEMSIZE[dtype]), mask=mask)
                    b.store(b.fma(factor, element, b.load(type, total)), total)
            start = offset(b, target, (at, size))
            for i, total in enumerate(totals):
                b.store(b.load(type, total), b.gep(start, i * count * ITEMSIZE[dtype]), mask=mask)

        if narrow:
            add_up(b.i64(0), sums, None)
        else:
            together = b.i64(_REGISTERS * count)
            whole = b.mul(b.udiv(cell["width"], together), together)
            with b.loop(0, whole, together) as at:
                add_up(at, sums, None)
            with b.loop(whole, cell["width"], count) as at:
                mask = b.icmp("slt", b.iota(count), b.splat(b.sub(cell["width"], at), count))
                add_up(at, sums[:1], mask)


def _pairs(b: Builder, dtype: str, narrow: bool) -> None:
    """Entry ``e`` of the result: the product of the two rows that it names, summed."""
    cell, size = _cells(b, _PAIRS), b.i64(ITEMSIZE[dtype])
    count = 1 if narrow else register_lanes(dtype)
    type = SCALAR[dtype] if narrow else vector(SCALAR[dtype], count)
    total = b.alloca(type)
    row_bytes = b.mul(cell["width"], size)
    with b.loop(*_item(b, cell, "entries")) as entry:
        left = offset(b, cell["left"], (_index(b, cell["rows"], entry), row_bytes))
        right = offset(b, cell["right"], (_index(b, cell["cols"], entry), row_bytes))
        b.store(b.constant(type, 0.0), total)
        with b.loop(0, cell["width"], count) as at:
            mask = None if narrow else b.icmp("slt", b.iota(count), b.splat(b.sub(cell["width"], at), count))
            factors = [b.load(type, offset(b, start, (at, size)), mask=mask) for start in (left, right)]
            b.store(b.fma(*factors, b.load(type, total)), total)
        found = b.load(type, total)
        b.store(found if narrow else _lanes_summed(b, found, dtype), offset(b, cell["result"], (entry, size)))


def _lanes_summed(b: Builder, total: Value, dtype: str) -> Value:
    count = register_lanes(dtype)
    while count > 1:
        count //= 2
        total = b.fadd(b.shuffle(total, None, range(count)), b.shuffle(total, None, range(count, 2 * count)))
    return b.extract(total, 0)
