"""Adam."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .. import ops
from ..tensor import Tensor
from ._groupwise import (
    GroupwiseOptimizer,
    check_betas,
    check_implementation,
    check_lr,
    check_not_negative,
    column,
    host_scalar,
    scalar,
    steps_of,
)

__all__ = ["Adam"]


class Adam(GroupwiseOptimizer):
    """Adam: steps scaled by running averages of the gradient and of its square (arXiv 1412.6980).

    Args:
        params: tensors, named tensors or parameter groups, see ``Optimizer``.
        lr: learning rate; default 1e-3.
        betas: decay of the two averages; default (0.9, 0.999).
        eps: added to the denominator; default 1e-8.
        weight_decay: factor of the L2 penalty, or of the decay itself when decoupled; default 0.
        amsgrad: divide by the largest second moment so far (Reddi et al., ICLR 2018).
        foreach, fused: choose an implementation in PyTorch; all are fused here, so they change nothing.
        maximize: go up the gradient.
        differentiable: keep the graph through steps; parameters must not be leaves.
        capturable: for devices that record graphs; a step on a CPU raises AssertionError.
        decoupled_weight_decay: decay the parameters and not the gradient, as ``AdamW``.

    State: ``step``, ``exp_avg``, ``exp_avg_sq`` and, under ``amsgrad``, ``max_exp_avg_sq``.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        if isinstance(lr, Tensor) and foreach and not capturable:
            raise ValueError("lr as a Tensor is not supported for capturable=False and foreach=True")
        check_lr(lr)
        if not eps >= 0.0:
            raise ValueError(f"Invalid epsilon value: {eps}")
        check_betas(betas)
        check_not_negative("weight_decay", weight_decay)
        betas = _as_numbers(betas, bool(foreach) and not capturable)
        check_implementation(foreach=foreach, fused=fused, differentiable=differentiable)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)

    def _initial_state(self, group: dict[str, Any], param: Tensor) -> dict[str, Any]:
        state = {
            "step": host_scalar(0.0),
            "exp_avg": ops.zeros_like(param),
            "exp_avg_sq": ops.zeros_like(param),
        }
        if group["amsgrad"]:
            state["max_exp_avg_sq"] = ops.zeros_like(param)
        return state

    def _update(
        self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor], states: list[dict[str, Any]]
    ) -> None:
        beta1, beta2 = group["betas"]
        amsgrad = group["amsgrad"]
        steps_of(group).adam(
            params,
            grads,
            column(states, "exp_avg"),
            column(states, "exp_avg_sq"),
            column(states, "max_exp_avg_sq") if amsgrad else [],
            self._advance(states),
            lr=scalar(group["lr"]),
            beta1=scalar(beta1),
            beta2=scalar(beta2),
            eps=group["eps"],
            weight_decay=group["weight_decay"],
            amsgrad=amsgrad,
            maximize=group["maximize"],
            decoupled_weight_decay=group["decoupled_weight_decay"],
        )


def _as_numbers(betas: tuple, numbers_only: bool) -> tuple[float, float]:
    """Betas that may have come as tensors. ValueError for a mixture, or for tensors that must be numbers."""
    if not (all(isinstance(beta, float) for beta in betas) or all(isinstance(beta, Tensor) for beta in betas)):
        raise ValueError("betas must be either both floats or both Tensors")
    for index, beta in enumerate(betas):
        if isinstance(beta, Tensor) and numbers_only:
            raise ValueError(f"betas[{index}] as a Tensor is not supported for capturable=False and foreach=True")
        if isinstance(beta, Tensor) and beta.numel() != 1:
            raise ValueError(f"Tensor betas[{index}] must be 1-element")
    return scalar(betas[0]), scalar(betas[1])
