"""Which parts of a value's memory an operation touches."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import NamedTuple

from .graph import View


class Access(NamedTuple):
    """A step's touching of a view; ``number`` counts the accesses of a pool."""

    number: int
    step: int
    view: View


class Intervals:
    """Accesses by the half-open intervals that they lie on; those that meet an interval are found without looking at all.

    They are sorted by where they start, those of similar length apart: none begins further back than it is long.
    """

    __slots__ = ("_by_length",)

    def __init__(self) -> None:
        self._by_length: dict[int, list[tuple[int, int, int, Access]]] = {}

    def add(self, start: int, end: int, access: Access) -> None:
        """Put an access on ``[start, end)``."""
        insort(self._by_length.setdefault((end - start).bit_length(), []), (start, access.number, end, access))

    def remove(self, start: int, end: int, access: Access) -> None:
        """Forget what ``add`` was told with the same arguments."""
        entries = self._by_length[(end - start).bit_length()]
        del entries[bisect_left(entries, (start, access.number))]

    def meeting(self, start: int, end: int) -> Iterator[Access]:
        """The accesses on intervals that have a point of ``[start, end)``."""
        for bits, entries in self._by_length.items():
            first = bisect_left(entries, (start - (1 << bits),))
            for entry in entries[first:bisect_left(entries, (end,))]:
                if entry[2] > start:
                    yield entry[3]


class Pool:
    """The accesses of one value. Found by the bytes they span; once one of them leaves gaps (a column of a matrix),
    also by their place in rows as long as the distance of its pieces."""

    __slots__ = ("_count", "_row", "_spans", "_columns")

    def __init__(self) -> None:
        self._count = 0
        self._row = 0
        self._spans = Intervals()
        self._columns = Intervals()

    def add(self, step: int, view: View) -> None:
        """Note that ``step`` touches ``view``."""
        if not view.spec.numel:
            return
        access = Access(self._count, step, view)
        self._count += 1
        if not self._row:
            self._row = _row_of(view)
            if self._row:
                for earlier in self._spans.meeting(0, _END):
                    self._columns.add(*_column(earlier.view, self._row), earlier)
        self._spans.add(*_interval(view), access)
        if self._row:
            self._columns.add(*_column(view, self._row), access)

    def remove(self, access: Access) -> None:
        """Forget an access."""
        self._spans.remove(*_interval(access.view), access)
        if self._row:
            self._columns.remove(*_column(access.view, self._row), access)

    def overlapping(self, view: View) -> list[Access]:
        """The accesses that may share an element with ``view``."""
        if not view.spec.numel:
            return []
        column = _column(view, self._row) if self._row else (0, 0)
        narrow = column[1] - column[0] < self._row
        candidates = self._columns.meeting(*column) if narrow else self._spans.meeting(*_interval(view))
        return [a for a in candidates if overlap(a.view, view)]


_END = 1 << 62


def _row_of(view: View) -> int:
    """The distance in bytes of the dense pieces that a view consists of; 0 if it is dense."""
    dense = 1
    for step, size in sorted((step, size) for step, size in zip(view.spec.stride, view.spec.shape) if size > 1 and step):
        if step != dense:
            return step * view.spec.dtype.itemsize
        dense *= size
    return 0


def _column(view: View, row: int) -> tuple[int, int]:
    """The bytes of a row, of ``row`` bytes, on which the view's elements lie."""
    itemsize = view.spec.dtype.itemsize
    start = view.offset % row
    end = start + itemsize
    for size, step in zip(view.spec.shape, view.spec.stride):
        if step * itemsize % row:
            end += (size - 1) * step * itemsize
    return (start, end) if end <= row else (0, row)


def overlap(a: View, b: View) -> bool:
    """Whether two views of one value may share an element (True where it cannot be told)."""
    if a.value != b.value or not a.spec.numel or not b.spec.numel:
        return False
    first, second = _interval(a), _interval(b)
    if first[1] <= second[0] or second[1] <= first[0]:
        return False
    return not _apart_in_a_dim(a, b)


def covers(a: View, b: View) -> bool:
    """Whether view ``a`` surely has every element of view ``b`` of the same value."""
    if a.offset == b.offset and a.spec is b.spec:
        return True
    first, second = _interval(a), _interval(b)
    return a.spec.contiguous and a.spec.numel > 0 and first[0] <= second[0] and second[1] <= first[1]


def _interval(view: View) -> tuple[int, int]:
    return view.offset, view.offset + view.spec.span * view.spec.dtype.itemsize


def _apart_in_a_dim(a: View, b: View) -> bool:
    """Two boxes of the same dense grid that do not meet along some dim (the pieces of a concatenation)."""
    if a.spec.stride != b.spec.stride or a.spec.dtype is not b.spec.dtype:
        return False
    order = sorted(range(a.spec.ndim), key=lambda d: -a.spec.stride[d])
    strides = [a.spec.stride[d] for d in order]
    if any(s == 0 for s in strides) or any(x % y for x, y in zip(strides, strides[1:])):
        return False
    at_a, at_b = _coordinates(a, strides), _coordinates(b, strides)
    for i, d in enumerate(order):
        # A box must stay within its grid line, else coordinates carry over into the next dim.
        if i and max(at_a[i] + a.spec.shape[d], at_b[i] + b.spec.shape[d]) * strides[i] > strides[i - 1]:
            return False
    return any(at_a[i] + a.spec.shape[d] <= at_b[i] or at_b[i] + b.spec.shape[d] <= at_a[i] for i, d in enumerate(order))


def _coordinates(view: View, strides: list[int]) -> list[int]:
    rest = view.offset // view.spec.dtype.itemsize
    found = []
    for step in strides:
        found.append(rest // step)
        rest %= step
    return found
