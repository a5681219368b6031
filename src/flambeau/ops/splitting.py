"""Cutting tensors into views: ``split``, ``chunk``, ``tensor_split`` and their relatives."""

from __future__ import annotations

import itertools

from ..autograd.mode import no_grad
from ..tensor import Tensor, wrap_dim
from .registry import function
from .schema import argument
from .slicing import slice_, view_at, whole
from .views import split_with_sizes


def split(tensor, split_size_or_sections, dim: int = 0):
    """Views of pieces of ``split_size`` (the last may be smaller), or of the listed sizes, along ``dim``."""
    if isinstance(split_size_or_sections, (list, tuple)):
        return split_with_sizes(tensor, tuple(split_size_or_sections), dim)
    return split_with_sizes(tensor, _even_lengths(tensor, split_size_or_sections, dim), dim)


def _even_lengths(tensor, split_size, dim: int) -> tuple[int, ...]:
    """The lengths of pieces of ``split_size``; the last may be smaller."""
    size = argument("split", "split_size", "int", split_size)
    if not tensor.ndim:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    if size < 0:
        raise RuntimeError(f"split expects split_size be non-negative, but got split_size={size}")
    length = tensor.shape[wrap_dim(dim, tensor.ndim)]
    if size == 0 and length:
        raise RuntimeError(f"split_size can only be 0 if dimension size is 0, but got dimension size of {length}")
    count, rest = divmod(length, size) if size else (1, 0)
    return ((size,) * count + ((rest,) if rest else ())) or (0,)


split = function()(split)


@function(None, method="split")
def _split_method(self, split_size, dim: int = 0):
    """``split`` of this tensor."""
    return split(self, split_size, dim)


def pieces(input, lengths, dim: int) -> tuple:
    """Views of ``input`` along ``dim``, each taken by itself: autograd lets it be written, which ``split``'s may not be."""
    before = whole(input.shape[:dim])
    ends = list(itertools.accumulate(lengths))
    return tuple([view_at(input, (*before, (end - length, length, 1))) for length, end in zip(lengths, ends)])


@function(method=True)
def unsafe_split(input, split_size, dim: int = 0):
    """As ``split``, but the pieces may be written in place where gradients are needed."""
    if isinstance(split_size, (list, tuple)):
        with no_grad():
            lengths = [piece.shape[dim] for piece in split(input, split_size, dim)]
    else:
        lengths = _even_lengths(input, split_size, dim)
    return pieces(input, lengths, wrap_dim(dim, input.ndim))


@function(method=True)
def unsafe_split_with_sizes(input, split_sizes, dim: int = 0):
    """As ``split_with_sizes``, but the pieces may be written in place where gradients are needed."""
    return unsafe_split(input, list(split_sizes), dim)


@function(method=True)
def chunk(input, chunks: int, dim: int = 0):
    """Views of at most ``chunks`` pieces of equal size (the last may be smaller) along ``dim``."""
    if not input.ndim:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    length = input.shape[wrap_dim(dim, input.ndim)]
    size = -(-length // chunks)
    if size == 0:
        return split_with_sizes(input, (0,) * chunks, dim)
    return split(input, size, dim)


@function(method=True)
def unsafe_chunk(input, chunks: int, dim: int = 0):
    """As ``chunk``, but the pieces may be written in place where gradients are needed."""
    with no_grad():
        lengths = [piece.shape[dim] for piece in chunk(input, chunks, dim)]
    return pieces(input, lengths, wrap_dim(dim, input.ndim))


@function(method=True)
def tensor_split(input, indices_or_sections=None, dim: int = 0, *, indices=None, sections=None,
                 tensor_indices_or_sections=None):
    """Views of a number of nearly equal pieces, or of the pieces between the given positions, along ``dim``."""
    if not input.ndim:
        raise RuntimeError("tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims")
    d = wrap_dim(dim, input.ndim)
    length = input.shape[d]
    where = _given("tensor_split", indices_or_sections, indices, sections, tensor_indices_or_sections)
    if isinstance(where, Tensor):
        if where.dtype.name != "int64" or where.ndim > 1:
            raise RuntimeError(
                "tensor_split expected tensor_indices_or_sections to be a zero-dimensional or one-dimensional int64 "
                f"tensor, but got {where.ndim} dimension(s) of {where.dtype}"
            )
        where = where._array().tolist()
    if isinstance(where, (list, tuple)):
        bounds = [0, *[_clamped(int(i), length) for i in where]]
        ends = [*bounds[1:], length]
        return tuple([slice_(input, d, a, max(a, b)) for a, b in zip(bounds, ends)])
    if where <= 0:
        raise RuntimeError(f"number of sections must be larger than 0, got {where}")
    size, longer = divmod(length, where)
    return pieces(input, (size + 1,) * longer + (size,) * (where - longer), d)


def _positions(given: tuple):
    """``f(3)``: a number of pieces; ``f(1, 3)`` and ``f((1, 3))``: where they begin."""
    return given[0] if len(given) == 1 else given or None


def _given(name: str, *choices):
    """The one argument that says where to cut."""
    given = [c for c in choices if c is not None]
    if len(given) != 1:
        raise TypeError(f"{name}() takes one of indices and sections, got {len(given)}")
    return given[0]


def _clamped(index: int, length: int) -> int:
    return max(0, index + length) if index < 0 else min(index, length)


def _along(name: str, least: int, dim_of):
    def cut(input, *positions, indices=None, sections=None):
        indices_or_sections = _given(name, _positions(positions), indices, sections)
        if input.ndim < least:
            raise RuntimeError(
                f"torch.{name} requires a tensor with at least {least} dimension, but got a tensor with {input.ndim} "
                "dimensions!"
            )
        d = dim_of(input)
        uneven = isinstance(indices_or_sections, int) and (
            indices_or_sections <= 0 or input.shape[d] % indices_or_sections
        )
        if uneven:
            raise RuntimeError(
                f"torch.{name} attempted to split along dimension {d}, but the size of the dimension {input.shape[d]} "
                f"is not divisible by the split_size {indices_or_sections}!"
            )
        return tensor_split(input, indices_or_sections, d)

    cut.__name__ = cut.__qualname__ = name
    cut.__doc__ = (
        f"``tensor_split`` along the dimension that {name[0]} stands for; a number of pieces must divide its size."
    )
    return function(method=True)(cut)


hsplit = _along("hsplit", 1, lambda x: 0 if x.ndim == 1 else 1)
vsplit = _along("vsplit", 2, lambda x: 0)
dsplit = _along("dsplit", 3, lambda x: 2)
