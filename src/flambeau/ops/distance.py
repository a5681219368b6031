"""Distances and similarities between vectors."""

from __future__ import annotations

import math

from ..dtypes import float64, int64
from ..lazy.spec import count
from ..tensor import Tensor, wrap_dim
from .elementwise import refusal
from .matmul import matmul
from .operator import operator
from .positions import positions
from .promotion import broadcast_shapes, result_type_of
from .registry import export, function
from .reshaping import reshaped
from .selection import where


def _p_norm(difference: Tensor, p: float) -> Tensor:
    """The p-norm over the last dimension of absolute differences."""
    if not difference.shape[-1]:
        return difference.sum(-1)
    if p == 0:
        return where(difference != difference, difference, (difference != 0).to(difference.dtype)).sum(-1)  # NaN stays
    if p == 1:
        return difference.sum(-1)
    if p == 2:
        return (difference * difference).sum(-1).sqrt()
    if math.isinf(p):
        return difference.amax(-1)
    return difference.pow(p).sum(-1).pow(1.0 / p)


def _p_norm_slope(signed: Tensor, norm: Tensor, p: float) -> Tensor:
    """Derivative of the p-norm by the signed differences; 0 where the norm is."""
    norm, sign = norm.unsqueeze(-1), signed.sgn() if signed.is_complex() else signed.sign()
    if p == 0:
        return signed * 0
    if p == 1:
        return sign
    if math.isinf(p):
        return where(signed.abs() == norm, sign, 0.0)
    if p == 2:
        return where(norm == 0, 0.0, signed / norm)
    slope = sign * signed.abs().pow(p - 1) / norm.pow(p - 1)
    return where((norm == 0) | (signed == 0) if p < 1 else norm == 0, 0.0, slope)


@operator("cdist(Tensor x1, Tensor x2, float p)", namespace=None)
def _cdist(x1, x2, p):
    return _p_norm((x1.unsqueeze(-2) - x2.unsqueeze(-3)).abs(), p)


@_cdist.gradient
def _(grad, saved):
    signed = saved.x1.unsqueeze(-2) - saved.x2.unsqueeze(-3)
    if not signed.numel():
        return saved.x1 * 0, saved.x2 * 0
    share = grad.unsqueeze(-1) * _p_norm_slope(signed, saved.output, saved.p)
    return share.sum(-2), -share.sum(-3)


@operator("euclidean(Tensor x1, Tensor x2)", namespace=None)
def _euclidean_by_product(x1, x2):
    # |a - b|^2 = |a|^2 - 2 a b + |b|^2: one product of matrices instead of all differences
    squares = (x1 * x1).sum(-1, keepdim=True) + (x2 * x2).sum(-1).unsqueeze(-2)
    return (squares - 2 * matmul(x1, x2.transpose(-2, -1))).clamp_min(0).sqrt()


@_euclidean_by_product.gradient
def _(grad, saved):
    # sum_j r_ij (a_i - b_j), without the differences themselves
    ratio = where(saved.output == 0, 0.0, grad / saved.output)
    x1, x2 = saved.x1, saved.x2
    to_first = x1 * ratio.sum(-1, keepdim=True) - matmul(ratio, x2)
    to_second = x2 * ratio.sum(-2).unsqueeze(-1) - matmul(ratio.transpose(-2, -1), x1)
    return to_first, to_second


_cdist.operator.node_name = "CdistBackward0"
_MODES = ("use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist")


@function()
def cdist(x1, x2, p: float = 2.0, compute_mode: str = "use_mm_for_euclid_dist_if_necessary"):
    """All p-norm distances between rows of ``x1 (..., n, d)`` and of ``x2 (..., m, d)``: ``(..., n, m)``.

    ``compute_mode`` says whether Euclidean distances are made from a product of matrices (by default beyond 25 rows).
    """
    if compute_mode not in _MODES:
        raise ValueError(f"{compute_mode} is not a valid value for compute_mode")
    if x1.ndim < 2 or x2.ndim < 2:
        raise RuntimeError(f"cdist only supports at least 2D tensors, got {x1.ndim}D and {x2.ndim}D")
    if x1.shape[-1] != x2.shape[-1]:
        raise RuntimeError(f"X1 and X2 must have the same number of columns. X1: {x1.shape[-1]} X2: {x2.shape[-1]}")
    if p < 0:
        raise RuntimeError(f"cdist only supports non-negative p values, got {p}")
    for x, name in ((x1, "X1"), (x2, "X2")):
        if x.dtype.category != 2:
            raise RuntimeError(f"cdist only supports floating-point dtypes, {name} got: {x.dtype}")
    large = x1.shape[-2] > 25 or x2.shape[-2] > 25
    if p == 2 and (compute_mode == _MODES[1] or (compute_mode == _MODES[0] and large)):
        return _euclidean_by_product(x1, x2)
    broadcast_shapes(x1.shape[:-2], x2.shape[:-2])
    return _cdist(x1, x2, float(p))


