"""What the optimizers of this package share: a step that walks the groups, checks, and step counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import ops
from ..autograd import enable_grad, no_grad
from ..dtypes import float32
from ..tensor import Tensor
from . import _steps
from .optimizer import Optimizer


class GroupwiseOptimizer(Optimizer):
    """An optimizer whose step handles all parameters of a group together.

    A subclass writes ``_initial_state``, what it remembers of a parameter before the first step, and
    ``_update``, which hands lists to a function of ``_steps``. All implementations here are fused: the
    arguments ``foreach`` and ``fused``, which choose between implementations in PyTorch, change nothing.
    """

    _has_complex = False

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        super().__init__(params, defaults)
        self._host_arrays: dict[Tensor, np.ndarray] = {}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._host_arrays = {}
        for group in self.param_groups:
            for name, default in self.defaults.items():
                group.setdefault(name, default)
            for param in group["params"]:
                known = self.state.get(param, {})
                _counts_as_tensors(known)
                if known and param.is_complex():
                    self._has_complex = True

    def _initial_state(self, group: dict[str, Any], param: Tensor) -> dict[str, Any]:
        raise NotImplementedError

    def _update(
        self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor], states: list[dict[str, Any]]
    ) -> None:
        raise NotImplementedError

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the parameters that have a gradient, once.

        Args:
            closure: evaluates the model again and returns the loss; it runs with gradients enabled.

        Returns:
            What ``closure`` returned, or ``None``.
        """
        loss = None
        with no_grad():
            if closure is not None:
                with enable_grad():
                    loss = closure()
            for group in self.param_groups:
                self._step_group(group)
        return loss

    def _step_group(self, group: dict[str, Any]) -> None:
        params, grads, states = [], [], []
        sparse: list[tuple[Tensor, Tensor, dict[str, Any]]] = []
        state_of = self.state
        for param in group["params"]:
            grad = param.grad
            if grad is None:
                continue
            state = state_of.get(param) or self._start_state(group, param)
            if grad._spec.override and grad.is_sparse:
                sparse.append((param, grad, state))
                continue
            params.append(param)
            grads.append(grad)
            states.append(state)
        if params:
            self._way_of_updating(group)(group, params, grads, states)
        for param, grad, state in sparse:
            self._update_sparse(group, param, grad, state)
            if state:
                state_of[param] = state

    def _way_of_updating(self, group: dict[str, Any]) -> Callable[..., None]:
        if group.get("capturable"):
            raise AssertionError("If capturable=True, params and state_steps must be on supported devices, which a CPU is not.")
        if group.get("differentiable"):
            return self._update_differentiably
        return self._update_as_real if self._has_complex else self._update

    def _update_as_real(
        self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor], states: list[dict[str, Any]]
    ) -> None:
        """As ``_update``, with real and imaginary parts as numbers of their own."""
        parts = [{name: as_real(value) for name, value in state.items()} for state in states]
        self._update(group, [as_real(param) for param in params], [as_real(grad) for grad in grads], parts)
        for param, state, part in zip(params, states, parts, strict=True):
            for name, value in part.items():
                if state[name] is None and value is not None:
                    state[name] = ops.view_as_complex(value) if param.is_complex() else value

    def _update_differentiably(
        self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor], states: list[dict[str, Any]]
    ) -> None:
        from ._differentiable import update

        if group.get("foreach"):
            raise AssertionError("_foreach ops don't support autograd")
        update(self, group, params, grads, states)

    def _update_sparse(self, group: dict[str, Any], param: Tensor, grad: Tensor, state: dict[str, Any]) -> None:
        """Update one parameter whose gradient is a COO tensor; RuntimeError by optimizers that cannot."""
        raise RuntimeError(f"{type(self).__name__} does not support sparse gradients, please consider SparseAdam instead")

    def _start_state(self, group: dict[str, Any], param: Tensor) -> dict[str, Any]:
        state = self._initial_state(group, param)
        if state:
            self.state[param] = state
            if param.is_complex():
                self._has_complex = True
        return state

    def _host_array(self, scalar: Tensor) -> np.ndarray:
        """The memory of a 0-dim state tensor as NumPy sees it.

        Counts are read and advanced there: a step never waits for pending work to learn its number, and
        the tensor in ``state`` shows the value as in PyTorch.
        """
        array = self._host_arrays.get(scalar)
        if array is None:
            array = self._host_arrays[scalar] = scalar.numpy()
        return array

    def _advance(self, states: list[dict[str, Any]]) -> list[float]:
        """Add one to the ``"step"`` of each state and return the new numbers."""
        steps = []
        for state in states:
            array = self._host_array(state["step"])
            array += 1
            steps.append(float(array))
        return steps


def steps_of(group: dict[str, Any]) -> Any:
    """The functions that update a group: those of ``_steps``, or the same ones in a form that is differentiated."""
    if not group["differentiable"]:
        return _steps
    from ._differentiable import steps

    return steps


def host_scalar(value: float) -> Tensor:
    """A float32 0-dim CPU tensor that shares its memory with a NumPy array."""
    return ops.from_numpy(np.array(value, dtype=np.float32))


def _counts_as_tensors(state: dict[str, Any]) -> None:
    """State dicts of old PyTorch releases hold plain numbers where newer ones hold 0-dim tensors."""
    for name in ("step", "mu_product", "eta", "mu"):
        if isinstance(state.get(name), (int, float)):
            state[name] = ops.tensor(float(state[name]), dtype=float32)


def column(states: list[dict[str, Any]], name: str) -> list[Any]:
    """The entry ``name`` of every state."""
    return [state[name] for state in states]


def scalar(value: float | Tensor) -> float:
    """A hyper-parameter as a Python number; one given as a tensor is read."""
    return value.item() if isinstance(value, Tensor) else value


def check_lr(lr: float | Tensor) -> None:
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ValueError("Tensor lr must be 1-element")
    if not scalar(lr) >= 0.0:
        raise ValueError(f"Invalid learning rate: {lr}")


def check_not_negative(name: str, value: float) -> None:
    if not value >= 0.0:
        raise ValueError(f"Invalid {name} value: {value}")


def check_betas(betas: tuple[float | Tensor, float | Tensor]) -> None:
    for index, beta in enumerate(betas):
        if not 0.0 <= scalar(beta) < 1.0:
            raise ValueError(f"Invalid beta parameter at index {index}: {beta}")


def check_implementation(*, foreach: bool | None, fused: bool | None, differentiable: bool) -> None:
    """Refuse choices of an implementation that exclude each other."""
    if fused and differentiable:
        raise RuntimeError("`fused` does not support `differentiable`")
    if fused and foreach:
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")


def as_real(value: Any) -> Any:
    """A view of a complex tensor as real numbers, all else as it is."""
    return ops.view_as_real(value) if isinstance(value, Tensor) and value.is_complex() else value


def filled(param: Tensor, value: float) -> Tensor:
    """A tensor like ``param`` of one value, which is real and imaginary part of complex ones."""
    return ops.full_like(param, complex(value, value) if param.is_complex() else value)
