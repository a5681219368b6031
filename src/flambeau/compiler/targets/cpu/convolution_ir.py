"""The kernels of convolutions: register tiles over a padded copy of the source.

A block of the source is copied into scratch with its padding, and with a step of s every s-th element goes to a plane
of its own. In the copy the elements that one place of the window meets are neighbours, for all windows of a row; and those of
all rows, if each row of results is thought to be as long as a row of the copy. So a convolution is a product of
matrices, whose right one is never made: row i of it begins at the i-th offset in a table. The results between the
rows' ends are dropped when they leave the tile.
"""

from __future__ import annotations

import functools

from flambeau.compiler.targets.cpu.builder import Builder, Value, vector
from flambeau.compiler.targets.cpu.dot_layout import TASK_PARAMETERS, module, offset
from flambeau.compiler.targets.cpu.native import Fields
from flambeau.runtime import jit

ITEMSIZE = {"float32": 4, "float64": 8}
SCALAR = {"float32": "float", "float64": "double"}
ROWS_WIDE = {4: 6, 3: 8, 2: 12, 1: 12}  # rows of a tile by its width in vectors, where there are 32 registers
ROWS_NARROW = {2: 6, 1: 8}
FEW = 2  # channels of a group, of results or of the gradient, that have tiles of their own

# Steps, sizes of dims and positions are in elements, all other distances in bytes.
COPY_FIELDS = (
    "source source_n source_c source_x source_y source_z size_x size_y size_z "
    "step_x step_y step_z planes_x planes_y planes_z pad_x pad_y pad_z "
    "padded_x padded_y padded_z channels source_group batch images groups blocks block_x scratch scratch_bytes "
)
STENCIL = Fields(
    COPY_FIELDS + "weight weight_group weight_row rows result result_n result_c result_group result_x result_y result_z "
    "phases phase_count lines line_row"
)
PHASE_WORDS = 6  # of a phase: address of its steps, their number, sizes x y z, offset in the result
WEIGHT = Fields(
    COPY_FIELDS + "grad grad_n grad_c grad_group grad_x grad_y grad_z out_x out_y out_z joined columns columns_row "
    "place_count places turned partial partial_item images_item"
)
SUM = Fields("partial partial_item partials place_count columns_row columns result result_group result_row result_place chunk groups")


def lanes(dtype: str) -> int:
    """Elements in a vector register."""
    return jit.target().vector_bytes // ITEMSIZE[dtype]


def rows_by_width() -> dict[int, int]:
    """The shapes of register tiles."""
    return ROWS_WIDE if jit.target().vector_bytes == 64 else ROWS_NARROW


def panel_columns(dtype: str) -> int:
    """The most columns of a tile."""
    return max(rows_by_width()) * lanes(dtype)


def most_rows() -> int:
    """The most rows of a tile."""
    return max(rows_by_width().values())


@functools.cache
def task(kind: str, dtype: str) -> int:
    """The address of the task ``kind``: "stencil", "weight" or "sum"."""
    name = f"convolution_{kind}_{dtype}"
    write = {"stencil": _stencil_module, "weight": _weight_module, "sum": _sum_module}[kind]
    return jit.compile_ir(write(name, dtype), [name])[name]


# -- the padded copy ---------------------------------------------------------------------------------------------------------


