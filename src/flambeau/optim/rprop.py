"""Rprop."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .. import ops
from ..tensor import Tensor
from ._groupwise import (
    GroupwiseOptimizer,
    check_lr,
    column,
    filled,
    host_scalar,
    scalar,
    steps_of,
)

__all__ = ["Rprop"]


class Rprop(GroupwiseOptimizer):
    """Rprop: a step size for each element, moved by the signs of the gradients (Riedmiller, Braun, 1993).

    Args:
        params: tensors, named tensors or parameter groups, see ``Optimizer``.
        lr: learning rate; default 1e-2. The step sizes begin with it.
        etas: factors of the step size after a change of sign and without one; default (0.5, 1.2).
        step_sizes: the smallest and the largest step size; default (1e-6, 50).
        foreach: choose an implementation in PyTorch; all are fused here, so it changes nothing.
        maximize: go up the gradient.
        differentiable: keep the graph through steps; parameters must not be leaves.
        capturable: for devices that record graphs; a step on a CPU raises AssertionError.

    State: ``step``, ``prev``, ``step_size``.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        defaults = {
            "lr": lr,
            "etas": etas,
            "step_sizes": step_sizes,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _initial_state(self, group: dict[str, Any], param: Tensor) -> dict[str, Any]:
        return {
            "step": host_scalar(0.0),
            "prev": ops.zeros_like(param),
            "step_size": filled(param, scalar(group["lr"])),
        }

    def _update(
        self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor], states: list[dict[str, Any]]
    ) -> None:
        etaminus, etaplus = group["etas"]
        step_size_min, step_size_max = group["step_sizes"]
        self._advance(states)
        steps_of(group).rprop(
            params,
            grads,
            column(states, "prev"),
            column(states, "step_size"),
            step_size_min=step_size_min,
            step_size_max=step_size_max,
            etaminus=etaminus,
            etaplus=etaplus,
            maximize=group["maximize"],
        )
