"""Triangles and diagonals of matrices, and copies of a tensor with one view of it replaced."""

from __future__ import annotations

import numpy as np

from .. import dtypes
from ..runtime import devices
from ..tensor import Tensor, from_array, wrap_dim
from .copying import _contiguous, clone, raw_copy
from .creation import filled, finish
from .operator import operator
from .positions import positions
from .registry import function
from .reshaping import reshaped
from .slicing import geometry, view_at, whole
from .views import diagonal

# -- triangles ----------------------------------------------------------------------------------------------------------------


def _distance(x: Tensor) -> Tensor:
    """Of every element of a matrix how far it lies to the right of the main diagonal."""
    rows, columns = x.shape[-2:]
    return positions(columns) - reshaped(positions(rows), (rows, 1))


def _require_matrix(name: str, x: Tensor) -> None:
    if x.ndim < 2:
        raise RuntimeError(f"{name}: input tensor must have at least 2 dimensions")


@operator("tril(Tensor input, int diagonal=0)", method=True, out=True, inplace=True)
def tril(input, diagonal=0):
    """The elements on and below a diagonal (0: the main one, positive: above it) of the last two dimensions; zeros elsewhere."""
    _require_matrix("tril", input)
    from .selection import where

    return where(_distance(input) <= diagonal, input, filled((), 0, input.dtype)).contiguous()


@tril.gradient
def _(grad, saved):
    return tril(grad, saved.diagonal)


@operator("triu(Tensor input, int diagonal=0)", method=True, out=True, inplace=True)
def triu(input, diagonal=0):
    """The elements on and above a diagonal (0: the main one, positive: above it) of the last two dimensions; zeros elsewhere."""
    _require_matrix("triu", input)
    from .selection import where

    return where(_distance(input) >= diagonal, input, filled((), 0, input.dtype)).contiguous()


@triu.gradient
def _(grad, saved):
    return triu(grad, saved.diagonal)


def _triangle(name: str, find):
    def indices(row, col, offset: int = 0, *, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False):
        dtype = dtype or dtypes.int64
        if row < 0 or col < 0:
            raise RuntimeError(f"{name}: row and col must be non-negative, got {row} and {col}")
        if dtype not in (dtypes.int64, dtypes.int32):
            raise RuntimeError(f"\"{name}\" not implemented for '{dtype}'")
        if layout not in (None, devices.strided):
            raise RuntimeError(f"{name}: only support layout=torch.strided")
        starts, ends = find(np.arange(row, dtype=dtype.numpy), col, offset)
        counts = ends - starts
        found = np.empty((2, int(counts.sum())), dtype.numpy)
        found[0] = np.repeat(np.arange(row), counts)
        firsts = np.cumsum(counts) - counts
        np.subtract(np.arange(found.shape[1]), np.repeat(firsts - starts, counts), out=found[1], casting="same_kind")
        return finish(from_array(found, dtype).to(device=device), requires_grad, pin_memory)

    indices.__name__ = indices.__qualname__ = name
    indices.__doc__ = f"Rows and columns (two rows of a matrix) of the elements that ``{name[:4]}`` keeps of a ``row`` x ``col`` matrix."
    return function()(indices)


# For each row the columns that are kept, from the first to before the second.
tril_indices = _triangle("tril_indices", lambda rows, columns, k: (0 * rows, np.clip(rows + (k + 1), 0, columns)))
triu_indices = _triangle("triu_indices", lambda rows, columns, k: (np.clip(rows + k, 0, columns), 0 * rows + columns))


# -- diagonals ----------------------------------------------------------------------------------------------------------------


@operator("diag_embed(Tensor input, int offset=0, int dim1=-2, int dim2=-1)", method=True)
def diag_embed(input, offset=0, dim1=-2, dim2=-1):
    """Zeros with the last dimension of ``input`` on a diagonal of two new dimensions at ``dim1`` and ``dim2``."""
    ndim = input.ndim + 1
    if not input.ndim:
        raise IndexError("diag_embed: input must have at least 1 dimension")
    a, b = wrap_dim(dim1, ndim), wrap_dim(dim2, ndim)
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    size = input.shape[-1] + abs(offset)
    rest = iter(input.shape[:-1])
    shape = tuple([size if d in (a, b) else next(rest) for d in range(ndim)])
    result = filled(shape, 0, input.dtype, input.device)
    raw_copy(diagonal(result, offset, a, b), input)
    return result


