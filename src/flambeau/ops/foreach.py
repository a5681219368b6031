"""``torch._foreach_*``: an operator on every tensor of a list. Their instructions fuse as those of a loop over the list do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..tensor import Tensor
from .registry import NAMESPACES, export

_UNARY = (
    "abs", "acos", "asin", "atan", "ceil", "cos", "cosh", "erf", "erfc", "exp", "expm1", "floor", "frac", "lgamma",
    "log", "log10", "log1p", "log2", "neg", "reciprocal", "round", "rsqrt", "sigmoid", "sign", "sin", "sinh", "sqrt",
    "tan", "tanh", "trunc",
)
_BINARY = ["add", "sub", "mul", "div", "maximum", "minimum", "clamp_min", "clamp_max", "pow"]
_TERNARY = ("addcdiv", "addcmul")


def _listed(name: str, tensors: Any) -> list[Tensor]:
    """The tensors of an argument. TypeError for what is no list of tensors, RuntimeError for an empty one."""
    if not isinstance(tensors, (list, tuple)) or not all(isinstance(t, Tensor) for t in tensors):
        raise TypeError(f"{name}(): argument 'self' (position 1) must be tuple of Tensors, not {type(tensors).__name__}")
    if not tensors:
        raise RuntimeError(f"{name}: Tensor list must have at least one tensor.")
    return list(tensors)


def _spread(name: str, operand: Any, count: int) -> Sequence[Any]:
    """A second operand for each tensor: an entry of a list, or always the same number or tensor without dimensions."""
    if isinstance(operand, (list, tuple)):
        if len(operand) != count:
            raise RuntimeError(f"{name}: Tensor list must have same number of elements as scalar list, got {count} and {len(operand)}")
        return operand
    if isinstance(operand, Tensor) and operand.ndim != 0:
        raise RuntimeError(f"{name}: scalar tensor expected to be 0 dim but it has {operand.ndim} dimensions and "
                           f"{operand.numel()} elements.")
    return [operand] * count


def _publish(name: str, function: Callable, text: str) -> None:
    function.__name__ = function.__qualname__ = name
    function.__doc__ = text
    export("torch", name, function)


def _new(method: str) -> Callable:
    """The out-of-place operator: the method, or the function where numbers meet tensors."""
    if method in ("maximum", "minimum"):
        bound = {"maximum": "clamp_min", "minimum": "clamp_max"}[method]
        return lambda x, y: getattr(x, method if isinstance(y, Tensor) else bound)(y)
    return getattr(Tensor, method)


def _written(method: str) -> Callable:
    """The operator that writes into its first argument."""
    if hasattr(Tensor, method + "_"):
        return getattr(Tensor, method + "_")
    new = _new(method)
    return lambda x, *rest, **options: x.copy_(new(x, *rest, **options))


def _declare_unary(method: str) -> None:
    new, written, name = _new(method), _written(method), f"_foreach_{method}"

    def apply(self: Sequence[Tensor]) -> tuple[Tensor, ...]:
        return tuple([new(x) for x in _listed(name, self)])

    def apply_(self: Sequence[Tensor]) -> list[Tensor]:
        return [written(x) for x in _listed(name + "_", self)]

    _publish(name, apply, f"``{method}`` of every tensor.")
    _publish(name + "_", apply_, f"``{method}_`` of every tensor.")


def _declare_binary(method: str) -> None:
    new, written, name = _new(method), _written(method), f"_foreach_{method}"

    def apply(self: Any, other: Any, **options: Any) -> tuple[Tensor, ...]:
        if method == "pow" and not isinstance(self, (list, tuple)):
            return tuple([NAMESPACES["torch"]["pow"](self, y) for y in _listed(name, other)])
        tensors = _listed(name, self)
        return tuple([new(x, y, **options) for x, y in zip(tensors, _spread(name, other, len(tensors)))])

    def apply_(self: Sequence[Tensor], other: Any, **options: Any) -> list[Tensor]:
        tensors = _listed(name + "_", self)
        return [written(x, y, **options) for x, y in zip(tensors, _spread(name + "_", other, len(tensors)))]

    what = "with the tensor or number at its place in ``other``, or with one number for all"
    _publish(name, apply, f"``{method}`` of every tensor {what}.")
    _publish(name + "_", apply_, f"``{method}_`` of every tensor {what}.")


def _declare_ternary(method: str) -> None:
    new, written, name = _new(method), _written(method), f"_foreach_{method}"

    def operands(name: str, self: Any, tensor1: Any, tensor2: Any, values: Any) -> Any:
        tensors = _listed(name, self)
        if isinstance(values, Tensor):
            values = values.tolist()
        lists = [_spread(name, _listed(name, t), len(tensors)) for t in (tensor1, tensor2)]
        return zip(tensors, *lists, _spread(name, values, len(tensors)))

    def apply(self: Any, tensor1: Any, tensor2: Any, value: Any = 1, *, scalars: Any = None) -> tuple[Tensor, ...]:
        values = value if scalars is None else scalars
        return tuple([new(x, a, b, value=v) for x, a, b, v in operands(name, self, tensor1, tensor2, values)])

    def apply_(self: Any, tensor1: Any, tensor2: Any, value: Any = 1, *, scalars: Any = None) -> list[Tensor]:
        values = value if scalars is None else scalars
        return [written(x, a, b, value=v) for x, a, b, v in operands(name + "_", self, tensor1, tensor2, values)]

    _publish(name, apply, f"``{method}`` of every tensor and those at its place; ``value`` may be a list, or a tensor of numbers.")
    _publish(name + "_", apply_, f"``{method}_`` of every tensor; see ``{name}``.")


for _method in _UNARY:
    _declare_unary(_method)
for _method in _BINARY:
    _declare_binary(_method)
for _method in _TERNARY:
    _declare_ternary(_method)


def _foreach_lerp(self, tensors1, weight):
    """``lerp`` of every tensor towards the one at its place in ``tensors1``, by a weight, or by a list of them."""
    tensors = _listed("_foreach_lerp", self)
    ends, weights = (_spread("_foreach_lerp", given, len(tensors)) for given in (tensors1, weight))
    return tuple([x.lerp(y, w) for x, y, w in zip(tensors, ends, weights)])


def _foreach_lerp_(self, tensors1, weight):
    """``lerp_`` of every tensor; see ``_foreach_lerp``."""
    tensors = _listed("_foreach_lerp_", self)
    ends, weights = (_spread("_foreach_lerp_", given, len(tensors)) for given in (tensors1, weight))
    return [x.lerp_(y, w) for x, y, w in zip(tensors, ends, weights)]


def _foreach_norm(self, ord=2, dtype=None):
    """The vector norm of every tensor."""
    norm = NAMESPACES["linalg"]["vector_norm"]
    return tuple([norm(x, ord, dtype=dtype) for x in _listed("_foreach_norm", self)])


def _foreach_powsum(self, ord, dtype=None):
    """The sum of ``|x| ** ord`` over every tensor."""
    return tuple([x.abs().pow(ord).sum(dtype=dtype) for x in _listed("_foreach_powsum", self)])


def _foreach_max(self):
    """The largest element of every tensor."""
    return tuple([x.max() for x in _listed("_foreach_max", self)])


def _foreach_clone(self):
    """A copy of every tensor."""
    return tuple([x.clone() for x in _listed("_foreach_clone", self)])


def _foreach_mm(self, mat2):
    """The matrix product of every tensor with the one at its place in ``mat2``."""
    tensors = _listed("_foreach_mm", self)
    return tuple([x.mm(y) for x, y in zip(tensors, _spread("_foreach_mm", mat2, len(tensors)))])


def _foreach_copy_(self, src, non_blocking=False):
    """Copy the tensors of ``src`` into those of ``self``."""
    tensors = _listed("_foreach_copy_", self)
    return [x.copy_(y) for x, y in zip(tensors, _spread("_foreach_copy_", src, len(tensors)))]


def _foreach_zero_(self):
    """Fill every tensor with zeros."""
    return [x.zero_() for x in _listed("_foreach_zero_", self)]


for _function in (_foreach_lerp, _foreach_lerp_, _foreach_norm, _foreach_powsum, _foreach_max, _foreach_clone, _foreach_mm, _foreach_copy_,
                  _foreach_zero_):
    export("torch", _function.__name__, _function)
