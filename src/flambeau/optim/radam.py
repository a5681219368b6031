"""RAdam."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .. import ops
from ..tensor import Tensor
from ._groupwise import (
    GroupwiseOptimizer,
    check_betas,
    check_lr,
    check_not_negative,
    column,
    host_scalar,
    scalar,
    steps_of,
)

__all__ = ["RAdam"]


class RAdam(GroupwiseOptimizer):
    """RAdam: Adam that adapts its steps once their variance is tractable (Liu et al., arXiv 1908.03265).

    Args:
        params: tensors, named tensors or parameter groups, see ``Optimizer``.
        lr: learning rate; default 1e-3.
        betas: decay of the two averages; default (0.9, 0.999).
        eps: added to the denominator; default 1e-8.
        weight_decay: factor of the L2 penalty, or of the decay itself when decoupled; default 0.
        decoupled_weight_decay: decay the parameters and not the gradient.
        foreach: choose an implementation in PyTorch; all are fused here, so it changes nothing.
        maximize: go up the gradient.
        differentiable: keep the graph through steps; parameters must not be leaves.
        capturable: for devices that record graphs; a step on a CPU raises AssertionError.

    State: ``step``, ``exp_avg``, ``exp_avg_sq``.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        if not eps >= 0.0:
            raise ValueError(f"Invalid epsilon value: {eps}")
        check_betas(betas)
        check_not_negative("weight_decay", weight_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _initial_state(self, group: dict[str, Any], param: Tensor) -> dict[str, Any]:
        return {
            "step": host_scalar(0.0),
            "exp_avg": ops.zeros_like(param),
            "exp_avg_sq": ops.zeros_like(param),
        }

    def _update(
        self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor], states: list[dict[str, Any]]
    ) -> None:
        beta1, beta2 = group["betas"]
        steps_of(group).radam(
            params,
            grads,
            column(states, "exp_avg"),
            column(states, "exp_avg_sq"),
            self._advance(states),
            lr=scalar(group["lr"]),
            beta1=beta1,
            beta2=beta2,
            eps=group["eps"],
            weight_decay=group["weight_decay"],
            decoupled_weight_decay=group["decoupled_weight_decay"],
            maximize=group["maximize"],
        )
