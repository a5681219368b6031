"""Checking gradients of functions on sparse tensors."""

from __future__ import annotations

import functools
from collections.abc import Callable

from ..ops.sparse.handle import SparseTensor
from ..tensor import Tensor


def as_sparse_gradcheck(gradcheck: Callable) -> Callable:
    """Decorator: ``gradcheck`` that also takes sparse inputs; it moves their values, and looks at the values of sparse results."""

    @functools.wraps(gradcheck)
    def check(func, inputs, **kwargs):
        kwargs.pop("masked", None)
        inputs = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)

        def on_values(*given):
            results = func(*[x.with_values(v) if isinstance(x, SparseTensor) else v for x, v in zip(inputs, given)])
            if isinstance(results, (tuple, list)):
                return tuple(_values_of(r) for r in results)
            return _values_of(results)

        values = [
            x._held.detach().requires_grad_(x.requires_grad) if isinstance(x, SparseTensor) else x for x in inputs
        ]
        return gradcheck(on_values, tuple(values), **kwargs)

    return check


def _values_of(result):
    return result._held if isinstance(result, SparseTensor) else result
