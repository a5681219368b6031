"""Counting values in bins: ``histc``, ``histogram``, ``histogramdd``, ``bincount``. They look at their
input's values."""

from __future__ import annotations

import numpy as np

from .. import dtypes
from ..compiler.reference import narrow, widen
from ..tensor import Tensor, from_array
from .elementwise import refusal
from .overrides import write_out
from .registry import function
from .return_types import named_result


def _values(x: Tensor) -> np.ndarray:
    return widen(x.detach()._array(), x.dtype)


def _limits(name: str, values: np.ndarray, low: float, high: float, margin: float) -> tuple[float, float]:
    """The outer bin edges: those given, or the values' own; ``margin`` wider on each side when they meet."""
    if low == high and values.size:
        low, high = float(values.min()), float(values.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise RuntimeError(f"{name}(): range of [{low}, {high}] is not finite")
    if low > high:
        raise RuntimeError(f"{name}(): max must be larger than min")
    return (low - margin, high + margin) if low == high else (low, high)


def _given(range) -> tuple[float, float]:
    return (0.0, 0.0) if range is None else (float(range[0]), float(range[1]))


def _evenly(values: np.ndarray, bins: int, low: float, high: float, weights=None) -> np.ndarray:
    """How many values (or how much weight) fall into each of ``bins`` equal bins; the last one is closed."""
    inside = (values >= low) & (values <= high)
    kept = values[inside].astype(np.float64)
    index = np.minimum(((kept - low) * bins / (high - low)).astype(np.int64), bins - 1)
    return np.bincount(index, None if weights is None else weights[inside], minlength=bins)


@function(method=True)
def histc(input, bins: int = 100, min=0, max=0, *, out=None):
    """How many elements fall into each of ``bins`` equal bins from ``min`` to ``max`` (both 0: the extremes
    of ``input``)."""
    if bins <= 0:
        raise RuntimeError("bins must be > 0")
    if input.dtype.category in (0, 3):
        raise refusal("histogram_cpu", input.dtype, "bc")
    values = _values(input).reshape(-1)
    low, high = _limits("torch.histc", values, float(min), float(max), 1.0)
    result = from_array(narrow(_evenly(values, bins, low, high).astype(values.dtype), input.dtype), input.dtype)
    return result if out is None else write_out("histc", result, out)


_result = named_result("histogram", "hist", "bin_edges")


@function(method=True)
def histogram(input, bins, *, range=None, weight=None, density: bool = False, out=None):
    """Counts (or weights) in bins and the bins' edges, as ``return_types.histogram``.

    ``bins`` is a number of equal bins within ``range`` (default: the extremes), or a 1-dim tensor of
    increasing edges. ``density`` makes the integral one.
    """
    hist, edges = _histogram("histogram", input, bins, range, weight, density)
    result = _result((from_array(hist.astype(input.dtype.numpy), input.dtype), from_array(edges, input.dtype)))
    return result if out is None else write_out("histogram", result, out)


def _histogram(name: str, input, bins, range, weight, density: bool):
    if input.dtype.name not in ("float32", "float64"):
        raise refusal("histogram_cpu", input.dtype, "")
    if weight is not None and weight.dtype is not input.dtype:
        raise RuntimeError(
            f"torch.{name}(): if weight tensor is provided, input tensor and weight tensor must have the same dtype"
        )
    if weight is not None and weight.shape != input.shape:
        raise RuntimeError(
            f"torch.{name}(): if weight tensor is provided it should have the same shape as the input "
            "tensor excluding "
            "its innermost dimension"
        )
    values = _values(input).reshape(-1)
    weights = None if weight is None else _values(weight).reshape(-1).astype(np.float64)
    if isinstance(bins, Tensor):
        edges = _edges(name, input, bins, range)
        hist = _between(values, edges, weights)
    else:
        if bins <= 0:
            raise RuntimeError(f"torch.{name}(): bins must be > 0, but got {bins}")
        low, high = _limits(f"torch.{name}", values, *_given(range), 0.5)
        if range is None and not values.size:
            low, high = 0.0, 1.0
        edges = np.linspace(low, high, bins + 1).astype(values.dtype)
        hist = _evenly(values, bins, low, high, weights)
    hist = hist.astype(np.float64)
    return (hist / (hist.sum() * np.diff(edges)) if density else hist), edges


def _edges(name: str, input, bins, range) -> np.ndarray:
    if range is not None:
        raise TypeError(f"{name}() takes range only with a number of bins")
    if bins.ndim != 1 or not bins.numel():
        raise RuntimeError(
            f"torch.{name}(): bins tensor should have one dimension and at least one edge, but got "
            f"{bins.ndim} dimensions"
        )
    if bins.dtype is not input.dtype:
        raise RuntimeError(f"torch.{name}(): input tensor and bins tensors should have the same dtype")
    return _values(bins).copy()


def _places(values, edges) -> np.ndarray:
    """The bin of each value, -1 outside; the last bin is closed."""
    index = np.searchsorted(edges, values, side="right") - 1
    index[values == edges[-1]] = len(edges) - 2
    inside = (values >= edges[0]) & (values <= edges[-1]) & (len(edges) > 1)
    return np.where(inside, index, -1)


def _between(values, edges, weights) -> np.ndarray:
    index = _places(values, edges)
    inside = index >= 0
    return np.bincount(index[inside], None if weights is None else weights[inside], minlength=len(edges) - 1)[
        : len(edges) - 1
    ]


_dd_result = named_result("histogramdd", "hist", "bin_edges")


@function()
def histogramdd(input, bins, *, range=None, weight=None, density: bool = False, out=None):
    """The histogram of points: ``input`` ``(..., D)``, ``bins`` a number, a number for each of D, or D
    tensors of edges."""
    d = input.shape[-1] if input.ndim else 0
    if input.ndim < 2:
        raise RuntimeError(f"torch.histogramdd: input tensor should have at least 2 dimensions, but got {input.ndim}")
    bins = [bins] * d if isinstance(bins, int) else list(bins)
    if len(bins) != d:
        raise RuntimeError(
            f"torch.histogramdd: expected {d} sequences of bin edges for a {d}-dimensional histogram but "
            f"got {len(bins)}"
        )
    points = _values(input).reshape(-1, d)
    weights = None if weight is None else _values(weight).reshape(-1).astype(np.float64)
    edges = [
        _dd_edges(input, b, points[:, k], None if range is None else range[2 * k : 2 * k + 2])
        for k, b in enumerate(bins)
    ]
    hist = _counts(points, edges, weights)
    if density:
        hist = hist / hist.sum()
        for k, e in enumerate(edges):
            hist = hist / np.diff(e).reshape([-1 if j == k else 1 for j in np.arange(d)])
    return _dd_result(
        (
            from_array(hist.astype(input.dtype.numpy), input.dtype),
            tuple(from_array(e, input.dtype) for e in edges),
        )
    )


def _counts(points, edges, weights) -> np.ndarray:
    """How many points (or how much weight) fall into each cell of a grid."""
    shape = tuple(len(e) - 1 for e in edges)
    places = [_places(points[:, k], e) for k, e in enumerate(edges)]
    inside = np.logical_and.reduce([p >= 0 for p in places])
    hist = np.zeros(shape)
    np.add.at(hist, tuple(p[inside] for p in places), 1.0 if weights is None else weights[inside])
    return hist


def _dd_edges(input, bins, values, range) -> np.ndarray:
    if isinstance(bins, Tensor):
        return _edges("histogramdd", input, bins, None)
    if bins <= 0:
        raise RuntimeError(f"torch.histogramdd(): bins must be > 0, but got {bins}")
    low, high = _limits("torch.histogramdd", values, *_given(range), 0.5)
    if range is None and not values.size:
        low, high = 0.0, 1.0
    return np.linspace(low, high, bins + 1).astype(values.dtype)


@function(method=True)
def bincount(input, weights=None, minlength: int = 0):
    """How often each of the non-negative integers 0, 1, ... occurs in a 1-dim ``input``, or the sum of their
    ``weights``."""
    if input.dtype.category != 1:
        raise refusal("bincount_cpu", input.dtype, "bfc")
    if minlength < 0:
        raise RuntimeError("minlength should be >= 0")
    if input.ndim == 1 and not input.numel():
        kind = dtypes.int64 if weights is None else weights.dtype if weights.dtype is dtypes.float32 else dtypes.float64
        return from_array(np.zeros(minlength, kind.numpy), kind)
    if input.ndim != 1 or int(input._array().min()) < 0:
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    if weights is not None and weights.shape != input.shape:
        raise RuntimeError("weights should be 1-d and have the same length as input")
    counts = np.bincount(
        input._array().astype(np.int64), None if weights is None else _values(weights), minlength=minlength
    )
    if weights is None:
        return from_array(counts.astype(np.int64), dtypes.int64)
    kind = dtypes.float32 if weights.dtype is dtypes.float32 else dtypes.float64
    return from_array(counts.astype(kind.numpy), kind)
