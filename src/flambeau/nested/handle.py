"""The handle of a nested tensor, and how operators find their rules for it.

A nested tensor is an ordinary dense tensor of packed values, which carries the graph, and a description of where each component
lies in it. As a subclass with a ``__torch_function__`` it is offered every operator; dense tensors pay nothing for it.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from ..autograd.graph import edge_of
from ..lazy.spec import spec as make_spec
from ..ops.overrides import operators, plain
from ..ops.subclassing import NoStorage
from ..ops.transformed import body_of, map_tensors, name_of, tensors_in
from ..runtime import devices
from ..tensor import Tensor

# Elementwise operators that are written with others.
_ACTIVATIONS = frozenset(
    ["relu", "relu6", "gelu", "silu", "mish", "elu", "selu", "celu", "leaky_relu", "softplus", "softsign", "hardtanh", "hardswish",
     "hardsigmoid", "logsigmoid", "tanhshrink", "hardshrink", "softshrink", "threshold", "dropout", "nan_to_num", "logit", "isclose",
     "clamp", "clip", "square", "positive", "negative", "float_power", "true_divide", "addcmul", "addcdiv", "lerp", "fill", "zero"]
)  # fmt: skip
POINTWISE = frozenset(
    op.name for op in operators if getattr(op.reference, "__qualname__", "").startswith("map_reference")
) | _ACTIVATIONS


class NestedTensor(Tensor):
    """A batch of tensors of different sizes; ``_held`` has the packed values."""

    _held: Tensor
    _offset = 0
    is_nested = True
    _asks = False
    rules: dict[str, Callable] = {}
    composes = False  # whether functions without a rule run what they are made of

    # -- what Tensor keeps in slots ---------------------------------------------------------------------------------------

    @property
    def _spec(self):  # type: ignore[override]
        spec = self._held._spec
        return make_spec(spec.shape, spec.stride, spec.dtype, spec.device, spec.requires_grad, True)

    @property
    def _storage(self):  # type: ignore[override]
        return NoStorage(self._held, "Cannot access the storage of a nested tensor: its values() have one")

    @property
    def _autograd(self):
        return self._held._autograd

    @_autograd.setter
    def _autograd(self, value) -> None:
        self._held._autograd = value

    # -- nested tensors from this one -------------------------------------------------------------------------------------

    def with_values(self, values: Tensor) -> NestedTensor:
        """Other values of the same sizes."""
        raise NotImplementedError

    def components(self) -> tuple[Tensor, ...]:
        """The tensors of the batch: views of the packed values."""
        raise NotImplementedError

    def same_sizes(self, other: NestedTensor) -> bool:
        """Whether ``other`` is packed as this tensor is, so that elementwise operators may pair their values."""
        raise NotImplementedError

    # -- autograd ---------------------------------------------------------------------------------------------------------

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Ask for gradients with respect to this leaf's values."""
        self._held.requires_grad_(requires_grad)
        return self

    @property
    def grad_fn(self):
        """The node that made the values, None for leaves."""
        return self._held.grad_fn

    @property
    def output_nr(self) -> int:
        """Which result of ``grad_fn`` the values are."""
        edge = edge_of(self._held)
        return edge[1] if edge else 0

    @property
    def grad(self):
        """The accumulated gradient, nested as this tensor is, or None."""
        found = self._held.grad
        return found if found is None else self.with_values(found)

    @grad.setter
    def grad(self, value) -> None:
        if value is not None and not isinstance(value, NestedTensor):
            raise RuntimeError("assigned grad of a nested tensor expected to be a nested tensor")
        self._held.grad = None if value is None else value._held

    @grad.deleter
    def grad(self) -> None:
        self._held.grad = None

    def register_hook(self, hook):
        """Call ``hook(grad)`` with the nested gradient when it is computed; what it returns replaces the gradient."""

        def beneath(gradient):
            answer = hook(self.with_values(gradient))
            return None if answer is None else answer._held

        return self._held.register_hook(beneath)

    def gradient_beneath(self, gradient: Tensor) -> Tensor:
        """The gradient of the values, from a nested one of this tensor's sizes."""
        if not isinstance(gradient, NestedTensor):
            raise RuntimeError("the gradient of a nested tensor is expected to be a nested tensor")
        return gradient._held

    def gradient_above(self, gradient: Tensor) -> Tensor:
        """The nested gradient of this tensor, from that of its values."""
        return self.with_values(gradient)

    @property  # type: ignore[misc]
    def data(self):
        """The same components without history."""
        return self.with_values(self._held.detach())

    # -- copies -----------------------------------------------------------------------------------------------------------

    def __copy__(self):
        return self.with_values(self._held)

    def __deepcopy__(self, memo):
        made = memo[id(self)] = self.with_values(deepcopy(self._held, memo))
        return made

    # -- what all nested tensors have --------------------------------------------------------------------------------------

    @property
    def ndim(self) -> int:
        """The number of dimensions, the batch among them."""
        return self.dim()

    def numel(self) -> int:
        """The elements of all components together."""
        return sum(c.numel() for c in self.components())

    nelement = numel

    def storage_offset(self) -> int:
        """0."""
        return 0

    def data_ptr(self) -> int:
        """The address of the packed values."""
        return self._held.data_ptr()

    def item(self):
        """The value of a one-element tensor as a Python number."""
        if self.numel() != 1:
            raise RuntimeError(f"a Tensor with {self.numel()} elements cannot be converted to Scalar")
        return next(c for c in self.components() if c.numel()).item()

    def __bool__(self) -> bool:
        if self.numel() != 1:
            raise RuntimeError("Boolean value of Tensor with more than one value is ambiguous")
        return bool(self.item())

    # -- operators ---------------------------------------------------------------------------------------------------------

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        func = plain(func)
        name = name_of(func).removesuffix(".default")
        name = name if name.startswith("__") else name.lstrip("_")
        nested = next(t for t in tensors_in((args, kwargs)) if isinstance(t, NestedTensor))
        rule = nested.rules.get(name)
        if rule is not None:
            return rule(*args, **kwargs)
        found = nested.fallback(name, func, args, kwargs)
        if found is not NotImplemented:
            return found
        if nested.composes and getattr(func, "operator", None) is None and func is not body_of(func):
            return body_of(func)(*args, **kwargs)
        raise nested.refusal(name)

    def fallback(self, name: str, func, args, kwargs):
        """The result of an operator that has no rule of its own; NotImplemented where there is none."""
        return NotImplemented

    def refusal(self, name: str) -> Exception:
        """The error of an operator that has no rule for this layout."""
        raise NotImplementedError


def held(value: Any) -> Any:
    """Nested arguments with their packed values in the place of nested tensors."""
    return map_tensors(lambda t: t._held if isinstance(t, NestedTensor) else t, value)


def rules_for(cls: type[NestedTensor]):
    """``rule(*names)``: a decorator that declares how public functions of these names compute on ``cls``; same parameters."""

    def rule(*names: str):
        def declare(function):
            for name in names:
                cls.rules[name] = function
            return function

        return declare

    return rule


strided, jagged = devices.strided, devices.jagged
