"""What primitives compute, as plain data: operators put one of these into their code's ``extra``.

The reference backend and the fusion pass read them; they know no operator.
"""

from __future__ import annotations

from typing import NamedTuple

from ..dtypes import dtype


class Map(NamedTuple):
    """Elementwise: ``op`` on operands cast to ``compute``, the result cast to ``out``.

    ``operands`` says where each comes from: ``("t", i)`` the i-th tensor, ``("n", i)`` the i-th run-time number.
    """

    op: str
    compute: dtype
    out: dtype
    operands: tuple


class Reduce(NamedTuple):
    """Reduction over ``dims`` (non-negative, sorted) of the one input: sum prod max min any all argmax argmin."""

    kind: str
    dims: tuple[int, ...]
    keepdim: bool
    compute: dtype
    out: dtype


class Dot(NamedTuple):
    """Matrix product of ``(batch, m, k)`` and ``(batch, k, n)``, or of two matrices."""

    dtype: dtype


class Gather(NamedTuple):
    """``result[..., j, ...] = input[..., index[..., j, ...], ...]`` along ``dim``; no index is negative."""

    dim: int


class Index(NamedTuple):
    """Positions for the dimensions ``dims`` of the input, broadcast to one shape.

    The result has the input's other dimensions in order, with that shape put in at ``at``. With ``wrap``, negative positions count from
    the end; else they are out of range.
    """

    dims: tuple[int, ...]
    at: int
    wrap: bool
