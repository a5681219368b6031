"""Averaged stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .. import ops
from ..tensor import Tensor
from ._groupwise import (
    GroupwiseOptimizer,
    check_lr,
    check_not_negative,
    column,
    host_scalar,
    scalar,
    steps_of,
)

__all__ = ["ASGD"]


class ASGD(GroupwiseOptimizer):
    """Gradient descent that also keeps an average of the parameters (Polyak and Juditsky, 1992).

    Args:
        params: tensors, named tensors or parameter groups, see ``Optimizer``.
        lr: learning rate; default 1e-2.
        lambd: decay of the parameters; default 1e-4.
        alpha: the rate is ``lr / (1 + lambd * lr * step) ** alpha``; default 0.75.
        t0: the step at which averaging begins; default 1e6.
        weight_decay: factor of the L2 penalty; default 0.
        foreach: choose an implementation in PyTorch; all are fused here, so it changes nothing.
        maximize: go up the gradient.
        differentiable: keep the graph through steps; parameters must not be leaves.
        capturable: for devices that record graphs; a step on a CPU raises AssertionError.

    State: ``step``, ``eta``, ``mu`` and the average ``ax``.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_lr(lr)
        check_not_negative("weight_decay", weight_decay)
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _initial_state(self, group: dict[str, Any], param: Tensor) -> dict[str, Any]:
        return {
            "step": host_scalar(0.0),
            "eta": host_scalar(scalar(group["lr"])),
            "mu": host_scalar(1.0),
            "ax": ops.zeros_like(param),
        }

    def _update(
        self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor], states: list[dict[str, Any]]
    ) -> None:
        lr, lambd = scalar(group["lr"]), group["lambd"]
        etas = [self._host_array(state["eta"]) for state in states]
        mus = [self._host_array(state["mu"]) for state in states]
        steps_of(group).asgd(
            params,
            grads,
            column(states, "ax"),
            [float(eta) for eta in etas],
            [float(mu) for mu in mus],
            lambd=lambd,
            weight_decay=group["weight_decay"],
            maximize=group["maximize"],
        )
        for eta, mu, step in zip(etas, mus, self._advance(states), strict=True):
            eta[...] = lr / ((1 + lambd * lr * step) ** group["alpha"])
            mu[...] = 1 / max(1, step - group["t0"])
