"""The gradients of convolutions as functions (``torch.nn.grad``): of the input, or of the weight."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .. import ops
from ..autograd.differentiate import grad
from ..autograd.mode import enable_grad, is_grad_enabled
from ..tensor import Tensor
from . import functional as F

__all__ = ["conv1d_input", "conv1d_weight", "conv2d_input", "conv2d_weight", "conv3d_input", "conv3d_weight"]

Ints = int | Sequence[int]


def _of_input(n: int) -> Callable[..., Tensor]:
    convolution = getattr(F, f"conv{n}d")

    def gradient(
        input_size: Sequence[int],
        weight: Tensor,
        grad_output: Tensor,
        stride: Ints = 1,
        padding: Ints = 0,
        dilation: Ints = 1,
        groups: int = 1,
    ) -> Tensor:
        input = ops.zeros(input_size, dtype=weight.dtype)
        _check_rank(n, input, weight)
        return _gradient(lambda x: convolution(x, weight, None, stride, padding, dilation, groups), input, grad_output)

    gradient.__doc__ = f"The gradient of ``conv{n}d`` by its input of shape ``input_size``, where that by its result is ``grad_output``."
    gradient.__name__ = gradient.__qualname__ = f"conv{n}d_input"
    return gradient


def _of_weight(n: int) -> Callable[..., Tensor]:
    convolution = getattr(F, f"conv{n}d")

    def gradient(
        input: Tensor,
        weight_size: Sequence[int],
        grad_output: Tensor,
        stride: Ints = 1,
        padding: Ints = 0,
        dilation: Ints = 1,
        groups: int = 1,
    ) -> Tensor:
        weight = ops.zeros(weight_size, dtype=input.dtype)
        _check_rank(n, input, weight)
        return _gradient(lambda w: convolution(input, w, None, stride, padding, dilation, groups), weight, grad_output)

    gradient.__doc__ = f"The gradient of ``conv{n}d`` by its weight of shape ``weight_size``, where that by its result is ``grad_output``."
    gradient.__name__ = gradient.__qualname__ = f"conv{n}d_weight"
    return gradient


def _check_rank(n: int, input: Tensor, weight: Tensor) -> None:
    for name, x in (("input", input), ("weight", weight)):
        if x.ndim != n + 2:
            raise RuntimeError(f"conv{n}d: expected {n + 2}-dimensional {name}, but got one of size {list(x.shape)}")


def _gradient(function: Callable[[Tensor], Tensor], at: Tensor, grad_output: Tensor) -> Tensor:
    """The gradient of a linear function, which is the same everywhere: nobody asks for its value, so that is never computed."""
    with enable_grad():
        at.requires_grad_()
        result = function(at)
    (found,) = grad(result, at, grad_output, create_graph=is_grad_enabled())
    return found


conv1d_input, conv2d_input, conv3d_input = _of_input(1), _of_input(2), _of_input(3)
conv1d_weight, conv2d_weight, conv3d_weight = _of_weight(1), _of_weight(2), _of_weight(3)
