"""Means, variances and other statistics."""

from __future__ import annotations

from ..tensor import Tensor
from .operator import Operator, operator, publish
from .reductions import _dim_argument, reduced_dims, spread, sum, with_dims


class DimOperator(Operator):
    """A composite whose second argument is a dimension, several, or None."""

    def normalized(self, values) -> tuple:
        values = super().normalized(values)
        dim = _dim_argument(self.name, values[1])
        return values if dim is values[1] else (values[0], dim, *values[2:])


def over_dims(schema: str, **published):
    """Decorator: declare a composite reduction (``opmath``) whose second parameter is ``any dim``."""

    def declare(body):
        op = DimOperator(schema, body, opmath=True)
        return publish(op, **published).function

    return declare


def size_over(x: Tensor, dims: tuple[int, ...]) -> int:
    """How many elements each result of a reduction over ``dims`` is made of."""
    n = 1
    for d in dims:
        n *= x.shape[d]
    return n


@over_dims("mean(Tensor input, any dim=None, bool keepdim=False, *, dtype? dtype=None)", method=True, out=True)
def mean(input, dim=None, keepdim=False, dtype=None):
    """The mean over ``dim`` (an int, several, or all); NaN over nothing.

    Raises ``RuntimeError`` for integers and bools unless ``dtype`` is floating point or complex.
    """
    d = dtype or input.dtype
    if d.category < 2:
        raise RuntimeError("mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. "
                           f"Got: {_printed(input.dtype)}")
    dims = reduced_dims("mean", dim, input.ndim)
    n = size_over(input, dims)
    total = sum(input if dtype is None else input.to(dtype), dims or None, keepdim) if dims else input.to(d)
    return total / n if n != 1 else total.clone()


@mean.gradient
def _(grad, saved):
    dims = reduced_dims("mean", saved.dim, saved.input.ndim)
    n = size_over(saved.input, dims)
    return spread(grad / n if n != 1 else grad, saved.input.shape, dims)


def _printed(d) -> str:
    from .elementwise import _PRINTED
    return _PRINTED.get(d.name, d.name)
