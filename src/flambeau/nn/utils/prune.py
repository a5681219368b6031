"""Pruning: parameters whose least important elements, or whole slices, are held at zero by a mask.

A pruned parameter ``name`` becomes ``name_orig`` (the parameter), ``name_mask`` (a buffer) and a plain attribute ``name``, their
product, which a hook computes before each forward.
"""

from __future__ import annotations

import numbers
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any

from ... import ops
from ...autograd import no_grad
from ...tensor import Tensor
from ..modules.module import Module
from ._hooked import find_hook, take_hook

__all__ = [
    "BasePruningMethod",
    "CustomFromMask",
    "Identity",
    "L1Unstructured",
    "LnStructured",
    "PruningContainer",
    "RandomStructured",
    "RandomUnstructured",
    "custom_from_mask",
    "global_unstructured",
    "identity",
    "is_pruned",
    "l1_unstructured",
    "ln_structured",
    "random_structured",
    "random_unstructured",
    "remove",
]


class BasePruningMethod(ABC):
    """Base class of pruning methods. A subclass defines :meth:`compute_mask` and ``PRUNING_TYPE``.

    The type says on what a method works that comes after others: "unstructured" on the elements that are left, "structured" on
    the slices along its ``dim`` that are left, "global" on all.
    """

    _tensor_name: str
    PRUNING_TYPE: str

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self._tensor_name, self.apply_mask(module))

    @abstractmethod
    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Return a mask for ``t``, of its shape: ``default_mask`` with further zeros."""

    def apply_mask(self, module: Module) -> Tensor:
        """Return the product of the parameter and its mask. Raises AttributeError where it was not pruned."""
        name = self._tensor_name
        original = getattr(module, f"{name}_orig")
        return getattr(module, f"{name}_mask").to(dtype=original.dtype) * original

    @classmethod
    def apply(
        cls, module: Module, name: str, *args: Any, importance_scores: Tensor | None = None, **kwargs: Any
    ) -> BasePruningMethod:
        """Prune ``module.<name>`` by ``cls(*args, **kwargs)``, after what pruned it before, and return the hook.

        ``importance_scores``, of the parameter's shape, decide in its place what goes. Raises AssertionError for another shape,
        TypeError where the parameter is None.
        """
        method: BasePruningMethod = cls(*args, **kwargs)
        method._tensor_name = name
        earlier = find_hook(module, BasePruningMethod, name, "_tensor_name")
        hook = method if earlier is None else _followed_by(earlier, method)

        tensor = getattr(module, name)
        if not isinstance(tensor, Tensor):
            raise TypeError(f"{cls.__name__}: expected '{name}' to be a tensor, but got {type(tensor).__name__}")
        scores = tensor if importance_scores is None else importance_scores
        if scores.shape != tensor.shape:
            raise AssertionError(
                f"importance_scores should have the same shape as parameter {name} of {module}, "
                f"got {scores.shape} vs {tensor.shape}"
            )
        with no_grad():
            old_mask = ops.ones_like(tensor) if earlier is None else getattr(module, f"{name}_mask").detach().clone()
            mask = hook.compute_mask(scores.detach(), default_mask=old_mask)

        if earlier is None:
            module.register_parameter(f"{name}_orig", module._parameters[name])
            del module._parameters[name]
        else:
            take_hook(module, earlier)
        module.register_buffer(f"{name}_mask", mask)
        setattr(module, name, hook.apply_mask(module))
        module.register_forward_pre_hook(hook)
        return hook

    def prune(self, t: Tensor, default_mask: Tensor | None = None, importance_scores: Tensor | None = None) -> Tensor:
        """Return ``t`` with zeros where it would be pruned; nothing is registered.

        Raises AssertionError for ``importance_scores`` of another shape.
        """
        scores = t if importance_scores is None else importance_scores
        if scores.shape != t.shape:
            raise AssertionError(
                f"importance_scores should have the same shape as tensor t, got {scores.shape} vs {t.shape}"
            )
        mask = ops.ones_like(t) if default_mask is None else default_mask
        return t * self.compute_mask(scores, default_mask=mask)

    def remove(self, module: Module) -> None:
        """Make the parameter a plain one again that keeps its zeros. Raises AttributeError where it was not pruned."""
        pruned = self.apply_mask(module)
        name = self._tensor_name
        original = module._parameters.pop(f"{name}_orig")
        del module._buffers[f"{name}_mask"]
        delattr(module, name)
        assert original is not None  # apply_mask has read it
        original.data = pruned.data
        setattr(module, name, original)


def _followed_by(earlier: BasePruningMethod, method: BasePruningMethod) -> PruningContainer:
    container = PruningContainer(*earlier) if isinstance(earlier, PruningContainer) else PruningContainer(earlier)
    container.add_pruning_method(method)
    return container


class PruningContainer(BasePruningMethod):
    """Pruning methods of one parameter, first to last. Raises TypeError for what is no method, ValueError for another's."""

    def __init__(self, *args: BasePruningMethod) -> None:
        self._pruning_methods: tuple[BasePruningMethod, ...] = ()
        if args:
            self._tensor_name = args[0]._tensor_name
        for method in args:
            self.add_pruning_method(method)

    def add_pruning_method(self, method: BasePruningMethod | None) -> None:
        """Add a method at the end; None adds nothing."""
        if method is None:
            return
        if not isinstance(method, BasePruningMethod):
            raise TypeError(f"{type(method)} is not a BasePruningMethod subclass")
        if method._tensor_name != self._tensor_name:
            raise ValueError(
                f"Can only add pruning methods acting on the parameter named '{self._tensor_name}' to PruningContainer {self}. "
                f"Found '{method._tensor_name}'"
            )
        self._pruning_methods += (method,)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Iterator[BasePruningMethod]:
        return iter(self._pruning_methods)

    def __getitem__(self, idx: int) -> BasePruningMethod:
        return self._pruning_methods[idx]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Return ``default_mask`` with the zeros that the last method adds in what is left of ``t``.

        Raises ValueError for a method of an unknown type, AttributeError for a structured one without ``dim``.
        """
        method = self._pruning_methods[-1]
        left = _what_is_left(method, default_mask)
        mask = default_mask.to(dtype=t.dtype)
        mask[left] = method.compute_mask(t[left], default_mask=mask[left]).to(mask.dtype)
        return mask


def _what_is_left(method: Any, mask: Tensor) -> Any:
    """An index of what a method works on, after those that made ``mask``."""
    kind = method.PRUNING_TYPE
    if kind == "unstructured":
        return mask == 1
    if kind == "global":
        return (slice(None),) * mask.dim()
    if kind != "structured":
        raise ValueError(f"Unrecognized PRUNING_TYPE {kind}")
    if not hasattr(method, "dim"):
        raise AttributeError(
            f"Pruning methods of PRUNING_TYPE 'structured' need to have the attribute `dim`. {method} has none"
        )
    dim = method.dim % mask.dim()
    others = [d for d in range(mask.dim()) if d != dim]
    return (slice(None),) * dim + (mask.sum(dim=others) != 0,)


class Identity(BasePruningMethod):
    """Prunes nothing, but makes the parameter's names those of a pruned one."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Return ``default_mask``."""
        return default_mask


