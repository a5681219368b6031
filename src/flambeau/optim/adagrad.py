"""Adagrad."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .. import ops
from ..tensor import Tensor
from ._groupwise import (
    GroupwiseOptimizer,
    check_implementation,
    check_lr,
    check_not_negative,
    column,
    filled,
    host_scalar,
    scalar,
    steps_of,
)

__all__ = ["Adagrad"]


class Adagrad(GroupwiseOptimizer):
    """Adagrad: steps divided by the root of the sum of all squared gradients (Duchi et al., JMLR 12, 2011).

    Args:
        params: tensors, named tensors or parameter groups, see ``Optimizer``.
        lr: learning rate; default 1e-2.
        lr_decay: the rate is ``lr / (1 + (step - 1) * lr_decay)``; default 0.
        weight_decay: factor of the L2 penalty; default 0.
        initial_accumulator_value: where the sum begins; default 0.
        eps: added to the denominator; default 1e-10.
        foreach, fused: choose an implementation in PyTorch; all are fused here, so they change nothing.
        maximize: go up the gradient.
        differentiable: keep the graph through steps; parameters must not be leaves.

    State: ``step``, ``sum``; both exist from the start.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_lr(lr)
        check_not_negative("lr_decay", lr_decay)
        check_not_negative("weight_decay", weight_decay)
        check_not_negative("initial_accumulator_value", initial_accumulator_value)
        if not eps >= 0.0:
            raise ValueError(f"Invalid epsilon value: {eps}")
        check_implementation(foreach=foreach, fused=fused, differentiable=differentiable)
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        for group in self.param_groups:
            for param in group["params"]:
                self._start_state(group, param)

    def _initial_state(self, group: dict[str, Any], param: Tensor) -> dict[str, Any]:
        return {"step": host_scalar(0.0), "sum": filled(param, group["initial_accumulator_value"])}

    def _update(
        self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor], states: list[dict[str, Any]]
    ) -> None:
        steps_of(group).adagrad(
            params,
            grads,
            column(states, "sum"),
            self._advance(states),
            lr=scalar(group["lr"]),
            lr_decay=group["lr_decay"],
            eps=group["eps"],
            weight_decay=group["weight_decay"],
            maximize=group["maximize"],
        )

    def _update_sparse(self, group: dict[str, Any], param: Tensor, grad: Tensor, state: dict[str, Any]) -> None:
        if group["weight_decay"] != 0:
            raise RuntimeError("weight_decay option is not compatible with sparse gradients")
        (step,) = self._advance([state])
        grad = (-grad if group["maximize"] else grad).coalesce()
        state["sum"].add_(grad.pow(2))
        roots = state["sum"].sparse_mask(grad).values().sqrt().add(group["eps"])
        rate = scalar(group["lr"]) / (1 + (step - 1) * group["lr_decay"])
        change = ops.sparse_coo_tensor(grad.indices(), grad.values() / roots, grad.shape, is_coalesced=True)
        param.add_(change, alpha=-rate)
