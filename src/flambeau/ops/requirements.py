"""What values must be: an error when they are computed, without a look at them."""

from __future__ import annotations

from ..compiler.plans import Gather
from ..dtypes import int64
from ..lazy.spec import dense
from ..tensor import Tensor
from .creation import filled
from .operator import Operator, publish
from .reshaping import reshaped


def _infer(op, specs, values):
    table, fault = specs
    return (dense(fault.shape, table.dtype, table.device),), Gather(0, values[2])


def _reference(code, arrays, numbers):
    table, fault = arrays
    if fault.any():
        raise IndexError(code.extra.complaint)
    return (table,)


look_up = publish(
    Operator("require(Tensor table, Tensor fault, str complaint)", infer=_infer, reference=_reference, sited=True),
    namespace=None,
).function


def unless(fault: Tensor, result: Tensor, complaint: str) -> Tensor:
    """``result`` (floating); a ``RuntimeError`` that says ``complaint`` when it is computed, where ``fault`` (a bool) is true."""
    table = filled((1,), 0, result.dtype, result.device)
    nothing = look_up(table, reshaped(fault.to(int64), (1,)), complaint)
    return result + reshaped(nothing, ())
