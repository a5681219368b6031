"""Convolutions on NumPy arrays: columns of windows, and products of matrices with them.

Arrays are ``(batch, channels, *sizes)``; weights ``(out channels, channels / groups, *kernel)``. Columns are made for a few
batch entries at a time, so that they stay small.
"""

from __future__ import annotations

import math
from itertools import product

import numpy as np

from ..compiler.plans import Convolution

_COLUMN_BYTES = 1 << 25


def output_size(size: int, kernel: int, stride: int, padding: tuple[int, int], dilation: int) -> int:
    """How many windows fit along one dimension."""
    return (size + sum(padding) - dilation * (kernel - 1) - 1) // stride + 1


def padded(array: np.ndarray, padding, fill=0) -> np.ndarray:
    """``array`` with its last dimensions extended by ``fill``; a negative padding crops."""
    lead = array.ndim - len(padding)
    inside = [slice(max(-before, 0), size - max(-after, 0)) for size, (before, after) in zip(array.shape[lead:], padding)]
    array = array[(..., *inside)]
    widths = [(0, 0)] * lead + [(max(before, 0), max(after, 0)) for before, after in padding]
    return np.pad(array, widths, constant_values=fill) if any(map(any, widths)) else array


def windows(array: np.ndarray, kernel, stride, dilation) -> np.ndarray:
    """A view ``(batch, channels, *kernel, *outputs)`` of every window of a padded array."""
    steps = array.strides[2:]
    outputs = [output_size(n, k, s, (0, 0), d) for n, k, s, d in zip(array.shape[2:], kernel, stride, dilation)]
    strides = [st * d for st, d in zip(steps, dilation)] + [st * s for st, s in zip(steps, stride)]
    return np.lib.stride_tricks.as_strided(array, (*array.shape[:2], *kernel, *outputs), (*array.strides[:2], *strides))


def _chunks(batch: int, nbytes: int):
    """Slices of the batch whose columns (``nbytes`` an entry) stay within bounds."""
    step = max(1, _COLUMN_BYTES // max(nbytes, 1))
    return [slice(i, min(i + step, batch)) for i in range(0, batch, step)]


def _columns(array: np.ndarray, kernel, plan: Convolution) -> np.ndarray:
    """``(batch, groups, channels * kernel, outputs)`` of an unpadded array."""
    view = windows(padded(array, plan.padding), kernel, plan.stride, plan.dilation)
    rows = array.shape[1] // plan.groups * math.prod(kernel)
    return view.reshape(array.shape[0], plan.groups, rows, math.prod(view.shape[2 + len(kernel):]))


def _grouped_weight(weight: np.ndarray, groups: int) -> np.ndarray:
    """``(groups, out channels, channels * kernel)``."""
    return np.ascontiguousarray(weight).reshape(groups, weight.shape[0] // groups, math.prod(weight.shape[1:]))


def _column_bytes(channels: int, kernel, outputs, itemsize: int) -> int:
    return channels * math.prod(kernel) * math.prod(outputs) * itemsize


def convolve(x: np.ndarray, weight: np.ndarray, plan: Convolution, shape) -> np.ndarray:
    """The output, of ``shape``."""
    kernel, outputs = weight.shape[2:], shape[2:]
    result = np.empty(shape, x.dtype)
    matrix = _grouped_weight(weight, plan.groups)
    for part in _chunks(shape[0], _column_bytes(x.shape[1], kernel, outputs, x.itemsize)):
        result[part] = np.matmul(matrix, _columns(x[part], kernel, plan)).reshape(-1, *shape[1:])
    return result


def input_gradient(grad: np.ndarray, weight: np.ndarray, plan: Convolution, shape) -> np.ndarray:
    """The gradient of the input, of ``shape``, for a gradient of the output."""
    kernel, outputs = weight.shape[2:], grad.shape[2:]
    result = np.empty(shape, grad.dtype)
    matrix = _grouped_weight(weight, plan.groups).swapaxes(1, 2)
    rows = grad.shape[1] // plan.groups
    for part in _chunks(shape[0], _column_bytes(shape[1], kernel, outputs, grad.itemsize)):
        piece = grad[part].reshape(-1, plan.groups, rows, math.prod(outputs))
        columns = np.matmul(matrix, piece).reshape(len(piece), shape[1], *kernel, *outputs)
        result[part] = _add_columns(columns, kernel, outputs, plan, shape[2:])
    return result


def _add_columns(columns: np.ndarray, kernel, outputs, plan: Convolution, sizes) -> np.ndarray:
    """Add every window's column back to where the window lay."""
    full = [n + max(before, 0) + max(after, 0) for n, (before, after) in zip(sizes, plan.padding)]
    total = np.zeros((*columns.shape[:2], *full), columns.dtype)
    for place in product(*map(range, kernel)):
        covered = [slice(i * d, i * d + (n - 1) * s + 1, s) for i, d, n, s in zip(place, plan.dilation, outputs, plan.stride)]
        total[(..., *covered)] += columns[(slice(None), slice(None), *place)]
    return total[(..., *(slice(max(before, 0), max(before, 0) + n) for n, (before, _) in zip(sizes, plan.padding)))]


def weight_gradient(grad: np.ndarray, x: np.ndarray, plan: Convolution, shape) -> np.ndarray:
    """The gradient of the weight, of ``shape``, for a gradient of the output."""
    kernel, outputs = shape[2:], grad.shape[2:]
    total = np.zeros((plan.groups, shape[0] // plan.groups, math.prod(shape[1:])), grad.dtype)
    rows = grad.shape[1] // plan.groups
    for part in _chunks(len(x), _column_bytes(x.shape[1], kernel, outputs, x.itemsize) + total.nbytes):
        piece = grad[part].reshape(-1, plan.groups, rows, math.prod(outputs))
        columns = _columns(x[part], kernel, plan)
        total += np.matmul(piece, columns.swapaxes(2, 3)).sum(0, dtype=total.dtype)
    return total.reshape(shape)


MEANINGS = {"output": convolve, "input": input_gradient, "weight": weight_gradient}
