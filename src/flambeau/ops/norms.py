"""Norms of vectors and matrices, and what is made of them: ``dist``, ``renorm``, ``normalize``."""

from __future__ import annotations

import math

from ..dtypes import can_cast
from ..tensor import wrap_dim
from .inplace import rewritten
from .overrides import write_out
from .reductions import amax, amin, reduced_dims, spread, sum, with_dims
from .registry import NAMESPACES, function
from .selection import where
from .statistics import _printed, over_dims


@over_dims("vector_norm(Tensor input, any dim, float ord, bool keepdim, dtype? dtype=None)", namespace=None)
def _vector_norm(input, dim, ord, keepdim, dtype):
    x = input if dtype is None else input.to(dtype)
    dims = reduced_dims("linalg.vector_norm", dim, x.ndim)
    size = x.abs()
    if not dims:
        return (size != 0).to(size.dtype) if ord == 0 else size
    if ord == math.inf:
        return amax(size, dims, keepdim)
    if ord == -math.inf:
        return amin(size, dims, keepdim)
    if ord == 0:
        return sum(size != 0, dims, keepdim, dtype=size.dtype)
    if ord == 1:
        return sum(size, dims, keepdim)
    if ord == 2:
        return sum(size * size, dims, keepdim).sqrt()
    return sum(size.pow(ord), dims, keepdim).pow(1.0 / ord)


@_vector_norm.gradient
def _(grad, saved):
    x, ord = saved.input, saved.ord
    if x.dtype.category != grad.dtype.category and not x.is_complex():
        x = x.to(grad.dtype)
    dims = reduced_dims("linalg.vector_norm", saved.dim, x.ndim)
    norm, grad = with_dims(saved.output, x.shape, dims), with_dims(grad, x.shape, dims)
    if ord == 0:
        return spread(saved.output * 0, x.shape, dims)
    if ord == 1:
        return x.sgn() * grad
    # What is not chosen is finite, too: its own derivative is multiplied by zero.
    divisor = where(norm == 0, 1, norm)
    if ord == 2:
        return x * where(norm == 0, 0, grad / divisor)
    size = x.abs()
    if math.isinf(ord):
        attained = (size == norm) | ((size != size) & (norm != norm))
        ties = sum(attained, dims, True) if dims else 1
        return where(attained, x.sgn() * (grad / ties), 0)
    if ord < 1:
        return where(x == 0, 0, x.sgn() * size.pow(ord - 1)) * grad * norm.pow(1 - ord)
    scale = where(norm == 0, 0, grad / divisor.pow(ord - 1))
    if ord < 2:
        return x.sgn() * size.pow(ord - 1) * scale
    return x * size.pow(ord - 2) * scale


_vector_norm.operator.node_name = "LinalgVectorNormBackward0"


def _check_vector_norm(input, ord, dim, dtype) -> None:
    if input.dtype.category < 2:
        raise RuntimeError(
            f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {_printed(input.dtype)}"
        )
    if dtype is not None:
        if dtype.category < 2:
            raise RuntimeError(f"linalg.vector_norm: dtype should be floating point or complex. Got {_printed(dtype)}")
        if dtype.is_complex != input.dtype.is_complex:
            raise RuntimeError(
                f"linalg.vector_norm: dtype should be {'complex' if input.dtype.is_complex else 'real'} for "
                f"{'complex' if input.dtype.is_complex else 'real'} inputs, but got {_printed(dtype)}"
            )
        if dtype.itemsize < input.dtype.itemsize or not can_cast(input.dtype, dtype):
            raise RuntimeError(
                f"linalg.vector_norm: the dtype of the input ({_printed(input.dtype)}) should be "
                "convertible without "
                f"narrowing to the specified dtype ({_printed(dtype)})"
            )
    if ord < 0 or ord == math.inf:
        empty = [d for d in reduced_dims("linalg.vector_norm", dim, input.ndim) if input.shape[d] == 0]
        if empty and (dim is None or dim == () or not input.numel()):
            raise RuntimeError(
                f"linalg.vector_norm cannot compute the {ord} norm on the dimension {empty[0]} because this "
                "dimension is "
                "empty and the operation does not have an identity"
            )