@diag_embed.gradient
def _(grad, saved):
    return diagonal(grad, saved.offset, saved.dim1, saved.dim2)


@function(method=True)
def diag(input, diagonal: int = 0, *, out=None):
    """Of a vector the matrix with it on a diagonal, of a matrix a copy of its diagonal."""
    from . import overrides

    if input.ndim not in (1, 2):
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {input.ndim}D")
    found = diag_embed(input, diagonal) if input.ndim == 1 else _contiguous(_diagonal(input, diagonal))
    return found if out is None else overrides.write_out("diag", found, out)


_diagonal = diagonal


@function(method=True)
def diagflat(input, offset: int = 0):
    """The matrix with all elements of ``input`` on a diagonal."""
    return diag_embed(reshaped(input, (input.numel(),)), offset)


@function(method=True)
def trace(input):
    """The sum of a matrix's main diagonal."""
    if input.ndim != 2:
        raise RuntimeError("trace: expected a matrix")
    return diagonal(input).sum()


# -- one view replaced --------------------------------------------------------------------------------------------------------


def require_shape(name: str, place: Tensor, src: Tensor) -> None:
    if src.shape != place.shape:
        raise RuntimeError(
            f"{name}: expected src to have a size equal to the slice of self. src size = {list(src.shape)}, slice size = "
            f"{list(place.shape)}"
        )


@operator("scatter_at(Tensor input, Tensor src, any key)", namespace=None)
def _scatter_at(input, src, key):
    result = clone(input)
    raw_copy(view_at(result, key), src)
    return result


@_scatter_at.gradient
def _(grad, saved):
    return _scatter_at(grad, filled(_shape_at(saved.input._spec, saved.key), 0, grad.dtype), saved.key), view_at(
        grad, saved.key
    )


def _shape_at(spec, key) -> tuple[int, ...]:
    return geometry(spec, key)[0]


@function(method=True)
def select_scatter(input, src, dim: int, index: int):
    """A copy of ``input`` with ``src`` at position ``index`` of ``dim``."""
    d = wrap_dim(dim, input.ndim)
    size = input.shape[d]
    if not -size <= index < size:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {list(input.shape)} at dimension {d}"
        )
    key = (*whole(input.shape[:d]), index % size)
    require_shape("select_scatter", view_at(input, key), src)
    return _scatter_at(input, src, key)


@function(method=True)
def slice_scatter(input, src, dim: int = 0, start=None, end=None, step: int = 1):
    """A copy of ``input`` with ``src`` in ``input[start:end:step]`` of dimension ``dim``."""
    from .indexing import slice_bounds

    d = wrap_dim(dim, input.ndim)
    key = (*whole(input.shape[:d]), slice_bounds(slice(start, end, step), input.shape[d]))
    require_shape("slice_scatter", view_at(input, key), src)
    return _scatter_at(input, src, key)


@operator("diagonal_scatter(Tensor input, Tensor src, int offset=0, int dim1=0, int dim2=1)", method=True)
def diagonal_scatter(input, src, offset=0, dim1=0, dim2=1):
    """A copy of ``input`` with ``src`` on a diagonal of dimensions ``dim1`` and ``dim2``."""
    result = clone(input)
    place = diagonal(result, offset, dim1, dim2)
    require_shape("diagonal_scatter", place, src)
    raw_copy(place, src)
    return result


@diagonal_scatter.gradient
def _(grad, saved):
    kept = _contiguous(grad)
    place = diagonal(kept, saved.offset, saved.dim1, saved.dim2)
    place.zero_()
    return kept, diagonal(grad, saved.offset, saved.dim1, saved.dim2)
