"""From a group to a kernel: dims are ordered, merged and dealt to the loops; sizes and strides become run-time arguments."""

from __future__ import annotations

from math import prod as count
from typing import NamedTuple

from .fusion import SPLIT_ELEMENTS, Group, Loaded
from .kernel import COSTLY, SMALL_FLOATS, Arg, Kernel, Node

ITEM_ELEMENTS = 32768  # what one item of a parallel phase covers at least ...
COSTLY_ITEM_ELEMENTS = 8192  # ... where an element costs little, or much
MAX_ITEMS = 64
SIZES = {"bool": 1, "uint8": 1, "int8": 1, "int16": 2, "float16": 2, "bfloat16": 2, "int32": 4, "float32": 4, "int64": 8, "float64": 8,
          **dict.fromkeys(SMALL_FLOATS, 1)}


class Binding(NamedTuple):
    """What an argument of a nest is bound to; strides in bytes, ``item`` the distance of partial results."""

    value: int
    offset: int
    outer: tuple[int, ...]
    middle: tuple[int, ...]
    inner: int
    item: int
    gather: tuple[tuple[int, int], ...]


class Nest(NamedTuple):
    """A kernel with the sizes of one use. ``scalars``: ``(("run", index) | ("const", value), dtype)``.

    ``sites`` are the window positions of its gathers, for the message of an index error.
    """

    kernel: Kernel
    outer: tuple[int, ...]
    middle: tuple[int, ...]
    inner: int
    rows: int
    chunk: int
    items: int
    bindings: tuple[Binding, ...]
    scalars: tuple
    sites: tuple


class Partial(NamedTuple):
    """A reduction in two nests: ``count`` partial results of ``dtype`` wait in a temporary between them."""

    first: Nest
    second: Nest
    count: int
    nbytes: int


PARTIAL = -1  # stands for the temporary value of a Partial in its bindings


def lower(group: Group, needed: set[int]) -> list[Nest] | Partial:
    """The nests that compute the group's values in ``needed`` and its writes."""
    stores = [p for v, p in group.produced.items() if v in needed] + group.writes
    # Values of both levels may be stored, but a nest without reductions has elements only.
    builder = _Builder(group, stores)
    return builder.build()


