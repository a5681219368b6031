"""Choosing between tensors element by element: ``where`` and ``masked_fill``."""

from __future__ import annotations

import numpy as np

from .. import dtypes
from ..compiler.graph import Param
from ..lazy.spec import dense
from ..runtime.warning import warn_once
from ..tensor import Tensor
from .creation import numbers_fit
from .elementwise import _infer, elementwise
from .overrides import write_out
from .promotion import result_type_of
from .registry import function


def _choosing(op, values):
    condition = values[0].dtype
    if condition not in (dtypes.bool_, dtypes.uint8):
        raise RuntimeError(
            f"where expected condition to be a boolean tensor, but got a tensor with dtype {condition}"
        )
    if condition is dtypes.uint8:
        warn_once("where received a uint8 condition tensor. This is deprecated: use a boolean condition instead.")
    d = result_type_of(values[1:])
    return d, d


def _choose(condition, a, b):
    return np.where(condition != 0, a, b)


_where = elementwise(
    "where(Tensor condition, Tensor|Scalar input, Tensor|Scalar other)",
    _choose,
    rule=_choosing,
    namespace=None,
    method=False,
    out=False,
    inplace=False,
)


def _chosen_dtype(values):
    kind = result_type_of(values[1:])
    return kind if kind.category in (1, 3) else dtypes.float64  # numbers are doubles before they become elements


numbers_fit(_where, kind=_chosen_dtype)


@_where.gradient
def _(grad, saved):
    gradients = [None]
    if isinstance(saved.input, Tensor):
        gradients.append(_where(saved.condition, grad, 0))
    if isinstance(saved.other, Tensor):
        gradients.append(_where(saved.condition, 0, grad))
    return tuple(gradients)


@function()
def where(condition, input=None, other=None, *, out=None):
    """``input`` where ``condition`` is true, else ``other``; both are tensors or numbers and broadcast.

    With ``condition`` alone: the positions of its true elements, as ``nonzero(condition, as_tuple=True)``.
    """
    if input is None and other is None:
        from .searching import nonzero

        return nonzero(condition, as_tuple=True)
    if input is None or other is None:
        raise TypeError("where() takes a condition alone, or a condition with input and other")
    result = _where(condition, input, other)
    return result if out is None else write_out("where", result, out)


def _where_method(self, condition, other):
    """This tensor where ``condition`` is true, else ``other``."""
    return where(condition, self, other)


Tensor.where = _where_method


# -- masked_fill ---------------------------------------------------------------------------------------------


def _filling(op, values):
    input, mask, value = values
    if mask.dtype is not dtypes.bool_:
        raise RuntimeError(f"masked_fill_ only supports boolean masks, but got mask with dtype {mask.dtype}")
    if isinstance(value, Tensor) or hasattr(value, "ndim"):
        if value.ndim:
            raise RuntimeError(
                f"masked_fill only supports a 0-dimensional value tensor, but got tensor with {value.ndim} "
                "dimension(s)."
            )
        if value.dtype.is_complex and not input.dtype.is_complex:
            raise RuntimeError(f"value cannot be converted to type {input.dtype.name} without overflow")
    elif _kind(value) is complex and not input.dtype.is_complex:
        raise RuntimeError(f"value cannot be converted to type {input.dtype.name} without overflow")
    return input.dtype, input.dtype


def _infer_masked_fill(op, specs, values):
    outputs, plan = _infer(_filling)(op, specs, values)
    input, mask, value = plan.operands
    outputs = tuple([dense(spec.shape, spec.dtype, spec.device) for spec in outputs])
    return outputs, plan._replace(operands=(mask, value, input))


def _kind(number) -> type:
    return number.kind if isinstance(number, Param) else number.__class__


masked_fill = elementwise(
    "masked_fill(Tensor input, Tensor mask, Tensor|Scalar value)",
    _choose,
    infer=_infer_masked_fill,
    lowering="where",
    out=False,
    inplace="method",
    doc=("``input`` with ``value`` (a number or 0-dim tensor) where ``mask``, a bool tensor that broadcasts, "
        "is true."),
)


numbers_fit(masked_fill, Tensor.masked_fill_)


@masked_fill.gradient
def _(grad, saved):
    kept = _where(saved.mask, 0, grad)
    if not isinstance(saved.value, Tensor):
        return kept, None
    return kept, None, _where(saved.mask, grad, 0)
