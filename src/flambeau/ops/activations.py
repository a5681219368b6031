"""Activation functions of ``nn.functional``."""

from __future__ import annotations

import math

import numpy as np

from ..compiler.reference import narrow, widen
from ..runtime import random
from ..tensor import Tensor, from_array
from . import overrides
from .clamping import _clamp, at_least, at_most
from .creation import fitting
from .dependence import in_steps
from .elementwise import refusal
from .inplace import InplaceOperator
from .operator import Operator, make_function, operator
from .registry import export
from .selection import where
from .special_functions import erf
from .transcendental import exp, expm1, log1p
from .transcendental import sigmoid as _sigmoid
from .transcendental import tanh as _tanh


class Activation(Operator):
    """An operator with a last argument ``inplace``: given, the result is written to the first argument."""

    def __init__(self, functional: Operator):
        parameters = [
            f"{p.type} {p.name}" + ("" if p.required else f"={p.default!r}") for p in functional.parameters
        ]
        body = functional.body
        super().__init__(
            f"{functional.name}({', '.join(parameters)}, bool inplace=False)",
            lambda *values: body(*values[:-1]),
            opmath=functional.opmath,
        )
        self.writing = InplaceOperator(functional)
        self.node_name = functional.node_name
        self.doc = functional.doc

    def __call__(self, *values, out=None):
        if values[-1] and not overrides.active(values):
            return self.writing(*values[:-1])
        return super().__call__(*values, out=out)


def activation(
    schema: str,
    *,
    torch: bool = False,
    method: bool = False,
    inplace: bool = True,
    underscored: bool = False,
    out: bool = False,
    refuse: str = "bi",
    node: str = "",
):
    """Decorator: declare an activation by its body.

    ``torch`` also exports it as ``torch.name`` and ``torch.name_`` (with ``method``: as methods too).
    ``out`` gives that form the argument ``out``.
    ``inplace`` gives the function of ``nn.functional`` its argument ``inplace``, ``underscored`` adds the
    form ``name_``. ``refuse`` names kinds of dtype that PyTorch refuses.
    """

    def declare(body):
        def checked(input, *arguments):
            if input.dtype.kind in refuse:
                raise refusal(functional.name, input.dtype, refuse)
            return body(input, *arguments)

        checked.__doc__ = body.__doc__
        functional = operator(
            schema,
            namespace="torch" if torch else None,
            method=method,
            out=out,
            inplace=method and inplace,
            opmath=True,
        )(checked).operator
        functional.node_name = node or functional.node_name
        if not inplace:
            export("nn.functional", functional.name, functional.function)
            return functional.function
        op = Activation(functional)
        op.function = make_function(op)
        op.function.operator = op
        op.writing.function = make_function(op.writing, name=functional.name + "_")

        def gradient(rule):
            functional.gradient(rule)
            op.gradient(rule)
            return rule

        op.function.gradient = gradient
        export("nn.functional", functional.name, op.function)
        if underscored:
            export("nn.functional", functional.name + "_", op.writing.function)
            if torch:
                export("torch", functional.name + "_", op.writing.function)
        overrides.remember(op)
        return op.function

    return declare


# -- rectifiers ----------------------------------------------------------------------------------------------


@activation("relu(Tensor input)", torch=True, underscored=True, method=True, refuse="b")
def relu(input):
    """``max(input, 0)``."""
    return at_least(input, 0)


@relu.gradient
def _(grad, saved):
    return in_steps(where(saved.output <= 0, 0, grad), saved.output)


@activation("relu6(Tensor input)", refuse="bc", node="HardtanhBackward0")
def relu6(input):
    """``min(max(input, 0), 6)``."""
    return _clamp(input, 0, 6)


@relu6.gradient
def _(grad, saved):
    x = saved.input
    return in_steps(where((x <= 0) | (x >= 6), 0, grad), x)


@activation("leaky_relu(Tensor input, float negative_slope=0.01)", underscored=True)
def leaky_relu(input, negative_slope):
    """``input`` where positive, else ``negative_slope * input``."""
    return where(input > 0, input, input * negative_slope)


@leaky_relu.gradient
def _(grad, saved):
    return in_steps(where(saved.input > 0, grad, grad * saved.negative_slope), saved.input)


@operator("prelu(Tensor input, Tensor weight)", namespace=None, opmath=True)
def _prelu(input, weight):
    return where(input > 0, input, weight * input)


@_prelu.gradient
def _(grad, saved):
    positive = saved.input > 0
    to_input = in_steps(where(positive, grad, saved.weight * grad), saved.input)
    return to_input, where(positive, 0, saved.input * grad)