@function("linalg")
def vector_norm(x, ord=2, dim=None, keepdim: bool = False, *, dtype=None, out=None):
    """``sum(|x|**ord) ** (1 / ord)`` over ``dim`` (an int, several, or all as one vector); ``ord`` inf, -inf
    and 0 as limits.

    The sum is taken in ``dtype`` if given. Raises ``RuntimeError`` for integers and for ``ord`` without
    identity on nothing.
    """
    if isinstance(ord, str):
        raise TypeError(f"linalg_vector_norm(): argument 'ord' (position 2) must be Number, not {type(ord).__name__}")
    dim = tuple(dim) if isinstance(dim, list) else dim
    _check_vector_norm(x, ord, dim, dtype)
    result = _vector_norm(x, dim, ord, keepdim, None if dtype is x.dtype else dtype)
    return result if out is None else write_out("linalg_vector_norm", result, out)


# -- matrices ------------------------------------------------------------------------------------------------


@function("linalg")
def matrix_norm(A, ord="fro", dim=(-2, -1), keepdim: bool = False, *, dtype=None, out=None):
    """The norm of matrices in the two dimensions ``dim``: ``fro``, ``nuc``, inf, -inf, 1, -1 (sums), 2, -2
    (singular values)."""
    if A.ndim < 2:
        raise RuntimeError(
            "linalg.matrix_norm: The input tensor A must have at least 2 dimensions. Got a tensor with "
            f"{A.ndim} dimensions"
        )
    if A.dtype.category < 2:
        raise RuntimeError(
            f"linalg.matrix_norm: Expected a floating point or complex tensor as input. Got {_printed(A.dtype)}"
        )
    if isinstance(dim, int) or len(dim) != 2:
        raise RuntimeError("linalg.matrix_norm: dim must be a 2-tuple of ints")
    rows, columns = [wrap_dim(d, A.ndim) for d in dim]
    if rows == columns:
        raise RuntimeError(f"linalg.matrix_norm: dims must be different. Got ({dim[0]}, {dim[1]})")
    result = _matrix_norm(A if dtype is None else A.to(dtype), ord, rows, columns, keepdim)
    return result if out is None else write_out("linalg_matrix_norm", result, out)


def _extremum(values, ord, dim: int):
    """The largest (or, for a negative ``ord``, the smallest) along ``dim``, kept as 1; the largest of none is 0."""
    if ord > 0 and not values.shape[dim]:
        return sum(values, dim, True)
    return (amax if ord > 0 else amin)(values, dim, True)


def _matrix_norm(A, ord, rows: int, columns: int, keepdim: bool):
    if isinstance(ord, str) and ord not in ("fro", "nuc"):
        raise RuntimeError(f"linalg.matrix_norm: Order {ord} not supported.")
    if ord == "fro":
        return vector_norm(A, 2, (rows, columns), keepdim)
    if ord == "nuc" or abs(ord) == 2:
        values = NAMESPACES["linalg"]["svdvals"](A.movedim((rows, columns), (-2, -1)))
        made = sum(values, -1) if ord == "nuc" else _extremum(values, ord, -1).squeeze(-1)
        return with_dims(made, A.shape, (rows, columns)) if keepdim else made
    if abs(ord) not in (1, math.inf):
        raise RuntimeError(f"linalg.matrix_norm: Order {ord} not supported.")
    along, across = (rows, columns) if abs(ord) == 1 else (columns, rows)
    sums = vector_norm(A, 1, along, True)
    extremum = _extremum(sums, ord, across)
    return extremum if keepdim else extremum.squeeze((rows, columns))


