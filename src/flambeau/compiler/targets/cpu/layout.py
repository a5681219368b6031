"""Where a kernel finds its run-time arguments: an array of 8-byte cells."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from flambeau.compiler.kernel import Arg, Kernel, plan
from flambeau.compiler.targets.cpu.types import size_of


@dataclass(frozen=True)
class ArgCells:
    """The cells of one argument. Strides are in bytes; a cell that does not apply is None."""

    pointer: int
    outer: tuple[int, ...]
    middle: tuple[int, ...]
    inner: int | None
    item: int | None  # the distance between the partial results of two items
    gather: tuple[tuple[int, int], ...]  # (size, stride) of each gathered axis


@dataclass(frozen=True)
class Layout:
    """The index of every cell of a kernel; ``count`` cells in all.

    ``error``: address of two int64: a gather that is out of range stores its index, then 1.
    ``scratch``, ``scratch_bytes``: a thread owns the ``scratch_bytes`` bytes at scratch + thread * that.
    ``scalars``: a scalar fills the low bytes of its cell.
    """

    count: int
    rows: int
    chunk: int
    outer: tuple[int, ...]
    middle: tuple[int, ...]
    inner: int
    error: int
    scratch: int
    scratch_bytes: int
    args: tuple[ArgCells, ...]
    scalars: tuple[int, ...]


@lru_cache(maxsize=1024)
def layout(kernel: Kernel) -> Layout:
    """The cells of ``kernel``."""
    cells = _Counter()
    return Layout(
        rows=cells.one(),
        chunk=cells.one(),
        outer=cells.several(kernel.outer),
        middle=cells.several(kernel.middle),
        inner=cells.one(),
        error=cells.one(),
        scratch=cells.one(),
        scratch_bytes=cells.one(),
        args=tuple(_arg_cells(kernel, position, arg, cells) for position, arg in enumerate(kernel.args)),
        scalars=cells.several(len(kernel.scalars)),
        count=cells.count,
    )


def scratch_bytes(kernel: Kernel, elements: int) -> int:
    """The scratch memory a thread needs, where a row has ``elements`` (middle sizes times inner size)."""
    return sum(slot_bytes(size_of(kernel.nodes[n].dtype), elements) for n in plan(kernel).saved)


def slot_bytes(itemsize: int, elements: int) -> int:
    """The bytes of one saved value: whole cache lines."""
    return (elements * itemsize + 63) & ~63


class _Counter:
    def __init__(self) -> None:
        self.count = 0

    def one(self) -> int:
        self.count += 1
        return self.count - 1

    def several(self, number: int) -> tuple[int, ...]:
        return tuple(self.one() for _ in range(number))


def _arg_cells(kernel: Kernel, position: int, arg: Arg, cells: _Counter) -> ArgCells:
    axes = max((len(n.inputs) for n in kernel.nodes if n.op == "gather" and n.attr[0] == position), default=0)
    has_inner = arg.level == "element" or kernel.mode == "column"
    partial = arg.write and arg.level == "row" and kernel.mode == "row" and kernel.split == "inner"
    return ArgCells(
        pointer=cells.one(),
        outer=cells.several(kernel.outer),
        middle=cells.several(kernel.middle if arg.level == "element" else 0),
        inner=cells.one() if has_inner and arg.inner == "strided" else None,
        item=cells.one() if partial else None,
        gather=tuple((cells.one(), cells.one()) for _ in range(axes)),
    )