class _Copy:
    """Reads the cells of the copy and writes its loops."""

    def __init__(self, b: Builder, fields: Fields, dtype: str) -> None:
        self.b, self.dtype = b, dtype
        self.size = b.i64(ITEMSIZE[dtype])
        self.cell = {name: fields.read(b, name, "ptr" if name in ("source", "scratch") else "i64") for name in COPY_FIELDS.split()}
        self.scratch = b.gep(self.cell["scratch"], b.mul(TASK_PARAMETERS[2], self.cell["scratch_bytes"]))

    def block(self, group: Value, first: Value, count: Value, start_x: Value) -> None:
        """Copy ``count`` images from ``first`` on, rows of planes from ``start_x`` on, all channels of the group."""
        b, cell = self.b, self.cell
        rows = b.mul(cell["padded_x"], cell["padded_y"])
        line = b.mul(cell["padded_z"], self.size)
        image = b.mul(rows, line)
        plane = b.mul(image, cell["images"])
        base = offset(b, cell["source"], (first, cell["source_n"]), (group, cell["source_group"]))
        target = b.alloca("ptr")
        b.store(self.scratch, target)
        with b.loop(0, cell["channels"]) as c, b.loop(0, cell["planes_x"]) as px:
            with b.loop(0, cell["planes_y"]) as py, b.loop(0, cell["planes_z"]) as pz:
                place = b.load("ptr", target)
                b.store(b.gep(place, plane), target)
                low_z, high_z = self._inside("z", pz)
                with b.loop(0, count) as i, b.loop(0, cell["padded_x"]) as x, b.loop(0, cell["padded_y"]) as y:
                    row = offset(b, place, (i, image), (b.add(b.mul(x, cell["padded_y"]), y), line))
                    at_x = self._position("x", b.add(x, start_x), px)
                    at_y = self._position("y", y, py)
                    start = offset(b, base, (i, cell["source_n"]), (c, cell["source_c"]), (at_x, cell["source_x"]),
                                   (at_y, cell["source_y"]), (b.sub(pz, cell["pad_z"]), cell["source_z"]))
                    inside = b.and_(b.icmp("ult", at_x, cell["size_x"]), b.icmp("ult", at_y, cell["size_y"]))
                    none = b.i64(0)
                    self._line(row, start, b.select(inside, low_z, none), b.select(inside, high_z, none))

    def _position(self, dim: str, index: Value, plane: Value) -> Value:
        b, cell = self.b, self.cell
        return b.sub(b.add(b.mul(index, cell[f"step_{dim}"]), plane), cell[f"pad_{dim}"])

    def _inside(self, dim: str, plane: Value) -> tuple[Value, Value]:
        """From where to where a line of a plane lies inside the source."""
        b, cell = self.b, self.cell
        before = b.sub(cell[f"pad_{dim}"], plane)
        step, total = cell[f"step_{dim}"], cell[f"padded_{dim}"]
        ends = []
        for n in (before, b.add(before, cell[f"size_{dim}"])):
            whole = b.sdiv(b.add(b.smax(n, b.i64(0)), b.sub(step, b.i64(1))), step)
            ends.append(b.smin(whole, total))
        return ends[0], ends[1]

    def _line(self, row: Value, start: Value, low: Value, high: Value) -> None:
        """Zeros before ``low`` and from ``high`` on, elements of the source between."""
        b, cell = self.b, self.cell
        size = ITEMSIZE[self.dtype]
        count = lanes(self.dtype)
        type = vector(SCALAR[self.dtype], count)
        zero = b.constant(type, 0.0)
        step = b.mul(cell["source_z"], cell["step_z"])
        close = b.icmp("eq", step, self.size)
        with b.if_(close), b.loop(0, cell["padded_z"], count) as z:
            at = b.add(b.splat(z, count), b.iota(count))
            mask = b.and_(b.icmp("sge", at, b.splat(low, count)), b.icmp("slt", at, b.splat(high, count)))
            moved = b.mul(z, self.size)
            rest = b.icmp("slt", at, b.splat(cell["padded_z"], count))
            b.store(b.load(type, b.gep(start, moved), mask=mask), b.gep(row, moved), mask=rest)
        with b.if_(b.not_(close)):
            with b.loop(0, cell["padded_z"], count) as z:
                rest = b.icmp("slt", b.add(b.splat(z, count), b.iota(count)), b.splat(cell["padded_z"], count))
                b.store(zero, b.gep(row, b.mul(z, self.size)), mask=rest)
            with b.loop(low, high) as z:
                element = b.load(SCALAR[self.dtype], b.gep(start, b.mul(z, step)))
                b.store(element, b.gep(row, b.mul(z, b.i64(size))))


# -- output and input gradient -----------------------------------------------------------------------------------------------


