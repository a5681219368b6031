"""Basic indexing: views that take positions, slices and new dimensions, all at once.

A *key* says what happens to each dimension from the first on: an int takes a position (the dimension goes away),
``(start, length, step)`` a slice, None inserts a dimension of size 1; dimensions that it does not reach stay whole. Its
numbers are within bounds already. Geometry and gradients come straight from the key: nothing is remembered per position.
"""

from __future__ import annotations

import functools

from ..autograd import anomaly
from ..autograd.graph import Meta, Node, become_view, edge_of
from ..autograd.mode import state
from ..lazy import window as _window
from ..lazy.spec import spec as make_spec
from ..tensor import Tensor, make, wrap_dim
from . import overrides
from .registry import function


def geometry(spec, key) -> tuple[tuple[int, ...], tuple[int, ...], int]:
    """Shape, strides and offset (in elements) of the view that ``key`` takes."""
    shape, stride, offset = [], [], 0
    d = 0
    for entry in key:
        if entry is None:
            shape.append(1)
            stride.append(spec.shape[d] * spec.stride[d] if d < spec.ndim else 1)
            continue
        step = spec.stride[d]
        d += 1
        if entry.__class__ is int:
            offset += entry * step
        else:
            offset += entry[0] * step
            shape.append(entry[1])
            stride.append(step * entry[2])
    return (*shape, *spec.shape[d:]), (*stride, *spec.stride[d:]), offset


def view_at(x: Tensor, key: tuple, node_name: str = "SliceBackward0") -> Tensor:
    """The view of ``x`` that ``key`` takes."""
    spec = x._spec
    if spec.override and overrides.active((x,)):
        return overrides.offer(view_at, (x, key, node_name), {})
    shape, stride, offset = geometry(spec, key)
    return _attached(x, make_spec(shape, stride, spec.dtype, spec.device), offset * spec.dtype.itemsize, key, node_name)


def _attached(x: Tensor, spec, offset: int, key: tuple, node_name: str) -> Tensor:
    """A view of ``x`` with its history."""
    out = make(x._storage, spec, x._offset + offset)
    meta = become_view(out, x)
    if state.enabled and x._spec.requires_grad:
        meta.node = _view_node(node_name)(edge_of(x), x._spec.shape, key)
        meta.seen = meta.base._autograd.history
        out._spec = spec.with_grad(True)
    return out


class _ViewNode(Node):
    """History of a view: its gradient lies at the same place among zeros."""

    __slots__ = ("shape", "key")

    def __init__(self, edge, shape, key):
        super().__init__((edge,))
        self.shape, self.key = shape, key
        if anomaly.enabled:
            self.line = _window.user_line()

    def name(self) -> str:
        return type(self).__name__

    @property
    def form(self) -> tuple:
        return _ViewNode, self.shape, self.key

    def over(self, edges: tuple) -> Node:
        return type(self)(edges[0], self.shape, self.key)

    def apply(self, gradients, create_graph: bool):
        return [placed(gradients[0], self.shape, self.key, create_graph)]


@functools.cache
def _view_node(name: str) -> type:
    """The class of such nodes with PyTorch's name: programs that draw the graph read it."""
    return type(name, (_ViewNode,), {"__slots__": (), "__module__": "torch.autograd"})


class _PlacedNode(Node):
    """History of a gradient placed among zeros: its own gradient is the view at that place."""

    __slots__ = ("key",)

    def __init__(self, edge, key):
        super().__init__((edge,))
        self.key = key

    def name(self) -> str:
        return "SliceBackward0Backward0"

    def apply(self, gradients, create_graph: bool):
        view = view_at(gradients[0], self.key)
        return [view if create_graph else view.detach()]


def placed(x: Tensor, shape, key: tuple, tracked: bool = False) -> Tensor:
    """Zeros of ``shape`` with ``x`` where ``key`` looks."""
    from .copying import raw_copy
    from .creation import filled

    if x._spec.override and overrides.active((x,)):
        return overrides.offer(placed, (x, shape, key, tracked), {})
    full = filled(tuple(shape), 0, x.dtype, x.device)
    place, stride, offset = geometry(full._spec, key)
    target = make(full._storage, make_spec(place, stride, x.dtype, x.device), offset * x.dtype.itemsize)
    raw_copy(target, x)
    if tracked and x._spec.requires_grad:
        full._autograd = Meta(_PlacedNode(edge_of(x), key))
        full._spec = full._spec.with_grad(True)
    return full


def whole(shape) -> tuple:
    """The key that leaves these dimensions whole."""
    return tuple([(0, size, 1) for size in shape])


_rows: dict = {}
_MAX_ROWS = 1 << 14