_prelu.operator.node_name = "PreluKernelBackward0"


def prelu(input, weight):
    """``input`` where positive, else ``weight * input``; ``weight`` has one element, or one a channel
    (dimension 1).

    Raises:
        RuntimeError: ``weight`` does not fit the channels, or the dtypes differ.
    """
    if weight.ndim > 1:
        raise RuntimeError(
            f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {weight.ndim}"
        )
    if input.dtype is not weight.dtype:
        raise RuntimeError(f"prelu: Type promoting not supported. Got {input.dtype} and {weight.dtype}")
    channels = input.shape[1] if input.ndim >= 2 else 1
    if weight.numel() != 1:
        if not input.ndim:
            raise RuntimeError("prelu: Not allow zero-dim input tensor.")
        if channels != weight.numel():
            raise RuntimeError(
                "Mismatch of parameter numbers and input channel size. Found parameter numbers = "
                f"{weight.numel()} "
                f"and channel size = {channels}."
            )
    shape = [1] * input.ndim
    if input.ndim >= 2:
        shape[1] = weight.numel()
    return _prelu(input, weight.reshape(shape))


@activation(
    "threshold(Tensor input, float threshold, float value)", torch=True, underscored=True, out=True, refuse="bc"
)
def threshold(input, threshold, value):
    """``input`` where above ``threshold``, else ``value``."""
    return where(input <= threshold, value if input.dtype.category == 2 else fitting(value, input.dtype), input)


@threshold.gradient
def _(grad, saved):
    return in_steps(where(saved.input <= saved.threshold, 0, grad), saved.input)


def _rrelu_slopes(input, lower, upper):
    """Slopes drawn for the elements that are not positive, in their order, as PyTorch draws them; 1
    elsewhere."""
    values = widen(input._array(), input.dtype)
    negative = values <= 0
    slopes = np.ones(values.shape)
    slopes[negative] = random.uniform(random.default_generator, int(negative.sum()), lower, upper, "float64")
    return from_array(narrow(slopes.astype(input.dtype.compute), input.dtype), input.dtype)


def rrelu(input, lower=1.0 / 8, upper=1.0 / 3, training=False, inplace=False):
    """``input`` where positive, else times a slope: drawn from ``[lower, upper)`` while training, their
    mean otherwise.

    Raises:
        RuntimeError: ``lower`` is above ``upper``.
    """
    if lower > upper:
        raise RuntimeError(
            f"Lower bound should be less than or equal to the upper bound. Got {lower} and {upper}"
        )
    if not training:
        return leaky_relu(input, (lower + upper) / 2, inplace)
    slopes = _rrelu_slopes(input, lower, upper)
    return input.mul_(slopes) if inplace else input * slopes


def rrelu_(input, lower=1.0 / 8, upper=1.0 / 3, training=False, generator=None):
    """In-place form of ``rrelu``."""
    _require_default(generator)
    return rrelu(input, lower, upper, training, True)


def _require_default(generator) -> None:
    if generator is not None:
        raise NotImplementedError("flambeau: rrelu: argument generator is not supported yet")


def _torch_rrelu(input, lower=1.0 / 8, upper=1.0 / 3, training=False, generator=None):
    """``nn.functional.rrelu`` under its name in ``torch``."""
    _require_default(generator)
    return rrelu(input, lower, upper, training)


# -- exponential units ---------------------------------------------------------------------------------------


def _exponential_unit(x, negative, positive, inner):
    """``positive * x`` for positive x, else ``negative * (exp(inner * x) - 1)``."""
    return where(x > 0, x * positive, expm1(x * inner) * negative)


def _exponential_slope(grad, x, negative, positive, inner):
    return grad * where(x > 0, positive, exp(x * inner) * (negative * inner))


@activation("elu(Tensor input, float alpha=1.0)", underscored=True)
def elu(input, alpha):
    """``input`` where positive, else ``alpha * (exp(input) - 1)``."""
    return _exponential_unit(input, alpha, 1.0, 1.0)


@elu.gradient
def _(grad, saved):
    return _exponential_slope(grad, saved.input, saved.alpha, 1.0, 1.0)


_SELU_ALPHA = 1.6732632423543772848170429916717
_SELU_SCALE = 1.0507009873554804934193349852946


@activation("selu(Tensor input)", torch=True, underscored=True, node="EluBackward0")
def selu(input):
    """The self-normalising exponential unit (Klambauer et al. 2017)."""
    return _exponential_unit(input, _SELU_ALPHA * _SELU_SCALE, _SELU_SCALE, 1.0)


