"""Adam for sparse gradients."""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt
from typing import Any

from .. import ops
from ..tensor import Tensor
from ._groupwise import GroupwiseOptimizer, check_betas, scalar

__all__ = ["SparseAdam"]


class SparseAdam(GroupwiseOptimizer):
    """Adam (Kingma and Ba, arXiv 1412.6980) that moves only what has an entry in the sparse gradient, moments included.

    Args:
        params: dense tensors whose gradients are COO tensors, or parameter groups.
        lr: learning rate; default 1e-3.
        betas: decay rates of the first and second moment; default (0.9, 0.999).
        eps: added to the root of the second moment; default 1e-8.
        maximize: go up the gradient.

    State: ``step`` (an int), ``exp_avg``, ``exp_avg_sq``.

    Raises:
        ValueError: a hyper-parameter out of range, or sparse parameters.
        RuntimeError: a step with dense gradients.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        maximize: bool = False,
    ) -> None:
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        if not scalar(lr) > 0.0:
            raise ValueError(f"Invalid learning rate: {lr}")
        if not eps > 0.0:
            raise ValueError(f"Invalid epsilon value: {eps}")
        check_betas(betas)
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "maximize": maximize})
        places = [([g, i], p) for g, group in enumerate(self.param_groups) for i, p in enumerate(group["params"])]
        sparse = [place for place, param in places if param.is_sparse]
        if sparse:
            raise ValueError(f"Sparse params at indices {sparse}: SparseAdam requires dense parameter tensors")
        complex_places = [place for place, param in places if param.is_complex()]
        if complex_places:
            raise ValueError(f"Complex params at indices {complex_places}: SparseAdam does not support complex parameters")

    def _initial_state(self, group: dict[str, Any], param: Tensor) -> dict[str, Any]:
        return {"step": 0, "exp_avg": ops.zeros_like(param), "exp_avg_sq": ops.zeros_like(param)}

    def _update(self, group: dict[str, Any], params: list, grads: list, states: list) -> None:
        raise RuntimeError("SparseAdam does not support dense gradients, please consider Adam instead")

    def _update_sparse(self, group: dict[str, Any], param: Tensor, grad: Tensor, state: dict[str, Any]) -> None:
        state["step"] += 1
        step, (beta1, beta2) = state["step"], group["betas"]
        grad = (-grad if group["maximize"] else grad).coalesce()
        if not grad._nnz():
            return
        values = grad._values()
        old_first = state["exp_avg"].sparse_mask(grad)._values()
        old_second = state["exp_avg_sq"].sparse_mask(grad)._values()
        first_change = (values - old_first) * (1 - beta1)
        second_change = (values * values - old_second) * (1 - beta2)
        state["exp_avg"].add_(_at(grad, first_change))
        state["exp_avg_sq"].add_(_at(grad, second_change))
        first, second = old_first + first_change, old_second + second_change
        rate = scalar(group["lr"]) * sqrt(1 - beta2**step) / (1 - beta1**step)
        param.add_(_at(grad, first / (second.sqrt() + group["eps"])), alpha=-rate)


def _at(grad: Tensor, values: Tensor) -> Tensor:
    """Other values at the entries of a coalesced gradient."""
    return ops.sparse_coo_tensor(grad._indices(), values, grad.shape, is_coalesced=True)