class _ByAmount(BasePruningMethod):
    """Methods that are told how much to prune: a number of elements or slices, or a fraction of them."""

    def __init__(self, amount: int | float) -> None:
        _validate_pruning_amount_init(amount)
        self.amount = amount

    def _count(self, size: int) -> int:
        """How many of ``size`` to prune. Raises ValueError for more than there are."""
        count = _compute_nparams_toprune(self.amount, size)
        _validate_pruning_amount(count, size)
        return count


class RandomUnstructured(_ByAmount):
    """Prunes elements at random; ``amount``: how many, or as a float from 0 to 1 the fraction."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Return ``default_mask`` with zeros at random places. Raises ValueError for more than ``t`` has."""
        count = self._count(t.numel())
        if count == 0:
            return default_mask.clone()
        return _without(default_mask, ops.topk(ops.rand_like(t).reshape(-1), count).indices)


class L1Unstructured(_ByAmount):
    """Prunes the elements of smallest magnitude; ``amount``: how many, or as a float from 0 to 1 the fraction."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Return ``default_mask`` with zeros at the smallest elements. Raises ValueError for more than ``t`` has."""
        count = self._count(t.numel())
        if count == 0:
            return default_mask.clone()
        return _without(default_mask, ops.topk(t.abs().reshape(-1), count, largest=False).indices)


