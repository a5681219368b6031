"""Fractional max pooling: the largest values of windows at random places (Graham, https://arxiv.org/abs/1412.6071)."""

from __future__ import annotations

import math

import numpy as np

from .. import dtypes
from ..tensor import Tensor
from .elementwise import refusal
from .operator import operator
from .pooling import batched
from .positions import positions
from .random import rand
from .reductions import HALVES
from .registry import function
from .reshaping import reshaped
from .selection import where


def _starts(samples: Tensor, size: int, out: int, kernel: int) -> Tensor:
    """Where the windows begin along one dimension, for each sample and channel: ``(N, C, out)``.

    A random shift ``u`` gives the steps ``floor((i + u) * alpha) - floor(u * alpha)``; the last window ends at the border.
    """
    number = np.float64 if samples.dtype is dtypes.float64 else np.float32
    alpha = float(number(size - kernel) / number(max(out - 1, 1)))
    shift = samples.unsqueeze(-1)
    order = positions(out)
    starts = ((order.to(samples.dtype) + shift) * alpha).to(dtypes.int64) - (shift * alpha).to(dtypes.int64)
    return where(order == out - 1, size - kernel, starts)


def _window_positions(samples: Tensor, sizes, outs, kernels) -> Tensor:
    """The flat position in a plane of each element of each window: ``(N, C, prod(outs), prod(kernels))``."""
    n = len(sizes)
    # PyTorch's samples for planes say width before height; for volumes they follow the dimensions.
    order = (1, 0) if n == 2 else range(n)
    places = None
    for d, sample in enumerate(order):
        starts = _starts(samples[..., sample], sizes[d], outs[d], kernels[d])
        along = starts.unsqueeze(-1) + positions(kernels[d])
        shape = [*samples.shape[:2], *[1] * (2 * n)]
        shape[2 + d], shape[2 + n + d] = outs[d], kernels[d]
        along = reshaped(along, tuple(shape))
        places = along if places is None else places * sizes[d] + along
    return reshaped(places, (*samples.shape[:2], math.prod(outs), math.prod(kernels)))


@operator("fractional_max_pool(Tensor input, Tensor samples, any kernels, any outs)", namespace=None)
def _pooled(input, samples, kernels, outs):
    """The largest values of the windows, and where in the plane they lie: ``(N, C, prod(outs))``."""
    samples = samples.to(dtypes.float32) if samples.dtype in HALVES else samples
    places = _window_positions(samples, input.shape[2:], outs, kernels)
    flat = reshaped(places, (*places.shape[:2], places.shape[2] * places.shape[3]))
    planes = reshaped(input, (*input.shape[:2], math.prod(input.shape[2:])))
    values, best = reshaped(planes.gather(2, flat), tuple(places.shape)).max(3)
    return values, places.gather(3, best.unsqueeze(3)).squeeze(3)


def _output_sizes(name: str, n: int, x: Tensor, output_size, output_ratio) -> tuple[int, ...]:
    if output_size is None and output_ratio is None:
        raise ValueError(f"{name} requires specifying either an output_size or an output_ratio")
    if output_size is not None:
        return _several(output_size, n)
    if len(_several(output_ratio, n)) != n:
        raise ValueError(f"{name}: output_ratio must have {n} values")
    return tuple(int(size * ratio) for size, ratio in zip(x.shape[2:], _several(output_ratio, n)))


def _several(value, n: int) -> tuple:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,) * n


def _pool(name: str, n: int, input, kernel_size, output_size, output_ratio, samples):
    x = batched(name, input, n)
    if x.dtype.category != 2:
        raise refusal(name, x.dtype, "bic")
    kernels = _several(kernel_size, n)
    outs = _output_sizes(name, n, x, output_size, output_ratio)
    for size, out, kernel in zip(x.shape[2:], outs, kernels):
        if out + kernel - 1 > size:
            raise RuntimeError(f"{name}(): pool size {kernel} too large relative to input size {size} for {out} outputs")
    if samples is None:
        samples = rand(x.shape[0], x.shape[1], n, dtype=x.dtype)
    if samples.dtype != x.dtype or tuple(samples.shape) != (x.shape[0], x.shape[1], n):
        raise RuntimeError(f"{name}: expected _random_samples of shape {(*x.shape[:2], n)} and {x.dtype}, got "
                           f"{tuple(samples.shape)} and {samples.dtype}")
    values, indices = _pooled(x, samples, kernels, outs)
    shape = (*(x.shape[:2] if input.ndim == n + 2 else x.shape[1:2]), *outs)
    return reshaped(values, shape), reshaped(indices, shape)


def _family(n: int) -> None:
    name = f"fractional_max_pool{n}d"
    doc = f"""The largest values of windows of ``kernel_size`` at random places over the last {n} dimensions.

    As many as ``output_size`` says, or the sizes times ``output_ratio``. With ``return_indices`` also the flat positions in the
    plane. ``_random_samples`` ``(N, C, {n})`` in [0, 1) places the windows, drawn unless given.
    """

    def pool(input, kernel_size, output_size=None, output_ratio=None, return_indices: bool = False, _random_samples=None):
        both = _pool(name, n, input, kernel_size, output_size, output_ratio, _random_samples)
        return both if return_indices else both[0]

    def with_indices(input, kernel_size, output_size=None, output_ratio=None, return_indices: bool = False, _random_samples=None):
        return _pool(name, n, input, kernel_size, output_size, output_ratio, _random_samples)

    for body, exported in ((pool, name), (with_indices, name + "_with_indices")):
        body.__name__, body.__doc__ = exported, doc
        function("nn.functional")(body)


_family(2)
_family(3)
