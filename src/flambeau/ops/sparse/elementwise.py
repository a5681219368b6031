"""Elementwise operators on sparse tensors: those that keep zeros, and sums and products with other tensors."""

from __future__ import annotations

import math

import numpy as np

from ... import dtypes
from ...tensor import Tensor
from ..joining import cat
from ..overrides import write_out
from ..promotion import result_type_of
from ..registry import NAMESPACES
from .compressed import CompressedTensor, compressed_to_coo, to_compressed
from .coo import CooTensor, coo, empty_coo, places
from .handle import RULES, SparseTensor, refusal, rule
from .masking import values_at
from .pattern import index_tensor

# f(0) = 0, so that only the entries change. Entries at one place are added up first.
ZERO_PRESERVING = (
    "abs", "absolute", "angle", "arcsin", "arcsinh", "arctan", "arctanh", "asin", "asinh", "atan", "atanh", "ceil", "conj_physical",
    "deg2rad", "erf", "erfinv", "expm1", "fix", "floor", "frac", "isinf", "isnan", "isneginf", "isposinf", "log1p", "nan_to_num",
    "rad2deg", "relu", "round", "sgn", "sign", "signbit", "sin", "sinh", "sqrt", "square", "tan", "tanh", "trunc",
)  # fmt: skip
LINEAR = ("neg", "negative", "positive", "conj")  # these need no adding up


def deliver(name: str, result: Tensor, out: Tensor | None) -> Tensor:
    """``result``, put into ``out`` where that is given."""
    if out is None:
        return result
    if isinstance(out, SparseTensor) or isinstance(result, SparseTensor):
        if type(out) is not type(result):
            raise RuntimeError(f"{name}(): expected out= of layout {result.layout}, got {out.layout}")
        return out.become(result)
    return write_out(name, result, out)


def coalesced(x: SparseTensor) -> SparseTensor:
    """The tensor with at most one entry at a place."""
    return x.coalesce() if isinstance(x, CooTensor) else x


def _valuewise(name: str, add_up: bool) -> None:
    plain = NAMESPACES["torch"][name]

    def apply(input, *args, out=None, **kwargs):
        x = coalesced(input) if add_up else input
        return deliver(name, x.with_values(plain(x._held, *args, **kwargs)), out)

    def apply_in_place(input, *args, **kwargs):
        if add_up and isinstance(input, CooTensor) and not input.is_coalesced():
            raise RuntimeError(f"{name}_ requires coalesced input")
        getattr(input._held, name + "_")(*args, **kwargs)
        return input

    RULES[name] = apply
    if hasattr(Tensor, name + "_"):
        RULES[name + "_"] = apply_in_place


for _name in ZERO_PRESERVING:
    _valuewise(_name, True)
for _name in LINEAR:
    _valuewise(_name, False)


# -- products ----------------------------------------------------------------------------------------------------------------


def is_number(x) -> bool:
    """Whether it multiplies all elements alike: a number or a dense 0-dim tensor."""
    return not isinstance(x, Tensor) or (not x.ndim and not isinstance(x, SparseTensor))


@rule("mul", "multiply")
def mul(input, other, *, out=None):
    """The elementwise product, which has entries where all sparse factors have."""
    if not isinstance(input, SparseTensor):
        input, other = other, input
    if is_number(other):
        return deliver("mul", input.with_values(input._held * other), out)
    if not isinstance(other, SparseTensor):
        if tuple(other.shape) != tuple(input.shape):
            other = other.expand(input.shape)
        x = coalesced(input)
        return deliver("mul", x.with_values(x._held * values_at(other, x)), out)
    _require_same_size("mul", input, other)
    if input._pattern.same(other._pattern) and (isinstance(input, CompressedTensor) or input.is_coalesced()):
        return deliver("mul", input.with_values(input._held * other._held), out)
    if isinstance(input, CompressedTensor) or isinstance(other, CompressedTensor):
        common = mul(_as_coo(input), _as_coo(other))
        return deliver("mul", common if isinstance(input, CooTensor) else _as(common, input), out)
    return deliver("mul", _intersection(input.coalesce(), other.coalesce()), out)


def _intersection(a: CooTensor, b: CooTensor) -> CooTensor:
    if a.sparse_count != b.sparse_count:
        raise RuntimeError(f"mul: expected equal sparse dimensions, got {a.sparse_count} and {b.sparse_count}")
    _, at_a, at_b = np.intersect1d(places(a), places(b), assume_unique=True, return_indices=True)
    values = a._held.index_select(0, index_tensor(at_a)) * b._held.index_select(0, index_tensor(at_b))
    return coo(index_tensor(a._pattern.array()[:, at_a]), values, a._size, True)


def _as_coo(x: SparseTensor) -> CooTensor:
    return compressed_to_coo(x) if isinstance(x, CompressedTensor) else x


def _as(x: CooTensor, model: CompressedTensor) -> CompressedTensor:
    return to_compressed(x, model.layout, model._pattern.block)


def _require_same_size(name: str, a: Tensor, b: Tensor) -> None:
    if tuple(a.shape) != tuple(b.shape):
        raise RuntimeError(
            f"{name}: expected 'self' and 'other' to have same size, but self has size {list(a.shape)} while other has size "
            f"{list(b.shape)} (FYI: {'dense-sparse' if not isinstance(a, SparseTensor) else 'op'} addition does not currently support "
            "broadcasting)"
        )


@rule("div", "divide", "true_divide", "floor_divide")
def div(input, other, *, rounding_mode=None, out=None):
    """A sparse tensor divided by a number or a dense 0-dim tensor."""
    return deliver("div", _divided("div", input, other, rounding_mode=rounding_mode), out)


