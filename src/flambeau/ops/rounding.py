"""Rounding to integers. All of these are flat almost everywhere: their gradients are zero."""

from __future__ import annotations

import numpy as np

from ..tensor import Tensor
from .creation import zeros_like
from .elementwise import refusal, unary
from .operator import operator
from .overrides import write_out
from .registry import function


def _flat(grad, saved):
    return zeros_like(grad)


def _refusing(name: str, refuse: str):
    def rule(op, values):
        d = values[0].dtype
        if d.kind in refuse:
            raise refusal(name, d, refuse)
        return d, d

    return rule


floor = unary("floor", np.floor, rule=_refusing("floor_vml_cpu", "bc"))
ceil = unary("ceil", np.ceil, rule=_refusing("ceil_vml_cpu", "bc"))
trunc = unary("trunc", np.trunc, rule=_refusing("trunc_vml_cpu", "bc"), aliases=("fix",))
_round = unary(
    "round",
    lambda x: x if x.dtype.kind in "iu" else np.rint(x),
    rule=_refusing("round_vml_cpu", "bc"),
    namespace=None,
    method=False,
    out=False,
)
_round_ = Tensor.round_
frac = unary("frac", lambda x: x - np.trunc(x), rule=_refusing("frac_cpu", "bic"), translated=True)

for _function in (floor, ceil, trunc, _round):
    _function.gradient(_flat)


@frac.gradient
def _(grad, saved):
    return grad


@operator("round(Tensor input, int decimals)", namespace=None, opmath=True, inplace=True)
def _round_decimals(input, decimals):
    if not input.dtype.is_floating_point:
        raise refusal("round_cpu", input.dtype, "bic")
    scale = 10.0 ** abs(decimals)
    return _round(input * scale) / scale if decimals > 0 else _round(input / scale) * scale


_round_decimals_ = Tensor.round_
_round_decimals.gradient(_flat)


@function(method=True)
def round(input, *, decimals=0, out=None):
    """Round to the nearest integer (halves to even), or to ``decimals`` digits after the point."""
    result = _round_decimals(input, decimals) if decimals else _round(input)
    return result if out is None else write_out("round", result, out)


@function(method=True)
def round_(input, *, decimals=0):
    """In-place form of ``round``."""
    return _round_decimals_(input, decimals) if decimals else _round_(input)
