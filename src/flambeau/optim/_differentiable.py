"""Steps that autograd can go back through: the arithmetic of ``_steps`` on tensors that are never overwritten."""

from __future__ import annotations

from types import FunctionType, SimpleNamespace
from typing import Any

from .. import ops
from ..autograd import enable_grad
from ..tensor import Tensor
from . import _steps


class Tracked:
    """A tensor whose writes in place give it a new tensor instead, so that the graph keeps the old one.

    Methods, arithmetic and operators apply to the tensor of the moment; what they give is tracked too.
    """

    __slots__ = ("tensor",)

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # what operators look at: they must ask __torch_function__
            raise AttributeError(name)
        writes = name.endswith("_")
        value = getattr(self.tensor, name[:-1] if writes else name)
        if not callable(value):
            return value

        def method(*args: Any, **kwargs: Any) -> Any:
            result = value(*_plain(args), **kwargs)
            if not writes:
                return _tracked(result)
            self.tensor = result
            return self

        return method

    def copy_(self, other: Any) -> Tracked:
        """Take the tensor of ``other``."""
        self.tensor = other.tensor
        return self

    @classmethod
    def __torch_function__(cls, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        return _tracked(function(*_plain(args), **(kwargs or {})))


def _plain(values: tuple) -> tuple:
    return tuple(value.tensor if isinstance(value, Tracked) else value for value in values)


def _tracked(value: Any) -> Any:
    return Tracked(value) if isinstance(value, Tensor) else value


def _operator(name: str) -> Any:
    def apply(self: Tracked, *others: Any) -> Any:
        return _tracked(getattr(self.tensor, name)(*_plain(others)))

    return apply


for _name in ("neg", "add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "rtruediv", "lt", "gt", "eq"):
    setattr(Tracked, f"__{_name}__", _operator(f"__{_name}__"))


def _operator_by_operator(function: Any) -> Any:
    """``function`` of ``_steps``, calling the bodies of what is recorded as one instruction there."""
    bodies = {name: getattr(value, "body", value) for name, value in vars(_steps).items()}
    copied = FunctionType(function.__code__, bodies, function.__name__, function.__defaults__)
    copied.__kwdefaults__ = function.__kwdefaults__
    return copied


steps = SimpleNamespace(
    **{
        name: _operator_by_operator(value)
        for name, value in vars(_steps).items()
        if isinstance(value, FunctionType) and value.__module__ == _steps.__name__ and not name.startswith("_")
    }
)


def update(
    optimizer: Any, group: dict[str, Any], params: list[Tensor], grads: list[Tensor], states: list[dict[str, Any]]
) -> None:
    """One update of ``params``, which are not leaves, recorded by autograd; state tensors are replaced by new ones."""
    for name in ("lr", "weight_decay"):
        value = group.get(name)
        if isinstance(value, Tensor) and value.requires_grad:
            kind = type(optimizer).__name__
            raise NotImplementedError(
                f"flambeau: {kind}: argument {name} that requires a gradient is not supported yet"
            )
    with enable_grad():
        moved = [Tracked(_as_real(param)) for param in params]
        tracked = [{name: _follow(name, value) for name, value in state.items()} for state in states]
        optimizer._update(group, moved, [Tracked(_as_real(grad)) for grad in grads], tracked)
        for param, new, state, parts in zip(params, moved, states, tracked, strict=True):
            param.copy_(_as_before(new.tensor, param))
            for name, value in parts.items():
                state[name] = _as_before(value.tensor, param) if isinstance(value, Tracked) else value


def _follow(name: str, value: Any) -> Any:
    """What an update gets of a state: counts and coefficients stay as they are."""
    counts = ("step", "mu_product", "eta", "mu")
    return value if name in counts or not isinstance(value, Tensor) else Tracked(_as_real(value))


def _as_real(tensor: Tensor) -> Tensor:
    return ops.view_as_real(tensor) if tensor.is_complex() else tensor


def _as_before(tensor: Tensor, param: Tensor) -> Tensor:
    return ops.view_as_complex(tensor) if param.is_complex() and not tensor.is_complex() else tensor
