"""The run-time arguments of a matrix product: an array of 8-byte cells, read by every kind of task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flambeau.compiler.targets.cpu.builder import Builder, Value

FIELDS = (
    "batch", "m", "n", "k",
    "a", "b", "c", "d",  # addresses; d may be c
    "a_row", "a_column", "b_row", "b_column",  # strides in elements
    "c_row", "c_column", "d_row", "d_column",  # the columns' are 1 but in skinny_dot
    "a_batch", "b_batch", "c_batch", "d_batch",  # strides in bytes; 0 shares one matrix
    "alpha", "alpha_imag", "beta", "beta_imag",  # in the low bytes; complex64 fills one cell, complex128 two
    "batch_chunk", "tile_m", "tile_n", "tiles_m", "tiles_n",  # what one item covers
    "block_k", "pack_b",  # see tiled_dot
    "scratch", "scratch_bytes",  # a thread owns scratch_bytes bytes at scratch + thread * scratch_bytes
)  # fmt: skip
CELL = {name: index for index, name in enumerate(FIELDS)}
COUNT = len(FIELDS)

TASK_PARAMETERS = (Value("%cells", "ptr"), Value("%item", "i64"), Value("%thread", "i64"))


@dataclass(frozen=True)
class ItemRange:
    """What an item covers: batch entries, rows of a, columns of b (i64 values, upper bounds excluded)."""

    batch: tuple[Value, Value]
    rows: tuple[Value, Value]
    columns: tuple[Value, Value]


class Cells:
    """Reads cells inside a task."""

    def __init__(self, b: Builder, itemsize: int) -> None:
        self._b = b
        self._itemsize = itemsize

    def address(self, name: str) -> Value:
        """Where the cell itself lies."""
        return self._b.gep(TASK_PARAMETERS[0], 8 * CELL[name])

    def read(self, name: str, type: str = "i64") -> Value:
        return self._b.load(type, self.address(name))

    def stride(self, name: str) -> Value:
        """A stride in bytes."""
        return self._b.mul(self.read(name), self._b.i64(self._itemsize))

    def matrix(self, name: str, entry: Value) -> Value:
        """The address of one matrix of the batch."""
        return self._b.gep(self.read(name, "ptr"), self._b.mul(entry, self.read(name + "_batch")))

    def item_range(self) -> ItemRange:
        """Split the item number: columns vary fastest, then rows, then the batch."""
        b = self._b
        item = TASK_PARAMETERS[1]
        tiles_m, tiles_n = self.read("tiles_m"), self.read("tiles_n")
        rest = b.udiv(item, tiles_n)
        return ItemRange(
            batch=self._part(b.udiv(rest, tiles_m), "batch_chunk", "batch"),
            rows=self._part(b.urem(rest, tiles_m), "tile_m", "m"),
            columns=self._part(b.urem(item, tiles_n), "tile_n", "n"),
        )

    def _part(self, index: Value, size: str, total: str) -> tuple[Value, Value]:
        low = self._b.mul(index, self.read(size))
        return low, self._b.smin(self._b.add(low, self.read(size)), self.read(total))


def offset(b: Builder, pointer: Value, *terms: tuple[Value, Value]) -> Value:
    """``pointer`` moved by the sum of the products of ``terms``."""
    for index, stride in terms:
        pointer = b.gep(pointer, b.mul(index, stride))
    return pointer


def module(functions: Sequence[str], builders: Sequence[Builder]) -> str:
    """The text of a module of ``functions`` with the declarations its builders met."""
    defined = {text.split("@", 1)[1].split("(", 1)[0] for text in functions}
    declared = sorted(set().union(*(builder.declarations for builder in builders)))
    outside = [line for line in declared if line.split("@", 1)[1].split("(", 1)[0] not in defined]
    return "\n".join([*outside, *functions])
