"""Dropout: elements or whole channels set to zero at random, with PyTorch's masks for the same seed."""

from __future__ import annotations

import numpy as np

from .. import dtypes
from ..compiler.reference import narrow
from ..runtime import random
from ..runtime.warning import warn
from ..tensor import Tensor, from_array
from .operator import operator
from .random import drawn_like
from .registry import function


def _noise(input: Tensor, p: float, feature: bool = False) -> Tensor:
    """What dropout multiplies by: 0, or ``1 / (1 - p)``."""

    def draw(shape):
        return random.dropout_noise(random.default_generator, shape, p, input.dtype.name, feature)

    array = draw(tuple(input.shape)) if feature else drawn_like(input, draw)
    return from_array(np.asarray(narrow(array, input.dtype), order="C"), input.dtype)


def _check_probability(p: float, error=ValueError) -> None:
    if p < 0.0 or p > 1.0:
        raise error(f"dropout probability has to be between 0 and 1, but got {p}")


def _drop(input, p: float, train: bool, inplace: bool, feature: bool = False):
    if not train or p == 0 or not input.numel():
        return input
    noise = _noise(input, p, feature)
    return input.mul_(noise) if inplace else input * noise


def _torch_variants(name: str, feature: bool) -> None:
    def out_of_place(input, p: float, train: bool):
        _check_probability(p, RuntimeError)
        return _drop(input, p, train, False, feature)

    def in_place(input, p: float, train: bool):
        _check_probability(p, RuntimeError)
        return _drop(input, p, train, True, feature)

    out_of_place.__doc__ = (
        "``input`` with " + ("channels" if feature else "elements") + " dropped with probability ``p`` while training."
    )
    in_place.__doc__ = f"In-place form of ``{name}``."
    function(name=name)(out_of_place)
    function(name=name + "_")(in_place)


_torch_variants("dropout", False)
_torch_variants("feature_dropout", True)


@function("nn.functional")
def dropout(input, p: float = 0.5, training: bool = True, inplace: bool = False):
    """While training, elements are zero with probability ``p``, the others scaled by ``1 / (1 - p)``."""
    _check_probability(p)
    return _drop(input, p, training, inplace)


@function("nn.functional")
def dropout1d(input, p: float = 0.5, training: bool = True, inplace: bool = False):
    """While training, whole channels of ``(N, C, L)`` or ``(C, L)`` are zero with probability ``p``, the
    others scaled."""
    _check_probability(p)
    if input.ndim not in (2, 3):
        raise RuntimeError(
            f"dropout1d: Expected 2D or 3D input, but received a {input.ndim}D input. Note that dropout1d "
            "exists to provide "
            "channel-wise dropout on inputs with 1 spatial dimension, a channel dimension, and an optional "
            "batch dimension."
        )
    return _drop_channels(input, p, training, inplace, input.ndim == 3)


@function("nn.functional")
def dropout2d(input, p: float = 0.5, training: bool = True, inplace: bool = False):
    """While training, whole channels of ``(N, C, H, W)`` are zero with probability ``p``, the others scaled.

    As in PyTorch, the first two dimensions of a 3-dim input count as sample and channel.
    """
    _check_probability(p)
    if input.ndim not in (3, 4):
        warn(
            f"dropout2d: Received a {input.ndim}-D input to dropout2d, which is deprecated and will result "
            "in an error in a future "
            "release. To retain the behavior and silence this warning, please use dropout instead."
        )
    if input.ndim == 3:
        warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout behavior "
            "is desired - input "
            "is interpreted as shape (N, C, L)."
        )
    return _drop_channels(input, p, training, inplace, True)


