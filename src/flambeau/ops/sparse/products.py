"""Sparse matrices times dense ones: two primitives that walk along the stored entries, and the product made of them.

Entry ``e`` of a matrix has the value ``values[e]`` in row ``rows[e]`` and column ``cols[e]``, in any order and possibly several at one
place. A ``Grouping`` lists the entries row by row (or column by column), so that every row of a result is summed by itself.
"""

from __future__ import annotations

import numpy as np

from ...compiler.plans import GatherSum, Pairwise
from ...compiler.reference import narrow, widen
from ...lazy.spec import dense as dense_spec
from ...tensor import Tensor
from ..copying import _contiguous
from ..creation import filled
from ..gathering import index
from ..operator import Operator, operator, publish
from ..positions import positions
from .pattern import Edges, Grouping


def _segment_sums(terms: np.ndarray, pointers: np.ndarray) -> np.ndarray:
    """The sum of the rows of ``terms`` between neighbouring pointers."""
    total = np.zeros((pointers.size - 1, *terms.shape[1:]), terms.dtype)
    full = np.flatnonzero(np.diff(pointers))
    if full.size:
        total[full] = np.add.reduceat(terms, pointers[full], axis=0)
    return total


def _infer_gather_sum(op, specs, values):
    pointers, matrix = specs[3], specs[1]
    return (dense_spec((pointers.shape[0] - 1, matrix.shape[1]), matrix.dtype, matrix.device),), GatherSum()


def _reference_gather_sum(code, arrays, numbers):
    dtype = code.outputs[0].dtype
    values, matrix, cols, pointers, order = arrays
    values, matrix = widen(values, dtype), widen(matrix, dtype)
    terms = values[order][:, None] * matrix[cols[order]]
    return (narrow(_segment_sums(terms, np.asarray(pointers)).astype(dtype.compute, copy=False), dtype),)


gather_sum = publish(
    Operator(
        "sparse_gather_sum(Tensor values, Tensor matrix, Tensor cols, Tensor pointers, Tensor order)",
        infer=_infer_gather_sum,
        reference=_reference_gather_sum,
    ),
    namespace=None,
).function


def _infer_pairwise(op, specs, values):
    return (dense_spec((specs[2].shape[0],), specs[0].dtype, specs[0].device),), Pairwise()


def _reference_pairwise(code, arrays, numbers):
    dtype = code.outputs[0].dtype
    left, right, rows, cols = arrays
    total = np.einsum("ek,ek->e", widen(left, dtype)[rows], widen(right, dtype)[cols])
    return (narrow(total.astype(dtype.compute, copy=False), dtype),)


pairwise = publish(
    Operator(
        "sparse_pairwise(Tensor left, Tensor right, Tensor rows, Tensor cols)",
        infer=_infer_pairwise,
        reference=_reference_pairwise,
    ),
    namespace=None,
).function


def _conj(x: Tensor) -> Tensor:
    return x.conj() if x.dtype.is_complex else x


@operator(
    "sparse_product(Tensor values, Tensor matrix, Tensor rows, Tensor cols, Tensor pointers, Tensor order, Tensor back_pointers, "
    "Tensor back_order, bool both)",
    namespace=None,
)
def _product(values, matrix, rows, cols, pointers, order, back_pointers, back_order, both):
    return gather_sum(_contiguous(values), _contiguous(matrix), cols, pointers, order)


@_product.gradient
def _(grad, saved):
    values = _sampled(grad, _conj(saved.matrix), saved.rows, saved.cols, saved.pointers, saved.order, saved.back_pointers,
                      saved.back_order)  # fmt: skip
    matrix = None
    if saved.both:
        matrix = _product(_conj(saved.values), grad, saved.cols, saved.rows, saved.back_pointers, saved.back_order, saved.pointers,
                          saved.order, True)  # fmt: skip
    return values, matrix, None, None, None, None, None, None


_product.operator.node_name = "SparseAddmmBackward0"


def product(edges: Edges, values: Tensor, matrix: Tensor) -> Tensor:
    """The matrix with the values (one number an entry) at ``edges``, times a dense matrix."""
    ahead = edges.by_row
    both = (
        matrix.requires_grad or matrix._spec.override
    )  # a transformed matrix may be differentiated by its transformation
    back = edges.by_col if both else ahead
    return _product(
        values, matrix, edges.rows, edges.cols, ahead.pointers, ahead.order, back.pointers, back.order, both
    )


@operator("sparse_sampled_product(Tensor left, Tensor right, Tensor rows, Tensor cols, Tensor row_pointers, Tensor row_order, "
          "Tensor col_pointers, Tensor col_order)", namespace=None)  # fmt: skip
def _sampled(left, right, rows, cols, row_pointers, row_order, col_pointers, col_order):
    return pairwise(_contiguous(left), _contiguous(right), rows, cols)


@_sampled.gradient
def _(grad, saved):
    left = _product(grad, _conj(saved.right), saved.rows, saved.cols, saved.row_pointers, saved.row_order, saved.col_pointers,
                    saved.col_order, True)  # fmt: skip
    right = _product(grad, _conj(saved.left), saved.cols, saved.rows, saved.col_pointers, saved.col_order, saved.row_pointers,
                     saved.row_order, True)  # fmt: skip
    return left, right, None, None, None, None, None, None


def sampled(edges: Edges, left: Tensor, right: Tensor) -> Tensor:
    """Of ``left @ right.T`` the elements at ``edges``."""
    by_row, by_col = edges.by_row, edges.by_col
    return _sampled(left, right, edges.rows, edges.cols, by_row.pointers, by_row.order, by_col.pointers, by_col.order)


@operator("sparse_segment_sum(Tensor input, Tensor pointers, Tensor order, Tensor groups)", namespace=None)
def _segment_sum(input, pointers, order, groups):
    entries = input.shape[0]
    return gather_sum(filled((entries,), 1, input.dtype), _contiguous(input), positions(entries), pointers, order)


@_segment_sum.gradient
def _(grad, saved):
    return index(grad, (saved.groups,), (0,), False), None, None, None


def segment_sum(values: Tensor, grouping: Grouping) -> Tensor:
    """The sum of the values (entries, ...) of each group."""
    shape = values.shape
    wide = values.reshape(shape[0], -1) if values.numel() else values.new_zeros((shape[0], int(np.prod(shape[1:]))))
    summed = _segment_sum(wide, grouping.pointers, grouping.order, grouping.groups)
    return summed.reshape((grouping.count, *shape[1:]))
