"""Sampling images at given points: ``affine_grid`` and ``grid_sample``."""

from __future__ import annotations

import math
from itertools import product

from ..compiler.resampling import cubic_weights
from ..lazy.spec import count
from ..runtime.warning import warn_once
from ..tensor import Tensor
from .operator import operator
from .positions import positions
from .registry import function
from .reshaping import reshaped
from .selection import where


def _line(size: int, align_corners: bool, dtype) -> Tensor:
    """Centres of ``size`` pixels between -1 and 1."""
    if size == 1:
        return positions(1).to(dtype)
    if align_corners:
        return positions(size).to(dtype) * (2.0 / (size - 1)) - 1.0
    return (positions(size).to(dtype) * 2.0 + (1.0 - size)) / size


def _warn_of_default(align_corners) -> None:
    if align_corners is None:
        warn_once("grid_sample and affine_grid take align_corners=False where it is left out, since 1.3.0. Pass align_corners=True for "
                  "what they did before.")


@function("nn.functional")
def affine_grid(theta, size, align_corners=None):
    """Points for ``grid_sample`` from matrices ``theta (batch, 2, 3)`` or ``(batch, 3, 4)``: ``(batch, *sizes, 2 or 3)``.

    ``size`` is the shape ``(batch, channels, ...)`` of the image that will be sampled.
    """
    size = tuple(int(s) for s in size)
    n = len(size) - 2
    _warn_of_default(align_corners)
    if theta.dtype.category != 2:
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    if n not in (2, 3):
        raise NotImplementedError("affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. "
                                  f"Got size {size}.")
    if theta.ndim != 3 or tuple(theta.shape[-2:]) != (n, n + 1):
        raise ValueError(f"Expected a batch of {n}D affine matrices of shape Nx{n}x{n + 1} for size {size}. Got {theta.shape}.")
    if min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {size}")
    lines = [_line(s, bool(align_corners), theta.dtype) for s in size[2:]]
    matrix = theta.transpose(1, 2)
    # The last dimension of the image is the first coordinate.
    result = matrix[:, n].reshape((theta.shape[0], *[1] * n, n))
    for i, line in enumerate(reversed(lines)):
        row = matrix[:, i].reshape((theta.shape[0], *[1] * n, n))
        result = result + line.reshape([-1 if d == n - 1 - i else 1 for d in range(n)] + [1]) * row
    return result.expand((theta.shape[0], *size[2:], n))


@function()
def affine_grid_generator(theta, size, align_corners):
    """``nn.functional.affine_grid`` under its name in ``torch``."""
    return affine_grid(theta, size, align_corners)


_MODES = ("bilinear", "nearest", "bicubic")
_PADDINGS = ("zeros", "border", "reflection")


def _to_pixels(x: Tensor, size: int, align_corners: bool) -> Tensor:
    return (x + 1.0) * ((size - 1) / 2.0) if align_corners else ((x + 1.0) * size - 1.0) / 2.0


def _reflected(x: Tensor, low: float, high: float) -> Tensor:
    """``x`` folded into ``low .. high`` as by mirrors at both ends (given doubled, so that they are whole)."""
    if low == high:
        return x * 0
    low, span = low / 2, (high - low) / 2
    x = (x - low).abs()
    turns = (x / span).floor().detach()
    rest = x - turns * span
    return where(turns % 2 == 0, rest + low, span - rest + low)


def _bounded(x: Tensor, size: int, padding_mode: str, align_corners: bool) -> Tensor:
    """Coordinates brought inside, as ``padding_mode`` says."""
    if padding_mode == "reflection":
        x = _reflected(x, 0, 2 * (size - 1)) if align_corners else _reflected(x, -1, 2 * size - 1)
    return x.clamp(0, size - 1) if padding_mode != "zeros" else x


def _pick(planes: Tensor, places: list[Tensor], sizes) -> Tensor:
    """The elements at whole coordinates, zero outside: ``planes (batch, channels, elements)``, places ``(batch, points)``."""
    inside, flat = None, None
    for place, size in zip(places, sizes):
        here = (place >= 0) & (place <= size - 1)
        inside = here if inside is None else inside & here
        # NaN and infinities are outside; they must still name an element.
        whole = where(here, place, 0.0).detach().long()
        flat = whole if flat is None else flat * size + whole
    index = flat.unsqueeze(1).expand((flat.shape[0], planes.shape[1], flat.shape[1]))
    return where(inside.unsqueeze(1), planes.gather(2, index), 0.0)


def _nearest(planes: Tensor, coordinates: list[Tensor], sizes) -> Tensor:
    # The points take part so that their gradient is zero rather than missing.
    nothing = where((coordinates[0] < 0) & (coordinates[0] >= 0), sum(coordinates), 0.0)
    return _pick(planes, [c.round() for c in coordinates], sizes) + nothing.unsqueeze(1)


