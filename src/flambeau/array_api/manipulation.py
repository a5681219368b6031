"""Other shapes and orders of the same elements."""

from __future__ import annotations

from typing import Any

import flambeau as fb
from flambeau import Tensor

from .data_types import same_dtype

Axes = int | tuple[int, ...]


def broadcast_arrays(*arrays: Tensor) -> list[Tensor]:
    """Views of the arrays in their common shape."""
    return list(fb.broadcast_tensors(*arrays))


def broadcast_to(x: Tensor, /, shape: tuple[int, ...]) -> Tensor:
    """A view of ``x`` in another shape, repeating it."""
    return fb.broadcast_to(x, shape)


def concat(arrays: tuple[Tensor, ...] | list[Tensor], /, *, axis: int | None = 0) -> Tensor:
    """The arrays one after another along ``axis``, or flattened where it is None."""
    arrays = same_dtype(*arrays)
    return fb.cat([x.flatten() for x in arrays]) if axis is None else fb.cat(arrays, axis)


def expand_dims(x: Tensor, /, axis: Axes) -> Tensor:
    """``x`` with dimensions of one element at the positions ``axis`` of the result. Raises ``IndexError`` beyond them."""
    axes = (axis,) if isinstance(axis, int) else axis
    dims = x.ndim + len(axes)
    if any(not -dims <= a < dims for a in axes):
        raise IndexError(f"expand_dims(): axis {axis} is out of range for a result of {dims} dimensions")
    for position in sorted(a % dims for a in axes):
        x = x.unsqueeze(position)
    return x


def flip(x: Tensor, /, *, axis: Axes | None = None) -> Tensor:
    """The elements in reverse order along ``axis``, or all of them."""
    return fb.flip(x, tuple(range(x.ndim)) if axis is None else (axis,) if isinstance(axis, int) else axis)


def matrix_transpose(x: Tensor, /) -> Tensor:
    """A view with the last two dimensions exchanged."""
    return x.mT


def moveaxis(x: Tensor, source: Axes, destination: Axes, /) -> Tensor:
    """A view with dimensions at other positions."""
    return fb.moveaxis(x, source, destination)


def permute_dims(x: Tensor, /, axes: tuple[int, ...]) -> Tensor:
    """A view with the dimensions in another order."""
    return fb.permute(x, axes)


def repeat(x: Tensor, repeats: int | Tensor, /, *, axis: int | None = None) -> Tensor:
    """Each element ``repeats`` times along ``axis``, or of the flattened array."""
    if isinstance(repeats, Tensor):
        repeats = repeats.to(fb.int64)
    return fb.repeat_interleave(x, repeats, axis)


def reshape(x: Tensor, /, shape: tuple[int, ...], *, copy: bool | None = None) -> Tensor:
    """``x`` in another shape. ``copy=True`` never shares memory; ``copy=False`` raises ``ValueError`` if it cannot."""
    if copy:
        return x.clone(memory_format=fb.contiguous_format).view(shape)
    if copy is None:
        return fb.reshape(x, shape)
    try:
        return x.view(shape)
    except RuntimeError as error:
        raise ValueError(f"reshape(): shape {tuple(shape)} of a tensor of shape {tuple(x.shape)} needs a copy") from error


def roll(x: Tensor, /, shift: Axes, *, axis: Axes | None = None) -> Tensor:
    """The elements moved by ``shift`` places along ``axis``; those that leave at one end enter at the other."""
    if isinstance(shift, int) and isinstance(axis, tuple):
        shift = (shift,) * len(axis)
    return fb.roll(x, shift, axis)


def squeeze(x: Tensor, /, axis: Axes) -> Tensor:
    """``x`` without the dimensions ``axis``. Raises ``ValueError`` where one has not exactly one element."""
    axes = (axis,) if isinstance(axis, int) else axis
    for a in axes:
        if x.shape[a] != 1:
            raise ValueError(f"squeeze(): axis {a} has {x.shape[a]} elements, expected 1")
    return fb.squeeze(x, axes) if axes else x


def stack(arrays: tuple[Tensor, ...] | list[Tensor], /, *, axis: int = 0) -> Tensor:
    """The arrays side by side along a new dimension."""
    return fb.stack(same_dtype(*arrays), axis)


def tile(x: Tensor, repetitions: tuple[int, ...], /) -> Tensor:
    """``x`` repeated as a whole along each dimension."""
    return fb.tile(x, repetitions)


def unstack(x: Tensor, /, *, axis: int = 0) -> tuple[Tensor, ...]:
    """The slices along a dimension. Raises ``ValueError`` for an array without dimensions."""
    if x.ndim == 0:
        raise ValueError("unstack(): expected an array with dimensions, but received a 0-dim one")
    return tuple(fb.unbind(x, axis))


def take(x: Tensor, indices: Tensor, /, *, axis: int | None = None) -> Tensor:
    """The slices at ``indices`` (negative ones from the end) along ``axis``, which an array of one dimension may omit."""
    if axis is None:
        if x.ndim != 1:
            raise ValueError(f"take(): axis is needed for an array of {x.ndim} dimensions")
        axis = 0
    return fb.index_select(x, axis, _from_start(indices, x, axis))


def take_along_axis(x: Tensor, indices: Tensor, /, *, axis: int = -1) -> Tensor:
    """The elements at ``indices`` (negative ones from the end) along ``axis``, for each position elsewhere."""
    return fb.take_along_dim(x, _from_start(indices, x, axis), axis)


def _from_start(indices: Tensor, x: Tensor, axis: int) -> Any:
    indices = indices.to(fb.int64)
    return fb.where(indices < 0, indices + x.shape[axis], indices)


__all__ = [
    "broadcast_arrays", "broadcast_to", "concat", "expand_dims", "flip", "matrix_transpose", "moveaxis", "permute_dims", "repeat",
    "reshape", "roll", "squeeze", "stack", "take", "take_along_axis", "tile", "unstack",
]  # fmt: skip