@selu.gradient
def _(grad, saved):
    return _exponential_slope(grad, saved.input, _SELU_ALPHA * _SELU_SCALE, _SELU_SCALE, 1.0)


@activation("celu(Tensor input, float alpha=1.0)", torch=True, underscored=True, node="EluBackward0")
def celu(input, alpha):
    """``input`` where positive, else ``alpha * (exp(input / alpha) - 1)``. ``RuntimeError`` for ``alpha``
    0."""
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    return _exponential_unit(input, alpha, 1.0, 1.0 / alpha)


@celu.gradient
def _(grad, saved):
    return _exponential_slope(grad, saved.input, saved.alpha, 1.0, 1.0 / saved.alpha)


# -- smooth units --------------------------------------------------------------------------------------------


def _approximation(approximate: str) -> bool:
    if approximate not in ("none", "tanh"):
        raise RuntimeError(f"approximate argument must be either none or tanh, not '{approximate}'")
    return approximate == "tanh"


_GELU_SCALE = math.sqrt(2.0 / math.pi)
_GELU_CUBE = 0.044715


@activation("gelu(Tensor input, str approximate='none')", inplace=False)
def gelu(input, approximate):
    """``input * Phi(input)`` with the normal distribution's Phi, or its approximation by ``tanh``
    (Hendrycks and Gimpel 2016)."""
    if _approximation(approximate):
        inner = (input + input * input * input * _GELU_CUBE) * _GELU_SCALE
        return input * 0.5 * (_tanh(inner) + 1)
    return input * 0.5 * (erf(input * math.sqrt(0.5)) + 1)


@gelu.gradient
def _(grad, saved):
    x = saved.input
    if saved.approximate == "tanh":
        t = _tanh((x + x * x * x * _GELU_CUBE) * _GELU_SCALE)
        slope = (x * x * (3 * _GELU_CUBE) + 1) * _GELU_SCALE
        return grad * ((t + 1) * 0.5 + x * 0.5 * (1 - t * t) * slope)
    distribution = (erf(x * math.sqrt(0.5)) + 1) * 0.5
    density = exp(x * x * -0.5) * (1 / math.sqrt(2 * math.pi))
    return grad * (distribution + x * density)


@activation("silu(Tensor input)")
def silu(input):
    """``input * sigmoid(input)``."""
    return input * _sigmoid(input)


@silu.gradient
def _(grad, saved):
    s = _sigmoid(saved.input)
    return grad * (s * (saved.input * (1 - s) + 1)).conj()


@activation("mish(Tensor input)", refuse="bic")
def mish(input):
    """``input * tanh(softplus(input))``."""
    return input * _tanh(_softplus(input))


@mish.gradient
def _(grad, saved):
    x = saved.input
    t = _tanh(_softplus(x))
    return grad * (t + x * _sigmoid(x) * (1 - t * t))


def _softplus(x):
    return at_least(x, 0) + log1p(exp(-x.abs()))


@activation("softplus(Tensor input, float beta=1, float threshold=20)", inplace=False, refuse="bic")
def softplus(input, beta, threshold):
    """``log(1 + exp(beta * input)) / beta``; ``input`` itself where ``beta * input > threshold``."""
    scaled = input * beta
    return where(scaled > threshold, input, log1p(exp(scaled)) / beta)


@softplus.gradient
def _(grad, saved):
    scaled = saved.input * saved.beta
    return where(scaled > saved.threshold, grad, grad * _sigmoid(scaled))


@activation("logsigmoid(Tensor input)", inplace=False, refuse="bic", node="LogSigmoidBackward0")
def logsigmoid(input):
    """``log(sigmoid(input))``, without overflow."""
    return (at_most(input, 0) - log1p(exp(-input.abs()))).contiguous()


@logsigmoid.gradient
def _(grad, saved):
    return grad * _sigmoid(-saved.input)


@operator("softsign(Tensor input)", namespace="nn.functional")
def softsign(input):
    """``input / (1 + |input|)``."""
    return input / (input.abs() + 1)


@softsign.gradient
def _(grad, saved):
    x = saved.input
    scale = x.abs() + 1
    if x.is_complex():
        # d|x| follows sgn(x): the quotient's gradient with respect to |x| is real.
        by_size = (-grad * (x / (scale * scale)).conj()).real
        return grad / scale + by_size * x.sgn()
    return grad / (scale * scale)


