"""Random counts with parameters in tensors: ``poisson``, ``binomial``. No change of the parameters is felt."""

from __future__ import annotations

import numpy as np

from ..compiler.reference import narrow, widen
from ..lazy.spec import dense
from ..runtime.random import rejection
from ..tensor import Tensor, empty_storage, from_array
from .random import chosen, drawn
from .registry import function

_FLOATS = ("float16", "bfloat16", "float32", "float64")


def _result(counts: np.ndarray, label: str, *parameters: Tensor) -> Tensor:
    dtype = parameters[0].dtype
    made = from_array(narrow(counts, dtype), dtype)
    return drawn(made, label, *parameters)


@function()
def poisson(input, generator=None):
    """Poisson counts with the rates in ``input``, in its dtype. Raises RuntimeError for a negative rate."""
    if input.dtype.name not in _FLOATS:
        raise NotImplementedError(f'"poisson_cpu" not implemented for {input.dtype}')
    source = chosen(generator)
    if input.is_meta:
        return empty_storage(dense(input.shape, input.dtype, input.device))
    return _result(rejection.poisson(source, widen(input._array(), input.dtype)), "PoissonBackward0", input)


@function()
def binomial(count, prob, generator=None):
    """Successes in ``count`` trials of probability ``prob`` each, two floating tensors of one dtype that broadcast."""
    if count.dtype is not prob.dtype:
        raise RuntimeError(f"Found dtype {prob.dtype} but expected {count.dtype}")
    if count.dtype.name not in _FLOATS:
        raise NotImplementedError(f'"binomial_cpu" not implemented for {count.dtype}')
    source = chosen(generator)
    if count.is_meta or prob.is_meta:
        return empty_storage(dense(np.broadcast_shapes(count.shape, prob.shape), count.dtype, count.device))
    arrays = np.broadcast_arrays(widen(count._array(), count.dtype), widen(prob._array(), prob.dtype))
    return _result(rejection.binomial(source, *arrays), "BinomialBackward0", count, prob)
