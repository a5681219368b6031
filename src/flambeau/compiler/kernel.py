"""The description of a fused loop nest: pure data, the same for every target.

A kernel runs a body for every element of a space of ``outer`` dims, ``middle`` dims and one inner dim, which
is the one that targets vectorise. One combination of the outer dims is a *row*.

- mode ``"row"``: a reduction covers the middle dims and the inner dim; it gives one number a row.
- mode ``"column"``: a reduction covers the middle dims; it gives one number for each inner position of a row.

Sizes, strides and scalars are not part of the description: they are arguments of the generated code, so one
kernel serves all sizes. Work is split into items: ranges of rows (split ``"outer"``), or ranges of the inner
dim (split ``"inner"``, where there is no outer dim).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

SMALL_FLOATS = ("float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu")
NARROW_FLOATS = frozenset(("float16", "bfloat16", *SMALL_FLOATS))  # computed with in float32
DTYPES = frozenset(("bool", "uint8", "int8", "int16", "int32", "int64", "float32", "float64")) | NARROW_FLOATS
REDUCTIONS = frozenset(("sum", "prod", "max", "min", "any", "all", "argmax", "argmin"))
# What is worth keeping for a later pass over the row rather than computing again.
COSTLY = frozenset(
    [
        "exp",
        "exp2",
        "expm1",
        "log",
        "log2",
        "log10",
        "log1p",
        "sin",
        "cos",
        "tan",
        "tanh",
        "sinh",
        "cosh",
        "asin",
        "acos",
        "atan",
        "asinh",
        "acosh",
        "atanh",
        "atan2",
        "erf",
        "erfc",
        "erfinv",
        "lgamma",
        "digamma",
        "sigmoid",
        "softplus",
        "gelu",
        "pow",
        "fmod",
        "remainder",
        "gather",
    ]
)

_INNER = ("contiguous", "broadcast", "reversed", "strided")

# What handles the 16-bit floats, which nothing computes with.
_MOVES = frozenset(("load", "store", "gather", "cast", "where"))

# The loops a value depends on.
OUTER, MIDDLE, INNER = 1, 2, 4


@dataclass(frozen=True)
class Arg:
    """A block of memory that a kernel reads or writes.

    ``level`` "element": one number for each element of the space; "row": one for each result of a reduction.
    ``inner`` tells its stride along the inner dim: one element, zero, minus one element (what is read only), or anything (given at
    run time).
    """

    dtype: str
    level: str = "element"
    inner: str = "contiguous"
    write: bool = False


@dataclass(frozen=True)
class Node:
    """One operation of a kernel.

    ``dtype``: of its result. ``inputs``: positions of earlier nodes. ``attr``, which must be hashable:

    - load, store: the argument's position; scalar: the scalar's
    - const: the number (-0.0 and NaN become text, see below)
    - index: ("outer", k), ("middle", k) or ("inner",)
    - reduce: one of `REDUCTIONS`
    - gather: (the argument's position, the number of gathered axes), with one int64 input for each axis
    """

    op: str
    dtype: str
    inputs: tuple[int, ...] = ()
    attr: Any = None

    def __post_init__(self) -> None:
        # Kernels are keys of caches: -0.0 must differ from 0.0, and a NaN be equal to itself.
        if self.op == "const" and (
            self.attr != self.attr or self.attr == 0 and math.copysign(1, self.attr) < 0
        ):
            object.__setattr__(self, "attr", repr(float(self.attr)))


@dataclass(frozen=True)
class Kernel:
    """A fused loop nest (see the top of this file). Nodes are in the order of their evaluation."""

    outer: int
    middle: int
    mode: str
    split: str
    args: tuple[Arg, ...]
    scalars: tuple[str, ...]
    nodes: tuple[Node, ...]


@dataclass(frozen=True)
class Pass:
    """One sweep over the elements of a row.

    ``nodes``: what it evaluates, in order. ``reduces``: the reductions it completes. ``stores``: the element
    stores it does. ``saves``: values it keeps in scratch memory. ``reloads``: values it takes from there.
    """

    nodes: tuple[int, ...]
    reduces: tuple[int, ...]
    stores: tuple[int, ...]
    saves: tuple[int, ...]
    reloads: tuple[int, ...]


@dataclass(frozen=True)
class Plan:
    """What follows from a kernel's nodes.

    ``loops[n]``: the loops that node n varies with, a sum of OUTER, MIDDLE and INNER.
    ``depth[n]``: how many passes must have ended before node n can be evaluated.
    ``passes``: the sweeps over a row. ``saved``: the nodes kept in scratch memory, each with one slot.
    """

    loops: tuple[int, ...]
    depth: tuple[int, ...]
    passes: tuple[Pass, ...]
    saved: tuple[int, ...]

    def in_pass(self, kernel: Kernel, node: int) -> bool:
        """Whether the node is evaluated inside the sweeps rather than once a row (or strip of columns)."""
        swept = MIDDLE | INNER if kernel.mode == "row" else MIDDLE
        return bool(self.loops[node] & swept)


@lru_cache(maxsize=1024)
def plan(kernel: Kernel) -> Plan:
    """Check a kernel and find where each of its nodes is evaluated.

    Raises:
        ValueError: the kernel is malformed; the message names the node or the argument.
    """
    _check(kernel)
    loops: list[int] = []
    depth: list[int] = []
    for node in kernel.nodes:
        loops.append(_loops(kernel, node, loops))
        reach = max((depth[i] for i in node.inputs), default=0)
        depth.append(reach + (node.op == "reduce"))
    return _Scheduler(kernel, tuple(loops), tuple(depth)).plan()


def _loops(kernel: Kernel, node: Node, loops: list[int]) -> int:
    """The loops that a node varies with, given those of the nodes before it."""
    inherited = 0
    for i in node.inputs:
        inherited |= loops[i]
    if node.op == "reduce":
        return OUTER if kernel.mode == "row" else OUTER | INNER
    if node.op == "index":
        return {"outer": OUTER, "middle": MIDDLE, "inner": INNER}[node.attr[0]]
    if node.op == "load":
        return inherited | arg_loops(kernel, kernel.args[node.attr])
    if node.op == "gather":
        return inherited | arg_loops(kernel, kernel.args[node.attr[0]])
    return inherited


def arg_loops(kernel: Kernel, arg: Arg) -> int:
    """The loops along which an argument's address moves."""
    loops = OUTER
    if arg.level == "element" and kernel.middle:
        loops |= MIDDLE
    if arg.inner != "broadcast" and (arg.level == "element" or kernel.mode == "column"):
        loops |= INNER
    return loops


class _Scheduler:
    """Distributes the nodes of a kernel over passes."""

    def __init__(self, kernel: Kernel, loops: tuple[int, ...], depth: tuple[int, ...]) -> None:
        self.kernel = kernel
        self.loops = loops
        self.depth = depth
        self.empty = Plan(loops, depth, (), ())

    def plan(self) -> Plan:
        nodes = self.kernel.nodes
        stores = [n for n, node in enumerate(nodes) if node.op == "store" and self._element_store(node)]
        reduces = [n for n, node in enumerate(nodes) if node.op == "reduce"]
        reduce_pass = {n: self.depth[n] - 1 for n in reduces}
        # Stores wait for the last pass: an earlier one could overwrite, in place, what a later pass reads.
        last = max([*reduce_pass.values(), *(self.depth[n] for n in stores)], default=-1)
        roots: list[list[int]] = []
        for p in range(last + 1):
            wanted = [nodes[n].inputs[0] for n in reduces if reduce_pass[n] == p]
            roots.append(wanted + ([n for n in stores] if p == last else []))
        needed = [self._closure(r, frozenset()) for r in roots]
        saved = self._saved(needed)
        passes = []
        available: set[int] = set()
        for p in range(last + 1):
            members = self._closure(roots[p], frozenset(available))
            saves = tuple(n for n in saved if n in members and n not in available)
            passes.append(
                Pass(
                    nodes=tuple(n for n in sorted(members) if n not in available and nodes[n].op != "store"),
                    reduces=tuple(n for n in reduces if reduce_pass[n] == p),
                    stores=tuple(stores) if p == last else (),
                    saves=saves,
                    reloads=tuple(n for n in sorted(members) if n in available),
                )
            )
            available.update(saves)
        return Plan(self.loops, self.depth, tuple(passes), tuple(saved))

    def _element_store(self, node: Node) -> bool:
        return self.kernel.args[node.attr].level == "element"

    def _closure(self, roots: list[int], available: frozenset[int]) -> set[int]:
        """The nodes of a sweep that wants ``roots``, where ``available`` can be read from scratch."""
        members: set[int] = set()
        waiting = list(roots)
        while waiting:
            n = waiting.pop()
            node = self.kernel.nodes[n]
            if n in members or not (node.op == "store" or self.empty.in_pass(self.kernel, n)):
                continue
            members.add(n)
            if n not in available and node.op != "reduce":
                waiting.extend(node.inputs)
        return members

    def _saved(self, needed: list[set[int]]) -> list[int]:
        """The costly values of full size that more than one pass needs."""
        full = MIDDLE | INNER if self.kernel.middle else INNER
        return [
            n
            for n, node in enumerate(self.kernel.nodes)
            if node.op in COSTLY
            and self.loops[n] & full == full
            and sum(n in members for members in needed) > 1
        ]


def _check(kernel: Kernel) -> None:
    if kernel.mode not in ("row", "column"):
        raise ValueError(f"kernel: expected mode 'row' or 'column', got {kernel.mode!r}")
    if kernel.split not in ("outer", "inner"):
        raise ValueError(f"kernel: expected split 'outer' or 'inner', got {kernel.split!r}")
    if kernel.split == "inner" and kernel.outer:
        raise ValueError(f"kernel: a split of the inner dim allows no outer dim, got {kernel.outer}")
    for position, arg in enumerate(kernel.args):
        _check_arg(position, arg)
    for dtype in kernel.scalars:
        _check_dtype("a scalar", dtype)
    for position, node in enumerate(kernel.nodes):
        _check_node(kernel, position, node)
    if kernel.mode == "row" and kernel.split == "inner":
        _check_one_pass(kernel)


def _check_one_pass(kernel: Kernel) -> None:
    """An item that covers a part of a row knows a part of its sums: no element may depend on them."""
    reduced: set[int] = set()
    for position, node in enumerate(kernel.nodes):
        depends = any(i in reduced for i in node.inputs)
        stores = node.op == "store" and kernel.args[node.attr].level == "element"
        if depends and (stores or node.op == "reduce"):
            raise ValueError(f"kernel: node {position} ({node.op}) needs a whole row, but the inner is split")
        if depends or node.op == "reduce":
            reduced.add(position)


def _check_dtype(who: str, dtype: str) -> None:
    if dtype not in DTYPES:
        raise ValueError(f"kernel: {who} has the unknown dtype {dtype!r}")


def _check_arg(position: int, arg: Arg) -> None:
    _check_dtype(f"argument {position}", arg.dtype)
    if arg.level not in ("element", "row"):
        raise ValueError(f"kernel: argument {position}: expected level 'element' or 'row', got {arg.level!r}")
    if arg.inner not in _INNER:
        raise ValueError(
            f"kernel: argument {position}: expected inner {', '.join(map(repr, _INNER))}, got {arg.inner!r}"
        )
    if arg.write and arg.level == "element" and arg.inner in ("broadcast", "reversed"):
        raise ValueError(f"kernel: argument {position} is written, and so cannot be {arg.inner}")


def _check_node(kernel: Kernel, position: int, node: Node) -> None:
    who = f"node {position} ({node.op})"
    _check_dtype(who, node.dtype)
    if any(not 0 <= i < position for i in node.inputs):
        raise ValueError(f"kernel: {who}: inputs {node.inputs} are not all earlier nodes")
    if node.op in ("load", "store", "gather"):
        index = node.attr[0] if node.op == "gather" else node.attr
        if not 0 <= index < len(kernel.args):
            raise ValueError(f"kernel: {who}: there is no argument {index}")
        arg = kernel.args[index]
        if arg.dtype != node.dtype:
            raise ValueError(f"kernel: {who}: expected the argument's dtype {arg.dtype}, got {node.dtype}")
        if node.op == "store" and not arg.write:
            raise ValueError(f"kernel: {who}: argument {index} is not declared as written")
    if node.op not in _MOVES and any(kernel.nodes[i].dtype in NARROW_FLOATS for i in node.inputs):
        raise ValueError(f"kernel: {who}: floats of 16 and 8 bits are computed with in float32: expected a cast")
    if node.op == "scalar" and not 0 <= node.attr < len(kernel.scalars):
        raise ValueError(f"kernel: {who}: there is no scalar {node.attr}")
    if node.op == "reduce" and node.attr not in REDUCTIONS:
        raise ValueError(f"kernel: {who}: unknown reduction {node.attr!r}")
    if node.op == "index" and node.attr[0] not in ("outer", "middle", "inner"):
        raise ValueError(f"kernel: {who}: unknown position {node.attr!r}")
