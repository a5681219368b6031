"""What PyTorch calls the nodes of operators where it is not the operator's own name: programs print it as ``grad_fn``.

PyTorch counts the overloads of an operator (``PowBackward0`` has a number for exponent, ``PowBackward1`` a tensor), and some operators of
flambeau are several of PyTorch's: the node then has the name of the last of those.
"""

from __future__ import annotations

from collections.abc import Callable

from . import (
    activations,
    arithmetic,
    clamping,
    distance,
    distance_losses,
    index_writing,
    losses,
    matmul,
    normalization,
    padding,
    pooling,
    powers,
    rearranging,
    rounding,
    selection,
    special_functions,
    ternary,
    transcendental,
    upsampling,
    views,
)

Name = str | Callable[[tuple], str]  # or a function of the arguments


def _has_shape(value) -> bool:
    return hasattr(value, "shape")


def _by_type(base: str, position: int, number: int = 0, tensor: int = 1) -> Name:
    """The overload for a number, or for a tensor, as the argument at ``position``."""
    return lambda values: f"{base}Backward{tensor if _has_shape(values[position]) else number}"


def _by_reduction(none: Name) -> Name:
    """Losses that PyTorch writes out: the reduction, the last argument, is their last step."""

    def name(values) -> str:
        last = {"mean": "MeanBackward0", "sum": "SumBackward0"}.get(values[-1], none)
        return last if isinstance(last, str) else last(values)

    return name


def _product(values) -> str:
    left, right = (value.ndim for value in values)
    if left <= 2 and right <= 2:
        names = {(1, 1): "DotBackward0", (2, 1): "MvBackward0", (1, 2): "SqueezeBackward4", (2, 2): "MmBackward0"}
        return names[left, right]
    return "UnsafeViewBackward0"


def _linear(values) -> str:
    if values[0].ndim == 2:
        return "MmBackward0" if values[2] is None else "AddmmBackward0"
    return "ViewBackward0"


def _class_loss(values) -> str:
    """Losses of classes: PyTorch's kernel for images takes all that has further dimensions."""
    return "NllLossBackward0" if values[0].ndim <= 2 else "NllLoss2DBackward0"


def _padding(values) -> str:
    if values[2] == "circular":
        return "CopySlices"
    kind = "ReflectionPad" if values[2] == "reflect" else "ReplicationPad"
    return f"{kind}{len(values[1]) // 2}DBackward0"


def _upsampling(values) -> str:
    (_, plan), n = values[:2], values[0].ndim - 2
    smooth = {"linear": ("Linear", "Bilinear", "Trilinear")[n - 1], "cubic": "Bicubic", "lanczos": "Lanczos"}
    kind = {"nearest": "Nearest", "nearest-exact": "NearestExact", **smooth}[plan.kind]
    return f"Upsample{kind}{n}D{'Aa' if plan.antialias else ''}Backward0"


def _pooling(base: str, ending: str = "") -> Name:
    """Pooling of lines is PyTorch's pooling of images of one row, squeezed."""

    def name(values) -> str:
        n = values[0].ndim - 2
        return "SqueezeBackward1" if n == 1 else f"{base}{n}D{ending}Backward0"

    return name


_NAMES: dict[object, Name] = {
    activations.celu: "CeluBackward0",
    activations.softsign: "DivBackward0",
    activations.tanhshrink: "SubBackward0",
    arithmetic._div_floor: "DivBackward2",
    arithmetic._div_trunc: "DivBackward2",
    arithmetic._fmod: _by_type("Fmod", 1),
    arithmetic._remainder: _by_type("Remainder", 1),
    arithmetic._rsub: _by_type("Rsub", 1, number=1, tensor=0),
    clamping._clamp: lambda values: f"ClampBackward{int(not any(map(_has_shape, values[1:])))}",
    clamping.at_least: lambda values: "ClampMinBackward1" if _has_shape(values[1]) else "ClampBackward1",
    clamping.at_most: lambda values: "ClampMaxBackward1" if _has_shape(values[1]) else "ClampBackward1",
    distance._cosine: "SumBackward1",
    distance.pairwise_distance: "NormBackward1",
    distance_losses._kl_div: _by_reduction(lambda values: "MulBackward0" if values[2] else "SubBackward0"),
    distance_losses._l1_loss: _by_reduction("AbsBackward0"),
    distance_losses._poisson_nll_loss: _by_reduction(lambda values: "AddBackward0" if values[3] else "SubBackward0"),
    index_writing.index_fill: _by_type("IndexFill", 3),
    losses.cross_entropy: lambda values: "DivBackward1" if losses._has_shares(*values[:2]) else _class_loss(values),
    losses.nll_loss: _class_loss,
    matmul.linear: _linear,
    matmul.matmul: _product,
    normalization._local_response_norm: "DivBackward0",
    normalization._rms_norm: "MulBackward0",
    padding._pad_with_own: _padding,
    pooling._adaptive: _pooling("AdaptiveAvgPool"),
    pooling._average: _pooling("AvgPool"),
    pooling._max: _pooling("MaxPool", "WithIndices"),
    powers._pow: _by_type("Pow", 1),
    rearranging._repeat_each: "ViewBackward0",
    rounding._round_decimals: "RoundBackward1",
    selection.masked_fill: _by_type("MaskedFill", 2),
    special_functions._xlog1py: "SpecialXlog1PyBackward0",
    special_functions.i0e: "SpecialI0EBackward0",
    special_functions.i1e: "SpecialI1EBackward0",
    ternary._lerp: _by_type("Lerp", 2),
    transcendental.deg2rad: "Deg2RadBackward0",
    transcendental.log1p: "Log1PBackward0",
    transcendental.rad2deg: "Rad2DegBackward0",
    upsampling._resample: _upsampling,
    views._squeeze: lambda values: f"SqueezeBackward{0 if values[1] is None else min(len(values[1]), 2)}",
}
for _function in ("entr", "erfcx", "i1", "log_ndtr", "ndtri"):
    _operator = getattr(special_functions, _function).operator
    _operator.node_name = f"Special{_operator.node_name}"
for _function, _name in _NAMES.items():
    _function.operator.node_name = _name