def _stencil_tile(dtype: str, width: int, rows: int) -> tuple[str, Builder]:
    """A tile of results: over all steps, elements of the weight times vectors of the copy."""
    b = Builder()
    size, count = ITEMSIZE[dtype], lanes(dtype)
    type = vector(SCALAR[dtype], count)
    parameters = (Value("%weight", "ptr"), Value("%weight_row", "i64"), Value("%valid", "i64"), Value("%steps", "ptr"),
                  Value("%step_count", "i64"), Value("%copy", "ptr"), Value("%line", "ptr"), Value("%line_row", "i64"))
    weight, weight_row, valid, steps, step_count, copy, line, line_row = parameters
    totals = [[b.alloca(type) for _ in range(width)] for _ in range(rows)]
    for row in totals:
        for total in row:
            b.store(b.constant(type, 0.0), total)
    bottom = b.sub(valid, b.i64(1))
    starts = [offset(b, weight, (b.smin(b.i64(i), bottom), weight_row)) for i in range(rows)]
    with b.loop(0, step_count) as step:
        entry = b.gep(steps, b.shl(step, b.i64(4)))
        moved = b.load("i64", entry)
        source = b.gep(copy, b.load("i64", b.gep(entry, 8)))
        columns = [b.load(type, b.gep(source, j * count * size)) for j in range(width)]
        for start, row in zip(starts, totals):
            factor = b.splat(b.load(SCALAR[dtype], b.gep(start, moved)), count)
            for total, column in zip(row, columns):
                b.store(b.fma(factor, column, b.load(type, total)), total)
    for i, row in enumerate(totals):
        for j, total in enumerate(row):
            b.store(b.load(type, total), b.gep(offset(b, line, (b.i64(i), line_row)), j * count * size))
    return b.finish(f"stencil_tile{width}x{rows}", parameters, attributes="nounwind noinline", linkage="internal"), b


class _Stencil:
    """Writes the task: copy, then for each phase, tile of rows and panel of columns a tile, whose rows leave for the result."""

    def __init__(self, dtype: str) -> None:
        self.dtype, self.b = dtype, Builder()
        self.copy = _Copy(self.b, STENCIL, dtype)
        self.cell = dict(self.copy.cell)
        for name in STENCIL.names[len(COPY_FIELDS.split()):]:
            self.cell[name] = STENCIL.read(self.b, name, "ptr" if name in ("weight", "result", "phases") else "i64")
        self.size = self.b.i64(ITEMSIZE[dtype])

    def text(self, name: str) -> str:
        b, cell = self.b, self.cell
        item = TASK_PARAMETERS[1]
        block, rest = b.urem(item, cell["blocks"]), b.udiv(item, cell["blocks"])
        group, first = b.urem(rest, cell["groups"]), b.mul(b.udiv(rest, cell["groups"]), cell["images"])
        count = b.smin(cell["images"], b.sub(cell["batch"], first))
        start_x = b.mul(block, cell["block_x"])
        self.copy.block(group, first, count, start_x)
        self.weight = b.gep(cell["weight"], b.mul(group, cell["weight_group"]))
        self.result = offset(b, cell["result"], (first, cell["result_n"]), (group, cell["result_group"]))
        self.lines = b.gep(self.copy.scratch, cell["lines"])
        with b.loop(0, cell["phase_count"]) as number:
            self._phase(offset(b, cell["phases"], (number, b.i64(8 * PHASE_WORDS))), count, start_x)
        return b.finish(name, TASK_PARAMETERS)

    def _phase(self, phase: Value, count: Value, start_x: Value) -> None:
        b, cell = self.b, self.cell
        steps = b.load("ptr", phase)
        step_count, size_x, size_y, size_z, moved = (b.load("i64", b.gep(phase, 8 * i)) for i in range(1, 6))
        size_x = b.smin(b.sub(size_x, start_x), cell["block_x"])
        one = b.i64(1)
        # Columns up to the last result, as if rows of results were as long as those of the copy.
        last = b.add(b.mul(b.sub(count, one), cell["padded_x"]), b.sub(size_x, one))
        last = b.add(b.mul(last, cell["padded_y"]), b.sub(size_y, one))
        columns = b.add(b.mul(last, cell["padded_z"]), size_z)
        target = offset(b, b.gep(self.result, moved), (start_x, cell["result_x"]))
        whole = b.i64(lanes(self.dtype))
        vectors = b.sdiv(b.add(columns, b.sub(whole, one)), whole)
        widest = max(rows_by_width())
        panels = b.sdiv(b.add(vectors, b.i64(widest - 1)), b.i64(widest))
        width = b.sdiv(b.add(vectors, b.sub(panels, one)), panels)
        nonempty = b.and_(b.icmp("sgt", size_x, b.i64(0)), b.and_(b.icmp("sgt", size_y, b.i64(0)), b.icmp("sgt", size_z, b.i64(0))))
        for vectors_wide, rows in rows_by_width().items():
            with b.if_(b.and_(nonempty, b.icmp("eq", width, b.i64(vectors_wide)))), b.loop(0, cell["rows"], rows) as top:
                weight = offset(b, self.weight, (top, cell["weight_row"]))
                valid = b.smin(b.sub(cell["rows"], top), b.i64(rows))
                few = b.icmp("sle", valid, b.i64(FEW))
                for condition, tile_rows in ((few, FEW), (b.not_(few), rows)):
                    with b.if_(condition), b.loop(0, panels) as panel:
                        across = b.mul(panel, b.i64(vectors_wide * lanes(self.dtype) * ITEMSIZE[self.dtype]))
                        b.call(f"stencil_tile{vectors_wide}x{tile_rows}", "void", weight, cell["weight_row"], valid, steps, step_count,
                               b.gep(self.copy.scratch, across), b.gep(self.lines, across), cell["line_row"])
                self._leave(offset(b, target, (top, cell["result_c"])), valid, count, (size_x, size_y, size_z))

    def _leave(self, target: Value, valid: Value, count: Value, sizes: tuple[Value, Value, Value]) -> None:
        """Copy the results of a tile's rows out of their lines."""
        b, cell = self.b, self.cell
        size_x, size_y, size_z = sizes
        lanes_, scalar = lanes(self.dtype), SCALAR[self.dtype]
        close = b.icmp("eq", cell["result_z"], self.size)
        with b.loop(0, valid) as row, b.loop(0, count) as image, b.loop(0, size_x) as x, b.loop(0, size_y) as y:
            place = b.add(b.mul(b.add(b.mul(image, cell["padded_x"]), x), cell["padded_y"]), y)
            source = offset(b, self.lines, (row, cell["line_row"]), (b.mul(place, cell["padded_z"]), self.size))
            start = offset(b, target, (row, cell["result_c"]), (image, cell["result_n"]), (x, cell["result_x"]), (y, cell["result_y"]))
            with b.if_(close), b.loop(0, size_z, lanes_) as z:
                mask = b.icmp("slt", b.add(b.splat(z, lanes_), b.iota(lanes_)), b.splat(size_z, lanes_))
                moved = b.mul(z, self.size)
                b.store(b.load(vector(scalar, lanes_), b.gep(source, moved), mask=mask), b.gep(start, moved), mask=mask)
            with b.if_(b.not_(close)), b.loop(0, size_z) as z:
                b.store(b.load(scalar, b.gep(source, b.mul(z, self.size))), b.gep(start, b.mul(z, cell["result_z"])))


