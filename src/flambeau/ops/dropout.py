"""Dropout: elements or whole channels set to zero at random, with PyTorch's masks for the same seed."""

from __future__ import annotations

import warnings

from ..compiler.reference import narrow
from ..runtime import random
from ..tensor import Tensor, from_array
from .operator import operator
from .registry import function


def _noise(input: Tensor, p: float, feature: bool = False) -> Tensor:
    """What dropout multiplies by: 0, or ``1 / (1 - p)``."""
    array = random.dropout_noise(random.default_generator, tuple(input.shape), p, input.dtype.name, feature)
    return from_array(narrow(array, input.dtype), input.dtype)


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

    out_of_place.__doc__ = "``input`` with " + ("channels" if feature else "elements") + " dropped with probability ``p`` while training."
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
