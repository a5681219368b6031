"""NAdam."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

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

__all__ = ["NAdam"]


class NAdam(GroupwiseOptimizer):
    """NAdam: Adam with Nesterov's momentum (Dozat, ICLR workshop 2016).

    Args:
        params: tensors, named tensors or parameter groups, see ``Optimizer``.
        lr: learning rate; default 2e-3.
        betas: decay of the two averages; default (0.9, 0.999).
        eps: added to the denominator; default 1e-8.
        weight_decay: factor of the L2 penalty, or of the decay itself when decoupled; default 0.
        momentum_decay: how fast the momentum approaches ``betas[0]``; default 4e-3.
        decoupled_weight_decay: decay the parameters and not the gradient.
        foreach: choose an implementation in PyTorch; all are fused here, so it changes nothing.
        maximize: go up the gradient.
        differentiable: keep the graph through steps; parameters must not be leaves.
        capturable: for devices that record graphs; a step on a CPU raises AssertionError.

    State: ``step``, ``mu_product``, ``exp_avg``, ``exp_avg_sq``.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
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
        check_not_negative("momentum_decay", momentum_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _initial_state(self, group: dict[str, Any], param: Tensor) -> dict[str, Any]:
        return {
            "step": host_scalar(0.0),
            "mu_product": host_scalar(1.0),
            "exp_avg": ops.zeros_like(param),
            "exp_avg_sq": ops.zeros_like(param),
        }

    def _momenta(
        self, group: dict[str, Any], states: list[dict[str, Any]], steps: list[float]
    ) -> list[tuple[float, float, float]]:
        """For each state the momentum of this step, that of the next, and the product of all so far."""
        beta1, decay = group["betas"][0], group["momentum_decay"]
        momenta = []
        for state, step in zip(states, steps, strict=True):
            mu = beta1 * (1.0 - 0.5 * (0.96 ** (step * decay)))
            mu_next = beta1 * (1.0 - 0.5 * (0.96 ** ((step + 1) * decay)))
            product = self._host_array(state["mu_product"])
            product *= np.float32(mu)
            momenta.append((mu, mu_next, float(product)))
        return momenta

    def _update(
        self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor], states: list[dict[str, Any]]
    ) -> None:
        beta1, beta2 = group["betas"]
        steps = self._advance(states)
        steps_of(group).nadam(
            params,
            grads,
            column(states, "exp_avg"),
            column(states, "exp_avg_sq"),
            self._momenta(group, states, steps),
            steps,
            lr=scalar(group["lr"]),
            beta1=beta1,
            beta2=beta2,
            eps=group["eps"],
            weight_decay=group["weight_decay"],
            decoupled_weight_decay=group["decoupled_weight_decay"],
            maximize=group["maximize"],
        )