def _stencil_module(name: str, dtype: str) -> str:
    parts = [_stencil_tile(dtype, width, rows) for width, most in rows_by_width().items() for rows in (most, FEW)]
    writer = _Stencil(dtype)
    parts.append((writer.text(name), writer.b))
    return module([text for text, _ in parts], [b for _, b in parts])


# -- weight gradient ---------------------------------------------------------------------------------------------------------


def _weight_tile(dtype: str, width: int, rows: int) -> tuple[str, Builder]:
    """Add to a tile of the weight's gradient: over all results, elements of the copy times vectors of output channels."""
    b = Builder()
    size, count = ITEMSIZE[dtype], lanes(dtype)
    type = vector(SCALAR[dtype], count)
    parameters = tuple(Value(f"%{name}", "ptr") for name in ("places", "copy", "turned", "partial"))
    parameters += tuple(Value(f"%{name}", "i64") for name in
                        ("valid", "row", "images", "image", "size_x", "step_x", "size_y", "step_y", "size_z"))
    places, copy, turned, partial, valid, row_bytes, images, image, size_x, step_x, size_y, step_y, size_z = parameters
    totals = [[b.alloca(type) for _ in range(width)] for _ in range(rows)]
    for i, row in enumerate(totals):
        for j, total in enumerate(row):
            b.store(b.load(type, b.gep(offset(b, partial, (b.i64(i), row_bytes)), j * count * size)), total)
    bottom = b.sub(valid, b.i64(1))
    moves = [b.load("i64", b.gep(places, b.shl(b.smin(b.i64(i), bottom), b.i64(3)))) for i in range(rows)]
    line = b.mul(size_z, row_bytes)
    with b.loop(0, images) as n, b.loop(0, size_x) as x, b.loop(0, size_y) as y:
        start = offset(b, copy, (n, image), (x, step_x), (y, step_y))
        number = b.add(b.mul(b.add(b.mul(n, size_x), x), size_y), y)
        columns_start = offset(b, turned, (number, line))
        starts = [b.gep(start, moved) for moved in moves]
        with b.loop(0, size_z) as z:
            source = offset(b, columns_start, (z, row_bytes))
            columns = [b.load(type, b.gep(source, j * count * size)) for j in range(width)]
            across = b.mul(z, b.i64(size))
            for place, row in zip(starts, totals):
                factor = b.splat(b.load(SCALAR[dtype], b.gep(place, across)), count)
                for total, column in zip(row, columns):
                    b.store(b.fma(factor, column, b.load(type, total)), total)
    for i, row in enumerate(totals):
        for j, total in enumerate(row):
            b.store(b.load(type, total), b.gep(offset(b, partial, (b.i64(i), row_bytes)), j * count * size))
    return b.finish(f"weight_tile{width}", parameters, attributes="nounwind noinline", linkage="internal"), b


