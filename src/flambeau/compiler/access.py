"""Which parts of a value's memory an operation touches."""

from __future__ import annotations

from typing import NamedTuple

from .graph import View


class Access(NamedTuple):
    """A step's reading or writing of a view."""

    step: int
    write: bool
    view: View


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
