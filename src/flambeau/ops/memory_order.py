"""Channels last: the order in memory that images hand on to results, as PyTorch's memory formats do."""

from __future__ import annotations

import functools

from ..lazy.spec import dense
from ..lazy.spec import spec as make_spec
from ..runtime import devices
from ..tensor import Tensor
from .inplace import str_schema
from .operator import operator

_FORMATS = {4: (devices.channels_last, (1, 3, 2, 0)), 5: (devices.channels_last_3d, (1, 4, 3, 2, 0))}


@functools.lru_cache(4096)
def memory_format_of(spec) -> devices.memory_format | None:
    """The channels-last format in whose order the elements lie, gaps allowed; None for row-major order."""
    if spec.contiguous or spec.ndim not in _FORMATS or 0 in spec.shape or not spec.stride[1]:
        return None
    memory_format, order = _FORMATS[spec.ndim]
    least = 0
    for d in order:
        if spec.stride[d] < least or (d == 0 and least == spec.stride[1]):
            return None
        least = spec.stride[d] * spec.shape[d]
    return memory_format


def spec_in(memory_format, shape: tuple[int, ...], dtype, device):
    """The spec of a result in a channels-last format, in row-major order where it is None."""
    if memory_format is None:
        return dense(shape, dtype, device)
    strides, step = [0] * len(shape), 1
    for d in _FORMATS[len(shape)][1]:
        strides[d] = step
        step *= max(1, shape[d])
    return make_spec(shape, tuple(strides), dtype, device)


def in_order_of(result, *tensors):
    """``result`` in the order of the first of ``tensors`` that lies in a channels-last one; so are those of several results that
    have its dims."""
    for x in tensors:
        memory_format = memory_format_of(x._spec)
        if memory_format is not None:
            if isinstance(result, Tensor):
                return result.contiguous(memory_format=memory_format)
            return tuple([r.contiguous(memory_format=memory_format) if r.ndim == x.ndim else r for r in result])
    return result


def keeps_order(function, ndims: tuple[int, ...] = (4, 5)):
    """The operator ``function`` whose results take over the order of tensors of so many dims among its arguments."""
    plain = function.operator

    def body(*values):
        return in_order_of(function(*values), *[v for v in values if isinstance(v, Tensor)])

    ordered = operator(str_schema(plain).replace("_(", "(", 1), namespace=None)(body)
    ordered.gradient(plain.gradient_body)
    ordered.operator.node_name = plain.node_name
    ordered.operator.differentiable_results = plain.differentiable_results

    def apply(*values):
        for v in values:
            if isinstance(v, Tensor) and not v._spec.contiguous and v._spec.ndim in ndims and memory_format_of(v._spec):
                return ordered(*values)
        return function(*values)

    apply.operator = plain
    return apply
