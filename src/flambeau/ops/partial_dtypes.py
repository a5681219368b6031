"""The dtypes that PyTorch's CPU computes with only in part: which elementwise operators, reductions and products have kernels.

Storing, moving, indexing, comparing for equality and casting work for all of them. What is not named here raises
NotImplementedError, as it does in PyTorch.
"""

from __future__ import annotations

from .. import dtypes
from ..dtypes import SCALAR_NAMES, dtype

_EVERY = frozenset(["eq", "ne", "isnan", "isreal", "mul", "where", "conj_physical"])
_ROUNDED = frozenset(["floor", "ceil", "trunc", "round", "signbit", "isinf", "isfinite", "isposinf", "isneginf",
                      "bitwise_and", "bitwise_or", "bitwise_xor"])
_TO_FLOAT = frozenset([
    "div", "rdiv", "reciprocal", "angle", "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sin",
    "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "sigmoid",
    "sinc", "deg2rad", "rad2deg", "atan2", "sqrt", "rsqrt", "erf", "erfc", "erfinv", "erfcx", "ndtri",
    "log_ndtr", "ndtr", "digamma", "lgamma", "i0", "i0e", "i1", "i1e", "xlogy", "entr", "copysign",
])
_UNSIGNED = _EVERY | _ROUNDED | _TO_FLOAT
_COMPLEX32 = _EVERY | frozenset(["add", "sub", "rsub", "neg", "abs", "sgn", "isinf", "isfinite", "complex", "masked_fill"])
_SUPPORTED = {d: _UNSIGNED for d in dtypes.WIDE_UNSIGNED} | {
    dtypes.complex32: _COMPLEX32,
    dtypes.float8_e4m3fn: _EVERY | {"abs"},
    dtypes.float8_e5m2: _EVERY | {"abs", "isinf", "isfinite"},
    dtypes.float8_e4m3fnuz: _EVERY | {"abs"},
    dtypes.float8_e5m2fnuz: _EVERY | {"abs"},
    dtypes.float8_e8m0fnu: _EVERY | {"isfinite"},
}
_ORDERED = frozenset(["cummax", "cummin", "topk", "median", "nanmedian", "kthvalue", "mode", "searchsorted"])
_ACCUMULATED = frozenset(["cumsum", "cumprod", "logcumsumexp", "sort", "bmm"])


def unsupported(name: str, d: dtype) -> NotImplementedError:
    """The error of an operator that has no kernel for a dtype."""
    return NotImplementedError(f'"{name}" not implemented for \'{SCALAR_NAMES[d.name]}\'')


def check_elementwise(name: str, compute: dtype, tensors: int) -> None:
    """Raise where PyTorch has no kernel of the elementwise operator that computes in this dtype, on so many tensors."""
    supported = _SUPPORTED.get(compute)
    if supported is None or (name.startswith("special_") and compute.kind == "i"):
        return
    if name not in supported or (name == "mul" and tensors == 1 and compute.kind == "f"):
        raise unsupported(name, compute)


def check_reduction(name: str, kind: str, source: dtype, compute: dtype) -> None:
    """Raise where PyTorch has no kernel of the reduction."""
    adds = kind in ("sum", "prod")
    d = compute if adds else source
    if d in _SUPPORTED and kind not in ("any", "all"):
        raise unsupported(name, d)


def check_product(name: str, d: dtype) -> None:
    """Raise where PyTorch multiplies no matrices of ``d``: it does those of the 8-bit floats that have a sign."""
    if d in _SUPPORTED and (not d.is_floating_point or not d.is_signed):
        raise unsupported(name, d)


def check_filling(name: str, d: dtype) -> None:
    """Raise for dtypes that ranges of numbers are not made in."""
    if d in _SUPPORTED:
        raise unsupported(name, d)


def guard(operators) -> None:
    """Let scans and what orders numbers refuse the dtypes that PyTorch refuses; called when all of them are declared."""
    for op in operators:
        if op.infer is not None and op.name in _ORDERED | _ACCUMULATED:
            op.infer = _guarded(op.infer)


def _guarded(infer):
    def checked(op, specs, values):
        for spec in specs:
            d = spec.dtype
            if d in _SUPPORTED and (op.name in _ORDERED or d.kind != "i"):
                raise unsupported(op.name, d)
        return infer(op, specs, values)

    return checked
