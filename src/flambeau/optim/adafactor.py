"""Adafactor."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .. import ops
from ..dtypes import bfloat16, finfo, float16, float32
from ..tensor import Tensor
from ._groupwise import GroupwiseOptimizer, host_scalar, scalar

__all__ = ["Adafactor"]


class Adafactor(GroupwiseOptimizer):
    """Adam without momentum, whose second moments of a matrix are kept as one value a row and one a column.

    Shazeer and Stern, arXiv 1804.04235. As in PyTorch ``lr`` bounds the relative step size ``1 / sqrt(step)`` and scales
    the weight decay, and ``eps[0]`` bounds the estimated moments instead of being added to squares.

    Args:
        params: tensors, named tensors or parameter groups, see ``Optimizer``.
        lr: largest relative step size; default 1e-2.
        beta2_decay: the average of squares forgets at the rate ``step ** beta2_decay``; default -0.8.
        eps: the least root of a second moment (default: the dtype's epsilon), and the least size that a parameter counts as
            having when its step is scaled by it; default 1e-3.
        d: root mean square beyond which an update is scaled down; default 1.
        weight_decay: decay of the parameters themselves; default 0.
        foreach: chooses an implementation in PyTorch; it changes nothing here.
        maximize: go up the gradient.

    State: ``step``, and ``row_var`` and ``col_var`` of tensors with two dimensions or more, else ``variance``.

    Raises:
        ValueError: a hyper-parameter out of range.
        RuntimeError: a step with complex parameters or sparse gradients.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        if not scalar(lr) >= 0.0:
            raise ValueError(f"Learning rate should be >= 0 but is: {lr}")
        if not beta2_decay <= 0.0:
            raise ValueError(f"beta2_decay should be <= 0 but is: {beta2_decay}")
        if eps[0] is not None and not eps[0] >= 0.0:
            raise ValueError(f"epsilon1 should be >= 0 but is: {eps[0]}")
        if not eps[1] >= 0.0:
            raise ValueError(f"epsilon2 should be >= 0 but is: {eps[1]}")
        if not d >= 1.0:
            raise ValueError(f"Clipping threshold d should be >= 1 but is: {d}")
        if not weight_decay >= 0.0:
            raise ValueError(f"weight_decay should be >= 0 but is: {weight_decay}")
        defaults = {
            "lr": lr,
            "beta2_decay": beta2_decay,
            "eps": eps,
            "d": d,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _initial_state(self, group: dict[str, Any], param: Tensor) -> dict[str, Any]:
        if param.is_complex():
            raise RuntimeError("Adafactor does not support complex parameters")
        state = {"step": host_scalar(0.0)}
        if param.dim() < 2:
            state["variance"] = ops.zeros_like(param)
            return state
        *lead, rows, columns = param.shape
        state["row_var"] = ops.zeros((*lead, rows, 1), dtype=param.dtype)
        state["col_var"] = ops.zeros((*lead, 1, columns), dtype=param.dtype)
        return state

    def _update(
        self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor], states: list[dict[str, Any]]
    ) -> None:
        lr, (least_moment, least_size), d = scalar(group["lr"]), group["eps"], group["d"]
        for param, grad, state, step in zip(params, grads, states, self._advance(states), strict=True):
            grad = grad.neg() if group["maximize"] else grad
            size = _root_mean_square(param).clamp(min=least_size)
            if group["weight_decay"] != 0:
                param.mul_(1 - lr * group["weight_decay"])
            least = finfo(param.dtype).eps if least_moment is None else least_moment
            moments = _second_moments(state, grad, step ** group["beta2_decay"], least)
            update = moments.clamp_(min=least * least).rsqrt_().mul_(grad)
            shrinkage = (_root_mean_square(update) / d).clamp(min=1.0)
            scale = size * min(lr, 1 / step**0.5) / shrinkage
            param.copy_(_widened(param) - _widened(update) * scale)


def _second_moments(state: dict[str, Any], grad: Tensor, share: float, least: float) -> Tensor:
    """The average of squared gradients that moved by ``share`` towards this one's; a new tensor."""
    if grad.dim() < 2:
        return state["variance"].lerp_(grad * grad, share).clone()
    rows, columns = state["row_var"], state["col_var"]
    rows.lerp_(ops.norm(grad, dim=-1, keepdim=True).square_().div_(grad.size(-1)), share)
    columns.lerp_(ops.norm(grad, dim=-2, keepdim=True).square_().div_(grad.size(-2)), share)
    return (rows @ columns).div_(rows.mean(dim=-2, keepdim=True).clamp_(min=least))


def _widened(tensor: Tensor) -> Tensor:
    return tensor.to(float32) if tensor.dtype in (float16, bfloat16) else tensor


def _root_mean_square(tensor: Tensor) -> Tensor:
    return _widened(tensor.norm(2)) / max(tensor.numel(), 1) ** 0.5