def _divided(name: str, input, other, **kwargs):
    if not isinstance(input, SparseTensor) or not is_number(other):
        raise RuntimeError(
            f"Sparse division requires a scalar or zero-dim dense tensor divisor (got {getattr(other, 'shape', other)})"
        )
    return input.with_values(input._held.div(other, **kwargs))


@rule("floor_divide")
def floor_divide(input, other, *, out=None):
    """``div`` rounded down, entries at one place added up first."""
    return deliver("floor_divide", _divided("floor_divide", coalesced(input), other, rounding_mode="floor"), out)


@rule("pow")
def power(input, exponent, *, out=None):
    """A sparse tensor to the power of a positive number."""
    if not isinstance(input, SparseTensor) or isinstance(exponent, Tensor):
        raise refusal("pow", (input, exponent))
    if exponent <= 0:
        raise RuntimeError(f"pow: a sparse tensor needs a positive exponent (zeros stay zeros), got {exponent}")
    x = coalesced(input)
    return deliver("pow", x.with_values(x._held**exponent), out)


@rule("mul_", "multiply_")
def mul_(self, other):
    """``mul`` in place."""
    if not isinstance(self, SparseTensor):
        return self.copy_(mul(self, other).to_dense())
    if is_number(other):
        return self.become(self.with_values(self._held.clone().mul_(other)))
    return self.become(mul(self, other))


@rule("div_", "divide_")
def div_(self, other, *, rounding_mode=None):
    """``div`` in place."""
    if not isinstance(self, SparseTensor) or not is_number(other):
        raise RuntimeError("Sparse division requires a scalar or zero-dim dense tensor divisor")
    return self.become(self.with_values(self._held.clone().div_(other, rounding_mode=rounding_mode)))


# -- sums --------------------------------------------------------------------------------------------------------------------


@rule("add")
def add(input, other, *, alpha=1, out=None):
    """The sum: sparse of two sparse tensors, dense of a dense and a sparse one."""
    return deliver("add", _sum("add", input, other, alpha), out)


@rule("sub", "subtract")
def sub(input, other, *, alpha=1, out=None):
    """The difference; see ``add``."""
    return deliver("sub", _sum("sub", input, other, -alpha), out)


@rule("rsub")
def rsub(input, other, alpha=1):
    """``other - alpha * input``."""
    return _sum("sub", other, input, -alpha)


def _sum(name: str, input, other, alpha):
    if not isinstance(other, Tensor) or not isinstance(input, Tensor):
        raise RuntimeError("add(sparse, dense) is not supported. Use add(dense, sparse) instead.")
    if not isinstance(input, SparseTensor):
        return _plus_sparse(name, input, other, alpha)
    if not isinstance(other, SparseTensor):
        if isinstance(input, CooTensor):
            raise RuntimeError("add(sparse, dense) is not supported. Use add(dense, sparse) instead.")
        return _plus_sparse(name, other if alpha == 1 else other * alpha, input, 1)
    _require_same_size(name, input, other)
    values = other._held if alpha == 1 else other._held * alpha
    if input._pattern.same(other._pattern):
        return input.with_values(input._held + values)
    if isinstance(input, CompressedTensor):
        return _as(_sum(name, _as_coo(input), _as_coo(other), alpha), input)
    other = _as_coo(other)
    if input.sparse_count != other.sparse_count:
        raise RuntimeError(
            f"{name}: expected 'self' and 'other' to have same number of sparse dimensions, but got {input.sparse_count} and "
            f"{other.sparse_count}"
        )
    common = result_type_of((input._held, values))
    indices = cat((input._pattern.indices, other._pattern.indices), 1)
    return coo(indices, cat((input._held.to(common), values.to(common)), 0), input._size).coalesce()


def _plus_sparse(name: str, dense: Tensor, sparse: SparseTensor, alpha):
    _require_same_size(name, dense, sparse)
    x = _as_coo(sparse)
    common = result_type_of((dense, sparse._held))
    values = x._held if alpha == 1 else x._held * alpha
    rows = dense.to(common).reshape(_rows_of(x))
    return rows.index_put((index_tensor(places(x)),), values.to(common), accumulate=True).reshape(x._size)


def _rows_of(x: CooTensor) -> tuple[int, ...]:
    return math.prod(x._size[: x.sparse_count]), *x._size[x.sparse_count :]


@rule("add_")
def add_(self, other, *, alpha=1):
    """``add`` in place. A dense tensor is written only where ``other`` has entries."""
    if isinstance(self, SparseTensor):
        return self.become(_sum("add_", self, other, alpha))
    _require_same_size("add", self, other)
    x = _as_coo(other)
    if not self.is_contiguous():
        return self.copy_(_plus_sparse("add_", self, x, alpha))
    values = (x._held if alpha == 1 else x._held * alpha).to(self.dtype)
    at, rows = index_tensor(places(x)), self.view(_rows_of(x))
    if x.is_coalesced():
        rows.index_put_((at,), rows.index_select(0, at) + values)
    else:
        rows.index_put_((at,), values, accumulate=True)
    return self


@rule("sub_", "subtract_")
def sub_(self, other, *, alpha=1):
    """``sub`` in place; see ``add_``."""
    return add_(self, other, alpha=-alpha)


@rule("zero_")
def zero_(self):
    """Drop all entries."""
    if isinstance(self, CompressedTensor):
        self._held.zero_()
        return self
    return self.become(empty_coo(self._size, self.sparse_count, self.ndim - self.sparse_count, self.dtype))


@rule("any")
def any_(input, dim=None, keepdim=False, *, out=None):
    """Whether an element is not zero."""
    if dim is not None:
        raise refusal("any.dim", (input,))
    return deliver("any", coalesced(input)._held.to(dtypes.bool_).any(), out)