def _linear(planes: Tensor, coordinates: list[Tensor], sizes) -> Tensor:
    floors = [c.floor().detach() for c in coordinates]
    total = None
    for corner in product((0, 1), repeat=len(sizes)):
        places = [f + k for f, k in zip(floors, corner)]
        weight = None
        for c, f, k in zip(coordinates, floors, corner):
            share = c - f if k else f + 1.0 - c
            weight = share if weight is None else weight * share
        term = _pick(planes, places, sizes) * weight.unsqueeze(1)
        total = term if total is None else total + term
    return total


def _cubic(planes: Tensor, coordinates: list[Tensor], sizes, padding_mode: str, align_corners: bool) -> Tensor:
    floors = [c.floor().detach() for c in coordinates]
    weights = [cubic_weights(c - f) for c, f in zip(coordinates, floors)]
    total = None
    for corner in product(range(4), repeat=2):
        places = [_bounded(f + (k - 1), size, padding_mode, align_corners) for f, k, size in zip(floors, corner, sizes)]
        weight = weights[0][corner[0]] * weights[1][corner[1]]
        term = _pick(planes, places, sizes) * weight.unsqueeze(1)
        total = term if total is None else total + term
    return total


def _check_sampling(input: Tensor, grid: Tensor) -> None:
    if input.dtype is not grid.dtype:
        raise RuntimeError(f"grid_sampler(): expected input and grid to have same dtype, but input has {input.dtype} "
                           f"and grid has {grid.dtype}")
    if input.ndim not in (4, 5) or grid.ndim != input.ndim:
        raise RuntimeError("grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, but got input with sizes "
                           f"{list(input.shape)} and grid with sizes {list(grid.shape)}")
    if input.shape[0] != grid.shape[0]:
        raise RuntimeError(f"grid_sampler(): expected grid and input to have same batch size, but got input with sizes "
                           f"{list(input.shape)} and grid with sizes {list(grid.shape)}")
    if grid.shape[-1] != input.ndim - 2:
        raise RuntimeError(f"grid_sampler(): expected grid to have size {input.ndim - 2} in last dimension, but got grid with sizes "
                           f"{list(grid.shape)}")
    if 0 in input.shape[2:]:
        raise RuntimeError(f"grid_sampler(): expected input to have non-empty spatial dimensions, but input has sizes {list(input.shape)}")


@operator("grid_sample(Tensor input, Tensor grid, str mode='bilinear', str padding_mode='zeros', any align_corners=None)",
          namespace="nn.functional")
def grid_sample(input, grid, mode, padding_mode, align_corners):
    """``input (batch, channels, *sizes)`` at the points of ``grid (batch, *points, 2 or 3)``, whose coordinates go from -1 to 1, last
    dimension first.

    ``mode`` is bilinear, nearest or bicubic (images only); outside the image ``padding_mode`` zeros, border or reflection counts.
    """
    if mode not in _MODES:
        raise ValueError(f"nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: '{mode}'")
    if padding_mode not in _PADDINGS:
        raise ValueError("nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', but got: "
                         f"'{padding_mode}'")
    _check_sampling(input, grid)
    _warn_of_default(align_corners)
    sizes = tuple(input.shape[2:])
    if mode == "bicubic" and len(sizes) != 2:
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")
    align = bool(align_corners)
    points = reshaped(grid, (grid.shape[0], math.prod(grid.shape[1:-1]), len(sizes)))
    coordinates = [_to_pixels(points[..., len(sizes) - 1 - d], size, align) for d, size in enumerate(sizes)]
    planes = reshaped(input, (*input.shape[:2], count(sizes)))
    if mode == "bicubic":
        result = _cubic(planes, coordinates, sizes, padding_mode, align)
    else:
        coordinates = [_bounded(c, size, padding_mode, align) for c, size in zip(coordinates, sizes)]
        result = _nearest(planes, coordinates, sizes) if mode == "nearest" else _linear(planes, coordinates, sizes)
    return reshaped(result, (*input.shape[:2], *grid.shape[1:-1]))


_NAMED = {0: "bilinear", 1: "nearest", 2: "bicubic"}


@function(aliases=("grid_sampler_2d", "grid_sampler_3d"))
def grid_sampler(input, grid, interpolation_mode: int, padding_mode: int, align_corners: bool):
    """``grid_sample`` with modes given by number: 0 bilinear, 1 nearest, 2 bicubic; 0 zeros, 1 border, 2 reflection."""
    return grid_sample(input, grid, _NAMED[interpolation_mode], _PADDINGS[padding_mode], align_corners)
