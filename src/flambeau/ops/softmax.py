"""Softmax and its relatives, and log-sum-exp: each is one pass over rows that stay in cache."""

from __future__ import annotations

from ..dtypes import get_default_dtype, of_python_type
from ..runtime.warning import warn
from ..tensor import Tensor, wrap_dim
from .elementwise import refusal
from .operator import operator
from .overrides import write_out
from .reductions import amax, reduced_dims, sum, with_dims
from .registry import export, function
from .schema import argument
from .selection import where


def _checked(name: str, input: Tensor, dim: int, dtype) -> None:
    wrap_dim(dim, input.ndim)
    d = dtype or input.dtype
    if d.category != 2:
        raise refusal(f"{name}_lastdim_kernel_impl", d, "bic")


@operator("softmax(Tensor input, int dim, dtype? dtype=None)", namespace=None, opmath=True)
def _softmax(input, dim, dtype):
    x = (input if dtype is None else input.to(dtype)).contiguous()
    if not x.numel():
        return x.clone()
    e = (x - amax(x, dim, True)).exp()
    return e / sum(e, dim, True)


@_softmax.gradient
def _(grad, saved):
    y = saved.output
    return y * (grad - sum(grad * y, saved.dim, True))


@operator("log_softmax(Tensor input, int dim, dtype? dtype=None)", namespace=None, opmath=True)
def _log_softmax(input, dim, dtype):
    x = (input if dtype is None else input.to(dtype)).contiguous()
    if not x.numel():
        return x.clone()
    shifted = x - amax(x, dim, True)
    return shifted - sum(shifted.exp(), dim, True).log()


@_log_softmax.gradient
def _(grad, saved):
    return grad - saved.output.exp() * sum(grad, saved.dim, True)


_softmax.operator.node_name, _log_softmax.operator.node_name = "SoftmaxBackward0", "LogSoftmaxBackward0"


def _call(name: str, op, input, dim, dtype):
    if not isinstance(input, Tensor):
        raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    if dim.__class__ is not int:
        dim = argument(name, "dim", "int", dim)
    dtype = of_python_type(dtype)
    _checked(name, input, dim, dtype)
    return op(input, dim, None if dtype is input.dtype else dtype)


_DOC = {
    "softmax": "Rescale each slice of ``input`` along ``dim`` to be positive and sum to one; computed in "
    "``dtype`` if given.",
    "log_softmax": "The logarithm of ``softmax(input, dim)``, computed without overflow.",
}


def _declare(name: str, op) -> None:
    def public(input, dim, dtype=None, *, out=None):
        result = _call(name, op, input, dim, dtype)
        return result if out is None else write_out(name, result, out)

    def functional(input, dim=None, _stacklevel: int = 3, dtype=None):
        return _call(name, op, input, implicit_dim(name, input) if dim is None else dim, dtype)

    def special(input, dim, *, dtype=None):
        return _call(name, op, input, dim, dtype)

    for namespace, made, method in (
        ("torch", public, True),
        ("special", special, False),
        ("nn.functional", functional, False),
    ):
        made.__name__, made.__doc__ = name, _DOC[name]
        made = function(namespace, method=method)(made)
        PUBLIC[name, namespace] = made


def implicit_dim(name: str, input) -> int:
    """The dimension that old programs mean by ``dim=None``, with PyTorch's warning."""
    warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument."
    )
    return 0 if input.ndim in (0, 1, 3) else 1


PUBLIC: dict = {}
_declare("softmax", _softmax)
_declare("log_softmax", _log_softmax)
softmax, log_softmax = PUBLIC["softmax", "nn.functional"], PUBLIC["log_softmax", "nn.functional"]


@function("nn.functional")
def softmin(input, dim=None, _stacklevel: int = 3, dtype=None):
    """``softmax(-input)``: large where ``input`` is small."""
    return _call("softmin", _softmax, -input, implicit_dim("softmin", input) if dim is None else dim, dtype)


@operator("logsumexp(Tensor input, any dim, bool keepdim=False)", namespace=None, opmath=True)
def _logsumexp(input, dim, keepdim):
    dims = reduced_dims("logsumexp", dim, input.ndim)
    if not input.numel():
        return sum(input.exp(), dims, keepdim).log() if dims else input.clone()
    size = input.real if input.is_complex() else input
    top = amax(size, dims, True) if dims else size
    top = where(top.abs() == float("inf"), 0, top)  # infinities need no shift, and inf - inf is NaN
    total = sum((input - top).exp(), dims, True) if dims else (input - top).exp()
    result = total.log() + top
    return result if keepdim or not dims else result.squeeze(dims)


@_logsumexp.gradient
def _(grad, saved):
    x = saved.input
    dims = reduced_dims("logsumexp", saved.dim, x.ndim)
    return with_dims(grad, x.shape, dims) * (x - with_dims(saved.output, x.shape, dims)).exp().conj()


_logsumexp.operator.node_name = "LogsumexpBackward0"


@function(method=True)
def logsumexp(input, dim, keepdim: bool = False, *, out=None):
    """``log(sum(exp(input)))`` over ``dim`` (an int or several) without overflow; integers become the default
    dtype."""
    x = input.to(get_default_dtype()) if input.dtype.category < 2 else input
    dims = dim if dim.__class__ is int else argument("logsumexp", "dim", "int[]", dim)
    result = _logsumexp(x, dims, keepdim)
    return result if out is None else write_out("logsumexp", result, out)


export("special", "logsumexp", logsumexp)
__all__ = ["softmax", "log_softmax", "softmin", "logsumexp"]


@function("nn.functional")
def gumbel_softmax(logits, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1):
    """A sample of the Gumbel-softmax distribution (https://arxiv.org/abs/1611.00712) of unnormalized log-probabilities.

    ``hard`` gives one-hot samples, whose gradient is that of the soft ones. ``eps`` is an old argument without a meaning.
    """
    if eps != 1e-10:
        warn("`eps` parameter is deprecated and has no effect.")
    from .creation import empty_like, zeros_like

    noise = -empty_like(logits).exponential_().log()
    soft = softmax((logits + noise) / tau, dim)
    if not hard:
        return soft
    chosen = soft.max(dim, keepdim=True)[1]
    return zeros_like(logits).scatter_(dim, chosen, 1.0) - soft.detach() + soft