def _line_tile(dtype: str) -> tuple[str, Builder]:
    """The same for one output channel, in vectors along the lines of the gradient: some elements of the weight's gradient."""
    b = Builder()
    size, count, rows = ITEMSIZE[dtype], lanes(dtype), _LINE_ROWS
    type = vector(SCALAR[dtype], count)
    parameters = tuple(Value(f"%{name}", "ptr") for name in ("places", "copy", "grad", "partial"))
    parameters += tuple(Value(f"%{name}", "i64") for name in ("valid", "row", "images", "image", "grad_n", "size_x", "step_x", "grad_x",
                                                              "size_y", "step_y", "grad_y", "size_z"))
    places, copy, grad, partial, valid, row_bytes, images, image, grad_n = parameters[:9]
    size_x, step_x, grad_x, size_y, step_y, grad_y, size_z = parameters[9:]
    totals = [b.alloca(type) for _ in range(rows)]
    for total in totals:
        b.store(b.constant(type, 0.0), total)
    bottom = b.sub(valid, b.i64(1))
    moves = [b.load("i64", b.gep(places, b.shl(b.smin(b.i64(i), bottom), b.i64(3)))) for i in range(rows)]
    with b.loop(0, images) as n, b.loop(0, size_x) as x, b.loop(0, size_y) as y:
        start = offset(b, copy, (n, image), (x, step_x), (y, step_y))
        line = offset(b, grad, (n, grad_n), (x, grad_x), (y, grad_y))
        with b.loop(0, size_z, count) as z:
            mask = b.icmp("slt", b.iota(count), b.splat(b.sub(size_z, z), count))
            across = b.mul(z, b.i64(size))
            factor = b.load(type, b.gep(line, across), mask=mask)
            for moved, total in zip(moves, totals):
                element = b.load(type, b.gep(b.gep(start, moved), across), mask=mask)
                b.store(b.fma(factor, element, b.load(type, total)), total)
    for i, total in enumerate(totals):
        with b.if_(b.icmp("slt", b.i64(i), valid)):
            place = offset(b, partial, (b.i64(i), row_bytes))
            b.store(b.fadd(b.load(SCALAR[dtype], place), _lane_sum(b, b.load(type, total), count)), place)
    return b.finish("line_tile", parameters, attributes="nounwind noinline", linkage="internal"), b


_LINE_ROWS = 9


def _lane_sum(b: Builder, value: Value, count: int) -> Value:
    """The sum of the lanes, halves added to halves."""
    while count > 1:
        count //= 2
        value = b.fadd(b.shuffle(value, None, range(count)), b.shuffle(value, None, range(count, 2 * count)))
    return b.extract(value, 0)