def row(x: Tensor, index: int) -> Tensor:
    """``x[index]`` for an int: the commonest view, with its geometry remembered per input."""
    spec = x._spec
    known = _rows.get(spec)
    if known is None:
        if not spec.ndim:
            raise IndexError(
                "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert "
                "a 0-dim tensor to a number"
            )
        if len(_rows) >= _MAX_ROWS:
            _rows.clear()
        known = _rows[spec] = (
            spec.shape[0],
            make_spec(spec.shape[1:], spec.stride[1:], spec.dtype, spec.device),
            spec.stride[0] * spec.dtype.itemsize,
        )
    size, view, step = known
    if not -size <= index < size:
        raise IndexError(f"index {index} is out of bounds for dimension 0 with size {size}")
    at = index + size if index < 0 else index
    return _attached(x, view, at * step, (at,), "SelectBackward0")


def basic(x: Tensor, entries: tuple):
    """``x[entries]`` for ints, slices, None and Ellipsis within bounds; None for anything else, errors among it."""
    found = _basic_geometry(x._spec, entries)
    return None if found is None else _attached(x, *found)


def basic_place(x: Tensor, entries: tuple):
    """As ``basic``, without a history: a place to write to where nobody differentiates."""
    found = _basic_geometry(x._spec, entries)
    return None if found is None else make(x._storage, found[0], x._offset + found[1])


def _basic_geometry(spec, entries: tuple):
    """Spec, offset in bytes, key and node name of a basic index, in one pass; None where it is none, or out of bounds."""
    whole_shape, steps = spec.shape, spec.stride
    left = spec.ndim - len(entries) + sum([entry is None for entry in entries])
    shape, stride, key, offset, d = [], [], [], 0, 0
    name = "SliceBackward0"
    for entry in entries:
        kind = entry.__class__
        if entry is None:
            shape.append(1)
            stride.append(whole_shape[d] * steps[d] if d < spec.ndim else 1)
            key.append(None)
            name = "UnsqueezeBackward0"
            continue
        if entry is Ellipsis:
            end = d + left + 1
            if end < d:
                return None
            key.extend(whole(whole_shape[d:end]))
            shape.extend(whole_shape[d:end])
            stride.extend(steps[d:end])
            d, left = end, -1
            continue
        if d >= spec.ndim:
            return None
        size, step = whole_shape[d], steps[d]
        d += 1
        if kind is slice:
            start, stop, jump = (
                entry.indices(size)
                if entry.step is None or entry.step.__class__ is int and entry.step > 0
                else (0, 0, 0)
            )
            if not jump:
                return None
            length = len(range(start, stop, jump))
            key.append((start, length, jump))
            shape.append(length)
            stride.append(step * jump)
            offset += start * step
            name = "SliceBackward0"
        elif kind is int and -size <= entry < size:
            at = entry + size if entry < 0 else entry
            key.append(at)
            offset += at * step
            name = "SelectBackward0"
        else:
            return None
    if d < spec.ndim:
        shape += whole_shape[d:]
        stride += steps[d:]
    view = make_spec(tuple(shape), tuple(stride), spec.dtype, spec.device)
    return view, offset * spec.dtype.itemsize, tuple(key), name


# -- one dimension at a time --------------------------------------------------------------------------------------------------


def select(x: Tensor, dim: int, index: int) -> Tensor:
    """View of position ``index`` of dimension ``dim``, which goes away. ``IndexError`` when either is out of range."""
    if not x.ndim:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    d = wrap_dim(dim, x.ndim)
    size = x.shape[d]
    if not -size <= index < size:
        raise IndexError(f"select(): index {index} out of range for tensor of size {list(x.shape)} at dimension {d}")
    return view_at(x, (*whole(x.shape[:d]), int(index) + size if index < 0 else int(index)), "SelectBackward0")


def slice_(x: Tensor, dim: int, start: int, end: int, step: int = 1) -> Tensor:
    """View of the positions ``start, start + step, ...`` below ``end`` (already within bounds) of one dimension."""
    length = max(0, -(-(end - start) // step))
    return view_at(x, (*whole(x.shape[:dim]), (start, length, step)))


def narrow(x: Tensor, dim: int, start, length: int) -> Tensor:
    """View of ``length`` positions from ``start`` on of dimension ``dim``; ``start`` may be negative or a 0-dim integer tensor."""
    if not x.ndim:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    if isinstance(start, Tensor) and (start.ndim or start.dtype.category != 1):
        raise RuntimeError("start must be an 0-dim integral Tensor.")
    start, length = int(start), int(length)
    d = wrap_dim(dim, x.ndim)
    size = x.shape[d]
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    if not -size <= start <= size:
        raise IndexError(f"start out of range (expected to be in range of [{-size}, {size}], but got {start})")
    start = start + size if start < 0 else start
    if start + length > size:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({size}).")
    return view_at(x, (*whole(x.shape[:d]), (start, length, 1)))


@function(method=True, name="select")
def _select(input, dim: int, index: int):
    """View of position ``index`` of dimension ``dim``, which goes away. ``IndexError`` when either is out of range."""
    return select(input, dim, index)


@function(method=True, name="narrow")
def _narrow(input, dim: int, start, length: int):
    """View of ``length`` positions from ``start`` on of dimension ``dim``; ``start`` may be negative or a 0-dim integer tensor."""
    return narrow(input, dim, start, length)