def _without(mask: Tensor, places: Tensor) -> Tensor:
    """``mask`` with zeros at these places of it as a vector."""
    return mask.reshape(-1).index_fill(0, places, 0).reshape(mask.shape)


class _Structured(_ByAmount):
    """Methods that prune whole slices along ``dim``."""

    PRUNING_TYPE = "structured"

    def __init__(self, amount: int | float, dim: int = -1) -> None:
        super().__init__(amount)
        self.dim = dim

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Return ``default_mask`` with slices of zeros.

        Raises ValueError for a vector or more slices than there are, IndexError for a dim out of range.
        """
        _validate_structured_pruning(t)
        _validate_pruning_dim(t, self.dim)
        size = t.size(self.dim)
        count = self._count(size)
        if count == 0:
            return default_mask.clone()
        shape = [1] * t.dim()
        shape[self.dim] = size
        return default_mask * self._kept(t, count).to(default_mask.dtype).reshape(shape)

    def _kept(self, t: Tensor, count: int) -> Tensor:
        """Which slices stay when ``count`` of them go, as booleans."""
        raise NotImplementedError


class RandomStructured(_Structured):
    """Prunes slices along ``dim`` at random; ``amount``: how many, or as a float from 0 to 1 the fraction."""

    def _kept(self, t: Tensor, count: int) -> Tensor:
        drawn = ops.rand(t.size(self.dim))
        return drawn > ops.kthvalue(drawn, count).values


class LnStructured(_Structured):
    """Prunes the slices along ``dim`` of smallest ``n``-norm; ``amount``: how many, or as a float from 0 to 1 the fraction."""

    def __init__(self, amount: int | float, n: Any, dim: int = -1) -> None:
        super().__init__(amount, dim)
        self.n = n

    def _kept(self, t: Tensor, count: int) -> Tensor:
        norms = _compute_norm(t, self.n, self.dim)
        kept = ops.topk(norms, norms.numel() - count).indices
        return ops.zeros_like(norms).index_fill(0, kept, 1)


class CustomFromMask(BasePruningMethod):
    """Prunes where ``mask`` is zero."""

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Return the product of both masks. Raises AssertionError where their shapes differ."""
        if default_mask.shape != self.mask.shape:
            raise AssertionError(
                f"default_mask shape {default_mask.shape} must match self.mask shape {self.mask.shape}"
            )
        return default_mask * self.mask.to(dtype=default_mask.dtype)


def identity(module: Module, name: str) -> Module:
    """Make ``module.<name>`` a pruned parameter of which nothing is pruned, and return ``module``."""
    Identity.apply(module, name)
    return module


def random_unstructured(module: Module, name: str, amount: int | float) -> Module:
    """Prune ``amount`` elements (a float: that fraction) of ``module.<name>`` at random, and return ``module``."""
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(module: Module, name: str, amount: int | float, importance_scores: Tensor | None = None) -> Module:
    """Prune the ``amount`` elements (a float: that fraction) of smallest magnitude, and return ``module``."""
    L1Unstructured.apply(module, name, amount, importance_scores=importance_scores)
    return module


def random_structured(module: Module, name: str, amount: int | float, dim: int) -> Module:
    """Prune ``amount`` slices along ``dim`` (a float: that fraction) at random, and return ``module``."""
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(
    module: Module, name: str, amount: int | float, n: Any, dim: int, importance_scores: Tensor | None = None
) -> Module:
    """Prune the ``amount`` slices along ``dim`` (a float: that fraction) of smallest ``n``-norm, and return ``module``."""
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def custom_from_mask(module: Module, name: str, mask: Tensor) -> Module:
    """Prune ``module.<name>`` where ``mask`` is zero, and return ``module``."""
    CustomFromMask.apply(module, name, mask)
    return module