@function()
def pdist(input, p: float = 2.0):
    """The p-norm distances between all pairs of rows of a matrix, row by row of the upper triangle."""
    if input.ndim != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input.ndim}D")
    if p < 0:
        raise RuntimeError("pdist only supports non-negative p values")
    if input.dtype.category != 2:
        raise RuntimeError(f"pdist only supports floating-point dtypes, got: {input.dtype}")
    n = input.shape[0]
    if n < 2:
        return reshaped(input * 0, (input.numel(),))[:0]
    pairs = n * (n - 1) // 2
    return _pdist(input, float(p), pairs, pairs - 1, n - 1)


@operator("pdist(Tensor input, float p, int pairs, Scalar last_pair, Scalar last_row)", namespace=None)
def _pdist(input, p, pairs, last_pair, last_row):
    # Counted from the end, row t has the pairs from t (t + 1) / 2 on. Sizes come as numbers: others compile no machine code.
    back = last_pair - positions(pairs)
    row = (((back * 8 + 1).to(float64).sqrt() - 1) * 0.5).to(int64)
    return _pairs(input, last_row - (row + 1), last_row - back + row * (row + 1) // 2, p)


def _pairs(input, rows, columns, p: float) -> Tensor:
    first, second = input.index_select(0, rows), input.index_select(0, columns)
    return reshaped(_cdist(first.unsqueeze(1), second.unsqueeze(1), p), (rows.shape[0],))


export("nn.functional", "pdist", pdist)


@operator("pairwise_distance(Tensor x1, Tensor x2, float p=2.0, float eps=1e-6, bool keepdim=False)", opmath=True)
def pairwise_distance(x1, x2, p=2.0, eps=1e-6, keepdim=False):
    """The p-norm of ``x1 - x2 + eps`` over the last dimension; the others broadcast."""
    result = _p_norm((x1 - x2 + eps).abs(), p)
    return result.unsqueeze(-1) if keepdim else result


@pairwise_distance.gradient
def _(grad, saved):
    signed = saved.x1 - saved.x2 + saved.eps
    grad, norm = (x.squeeze(-1) if saved.keepdim else x for x in (grad, saved.output))
    share = grad.unsqueeze(-1) * _p_norm_slope(signed, norm, saved.p)
    return share, -share


export("nn.functional", "pairwise_distance", pairwise_distance)


@operator("cosine_similarity(Tensor x1, Tensor x2, int dim, float eps)", namespace=None, opmath=True)
def _cosine(x1, x2, dim, eps):
    lengths = [(x * x).sum(dim, keepdim=True).sqrt().clamp_min(eps) for x in (x1, x2)]
    return ((x1 / lengths[0]) * (x2 / lengths[1])).sum(dim)


@_cosine.gradient
def _(grad, saved):
    x1, x2, dim = saved.x1, saved.x2, saved.dim
    norms = [(x * x).sum(dim, keepdim=True).sqrt() for x in (x1, x2)]
    lengths = [norm.clamp_min(saved.eps) for norm in norms]
    first, second = x1 / lengths[0], x2 / lengths[1]
    grad = grad.unsqueeze(dim)

    def side(own, other, norm, length):
        # A length at the lower bound is a constant.
        along = where(norm > saved.eps, (grad * own * other).sum(dim, keepdim=True), 0.0)
        return (grad * other - own * along) / length

    return side(first, second, norms[0], lengths[0]), side(second, first, norms[1], lengths[1])


@function()
def cosine_similarity(x1, x2, dim: int = 1, eps: float = 1e-8):
    """``x1 . x2 / (max(|x1|, eps) max(|x2|, eps))`` along ``dim``; shapes broadcast, dtypes are promoted."""
    dtype = result_type_of((x1, x2))
    if dtype.category < 2:
        raise RuntimeError(f"cosine_similarity: expected common dtype to be floating point, yet common dtype is {dtype.name}")
    if dtype.is_complex:
        raise refusal("cosine_similarity", dtype, "c")
    shape = broadcast_shapes(x1.shape, x2.shape)
    first, second = (x.to(dtype).expand(shape) for x in (x1, x2))
    return _cosine(first, second, wrap_dim(dim, len(shape)), float(eps)) if count(shape) else (first * second).sum(dim)


export("nn.functional", "cosine_similarity", cosine_similarity)
