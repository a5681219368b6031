"""Which dtypes the tensor given as ``out=`` may have."""

from __future__ import annotations

from ..dtypes import SCALAR_NAMES, uint8
from ..tensor import Tensor
from .operator import Operator

# Elementwise operators cast their results to the destination; these do not.
EXACT = frozenset([  # fmt: skip
    "abs", "addbmm", "addmm", "addmv", "alias_copy", "amax", "amin", "aminmax", "argmax", "argmin",
    "as_strided_copy", "baddbmm", "bmm", "ceil", "conj_physical", "cummax", "cummin", "diag", "diagonal_copy",
    "dot", "expand_copy", "float_power", "floor", "frac", "frexp", "heaviside", "histc", "histogram", "index_add",
    "index_copy", "index_reduce", "index_select", "inner", "isneginf", "isposinf", "kthvalue", "linalg_matrix_norm",
    "linalg_norm", "linalg_vector_norm", "log_softmax", "logcumsumexp", "masked_select", "matmul", "mm", "mode",
    "msort", "mv", "nan_to_num", "nanquantile", "narrow_copy", "neg", "norm", "permute_copy", "quantile", "renorm",
    "round", "scatter", "scatter_add", "scatter_reduce", "sgn", "sign", "signbit", "softmax", "sort",
    "split_with_sizes_copy", "squeeze_copy", "t_copy", "take", "tensordot", "topk", "transpose_copy", "tril",
    "triu", "trunc", "unbind_copy", "unfold_copy", "unsqueeze_copy", "vdot", "view_copy", "where",
])
# These fill a destination: in its own dtype, and of another shape without a word.
FILLING = frozenset(["empty", "eye", "full", "linspace", "logspace", "ones", "range", "zeros"])
SILENT = FILLING | {"addbmm", "bernoulli", "lu", "multinomial"}
PAIRS = frozenset(["max", "min", "median", "nanmedian"])  # exact where they give positions too


def must_match(name: str, pair: bool, out) -> bool:
    """Whether the destination of an operator's result must have the result's own dtype."""
    if name in ("all", "any"):
        return out.dtype is not uint8  # truths were bytes before they were bools
    return name in EXACT or (pair and name in PAIRS)


def check_filled(name: str, dtype, out) -> None:
    """``RuntimeError`` where what fills a destination was asked for in another dtype."""
    if name in FILLING and dtype is not out:
        asked, there = SCALAR_NAMES[dtype.name], SCALAR_NAMES[out.name]
        raise RuntimeError(f"dtype {asked} does not match dtype of out parameter ({there})")


def unlike(result, out) -> RuntimeError:
    """The error for a destination of another dtype."""
    return RuntimeError(f"Expected out tensor to have dtype {result}, but got {out} instead")


class OutDecides(Operator):
    """An operator with ``dtype``, its last parameter: where that is not given, the destination's is meant."""

    out_decides = True

    def __call__(self, *values, out=None):
        if out is not None and self.parameters[-1].name == "dtype":
            values = (*values[:-1], dtype_of(out, values[-1], self.out_decides))
        return super().__call__(*values, out=out)


def dtype_of(out, dtype, decides: bool = True):
    """The dtype to compute in; ``RuntimeError`` where the one that was asked for is not the destination's."""
    if not isinstance(out, Tensor) or (dtype is None and not decides):
        return dtype
    if dtype is not None and dtype is not out.dtype:
        raise unlike(dtype, out.dtype)
    return out.dtype