def global_unstructured(
    parameters: Iterable[tuple[Module, str]],
    pruning_method: type[BasePruningMethod],
    importance_scores: dict[tuple[Module, str], Tensor] | None = None,
    **kwargs: Any,
) -> None:
    """Prune several parameters, given as pairs of module and name, as if their elements were one vector's.

    ``kwargs`` go to the method, ``importance_scores`` has tensors for some of the pairs. Raises TypeError for a method that
    is not unstructured or scores that are no dictionary, ValueError for no parameters.
    """
    pairs = list(parameters)
    if not pairs:
        raise ValueError("global_unstructured(): expected a non-empty list of parameters")
    if importance_scores is not None and not isinstance(importance_scores, dict):
        raise TypeError("global_unstructured(): importance_scores must be of type dict")
    given = importance_scores or {}
    tensors = [getattr(module, name).detach() for module, name in pairs]
    scores = ops.cat([given.get(pair, tensor).detach().reshape(-1) for pair, tensor in zip(pairs, tensors)])
    masks = [getattr(module, f"{name}_mask", ops.ones_like(tensor)) for (module, name), tensor in zip(pairs, tensors)]

    method = pruning_method(**kwargs)
    if method.PRUNING_TYPE != "unstructured":
        raise TypeError(
            f'Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. Found method {pruning_method} '
            f"of type {method.PRUNING_TYPE}"
        )
    method._tensor_name = "all"
    mask = PruningContainer(method).compute_mask(scores, ops.cat([mask.reshape(-1) for mask in masks]))
    parts = mask.split([tensor.numel() for tensor in tensors])
    for (module, name), tensor, part in zip(pairs, tensors, parts):
        custom_from_mask(module, name, part.reshape(tensor.shape))


def remove(module: Module, name: str) -> Module:
    """Make a pruned parameter a plain one that keeps its zeros, and return ``module``. Raises ValueError if it is not pruned."""
    hook = find_hook(module, BasePruningMethod, name, "_tensor_name")
    if hook is None:
        raise ValueError(f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed")
    hook.remove(module)
    take_hook(module, hook)
    return module


def is_pruned(module: Module) -> bool:
    """Whether some parameter of the module, or of one below it, is pruned."""
    return any(isinstance(h, BasePruningMethod) for part in module.modules() for h in part._forward_pre_hooks.values())


def _validate_pruning_amount_init(amount: Any) -> None:
    """Raise TypeError for what is no number, ValueError for a negative one or a float above one."""
    if not isinstance(amount, numbers.Real) or isinstance(amount, bool):
        raise TypeError(f"Invalid type for amount: {amount}. Must be int or float.")
    fraction = not isinstance(amount, numbers.Integral)
    if float(amount) < 0 or (fraction and float(amount) > 1):
        raise ValueError(f"amount={amount} should either be a float in the range [0, 1] or a non-negative integer")


def _validate_pruning_amount(amount: int | float, tensor_size: int) -> None:
    if isinstance(amount, numbers.Integral) and amount > tensor_size:
        raise ValueError(f"amount={amount} should be smaller than the number of parameters to prune={tensor_size}")


def _validate_structured_pruning(t: Tensor) -> None:
    if t.dim() <= 1:
        raise ValueError(
            f"Structured pruning can only be applied to multidimensional tensors. Found tensor of shape {t.shape} with {t.dim()} dims"
        )


def _validate_pruning_dim(t: Tensor, dim: int) -> None:
    if not -t.dim() <= dim < t.dim():
        raise IndexError(f"Invalid index {dim} for tensor of size {t.shape}")


def _compute_nparams_toprune(amount: Any, tensor_size: int) -> int:
    return int(amount) if isinstance(amount, numbers.Integral) else round(amount * tensor_size)


def _compute_norm(t: Tensor, n: Any, dim: int) -> Tensor:
    """The norm of each slice along ``dim``: a vector."""
    others = [d for d in range(t.dim()) if d != dim % t.dim()]
    return ops.norm(t, p=n, dim=others)
