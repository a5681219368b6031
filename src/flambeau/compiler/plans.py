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


# Of half-precision elementwise operations these take a number, or an operand of another dtype, as it is. Others take it as rounded
# to the common dtype, so that a tensor made of 0.1 equals 0.1.
TAKE_AS_IS = frozenset(["mul", "div", "floordiv", "identity", "where"])


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
    """``result[..., j, ...] = input[..., index[..., j, ...], ...]`` along ``dim``; no index is negative.

    ``complaint`` is what the error says of an index that does not exist, where it stands for something else.
    """

    dim: int
    complaint: str = ""


class Index(NamedTuple):
    """Positions for the dimensions ``dims`` of the input, broadcast to one shape.

    The result has the input's other dimensions in order, with that shape put in at ``at``. With ``wrap``, negative positions count from
    the end; else they are out of range.
    """

    dims: tuple[int, ...]
    at: int
    wrap: bool


class Scatter(NamedTuple):
    """``target[..., index[..., j, ...], ...]`` along ``dim`` becomes, or is combined with, ``source[..., j, ...]``.

    ``reduce`` is "set", "add", "multiply", "amax" or "amin". No index is negative.
    """

    dim: int
    reduce: str


class IndexWrite(NamedTuple):
    """The places that ``Index`` with the same fields would read become, or are combined with, the values. ``reduce`` as in ``Scatter``."""

    dims: tuple[int, ...]
    at: int
    wrap: bool
    reduce: str


class Flip(NamedTuple):
    """The input with the dimensions ``dims`` read backwards."""

    dims: tuple[int, ...]


class Convolution(NamedTuple):
    """Correlation of ``(batch, channels, *sizes)`` with ``(out channels, channels / groups, *kernel)``, computed in ``dtype``.

    ``kind`` says which of the three tensors of ``output = input * weight`` is the result: ``"output"`` of input and weight,
    ``"input"`` (the gradient, also transposed convolution) of output and weight, ``"weight"`` of output and input.
    ``padding`` has a pair (before, after) for each dimension; the second may be negative: the input is cropped.
    """

    kind: str
    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    groups: int
    dtype: dtype | None = None


class Pool(NamedTuple):
    """Windows over the last ``len(kernel)`` dimensions of ``(batch, channels, *sizes)``.

    ``kind`` is ``"max"`` (values, and flat positions in the input plane; windows are clipped to the input), ``"average"`` or
    ``"average gradient"``. ``padding`` has pairs (before, after). An average divides by ``divisor``, else by the number of
    places in the window, those in the padding among them if ``count_padding``.
    """

    kind: str
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    count_padding: bool = True
    divisor: int | None = None


class AdaptivePool(NamedTuple):
    """The last dimensions of ``(batch, channels, *sizes)`` divided in regions: of ``n`` places in ``m``, region ``i`` has those from
    ``floor(i n / m)`` to ``ceil((i + 1) n / m)``.

    ``kind`` is ``"max"`` (values, and flat positions in the input plane), ``"average"`` or ``"average gradient"``.
    """

    kind: str


class Fold(NamedTuple):
    """Images ``(batch, channels, height, width)``: the sums of columns ``(batch, channels * kernel, windows)`` where their windows lie.

    ``counts`` are the windows along both dimensions; ``padding`` is what they begin before the image.
    """

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    counts: tuple[int, int]


class ScatterPlanes(NamedTuple):
    """Zeros ``(batch, channels, *sizes)`` with each value of ``(batch, channels, ...)`` added at its flat position in its plane."""

    sizes: tuple[int, ...]


class Scan(NamedTuple):
    """Running "sum", "prod", "max" or "min" along ``dim``; the extrema come with their positions, of equal ones the last."""

    kind: str
    dim: int


class Ranked(NamedTuple):
    """The elements along ``dim`` in their stable order, NaN largest, and their positions: from rank ``first`` on, as many as the results
    have. ``first`` is a number, ``"median"`` (the lower of two in the middle, the first NaN if there is one) or ``"nanmedian"``.
    """

    dim: int
    descending: bool
    first: int | str


class Positions(NamedTuple):
    """``0, 1, ..., size - 1`` as int64: never stored, loop nests know where they are."""

    size: int


class GatherSum(NamedTuple):
    """Of values, a matrix, columns, pointers and an order: row ``g`` of the result is the sum over the entries ``e`` that ``order`` has
    from ``pointers[g]`` to ``pointers[g + 1]`` of ``values[e]`` times row ``columns[e]`` of the matrix."""


class Pairwise(NamedTuple):
    """Of two matrices, rows and columns: entry ``e`` is row ``rows[e]`` of one times row ``columns[e]`` of the other, summed."""
