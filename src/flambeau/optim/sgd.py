"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..tensor import Tensor
from ._groupwise import GroupwiseOptimizer, check_implementation, check_lr, column, scalar, steps_of

__all__ = ["SGD"]


class SGD(GroupwiseOptimizer):
    """Gradient descent, with momentum where asked for.

    With gradient ``g``, parameter ``p`` and momentum buffer ``b``, a step is
    ``b = momentum * b + (1 - dampening) * (g + weight_decay * p)`` (the first step takes the gradient
    itself), then ``p -= lr * b``; under ``nesterov`` it is ``p -= lr * (g + momentum * b)``
    (Sutskever et al., ICML 2013).

    Args:
        params: tensors, named tensors or parameter groups, see ``Optimizer``.
        lr: learning rate; default 1e-3.
        momentum: momentum factor; default 0.
        dampening: share of the gradient that is kept out of the buffer; default 0.
        weight_decay: factor of the L2 penalty; default 0.
        nesterov: Nesterov's momentum; needs a momentum and no dampening.
        maximize: go up the gradient.
        foreach, fused: choose an implementation in PyTorch; all are fused here, so they change nothing.
        differentiable: keep the graph through steps; parameters must not be leaves.

    State: ``momentum_buffer``, where there is momentum.

    Raises:
        ValueError: a hyper-parameter out of range, or ``nesterov`` without momentum or with dampening.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float | Tensor = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_lr(lr)
        if momentum < 0.0:
            raise ValueError(f"Invalid momentum value: {momentum}")
        if scalar(weight_decay) < 0.0:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        check_implementation(foreach=foreach, fused=fused, differentiable=differentiable)
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)

    def _initial_state(self, group: dict[str, Any], param: Tensor) -> dict[str, Any]:
        return {} if group["momentum"] == 0 else {"momentum_buffer": None}

    def _update(
        self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor], states: list[dict[str, Any]]
    ) -> None:
        momentum = group["momentum"]
        buffers: list[Tensor | None] = column(states, "momentum_buffer") if momentum != 0 else []
        created = steps_of(group).sgd(
            params,
            grads,
            buffers,
            lr=scalar(group["lr"]),
            momentum=momentum,
            dampening=group["dampening"],
            weight_decay=scalar(group["weight_decay"]),
            nesterov=group["nesterov"],
            maximize=group["maximize"],
        )
        for i in created:
            states[i]["momentum_buffer"] = buffers[i]

    def _update_sparse(self, group: dict[str, Any], param: Tensor, grad: Tensor, state: dict[str, Any]) -> None:
        grad = -grad if group["maximize"] else grad
        if group["weight_decay"] != 0:
            raise RuntimeError("add(sparse, dense) is not supported: SGD takes no weight_decay with sparse gradients")
        if group["momentum"] != 0:
            buffer = state.get("momentum_buffer")
            if buffer is None:
                buffer = state["momentum_buffer"] = grad.detach().clone()
            else:
                buffer.mul_(group["momentum"]).add_(grad, alpha=1 - group["dampening"])
            grad = grad.add(buffer, alpha=group["momentum"]) if group["nesterov"] else buffer
        param.add_(grad, alpha=-scalar(group["lr"]))
