"""Resizing images, signals and volumes: ``interpolate`` and ``upsample``."""

from __future__ import annotations

import math
import warnings

from ..compiler.reference import widen
from ..compiler.resampling import Resample
from ..lazy.spec import dense
from ..tensor import Tensor
from .elementwise import refusal
from .memory_order import keeps_order
from .operator import Operator, publish
from .registry import NAMESPACES, function
from .resampling_kernels import resample, resample_gradient
from .schema import argument


def _infer(op, specs, values):
    (spec,), plan = specs, values[1]
    return (dense((*spec.shape[:2], *plan.sizes), spec.dtype, spec.device),), plan


def _reference(code, arrays, numbers):
    return (resample(widen(arrays[0], code.inputs[0].dtype), code.extra),)


def _infer_gradient(op, specs, values):
    (spec,), (_, plan, sizes) = specs, values
    return (dense((*spec.shape[:2], *sizes), spec.dtype, spec.device),), plan._replace(backward=True)


def _reference_gradient(code, arrays, numbers):
    return (resample_gradient(widen(arrays[0], code.inputs[0].dtype), code.extra, tuple(code.outputs[0].shape[2:])),)


_resample = publish(Operator("upsample(Tensor input, any plan)", infer=_infer, reference=_reference), namespace=None).function
_spread = publish(Operator("upsample_backward(Tensor grad, any plan, any sizes)", infer=_infer_gradient, reference=_reference_gradient),
                  namespace=None).function


@_resample.gradient
def _(grad, saved):
    return _spread(grad, saved.plan, tuple(saved.input.shape[2:]))


@_spread.gradient
def _(grad, saved):
    return _resample(grad, saved.plan)


_resample, _spread = keeps_order(_resample), keeps_order(_spread)

_MODES = ("nearest", "linear", "bilinear", "bicubic", "trilinear", "lanczos", "area", "nearest-exact")
_RANK = {"linear": 3, "bilinear": 4, "bicubic": 4, "trilinear": 5}
_KIND = {"linear": "linear", "bilinear": "linear", "trilinear": "linear", "bicubic": "cubic"}
_ANTIALIASED = ("bilinear", "bicubic", "lanczos")


def _sizes(input: Tensor, size, scale_factor) -> tuple[tuple[int, ...], list | None]:
    """The sizes of the result, and the factors where they were given."""
    n = input.ndim - 2
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is None and scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    if size is not None:
        given = argument("interpolate", "size", "int[]", size)
        given = given if isinstance(size, (tuple, list)) else given * n
        if len(given) != n:
            raise ValueError("Input and output must have the same number of spatial dimensions, but got input with spatial dimensions of "
                             f"{list(input.shape[2:])} and output size of {size}. Please provide input tensor in (N, C, d1, d2, ...,dK) "
                             "format and output size in (o1, o2, ...,oK) format.")
        return given, None
    factors = [float(f) for f in scale_factor] if isinstance(scale_factor, (tuple, list)) else [float(scale_factor)] * n
    if len(factors) != n:
        raise ValueError("Input and scale_factor must have the same number of spatial dimensions, but got input with spatial dimensions of "
                         f"{list(input.shape[2:])} and scale_factor of shape {scale_factor}. Please provide input tensor in "
                         "(N, C, d1, d2, ...,dK) format and scale_factor in (s1, s2, ...,sK) format.")
    return tuple(math.floor(s * f) for s, f in zip(input.shape[2:], factors)), factors


def _check(input: Tensor, mode: str, align_corners, antialias: bool) -> None:
    if antialias and (mode not in _ANTIALIASED or input.ndim != 4):
        raise ValueError("Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires a 4-D tensor as input, "
                         f"got mode {mode} and {input.ndim}-D")
    if mode not in _MODES or input.ndim not in ((4,) if mode == "lanczos" else (3, 4, 5)):
        raise NotImplementedError(f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {input.ndim}D) for the modes: "
                                  f"{' | '.join(_MODES)} (got {mode})")
    if mode in _RANK and input.ndim != _RANK[mode]:
        raise NotImplementedError(f"Got {input.ndim}D input, but {mode} mode needs {_RANK[mode]}D input")
    if mode == "lanczos" and input.ndim == 4:
        _check_lanczos(align_corners, antialias)


def _check_lanczos(align_corners, antialias: bool) -> None:
    if not antialias:
        raise ValueError("Lanczos mode requires antialias=True")
    if align_corners:
        raise ValueError("Lanczos mode does not support align_corners=True")


@function("nn.functional")
def interpolate(input, size=None, scale_factor=None, mode: str = "nearest", align_corners: bool | None = None, recompute_scale_factor=None,
                antialias: bool = False):
    """Resize the last one to three dimensions of ``input (batch, channels, ...)`` to ``size``, or by ``scale_factor``.

    ``mode``: nearest (as old programs round), nearest-exact, linear, bilinear, bicubic, trilinear or area (means of regions).
    ``align_corners`` maps the centres of corner elements onto each other. ``recompute_scale_factor`` uses the ratio of the sizes
    instead of the factor given. ``antialias`` (bilinear, bicubic and lanczos, which asks for it) takes all inputs between two outputs into
    account, as Pillow does: float32, float64 and uint8 of 4 dimensions.
    """
    if mode in ("nearest", "area", "nearest-exact") and align_corners is not None:
        raise ValueError("align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear")
    sizes, factors = _sizes(input, size, scale_factor)
    _check(input, mode, align_corners, antialias)
    if recompute_scale_factor and size is not None:
        raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
    if mode == "area":
        return NAMESPACES["nn.functional"][f"adaptive_avg_pool{input.ndim - 2}d"](input, sizes)
    if min(sizes) <= 0 or 0 in input.shape[1:]:
        raise RuntimeError(f"Input and output sizes should be greater than 0, but got input {list(input.shape[2:])} output {list(sizes)}")
    if input.dtype.category != 2 and input.dtype.name != "uint8":
        raise refusal(f"upsample_{mode}{input.ndim - 2}d", input.dtype, "bic")
    if antialias and input.dtype.name in ("float16", "bfloat16"):
        raise refusal("compute_index_ranges_weights", input.dtype, "bic")
    scales = (None,) * len(sizes) if factors is None or recompute_scale_factor else tuple(factors)
    return _resample(input, Resample(_KIND.get(mode, mode), sizes, bool(align_corners), scales, bool(antialias)))


@function("nn.functional")
def upsample(input, size=None, scale_factor=None, mode: str = "nearest", align_corners: bool | None = None):
    """``interpolate`` under its old name."""
    warnings.warn("`nn.functional.upsample` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=3)
    return interpolate(input, size, scale_factor, mode, align_corners)


@function("nn.functional")
def upsample_nearest(input, size=None, scale_factor=None):
    """``interpolate`` with mode nearest, under its old name."""
    warnings.warn("`nn.functional.upsample_nearest` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=3)
    return interpolate(input, size, scale_factor, mode="nearest")


@function("nn.functional")
def upsample_bilinear(input, size=None, scale_factor=None):
    """``interpolate`` with mode bilinear and aligned corners, under its old name."""
    warnings.warn("`nn.functional.upsample_bilinear` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=3)
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)
