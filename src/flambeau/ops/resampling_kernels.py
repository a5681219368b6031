"""Interpolation on NumPy arrays: along each dimension, every output is a weighted sum of a few inputs (taps)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Resample(NamedTuple):
    """How the last ``len(sizes)`` dimensions are resized: ``kind`` is nearest, nearest-exact, linear, cubic or lanczos.

    ``scales`` are factors given by the user (None: the ratio of the sizes). With ``antialias`` the kernel is as wide as the step.
    """

    kind: str
    sizes: tuple[int, ...]
    align_corners: bool
    scales: tuple[float | None, ...]
    antialias: bool = False


def _step(size: int, outputs: int, align_corners: bool, scale: float | None, kind):
    """Inputs per output."""
    if align_corners:
        return kind((size - 1) / (outputs - 1)) if outputs > 1 else kind(0)
    return kind(1.0 / scale) if scale is not None and scale > 0 else kind(size) / kind(outputs)


def taps(plan: Resample, axis: int, size: int, kind) -> tuple[np.ndarray, np.ndarray | None]:
    """Indices and weights ``(taps, outputs)`` along one dimension; no weights for nearest, index -1 for a tap that is not there."""
    outputs, scale = plan.sizes[axis], plan.scales[axis]
    if plan.kind.startswith("nearest"):
        place = np.arange(outputs, dtype=np.float32) + np.float32(0.5 if plan.kind == "nearest-exact" else 0)
        index = np.floor(place * _step(size, outputs, False, scale, np.float32)).astype(np.int64)
        return np.minimum(index, size - 1)[None], None
    step = _step(size, outputs, plan.align_corners, scale, kind)
    place = np.arange(outputs, dtype=kind)
    if plan.antialias:
        return _wide_taps(plan.kind, (place + kind(0.5)) * step, step, size)
    place = place * step if plan.align_corners else (place + kind(0.5)) * step - kind(0.5)
    if plan.kind == "linear":
        return _linear_taps(np.maximum(place, 0), size)
    return _cubic_taps(place, size)


def _linear_taps(place: np.ndarray, size: int):
    first = np.minimum(np.floor(place).astype(np.int64), size - 1)
    share = np.clip(place - first, 0, 1).astype(place.dtype)
    return np.stack([first, np.minimum(first + 1, size - 1)]), np.stack([1 - share, share])


_A = -0.75  # the cubic convolution kernel of Keys (1981), with the parameter of most image libraries


def cubic_weights(t: np.ndarray) -> list[np.ndarray]:
    """Weights of the four neighbours of a point ``t`` after the second."""

    def near(x):
        return ((_A + 2) * x - (_A + 3)) * x * x + 1

    def far(x):
        return ((_A * x - 5 * _A) * x + 8 * _A) * x - 4 * _A

    return [far(t + 1), near(t), near(1 - t), far(2 - t)]


def _cubic_taps(place: np.ndarray, size: int):
    first = np.floor(place)
    index = np.stack([np.clip(first.astype(np.int64) + k, 0, size - 1) for k in (-1, 0, 1, 2)])
    return index, np.stack(cubic_weights(place - first)).astype(place.dtype)


def _triangle(x: np.ndarray) -> np.ndarray:
    return np.maximum(1 - x, 0)


def _smooth_cubic(x: np.ndarray) -> np.ndarray:
    """Keys' kernel with his own parameter, -1/2, as Pillow has it."""
    near, far = (1.5 * x - 2.5) * x * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def _lanczos(x: np.ndarray) -> np.ndarray:
    return np.where(x < 3, np.sinc(x) * np.sinc(x / 3), 0)


_KERNELS = {"linear": (_triangle, 1), "cubic": (_smooth_cubic, 2), "lanczos": (_lanczos, 3)}


def _wide_taps(kind: str, centre: np.ndarray, step, size: int):
    """Taps of a kernel that is stretched to the distance of outputs, so that no input is passed over (as Pillow resizes)."""
    kernel, radius = _KERNELS[kind]
    stretch = max(step, step.dtype.type(1))
    reach = radius * stretch
    first = np.maximum(np.trunc(centre - reach + 0.5).astype(np.int64), 0)
    last = np.minimum(np.trunc(centre + reach + 0.5).astype(np.int64), size)
    index = first + np.arange((last - first).max())[:, None]
    weights = kernel(np.abs((index - centre + 0.5).astype(centre.dtype) / stretch)).astype(centre.dtype)
    absent = index >= last
    weights[absent] = 0
    index[absent] = -1
    return index, weights / weights.sum(0)


def _take(x: np.ndarray, index: np.ndarray, dim: int) -> np.ndarray:
    """``x`` at ``index``, 0 where it is -1."""
    taken = np.take(x, index, dim)
    if index.min() < 0:
        np.moveaxis(taken, dim, 0)[index < 0] = 0
    return taken


def resample(x: np.ndarray, plan: Resample) -> np.ndarray:
    """``x`` resized along its last dimensions."""
    kind = x.dtype.type if x.dtype.kind == "f" else np.float64
    for axis in reversed(range(len(plan.sizes))):
        where = x.ndim - len(plan.sizes) + axis
        if plan.antialias and x.shape[where] == plan.sizes[axis]:  # whatever factor was given
            continue
        index, weights = taps(plan, axis, x.shape[where], kind)
        if weights is None:
            x = np.take(x, index[0], where)
            continue
        combine = _weighted if x.dtype.kind == "f" else _weighted_bytes
        x = combine([_take(x, i, where) for i in index], weights.reshape(len(index), *[-1 if d == where else 1 for d in range(x.ndim)]))
    return x


def _weighted(pieces, weights) -> np.ndarray:
    return sum(piece * w for piece, w in zip(pieces, weights))


def _weighted_bytes(pieces, weights) -> np.ndarray:
    """The weighted sum of uint8 arrays with 16-bit fixed-point weights, rounded after each dimension as PyTorch does."""
    bits = next((n for n in range(22) if int(0.5 + weights.max() * 2 ** (n + 1)) >= 1 << 15), 22)
    fixed = np.trunc(weights * 2 ** bits + np.copysign(0.5, weights)).astype(np.int64)
    total = _weighted([piece.astype(np.int64) for piece in pieces], fixed)
    return np.clip((total + (1 << (bits - 1))) >> bits, 0, 255).astype(np.uint8)


def resample_gradient(grad: np.ndarray, plan: Resample, sizes) -> np.ndarray:
    """The gradient of ``resample`` with respect to an input of ``sizes``."""
    for axis, size in enumerate(sizes):
        where = grad.ndim - len(sizes) + axis
        if plan.antialias and size == plan.sizes[axis]:
            continue
        index, weights = taps(plan, axis, size, grad.dtype.type)
        total = np.zeros((*grad.shape[:where], size, *grad.shape[where + 1 :]), grad.dtype)
        for k, i in enumerate(index):
            share = grad if weights is None else grad * weights[k].reshape(-1, *[1] * (grad.ndim - 1 - where))
            present = i >= 0
            if not present.all():
                i, share = i[present], np.compress(present, share, where)
            _add(total, where, i, share)
        grad = total
    return grad


def _add(total: np.ndarray, dim: int, index: np.ndarray, values: np.ndarray) -> None:
    """Add ``values`` to ``total`` at the positions ``index`` of a dimension."""
    from ..lazy.run import NUMPY_ONLY
    from .scattering import writing

    if NUMPY_ONLY or not writing().write(total, (dim,), dim, [index], values, "add"):
        np.add.at(total, (slice(None),) * dim + (index,), values)


