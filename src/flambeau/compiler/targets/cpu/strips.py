"""Recurrences in strips: many small steps that depend on each other, but not across the rows of a batch.

A net that walks over time is a long row of levels, a small product and some small nests each: too little for several threads
between two barriers. Its samples do not meet, though: a strip of rows can pass through all levels on its own. A *chain* is a run
of levels where strip ``s`` reads only what strip ``s``, or something before the chain, has written. It becomes one phase of the
program with an item for each strip, which stays on one processor together with its data.

Whether strips meet is decided by addresses, after memory was planned: every access is an interval of bytes. Sizes alone decide
what a strip is, so the bits of results do not depend on the number of threads.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from ...loops import SIZES, Nest
from .dot import ITEMSIZE, Partition, Plan, choose

_PRODUCTS = 8  # a chain has at least so many products: shorter ones gain nothing
_STRIP_ROWS = 16  # products of fewer rows leave the vector units idle
_MAX_STRIPS = 8
_UNIT = 64  # elements: nests that are cut along their only dim are cut at multiples of it


class Access(NamedTuple):
    """Bytes ``start`` to ``stop`` behind a base address."""

    base: int
    start: int
    stop: int
    write: bool


class Product(NamedTuple):
    """A product of two matrices: its plan, and the base and offset in bytes of a, b and c."""

    plan: Plan
    places: tuple[tuple[int, int], ...]


class Piece(NamedTuple):
    """A part of a level: a nest with the base and offset of each binding (and the size of what a gather reads), or a product."""

    step: int
    work: Nest | Product
    places: tuple[tuple[int, int], ...] = ()
    sizes: tuple[int, ...] = ()


class Chain(NamedTuple):
    """Levels ``first`` to ``last`` in ``strips``; ``pieces`` in order, each with one item a strip, or one item for strip 0."""

    first: int
    last: int
    strips: int
    pieces: list[Piece]


def find_chains(levels: list[list[Piece] | None]) -> list[Chain]:
    """The chains among ``levels``; None stands for a level with something that is neither a nest nor a plain product."""
    strips = _strip_count(levels)
    if strips < 2:
        return []
    chains, first, chain = [], 0, _Links(strips)
    for number, level in enumerate([*levels, None]):
        if level is not None and chain.add(level):
            continue
        if chain.products >= _PRODUCTS:
            chains.append(Chain(first, number - 1, strips, chain.pieces))
        first, chain = number, _Links(strips)
        if level is None or not chain.add(level):
            first, chain = number + 1, _Links(strips)
    return chains


def _strip_count(levels: list[list[Piece] | None]) -> int:
    """How many strips the most frequent number of rows makes: a power of two."""
    rows = Counter(p.work.plan.shape[1] for level in levels for p in level or () if isinstance(p.work, Product))
    if not rows:
        return 0
    (most, count), = rows.most_common(1)
    if count < _PRODUCTS:
        return 0
    return min(1 << (most // _STRIP_ROWS).bit_length() >> 1, _MAX_STRIPS)


class _Links:
    """A chain in the making."""

    def __init__(self, strips: int) -> None:
        self.strips = strips
        self.products = 0
        self.pieces: list[Piece] = []
        self.written = [_Intervals() for _ in range(strips)]
        self.touched = [_Intervals() for _ in range(strips)]

    def add(self, level: list[Piece]) -> bool:
        """Take a level in; False, and nothing has changed, where its strips would meet."""
        found = []
        for piece in level:
            one = next(((p, by_strip) for p, by_strip in self._ways(piece) if not self._meet(by_strip)), None)
            if one is None:
                return False
            found.append(one)
        for piece, by_strip in found:
            self.pieces.append(piece)
            self.products += isinstance(piece.work, Product)
            for strip, accesses in enumerate(by_strip):
                for access in accesses:
                    self.touched[strip].add(access)
                    if access.write:
                        self.written[strip].add(access)
        return True

    def _ways(self, piece: Piece) -> Iterator[tuple[Piece, list[list[Access]]]]:
        """The ways to do a piece: an item for each strip, or small ones all in strip 0; with what each strip touches."""
        cut = _cut_product if isinstance(piece.work, Product) else _cut_nest
        work = cut(piece.work, self.strips)
        if work is not None:
            yield piece._replace(work=work), [list(_accesses(piece, self.strips, s)) for s in range(self.strips)]
        if isinstance(piece.work, Nest) and piece.work.items == 1:
            yield piece, [list(_accesses(piece, 1, 0))]

    def _meet(self, by_strip: list[list[Access]]) -> bool:
        for strip, accesses in enumerate(by_strip):
            for access in accesses:
                others = self.touched if access.write else self.written
                if any(other.overlaps(access) for k, other in enumerate(others) if k != strip):
                    return True
        return False


class _Intervals:
    """A set of bytes by base, as sorted disjoint intervals."""

    def __init__(self) -> None:
        self.ends: dict[int, tuple[list[int], list[int]]] = {}

    def overlaps(self, access: Access) -> bool:
        starts, stops = self.ends.get(access.base, ((), ()))
        at = bisect_left(stops, access.start + 1)
        return at < len(starts) and starts[at] < access.stop

    def add(self, access: Access) -> None:
        starts, stops = self.ends.setdefault(access.base, ([], []))
        low = bisect_left(stops, access.start)
        high = bisect_left(starts, access.stop + 1)
        start, stop = access.start, access.stop
        if low < high:
            start, stop = min(start, starts[low]), max(stop, stops[high - 1])
        starts[low:high], stops[low:high] = [start], [stop]


def _cut_nest(nest: Nest, strips: int) -> Nest | None:
    """The nest with an item for each strip, None where its first dim does not divide."""
    if nest.kernel.split == "outer":
        if not nest.outer or nest.outer[0] % strips:
            return None
        return nest._replace(chunk=nest.rows // strips, items=strips)
    if nest.inner % (_UNIT * strips):
        return None
    return nest._replace(chunk=nest.inner // strips, items=strips)


def _cut_product(product: Product, strips: int) -> Product | None:
    """The product with a strip of rows for each item. A large one is not cut: all threads have enough to do in it."""
    plan = product.plan
    batch, m, n, k = plan.shape
    if plan.kind != "tiled" or batch != 1 or m % strips or m < strips * _STRIP_ROWS or plan.items > strips:
        return None
    whole = choose(plan.dtype, 1, m // strips, n, k, *plan.strides)
    if whole.kind != "tiled":
        return None
    rows = Partition(1, m // strips, n, strips, 1, strips)
    return product._replace(plan=replace(whole, shape=plan.shape, partition=rows))


def _accesses(piece: Piece, strips: int, strip: int) -> Iterator[Access]:
    if isinstance(piece.work, Product):
        yield from _product_accesses(piece.work, strips, strip)
        return
    nest = piece.work
    for argument, binding, (base, start), size in zip(nest.kernel.args, nest.bindings, piece.places, piece.sizes):
        if binding.gather:
            yield Access(base, start - binding.offset, start - binding.offset + size, argument.write)
            continue
        dims = [*zip(nest.outer, binding.outer), *zip(nest.middle, binding.middle), (nest.inner, binding.inner)]
        if nest.kernel.split == "inner":
            dims.insert(0, dims.pop())
        yield _interval(base, start, dims, strips, strip, SIZES[argument.dtype], argument.write)


def _product_accesses(product: Product, strips: int, strip: int) -> Iterator[Access]:
    _, m, n, k = product.plan.shape
    size = ITEMSIZE[product.plan.dtype]
    (a_row, a_column), (b_row, b_column) = product.plan.strides
    a, b, c = product.places
    yield _interval(*a, [(m, a_row * size), (k, a_column * size)], strips, strip, size, False)
    yield _interval(*b, [(k, b_row * size), (n, b_column * size)], 1, 0, size, False)
    yield _interval(*c, [(m, n * size), (n, size)], strips, strip, size, True)


def _interval(base: int, start: int, dims: list[tuple[int, int]], strips: int, strip: int, itemsize: int, write: bool) -> Access:
    """The bytes from the first to the last that a strip of the first of ``dims`` (size, stride in bytes) touches."""
    (rows, stride), *rest = dims
    share = rows // strips
    start += strip * share * stride
    low = high = 0
    for size, step in [(share, stride), *rest]:
        reach = (size - 1) * step
        low, high = low + min(reach, 0), high + max(reach, 0)
    return Access(base, start + low, start + high + itemsize, write)