@function("nn.functional")
def dropout3d(input, p: float = 0.5, training: bool = True, inplace: bool = False):
    """While training, whole channels of ``(N, C, D, H, W)`` or ``(C, D, H, W)`` are zero with probability
    ``p``, the others scaled."""
    _check_probability(p)
    if input.ndim not in (4, 5):
        warn(
            f"dropout3d: Received a {input.ndim}-D input to dropout3d, which is deprecated and will result "
            "in an error in a future "
            "release. To retain the behavior and silence this warning, please use dropout instead."
        )
    return _drop_channels(input, p, training, inplace, input.ndim == 5)


def _drop_channels(input, p: float, training: bool, inplace: bool, batched: bool):
    if batched:
        return _drop(input, p, training, inplace, True)
    result = _drop(input.unsqueeze(0), p, training, inplace, True)
    return input if inplace else result.squeeze(0)


# -- dropout that keeps mean and variance --------------------------------------------------------------------

_SATURATION = -1.7580993408473766  # what a scaled exponential linear unit tends to


def _drop_alpha(input, p: float, train: bool, inplace: bool, feature: bool = False):
    """Dropped elements take SELU's negative limit; then all are scaled and shifted back to mean 0 and
    variance 1.

    G. Klambauer et al., "Self-Normalizing Neural Networks" (2017), section 2.
    """
    if not train or p == 0 or not input.numel():
        return input
    if p == 1:
        return input.mul_(0) if inplace else input * 0
    shape = tuple(input.shape)
    if feature and len(shape) < 2:
        raise RuntimeError(f"Feature dropout requires at least 2 dimensions in the input, got {len(shape)}")

    def draw(shape):
        return random.bernoulli(random.default_generator, shape, 1 - p, input.dtype.name)

    array = draw((*shape[:2], *([1] * (len(shape) - 2)))) if feature else drawn_like(input, draw)
    kept = from_array(np.asarray(narrow(array, input.dtype), order="C"), input.dtype)
    scale = ((_SATURATION * _SATURATION * p + 1) * (1 - p)) ** -0.5
    shift = (kept - 1) * (-_SATURATION * scale) + (-_SATURATION * scale * p)
    noise = kept * scale
    return input.mul_(noise).add_(shift) if inplace else input * noise + shift


def _alpha_variants(name: str, feature: bool) -> None:
    doc = (
        "While training, "
        + ("channels" if feature else "elements")
        + " are set to SELU's negative limit with probability ``p``; "
        "mean 0 and variance 1 are kept."
    )

    def out_of_place(input, p: float, train: bool):
        _check_probability(p, RuntimeError)
        return _drop_alpha(input, p, train, False, feature)

    def in_place(input, p: float, train: bool):
        _check_probability(p, RuntimeError)
        return _drop_alpha(input, p, train, True, feature)

    def functional(input, p: float = 0.5, training: bool = False, inplace: bool = False):
        _check_probability(p)
        return _drop_alpha(input, p, training, inplace, feature)

    out_of_place.__doc__ = functional.__doc__ = doc
    in_place.__doc__ = f"In-place form of ``{name}``."
    function(name=name)(out_of_place)
    function(name=name + "_")(in_place)
    function("nn.functional", name=name)(functional)


_alpha_variants("alpha_dropout", False)
_alpha_variants("feature_alpha_dropout", True)


@operator("native_dropout(Tensor input, Tensor mask, float scale)", namespace=None, opmath=True)
def _native_dropout(input, mask, scale):
    return input * mask * scale


@_native_dropout.gradient
def _(grad, saved):
    return grad * saved.mask * saved.scale, None


@function()
def native_dropout(input, p: float, train: bool):
    """``dropout(input, p)`` and the bool mask of what was kept."""
    from .creation import ones

    if not input.numel() or not train:
        return input.clone(), ones(tuple(input.shape), dtype=dtypes.bool_)
    kept = drawn_like(input, lambda shape: random.bernoulli(random.default_generator, shape, 1 - p, "bool"))
    mask = from_array(np.asarray(kept, order="C"), dtypes.bool_)
    return _native_dropout(input, mask, 0.0 if p == 1 else 1.0 / (1.0 - p)), mask
