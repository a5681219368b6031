"""Where resized images take their values from: along each dimension, an output is a weighted sum of a few inputs (taps)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Resample(NamedTuple):
    """How the last ``len(sizes)`` dimensions are resized: ``kind`` is nearest, nearest-exact, linear, cubic or lanczos.

    ``scales`` are factors given by the user (None: the ratio of the sizes). With ``antialias`` the kernel is as wide as the step.
    ``backward``: the gradient of this, from ``sizes`` to those of the result.
    """

    kind: str
    sizes: tuple[int, ...]
    align_corners: bool
    scales: tuple[float | None, ...]
    antialias: bool = False
    backward: bool = False


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