@operator("tanhshrink(Tensor input)", namespace="nn.functional")
def tanhshrink(input):
    """``input - tanh(input)``."""
    return input - _tanh(input)


@tanhshrink.gradient
def _(grad, saved):
    t = _tanh(saved.input)
    return grad * (t * t).conj()


def sigmoid(input):
    """``1 / (1 + exp(-input))``."""
    return _sigmoid(input)


def tanh(input):
    """The hyperbolic tangent."""
    return _tanh(input)


# -- piecewise linear ----------------------------------------------------------------------------------------


@activation("hardtanh(Tensor input, float min_val=-1.0, float max_val=1.0)", underscored=True, refuse="bc")
def hardtanh(input, min_val, max_val):
    """``input`` kept between ``min_val`` and ``max_val``."""
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    if input.dtype.category < 2:
        if not input.dtype.is_signed and min_val < 0:
            raise RuntimeError("Cannot do hardtanh on an unsigned type with negative limits")
        min_val, max_val = int(min_val), int(max_val)
    return _clamp(input, min_val, max_val)


@hardtanh.gradient
def _(grad, saved):
    x = saved.input
    return in_steps(where((x <= saved.min_val) | (x >= saved.max_val), 0, grad), x)


@activation("hardswish(Tensor input)", refuse="bic")
def hardswish(input):
    """``input * min(max(input + 3, 0), 6) / 6``."""
    return input * _clamp(input + 3, 0, 6) / 6


@hardswish.gradient
def _(grad, saved):
    x = saved.input
    inside = where(x < 3, grad * (x / 3 + 0.5), grad)
    return where(x <= -3, 0, inside)


@activation("hardsigmoid(Tensor input)", refuse="bic")
def hardsigmoid(input):
    """``min(max(input + 3, 0), 6) / 6``."""
    return _clamp(input + 3, 0, 6) / 6


@hardsigmoid.gradient
def _(grad, saved):
    x = saved.input
    return where((x > -3) & (x < 3), grad / 6, 0)


@activation("hardshrink(Tensor input, float lambd=0.5)", torch=True, method=True, inplace=False, refuse="bic")
def hardshrink(input, lambd):
    """``input`` where beyond ``lambd`` of zero, else 0."""
    return where((input >= -lambd) & (input <= lambd), 0, input)


@hardshrink.gradient
def _(grad, saved):
    x = saved.input
    return in_steps(where((x >= -saved.lambd) & (x <= saved.lambd), 0, grad), x)


@activation("softshrink(Tensor input, float lambd=0.5)", inplace=False, refuse="bic")
def softshrink(input, lambd):
    """``input`` moved towards zero by ``lambd``, 0 within. ``RuntimeError`` for negative ``lambd``."""
    if lambd < 0:
        raise RuntimeError(f"lambda must be greater or equal to 0, but found to be {lambd}.")
    moved = where(input > lambd, input - lambd, where(input < -lambd, input + lambd, 0))
    return where(input != input, input, moved)


@softshrink.gradient
def _(grad, saved):
    x = saved.input
    return in_steps(where((x >= -saved.lambd) & (x <= saved.lambd), 0, grad), x)


# -- others --------------------------------------------------------------------------------------------------


@operator("glu(Tensor input, int dim=-1)", namespace="nn.functional", opmath=True)
def glu(input, dim):
    """The first half of ``input`` along ``dim`` times the sigmoid of the second half.

    Raises:
        RuntimeError: a 0-dim tensor, or an odd size of ``dim``.
    """
    if not input.ndim:
        raise RuntimeError("glu does not support 0-dimensional tensors")
    value, gate = _halves(input, dim)
    return value * _sigmoid(gate)


def _halves(x, dim):
    size = x.size(dim)
    if size % 2:
        raise RuntimeError(f"Halving dimension must be even, but dimension {dim} is size {size}")
    return x.narrow(dim, 0, size // 2), x.narrow(dim, size // 2, size // 2)


@glu.gradient
def _(grad, saved):
    from .joining import cat

    value, gate = _halves(saved.input, saved.dim)
    s = _sigmoid(gate)
    return cat([grad * s, grad * value * s * (1 - s)], saved.dim)


for _function in (prelu, sigmoid, tanh, rrelu, rrelu_):
    export("nn.functional", _function.__name__, overrides.dispatching(_function))
export("torch", "prelu", overrides.dispatching(prelu))
export("torch", "rrelu", overrides.dispatching(_torch_rrelu))
export("torch", "rrelu_", overrides.dispatching(rrelu_))
Tensor.prelu = prelu
