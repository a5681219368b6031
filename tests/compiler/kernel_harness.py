"""Helpers of the kernel tests: write a kernel's nodes, and run it on NumPy arrays."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Sequence

import llvmlite.binding as llvm
import numpy as np

from flambeau.compiler.kernel import Arg, Kernel, Node
from flambeau.compiler.targets.cpu.codegen import emit_kernel, join_module, layout, scratch_bytes
from flambeau.runtime import jit

_PACKED = {"float32": "<f", "float64": "<d", "bool": "<?"}


class Nodes:
    """Collects nodes: ``n.add(x, y)`` appends an operation of the dtype of its last input."""

    def __init__(self) -> None:
        self.list: list[Node] = []

    def node(self, op: str, dtype: str, *inputs: int, attr: object = None) -> int:
        self.list.append(Node(op, dtype, inputs, attr))
        return len(self.list) - 1

    def const(self, number: float, dtype: str = "float32") -> int:
        return self.node("const", dtype, attr=number)

    def reduce(self, kind: str, x: int, dtype: str | None = None) -> int:
        dtype = dtype or ("int64" if kind.startswith("arg") else self.list[x].dtype)
        return self.node("reduce", dtype, x, attr=kind)

    def __getattr__(self, op: str):
        return lambda *inputs, dtype=None: self.node(op, dtype or self.list[inputs[-1]].dtype, *inputs)


def run(
    kernel: Kernel,
    arrays: Sequence[np.ndarray],
    shape: Sequence[int],
    scalars: Sequence[float] = (),
    chunk: int = 0,
    gathered: dict[int, Sequence[tuple[int, int]]] | None = None,
) -> np.ndarray:
    """Run every item of ``kernel`` over a space of ``shape`` (outer, middle and inner sizes).

    ``arrays``: one for each argument, with a dim for each dim of the space (element level), for each outer
    dim (row level), or each outer dim and the inner one (row level in column mode). ``chunk``: rows, or inner
    positions, an item. ``gathered``: (size, byte stride) of each gathered axis of an argument. Returns the
    error cell.
    """
    function = compile_kernel(kernel)
    cells, keep = make_cells(kernel, arrays, shape, scalars, chunk, gathered or {})
    total = shape[-1] if kernel.split == "inner" else max(int(np.prod(shape[: kernel.outer])), 0)
    for item in range(-(-total // (chunk or total)) if total else 0):
        function(cells.ctypes.data, item, 0)
    return keep[0]


def compile_kernel(kernel: Kernel):
    """The native function of a kernel."""
    ir = join_module([emit_kernel(kernel, "kernel", jit.target())])
    llvm.parse_assembly(ir).verify()
    address = jit.compile_ir(ir, ["kernel"])["kernel"]
    return ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(address)


def make_cells(kernel, arrays, shape, scalars=(), chunk=0, gathered=None):
    """The argument cells of a kernel, and the arrays to keep alive (the first is the error cell)."""
    where = layout(kernel)
    cells = np.zeros(where.count, np.int64)
    outer, middle, inner = shape[: kernel.outer], shape[kernel.outer : -1], shape[-1]
    rows = int(np.prod(outer))
    cells[where.rows] = rows
    cells[where.chunk] = chunk or max(inner if kernel.split == "inner" else rows, 1)
    cells[list(where.outer)] = outer
    cells[list(where.middle)] = middle
    cells[where.inner] = inner
    error = np.zeros(2, np.int64)
    size = scratch_bytes(kernel, int(np.prod(middle)) * inner)
    scratch = np.full(size + 64, 0xA5, np.uint8)
    cells[where.error], cells[where.scratch], cells[where.scratch_bytes] = (
        error.ctypes.data,
        scratch.ctypes.data,
        size,
    )
    for position, (arg, own) in enumerate(zip(where.args, arrays, strict=True)):
        strides = list(own.strides)
        cells[arg.pointer] = own.ctypes.data
        if arg.item is not None:
            cells[arg.item] = strides[0]
            continue
        cells[list(arg.outer)] = strides[: kernel.outer]
        cells[list(arg.middle)] = strides[kernel.outer : kernel.outer + len(arg.middle)]
        if arg.inner is not None:
            cells[arg.inner] = strides[-1]
        for (size_cell, stride_cell), (axis, stride) in zip(
            arg.gather, (gathered or {}).get(position, ()), strict=True
        ):
            cells[size_cell], cells[stride_cell] = axis, stride
    for cell, dtype, number in zip(where.scalars, kernel.scalars, scalars, strict=True):
        packed = (
            struct.pack(_PACKED[dtype], number)
            if dtype in _PACKED
            else int(number).to_bytes(8, "little", signed=True)
        )
        cells[cell] = int.from_bytes(packed.ljust(8, b"\0"), "little", signed=True)
    return cells, [error, scratch, *arrays]


def elementwise(
    nodes: Nodes,
    inputs: Sequence[Arg],
    result: int,
    outer: int = 0,
    middle: int = 0,
    scalars=(),
    inner="contiguous",
):
    """A kernel without reductions: its last argument is the output."""
    out = Arg(nodes.list[result].dtype, inner=inner, write=True)
    nodes.node("store", out.dtype, result, attr=len(inputs))
    return Kernel(outer, middle, "row", "outer", (*inputs, out), tuple(scalars), tuple(nodes.list))