def _turn(dtype: str) -> tuple[str, Builder]:
    """Transpose a square: lines of the gradient, one for each channel, become vectors of channels.

    log2(lanes) perfect shuffles: each interleaves row i with row i + lanes/2. Channels that are not there repeat the last one.
    """
    b = Builder()
    count = lanes(dtype)
    type = vector(SCALAR[dtype], count)
    parameters = (Value("%source", "ptr"), Value("%stride", "i64"), Value("%target", "ptr"), Value("%row", "i64"),
                  Value("%columns", "i64"), Value("%depth", "i64"))
    source, stride, target, row_bytes, columns, depth = parameters
    mask = b.icmp("slt", b.iota(count), b.splat(depth, count))
    bottom = b.sub(columns, b.i64(1))
    rows = [b.load(type, offset(b, source, (b.smin(b.i64(i), bottom), stride)), mask=mask) for i in range(count)]
    half = count // 2
    low = [lane // 2 + (lane % 2) * count for lane in range(count)]
    high = [index + half for index in low]
    for _ in range(count.bit_length() - 1):
        rows = [b.shuffle(rows[i], rows[i + half], order) for i in range(half) for order in (low, high)]
    for i, row in enumerate(rows):
        b.store(row, offset(b, target, (b.i64(i), row_bytes)))
    return b.finish("turn", parameters, attributes="nounwind noinline", linkage="internal"), b


class _Weight:
    """Writes the task: partial sums of the weight's gradient over some batch entries."""

    def __init__(self, dtype: str) -> None:
        self.dtype, self.b = dtype, Builder()
        self.copy = _Copy(self.b, WEIGHT, dtype)
        self.cell = dict(self.copy.cell)
        for name in WEIGHT.names[len(COPY_FIELDS.split()):]:
            self.cell[name] = WEIGHT.read(self.b, name, "ptr" if name in ("grad", "places", "partial") else "i64")
        self.size = self.b.i64(ITEMSIZE[dtype])

    def text(self, name: str) -> str:
        b, cell = self.b, self.cell
        item = TASK_PARAMETERS[1]
        self.group = b.urem(item, cell["groups"])
        low = b.mul(b.udiv(item, cell["groups"]), cell["images_item"])
        high = b.smin(b.add(low, cell["images_item"]), cell["batch"])
        self.partial = offset(b, cell["partial"], (item, cell["partial_item"]))
        self.turned = b.gep(self.copy.scratch, cell["turned"])
        b.call("llvm.memset.p0.i64", "void", self.partial, b.constant("i8", 0), cell["partial_item"], b.constant("i1", 0))
        with b.loop(low, high, cell["images"]) as first, b.loop(0, cell["blocks"]) as block:
            count = b.smin(cell["images"], b.sub(high, first))
            start_x = b.mul(block, cell["block_x"])
            size_x = b.smin(b.sub(cell["out_x"], start_x), cell["block_x"])
            self.copy.block(self.group, first, count, start_x)
            along_lines = b.and_(b.icmp("sle", cell["columns"], b.i64(FEW)), b.icmp("eq", cell["grad_z"], self.size))
            with b.if_(along_lines):
                self._lines(first, count, start_x, size_x)
            with b.if_(b.not_(along_lines)):
                self._turned(first, count, start_x, size_x)
                self._tiles(count, size_x)
        return b.finish(name, TASK_PARAMETERS)

    def _turned(self, first: Value, count: Value, start_x: Value, size_x: Value) -> None:
        """The block of the gradient as rows of channels, one for each result."""
        b, cell = self.b, self.cell
        grad = offset(b, cell["grad"], (first, cell["grad_n"]), (self.group, cell["grad_group"]), (start_x, cell["grad_x"]))
        one = b.i64(1)
        joined = b.icmp("ne", cell["joined"], b.i64(0))
        size_y = cell["out_y"]
        length = b.select(joined, b.mul(b.mul(size_x, size_y), cell["out_z"]), cell["out_z"])
        runs_x, runs_y = b.select(joined, one, size_x), b.select(joined, one, size_y)
        close = b.icmp("eq", cell["grad_z"], self.size)
        squares = lanes(self.dtype)
        with b.loop(0, count) as image, b.loop(0, runs_x) as x, b.loop(0, runs_y) as y:
            source = offset(b, grad, (image, cell["grad_n"]), (x, cell["grad_x"]), (y, cell["grad_y"]))
            number = b.mul(b.add(b.mul(b.add(b.mul(image, runs_x), x), runs_y), y), length)
            target = offset(b, self.turned, (number, cell["columns_row"]))
            with b.if_(close), b.loop(0, length, squares) as z, b.loop(0, cell["columns"], squares) as column:
                b.call("turn", "void", offset(b, source, (column, cell["grad_c"]), (z, self.size)), cell["grad_c"],
                       offset(b, target, (z, cell["columns_row"]), (column, self.size)), cell["columns_row"],
                       b.sub(cell["columns"], column), b.sub(length, z))
            with b.if_(b.not_(close)), b.loop(0, length) as z, b.loop(0, cell["columns"]) as column:
                element = b.load(SCALAR[self.dtype], offset(b, source, (column, cell["grad_c"]), (z, cell["grad_z"])))
                b.store(element, offset(b, target, (z, cell["columns_row"]), (column, self.size)))

    def _lines(self, first: Value, count: Value, start_x: Value, size_x: Value) -> None:
        b, cell = self.b, self.cell
        grad = offset(b, cell["grad"], (first, cell["grad_n"]), (self.group, cell["grad_group"]), (start_x, cell["grad_x"]))
        line = b.mul(cell["padded_z"], self.size)
        step_x = b.mul(cell["padded_y"], line)
        with b.loop(0, cell["columns"]) as column, b.loop(0, cell["place_count"], _LINE_ROWS) as top:
            b.call("line_tile", "void", b.gep(cell["places"], b.shl(top, b.i64(3))), self.copy.scratch,
                   offset(b, grad, (column, cell["grad_c"])),
                   offset(b, self.partial, (top, cell["columns_row"]), (column, self.size)), b.sub(cell["place_count"], top),
                   cell["columns_row"], count, b.mul(cell["padded_x"], step_x), cell["grad_n"], size_x, step_x, cell["grad_x"],
                   cell["out_y"], line, cell["grad_y"], cell["out_z"])

    def _tiles(self, count: Value, size_x: Value) -> None:
        b, cell = self.b, self.cell
        line = b.mul(cell["padded_z"], self.size)
        step_x = b.mul(cell["padded_y"], line)
        image = b.mul(cell["padded_x"], step_x)
        widest = max(rows_by_width())
        vectors = b.udiv(cell["columns_row"], b.i64(lanes(self.dtype) * ITEMSIZE[self.dtype]))
        panels = b.udiv(b.add(vectors, b.i64(widest - 1)), b.i64(widest))
        width = b.udiv(vectors, panels)
        for wide, rows in rows_by_width().items():
            with b.if_(b.icmp("eq", width, b.i64(wide))), b.loop(0, cell["place_count"], rows) as top:
                with b.loop(0, panels) as panel:
                    across = b.mul(panel, b.i64(wide * lanes(self.dtype) * ITEMSIZE[self.dtype]))
                    b.call(f"weight_tile{wide}", "void", b.gep(cell["places"], b.shl(top, b.i64(3))), self.copy.scratch,
                           b.gep(self.turned, across), b.gep(offset(b, self.partial, (top, cell["columns_row"])), across),
                           b.sub(cell["place_count"], top), cell["columns_row"], count, image, size_x, step_x,
                           cell["out_y"], line, cell["out_z"])


def _weight_module(name: str, dtype: str) -> str:
    parts = [_weight_tile(dtype, width, rows) for width, rows in rows_by_width().items()]
    parts += [_line_tile(dtype), _turn(dtype)]
    writer = _Weight(dtype)
    parts.append((writer.text(name), writer.b))
    return module([text for text, _ in parts], [b for _, b in parts])


def _sum_module(name: str, dtype: str) -> str:
    """Add the partial sums in the order of their items, and put them where they belong in the result."""
    b = Builder()
    count, size, scalar = lanes(dtype), b.i64(ITEMSIZE[dtype]), SCALAR[dtype]
    cell = {field: SUM.read(b, field, "ptr" if field in ("partial", "result") else "i64") for field in SUM.names}
    item = TASK_PARAMETERS[1]
    group = b.urem(item, cell["groups"])
    low = b.mul(b.udiv(item, cell["groups"]), cell["chunk"])
    high = b.smin(b.add(low, cell["chunk"]), cell["place_count"])
    mine = offset(b, cell["partial"], (group, cell["partial_item"]))
    between = b.mul(cell["groups"], cell["partial_item"])
    result = offset(b, cell["result"], (group, cell["result_group"]))
    total = b.alloca(vector(scalar, count))
    with b.loop(low, high) as place:
        row = offset(b, mine, (place, cell["columns_row"]))
        with b.loop(0, cell["columns_row"], count * ITEMSIZE[dtype]) as across:
            start = b.gep(row, across)
            b.store(b.load(vector(scalar, count), start), total)
            with b.loop(1, cell["partials"]) as number:
                term = b.load(vector(scalar, count), offset(b, start, (number, between)))
                b.store(b.fadd(b.load(vector(scalar, count), total), term), total)
            b.store(b.load(vector(scalar, count), total), start)
        target = offset(b, result, (place, cell["result_place"]))
        with b.loop(0, cell["columns"]) as column:
            b.store(b.load(scalar, offset(b, row, (column, size))), offset(b, target, (column, cell["result_row"])))
    return module([b.finish(name, TASK_PARAMETERS)], [b])