@function("linalg", name="norm")
def linalg_norm(input, ord=None, dim=None, keepdim: bool = False, *, out=None, dtype=None):
    """A vector or matrix norm: of all elements by default; of matrices where ``ord`` is a string, ``dim`` has
    two entries, or ``input`` is a matrix and ``ord`` is given."""
    dims = (dim,) if isinstance(dim, int) else None if dim is None else tuple(dim)
    if dims is not None and ord is not None and len(dims) not in (1, 2):
        raise RuntimeError(f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dims)}")
    if dims is None and ord is not None and input.ndim not in (1, 2):
        raise RuntimeError(
            f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {input.ndim}D."
        )
    if ord is not None and ((dims is not None and len(dims) == 2) or (dims is None and input.ndim == 2)):
        result = matrix_norm(input, ord, dims or (0, 1), keepdim, dtype=dtype)
    elif isinstance(ord, str):
        raise RuntimeError(f"linalg.norm: Order {ord} is for matrices, but got {input.ndim} dimensions and dim={dim}")
    else:
        result = vector_norm(input, 2 if ord is None else ord, dims, keepdim, dtype=dtype)
    return result if out is None else write_out("linalg_norm", result, out)


@function()
def norm(input, p="fro", dim=None, keepdim: bool = False, out=None, dtype=None):
    """The ``p``-norm over ``dim``, or of all elements as one vector; ``p`` a number, "fro" or "nuc" (of
    matrices)."""
    if p == "nuc":
        dims = (0, 1) if dim is None else tuple(dim)
        if dim is None and input.ndim != 2 or len(dims) != 2:
            raise IndexError(
                f"norm(): the nuclear norm needs two dimensions, got input of {input.ndim} dimensions and dim={dim}"
            )
        result = matrix_norm(input, "nuc", dims, keepdim, dtype=dtype)
    elif isinstance(p, str) and p != "fro":
        raise RuntimeError(f"only valid string values are 'fro' and 'nuc', found {p}")
    else:
        result = vector_norm(input, 2 if p in ("fro", None) else p, dim, keepdim, dtype=dtype)
    return result if out is None else write_out("norm", result, out)


@function(None, method="norm")
def _norm_method(self, p="fro", dim=None, keepdim: bool = False, dtype=None):
    """``torch.norm`` of this tensor."""
    return norm(self, p, dim, keepdim, dtype=dtype)


# -- distances and scaling -----------------------------------------------------------------------------------


@function(method=True)
def dist(input, other, p=2):
    """The ``p``-norm of ``input - other``, all elements taken as one vector."""
    return vector_norm(input - other, p)


@function(method=True)
def renorm(input, p, dim: int, maxnorm, *, out=None):
    """The slices along ``dim`` whose ``p``-norm is above ``maxnorm``, scaled down to it."""
    if p <= 0 or isinstance(p, complex):
        raise RuntimeError(f"renorm: non-positive-norm not supported, got p={p}")
    if maxnorm < 0:
        raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm}")
    if input.ndim < 2:
        raise RuntimeError(f"renorm: input needs at least 2 dimensions, got {input.ndim} dimensions")
    d = wrap_dim(dim, input.ndim)
    norms = vector_norm(input, p, tuple(k for k in range(input.ndim) if k != d), True)
    result = (input * where(norms > maxnorm, maxnorm / (norms + 1e-7), 1.0)).contiguous()
    return result if out is None else write_out("renorm", result, out)


@function(None, method=True)
def renorm_(self, p, dim: int, maxnorm):
    """In-place form of ``renorm``."""
    return rewritten(self, lambda x: renorm(x, p, dim, maxnorm))


@function("nn.functional")
def normalize(input, p=2.0, dim=1, eps: float = 1e-12, out=None):
    """``input / max(norm, eps)`` with the ``p``-norm over ``dim``."""
    result = input / vector_norm(input, p, dim, True).clamp_min(eps).expand_as(input)
    return result if out is None else write_out("normalize", result, out)
