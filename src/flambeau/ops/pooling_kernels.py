"""Pooling on NumPy arrays ``(batch, channels, *sizes)``: one pass over all outputs for every place in the window."""

from __future__ import annotations

import math
from itertools import product

import numpy as np

from .convolution_kernels import padded


def _lowest(kind: np.dtype):
    return -np.inf if kind.kind == "f" else np.iinfo(kind).min


def _covered(place, dilation, outputs, stride) -> tuple[slice, ...]:
    """The inputs that all windows have at ``place``."""
    return tuple(slice(i * d, i * d + (n - 1) * s + 1, s) for i, d, n, s in zip(place, dilation, outputs, stride))


def _reach(plan, outputs, sizes) -> tuple[tuple[int, int], ...]:
    """The padding that all windows need, as some may reach beyond that of the plan."""
    ends = [(n - 1) * s + d * (k - 1) + 1 for n, s, d, k in zip(outputs, plan.stride, plan.dilation, plan.kernel)]
    return tuple((before, max(end - before - size, 0)) for (before, _), end, size in zip(plan.padding, ends, sizes))


def _along(vector: np.ndarray, axis: int, ndim: int) -> np.ndarray:
    return vector.reshape([-1 if i == axis else 1 for i in range(ndim)])


def max_pool(x: np.ndarray, plan, outputs) -> tuple[np.ndarray, np.ndarray]:
    """The largest value of each window and its flat position in the input plane; NaN is largest, the first of equals wins."""
    sizes = x.shape[2:]
    full = padded(x, _reach(plan, outputs, sizes), _lowest(x.dtype))
    starts = [np.arange(count) * s - before for count, s, (before, _) in zip(outputs, plan.stride, plan.padding)]
    # A window that has nothing larger than the lowest value points at its first place inside the input.
    inside = [np.where(start < 0, start + -(start // d) * d, start) for start, d in zip(starts, plan.dilation)]
    values = np.full((*x.shape[:2], *outputs), _lowest(x.dtype), x.dtype)
    indices = np.broadcast_to(_flat(inside, sizes), values.shape).copy()
    for place in product(*map(range, plan.kernel)):
        candidate = full[(..., *_covered(place, plan.dilation, outputs, plan.stride))]
        better = (candidate > values) | np.isnan(candidate) if x.dtype.kind == "f" else candidate > values
        position = _flat([start + i * d for start, i, d in zip(starts, place, plan.dilation)], sizes)
        np.copyto(values, candidate, where=better)
        np.copyto(indices, np.broadcast_to(position, indices.shape), where=better)
    return values, indices


def _flat(positions, sizes) -> np.ndarray:
    """Positions along each dimension as positions in a flattened plane."""
    n = len(sizes)
    return sum(_along(p * math.prod(sizes[i + 1:]), i, n) for i, p in enumerate(positions)).astype(np.int64)


def average_pool(x: np.ndarray, plan, outputs) -> np.ndarray:
    """The mean of each window, zeros outside the input."""
    full = padded(x, _reach(plan, outputs, x.shape[2:]))
    total = np.zeros((*x.shape[:2], *outputs), x.dtype)
    for place in product(*map(range, plan.kernel)):
        total += full[(..., *_covered(place, plan.dilation, outputs, plan.stride))]
    return _divided(total, _divisors(plan, outputs, x.shape[2:]))


def _divisors(plan, outputs, sizes):
    """What each window's sum is divided by."""
    if plan.divisor is not None:
        return plan.divisor
    counts = 1
    for axis, (count, k, s, (before, after), size) in enumerate(zip(outputs, plan.kernel, plan.stride, plan.padding, sizes)):
        start = np.arange(count) * s - before
        end = np.minimum(start + k, size + after)
        if not plan.count_padding:
            start, end = np.maximum(start, 0), np.minimum(end, size)
        counts = counts * _along(end - start, axis, len(outputs))
    return counts


def _divided(x: np.ndarray, divisors) -> np.ndarray:
    if x.dtype.kind in "iu":
        return np.trunc(x / divisors).astype(x.dtype)
    return x / np.asarray(divisors, x.dtype)


def average_pool_gradient(grad: np.ndarray, plan, sizes) -> np.ndarray:
    """Every window's gradient, divided as the mean was, added to all its inputs."""
    outputs = grad.shape[2:]
    grad = _divided(grad, _divisors(plan, outputs, sizes))
    reach = _reach(plan, outputs, sizes)
    total = np.zeros((*grad.shape[:2], *(n + before + after for n, (before, after) in zip(sizes, reach))), grad.dtype)
    for place in product(*map(range, plan.kernel)):
        total[(..., *_covered(place, plan.dilation, outputs, plan.stride))] += grad
    return total[(..., *(slice(before, before + n) for n, (before, _) in zip(sizes, reach)))]


def scatter_planes(values: np.ndarray, indices: np.ndarray, sizes) -> np.ndarray:
    """Planes of ``sizes`` with each value added at its flat position."""
    planes, plane = math.prod(values.shape[:2]), math.prod(sizes)
    flat = (indices.reshape(planes, math.prod(values.shape[2:])) + np.arange(planes)[:, None] * plane).ravel()
    total = np.bincount(flat, values.ravel(), minlength=planes * plane) if values.size else np.zeros(planes * plane)
    return total.astype(values.dtype).reshape(*values.shape[:2], *sizes)


def regions(size: int, outputs: int) -> list[tuple[int, int]]:
    """Where the inputs of each adaptive output begin and end: from floor(i n / m) to ceil((i + 1) n / m)."""
    return [(i * size // outputs, -(-(i + 1) * size // outputs)) for i in range(outputs)]


def adaptive_max_pool(x: np.ndarray, outputs) -> tuple[np.ndarray, np.ndarray]:
    """The largest value of each adaptive region and its flat position in the input plane."""
    sizes = x.shape[2:]
    values = np.empty((*x.shape[:2], *outputs), x.dtype)
    indices = np.empty(values.shape, np.int64)
    positions = np.arange(math.prod(sizes)).reshape(sizes)
    for cell in product(*(enumerate(regions(n, m)) for n, m in zip(sizes, outputs))):
        inside = tuple(slice(begin, end) for _, (begin, end) in cell)
        region = x[(..., *inside)].reshape(*x.shape[:2], math.prod(end - begin for _, (begin, end) in cell))
        best = _largest(region) if region.shape[-1] else np.zeros(region.shape[:2], np.int64)
        target = (..., *(i for i, _ in cell))
        values[target] = np.take_along_axis(region, best[..., None], -1)[..., 0]
        indices[target] = positions[inside].ravel()[best]
    return values, indices


def _largest(region: np.ndarray) -> np.ndarray:
    """The place of the largest number, the first of equals, or the last NaN."""
    nan = np.isnan(region)
    last = region.shape[-1] - 1 - np.argmax(nan[..., ::-1], axis=-1)
    return np.where(nan.any(-1), last, np.argmax(region, axis=-1))


def adaptive_average(x: np.ndarray, outputs) -> np.ndarray:
    """The mean of each adaptive region, one dimension after the other."""
    for axis, count in enumerate(outputs, start=2):
        x = np.moveaxis(x, axis, -1)
        x = np.stack([x[..., begin:end].mean(-1) for begin, end in regions(x.shape[-1], count)], -1)
        x = np.moveaxis(x, -1, axis)
    return x


def adaptive_average_gradient(grad: np.ndarray, sizes) -> np.ndarray:
    """The gradient of ``adaptive_average`` with respect to an input of ``sizes``."""
    for axis, size in enumerate(sizes, start=2):
        grad = np.moveaxis(grad, axis, -1)
        total = np.zeros((*grad.shape[:-1], size), grad.dtype)
        for i, (begin, end) in enumerate(regions(size, grad.shape[-1])):
            total[..., begin:end] += grad[..., i:i + 1] / grad.dtype.type(end - begin)
        grad = np.moveaxis(total, -1, axis)
    return grad
