"""Muon."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from .. import ops
from ..tensor import Tensor
from ._groupwise import GroupwiseOptimizer, scalar

__all__ = ["Muon"]


class Muon(GroupwiseOptimizer):
    """Momentum whose matrix is made nearly orthogonal before each step (Jordan et al., 2024).

    For the matrices of hidden layers; biases, norms, embeddings and output layers go to another optimizer such as AdamW.

    Args:
        params: matrices, named matrices or parameter groups, see ``Optimizer``.
        lr: learning rate; default 1e-3.
        weight_decay: decay of the parameters themselves; default 0.1.
        momentum: share of the old momentum that is kept; default 0.95.
        nesterov: look ahead by the momentum; on by default.
        ns_coefficients: of the polynomial ``a x + b x**3 + c x**5`` that drives singular values towards 1.
        eps: the least norm to divide by; default 1e-7.
        ns_steps: how often the polynomial is applied; default 5.
        adjust_lr_fn: how the rate follows a matrix of A rows and B columns: ``"original"``, the default, by
            ``sqrt(max(1, A / B))``; ``"match_rms_adamw"`` by ``0.2 * sqrt(max(A, B))`` (arXiv 2502.16982).

    State: ``momentum_buffer``.

    Raises:
        ValueError: a hyper-parameter out of range, a parameter that is no matrix, ``ns_steps`` of 100 or more.
        RuntimeError: a step with complex parameters or sparse gradients.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        if not scalar(lr) >= 0.0:
            raise ValueError(f"Learning rate should be >= 0 but is: {lr}")
        if not momentum >= 0.0:
            raise ValueError(f"momentum should be >= 0 but is: {momentum}")
        if not weight_decay >= 0.0:
            raise ValueError(f"weight decay should be >= 0 but is: {weight_decay}")
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ValueError(f"Adjust learning rate function {adjust_lr_fn} is not supported")
        defaults = {
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_coefficients": ns_coefficients,
            "eps": eps,
            "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        }
        super().__init__(params, defaults)
        for group in self.param_groups:
            for param in group["params"]:
                if param.dim() != 2:
                    raise ValueError(
                        f"Muon only supports 2D parameters whereas we found a parameter with size: {param.size()}"
                    )

    def _initial_state(self, group: dict[str, Any], param: Tensor) -> dict[str, Any]:
        if param.is_complex():
            raise RuntimeError("Muon does not support complex parameters")
        return {"momentum_buffer": ops.zeros_like(param)}

    def _update(
        self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor], states: list[dict[str, Any]]
    ) -> None:
        lr, momentum = scalar(group["lr"]), group["momentum"]
        for param, grad, state in zip(params, grads, states, strict=True):
            if grad.dim() != 2:
                raise ValueError("Param gradient must be a 2D matrix")
            buffer = state["momentum_buffer"].lerp_(grad, 1 - momentum)
            direction = grad.lerp(buffer, momentum) if group["nesterov"] else buffer
            update = _orthogonalized(direction, group["ns_coefficients"], group["ns_steps"], group["eps"])
            param.mul_(1 - lr * group["weight_decay"])
            param.add_(update, alpha=-lr * _rate_factor(group["adjust_lr_fn"], *param.shape))


def _orthogonalized(matrix: Tensor, coefficients: tuple[float, float, float], steps: int, eps: float) -> Tensor:
    """``matrix`` with singular values near 1, by Newton and Schulz's iteration in bfloat16."""
    if steps >= 100:
        raise ValueError("Number of steps must be less than 100 for computational efficiency")
    if len(coefficients) != 3:
        raise ValueError("Coefficients must be a tuple of exactly 3 values")
    a, b, c = coefficients
    tall = matrix.size(0) > matrix.size(1)
    x = matrix.bfloat16().t() if tall else matrix.bfloat16()
    x = x / x.norm().clamp(min=eps)  # no singular value is above 1 now
    for _ in range(steps):
        gram = x @ x.t()
        x = ops.addmm(x, ops.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.t() if tall else x


def _rate_factor(adjustment: str | None, rows: int, columns: int) -> float:
    if adjustment == "match_rms_adamw":
        return 0.2 * math.sqrt(max(rows, columns))
    return math.sqrt(max(1, rows / columns))