class _Builder:
    def __init__(self, group: Group, stores: list[Loaded]):
        self.group = group
        self.stores = stores
        self.live = _live(group, [s.node for s in stores])
        self.reduces = [n for n in self.live if group.nodes[n][0] == "reduce"]
        self.args: list[Arg] = []
        self.bindings: list[Binding] = []
        self.arg_index: dict[tuple, int] = {}
        self.scalar_index: dict[int, int] = {}
        self.sites: list = []

    def build(self) -> list[Nest] | Partial:
        group = self.group
        reduced = set(group.reduced or ()) if self.reduces else set()
        dims = [d for d, size in enumerate(group.domain) if size != 1]
        if not any(group.nodes[n][3] in ("argmax", "argmin") for n in self.reduces):
            dims = self._ordered(dims)
        self.dims = self._merged(dims, reduced)
        if not self.reduces and group.reduced is not None and any(s.level == "row" for s in self.stores):
            return self._without_reductions()
        if self.reduces and self._is_whole(reduced):
            return self._partial()
        return [self._nest(reduced)]

    def _without_reductions(self) -> list[Nest]:
        """Row values that need no reduction here (their nest joined one for its place only): a nest of each level."""
        nests = []
        for level in ("element", "row"):
            stores = [s for s in self.stores if s.level == level]
            if stores:
                sub = _Builder(self.group, stores)
                dims = [d for d, size in enumerate(self.group.domain)
                        if size != 1 and (level == "element" or d not in self.group.reduced)]
                sub.dims = sub._merged(sub._ordered(dims), set())
                nests.append(sub._nest(set(), plain=True))
        return nests

    # -- dims --------------------------------------------------------------------------------------------------------

    def _places(self) -> list[tuple[int, ...]]:
        found = [s.strides for s in self.stores]
        for n in self.live:
            op, _, _, attr = self.group.nodes[n]
            if op in ("load", "gather"):
                found.append(attr[3])
            elif op == "positions":
                found.append(attr[0])
        return found

    def _ordered(self, dims: list[int]) -> list[int]:
        """The dims from the slowest to the fastest, by the first operand that has them all."""
        for strides in self._places():
            if all(strides[d] for d in dims):
                return sorted(dims, key=lambda d: -abs(strides[d]))
        return dims

    def _merged(self, dims: list[int], reduced: set[int]) -> list[tuple[int, tuple[int, ...]]]:
        """Neighbouring dims that every operand walks as one become one: ``(size, the dims)``."""
        places = self._places()
        merged: list[tuple[int, tuple[int, ...]]] = []
        for d in dims:
            size = self.group.domain[d]
            if merged:
                last_size, members = merged[-1]
                last = members[-1]
                same_kind = (d in reduced) == (last in reduced)
                if same_kind and all(s[last] == s[d] * size for s in places):
                    merged[-1] = (last_size * size, (*members, d))
                    continue
            merged.append((size, (d,)))
        return merged

    def _is_whole(self, reduced: set[int]) -> bool:
        """Whether one number comes out of many: then partial results are made in parallel first."""
        group = self.group
        kept = count([s for d, s in enumerate(group.domain) if d not in reduced])
        kinds = {group.nodes[n][3] for n in self.reduces}
        return (group.closed and kept == 1 and count(group.domain) >= SPLIT_ELEMENTS and len(self.reduces) == 1
                and not kinds & {"argmax", "argmin"} and all(s.level == "row" for s in self.stores) and len(self.stores) == 1)

    # -- nests -------------------------------------------------------------------------------------------------------

    def _deal(self, reduced: set[int]):
        """Which merged dims are outer, middle and inner, and the mode."""
        dims = self.dims
        if not dims:
            return [], [], None, "row"
        is_reduced = [members[0] in reduced for _, members in dims]
        if not any(is_reduced):
            return dims[:-1], [], dims[-1], "row" if not self.reduces else "column"
        if is_reduced[-1]:
            outer = [d for d, r in zip(dims, is_reduced) if not r]
            return outer, [d for d, r in zip(dims[:-1], is_reduced) if r], dims[-1], "row"
        kept = [d for d, r in zip(dims, is_reduced) if not r]
        return kept[:-1], [d for d, r in zip(dims, is_reduced) if r], kept[-1], "column"

    def _nest(self, reduced: set[int], plain: bool = False) -> Nest:
        outer, middle, inner, mode = self._deal(reduced)
        self.outer, self.middle, self.inner, self.mode, self.plain = outer, middle, inner, mode, plain
        rows = count([size for size, _ in outer])
        inner_size = inner[0] if inner else 1
        split = "outer" if outer or (mode == "row" and self.reduces) else "inner"
        nodes = self._nodes(split)
        kernel = Kernel(len(outer), len(middle), mode, split, tuple(self.args), tuple(self._scalar_dtypes()), nodes)
        span = count([size for size, _ in middle])
        chunk, items = self._chunks(split, rows, inner_size, span)
        return Nest(kernel, tuple(s for s, _ in outer), tuple(s for s, _ in middle), inner_size, rows, chunk, items,
                    tuple(self.bindings), tuple(self._scalar_bindings()), tuple(self.sites))

    def _chunks(self, split: str, rows: int, inner: int, middle: int) -> tuple[int, int]:
        costly = any(self.group.nodes[n][0] in COSTLY for n in self.live)
        elements = COSTLY_ITEM_ELEMENTS if costly else ITEM_ELEMENTS
        if split == "outer":
            chunk = max(1, elements // max(inner * middle, 1), -(-rows // MAX_ITEMS))
            return _even(rows, chunk, 1)
        chunk = max(64, elements // max(middle, 1), -(-inner // MAX_ITEMS))
        return _even(inner, chunk, 64)

    def _partial(self) -> Partial:
        """Partial results by ranges of the inner dim, or by rows; then one nest that reduces them."""
        group = self.group
        reduce_node = self.reduces[0]
        final = self.stores[0]
        _, dtype, _, kind = group.nodes[reduce_node]
        self.stores = [Loaded(PARTIAL, 0, final.strides, dtype, "row", reduce_node)]
        self.live = _live(group, [reduce_node])
        self.plain = False
        *outer, inner = self.dims
        self.outer, self.middle, self.inner, self.mode = outer, [], inner, "row"
        split = "outer" if outer else "inner"
        rows = count([s for s, _ in outer])
        self.partial_strides = _contiguous_bytes([s for s, _ in outer], SIZES[dtype])
        nodes = self._nodes(split)
        kernel = Kernel(len(outer), 0, "row", split, tuple(self.args), tuple(self._scalar_dtypes()), nodes)
        chunk, items = self._chunks(split, rows, inner[0], 1)
        first = Nest(kernel, tuple(s for s, _ in outer), (), inner[0], rows, chunk, items, tuple(self.bindings),
                     tuple(self._scalar_bindings()), tuple(self.sites))
        n = rows if outer else items
        second = self._combine(kind, dtype, final, n)
        return Partial(first, second, n, n * SIZES[dtype])

    def _combine(self, kind: str, dtype: str, final: Loaded, n: int) -> Nest:
        nodes = [Node("load", dtype, (), 0), Node("reduce", dtype, (0,), kind)]
        if final.dtype != dtype:
            nodes.append(Node("cast", final.dtype, (1,)))
        nodes.append(Node("store", final.dtype, (len(nodes) - 1,), 1))
        args = (Arg(dtype), Arg(final.dtype, "row", "broadcast", True))
        kernel = Kernel(0, 0, "row", "outer", args, (), tuple(nodes))
        bindings = (Binding(PARTIAL, 0, (), (), SIZES[dtype], 0, ()), Binding(final.value, final.offset, (), (), 0, 0, ()))
        return Nest(kernel, (), (), n, 1, 1, 1, bindings, (), ())

    # -- nodes -------------------------------------------------------------------------------------------------------

    def _nodes(self, split: str) -> tuple[Node, ...]:
        group = self.group
        position: dict[int, int] = {}
        nodes: list[Node] = []
        for n in self.live:
            op, dtype, inputs, attr = group.nodes[n]
            if op == "load":
                attr = self._argument(attr[1], attr[2], attr[3], attr[4], dtype)
            elif op == "gather":
                self.sites.append(attr[6])
                attr = (self._argument(attr[1], attr[2], attr[3], attr[4], dtype, gather=attr[5]), len(attr[5]))
            elif op == "positions":
                position[n] = self._positions(nodes, *attr)
                continue
            elif op == "scalar":
                attr = self.scalar_index.setdefault(attr, len(self.scalar_index))
            position[n] = len(nodes)
            nodes.append(Node(op, dtype, tuple([position[i] for i in inputs]), attr))
        for s in self.stores:
            argument = self._argument(s.value, s.offset, s.strides, s.level, s.dtype, write=True, split=split)
            nodes.append(Node("store", s.dtype, (position[s.node],), argument))
        return tuple(nodes)

    def _positions(self, nodes: list[Node], strides: tuple[int, ...], offset: int) -> int:
        """Nodes for ``offset`` plus the sum of the loops' positions times ``strides``."""
        loops = [(("outer", k), members) for k, (_, members) in enumerate(self.outer)]
        loops += [(("middle", k), members) for k, (_, members) in enumerate(self.middle)]
        loops += [(("inner",), self.inner[1])] if self.inner else []
        total = None
        for where, members in loops:
            step = strides[members[-1]]
            if not step:
                continue
            nodes.append(Node("index", "int64", (), where))
            term = len(nodes) - 1
            if step != 1:
                term = self._with_number(nodes, "mul", term, step)
            if total is not None:
                nodes.append(Node("add", "int64", (total, term)))
                term = len(nodes) - 1
            total = term
        if total is None:
            return self._number(nodes, offset)
        return self._with_number(nodes, "add", total, offset) if offset else total

    def _number(self, nodes: list[Node], number: int) -> int:
        key = (("const", number), "int64")
        index = self.group.scalars.setdefault(key, len(self.group.scalars))
        nodes.append(Node("scalar", "int64", (), self.scalar_index.setdefault(index, len(self.scalar_index))))
        return len(nodes) - 1

    def _with_number(self, nodes: list[Node], op: str, term: int, number: int) -> int:
        nodes.append(Node(op, "int64", (term, self._number(nodes, number))))
        return len(nodes) - 1

    def _argument(self, value, offset, strides, level, dtype, *, write=False, gather=(), split="outer") -> int:
        if self.plain or (not self.reduces):
            level = "element"
        key = (value, offset, strides, level, write, gather)
        found = self.arg_index.get(key)
        if found is not None:
            return found
        size = SIZES[dtype]
        outer = tuple(strides[members[-1]] * size for _, members in self.outer)
        middle = tuple(strides[members[-1]] * size for _, members in self.middle) if level == "element" else ()
        inner = strides[self.inner[1][-1]] * size if self.inner else 0
        item = 0
        if value == PARTIAL:
            outer, item = self.partial_strides, size
        has_inner = level == "element" or self.mode == "column"
        kind = "contiguous" if inner == size else "broadcast" if inner == 0 else "strided"
        if inner == -size and not write and not gather:
            kind = "reversed"
        if not has_inner:
            kind, inner = "broadcast", 0
        if write and kind == "broadcast" and has_inner:
            kind = "contiguous"  # an inner dim of size 1
        self.args.append(Arg(dtype, level, kind, write))
        self.bindings.append(Binding(value, offset, outer, middle, inner, item, gather))
        self.arg_index[key] = len(self.args) - 1
        return len(self.args) - 1

    def _scalar_bindings(self) -> list:
        known = {index: key for key, index in self.group.scalars.items()}
        return [known[index] for index in self.scalar_index]

    def _scalar_dtypes(self) -> list[str]:
        return [dtype for _, dtype in self._scalar_bindings()]


def _even(total: int, chunk: int, unit: int) -> tuple[int, int]:
    """Chunk and number of items where a chunk of about this size is wanted: equal shares, for an even number of threads too."""
    items = -(-total // chunk)
    if items > 1:
        items += items % 2
    chunk = -(-total // max(items, 1))
    chunk = max(-(-chunk // unit) * unit, unit)
    return chunk, -(-total // chunk)


def _contiguous_bytes(sizes: list[int], itemsize: int) -> tuple[int, ...]:
    strides, step = [], itemsize
    for s in reversed(sizes):
        strides.append(step)
        step *= s
    return tuple(reversed(strides))


def _live(group: Group, roots: list[int]) -> list[int]:
    """The nodes that ``roots`` depend on, in order."""
    seen: set[int] = set()
    stack = list(roots)
    while stack:
        n = stack.pop()
        if n not in seen:
            seen.add(n)
            stack.extend(group.nodes[n][2])
    return sorted(seen)
