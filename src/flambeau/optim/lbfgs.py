"""Limited-memory BFGS."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from .. import ops
from ..autograd import enable_grad, no_grad
from ..tensor import Tensor
from ._groupwise import as_real, check_lr, scalar
from ._line_search import strong_wolfe
from .optimizer import Optimizer

__all__ = ["LBFGS"]

# A pair (s, y) with less curvature than this would spoil the approximation of the Hessian.
_LEAST_CURVATURE = 1e-10
_KEPT = ("d", "t", "old_dirs", "old_stps", "ro", "H_diag", "prev_flat_grad", "prev_loss")


class LBFGS(Optimizer):
    """L-BFGS: quasi-Newton steps from the last few gradients (Nocedal and Wright, algorithm 7.5).

    There is one parameter group only, and ``step`` needs a closure, which it may call many times.

    Args:
        params: tensors or named tensors, or a list with one parameter group.
        lr: length of a step, relative to the quasi-Newton direction; default 1.
        max_iter: iterations in one ``step``; default 20.
        max_eval: calls of the closure in one ``step``; default ``max_iter * 1.25``.
        tolerance_grad: stop when no gradient is larger; default 1e-7.
        tolerance_change: stop when parameters or loss change by less; default 1e-9.
        history_size: how many past gradients are kept; default 100.
        line_search_fn: ``"strong_wolfe"`` or ``None``.

    State, under the first parameter: ``func_evals``, ``n_iter``, ``d``, ``t``, ``old_dirs``, ``old_stps``,
    ``ro``, ``H_diag``, ``prev_flat_grad``, ``prev_loss`` and ``al``.

    Raises:
        ValueError: more than one parameter group, or a learning rate out of range.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        check_lr(lr)
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")

    @property
    def _params(self) -> list[Tensor]:
        return self.param_groups[0]["params"]

    def _flat_grad(self) -> Tensor:
        """All gradients in one vector; zeros where there is none."""
        pieces = [
            as_real(ops.zeros_like(param) if param.grad is None else param.grad).reshape(-1) for param in self._params
        ]
        return ops.cat(pieces, 0)

    def _move(self, length: float | Tensor, direction: Tensor) -> None:
        """Add ``length * direction``, a vector as long as all parameters, to the parameters."""
        offset = 0
        for param in map(as_real, self._params):
            count = param.numel()
            param.add_(direction[offset : offset + count].view_as(param), alpha=length)
            offset += count

    def step(self, closure: Callable[[], Any]) -> Any:  # type: ignore[override]
        """Take up to ``max_iter`` quasi-Newton steps.

        Args:
            closure: clears the gradients, evaluates the loss, calls ``backward`` and returns the loss.

        Returns:
            The loss before the first step.
        """
        with no_grad():
            return self._minimise(closure)

    def _minimise(self, user_closure: Callable[[], Any]) -> Any:
        def closure() -> Any:
            with enable_grad():
                return user_closure()

        if len(self.param_groups) != 1:
            raise AssertionError(f"Expected exactly one param_group, but got {len(self.param_groups)}")
        group = self.param_groups[0]
        state = self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)

        first_loss = closure()
        loss = float(first_loss)
        evaluations = 1
        state["func_evals"] += 1
        grad = self._flat_grad()
        if _largest(grad) <= group["tolerance_grad"]:
            return first_loss

        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            _update_direction(state, grad, group["history_size"])
            _remember(state, grad, loss)

            length = scalar(group["lr"])
            if state["n_iter"] == 1:
                length = min(1.0, 1.0 / grad.abs().sum()) * length
            state["t"] = length
            slope = grad.dot(state["d"])
            if slope > -group["tolerance_change"]:
                break

            last = iteration == group["max_iter"]
            loss, grad, calls = self._advance(closure, loss, grad, slope, evaluations, last)
            evaluations += calls
            state["func_evals"] += calls
            if last or evaluations >= group["max_eval"] or self._converged(grad, loss):
                break
        for name in _KEPT:  # in the order of PyTorch's state dicts
            state[name] = state.pop(name)
        return first_loss

    def _advance(
        self,
        closure: Callable[[], Any],
        loss: float,
        grad: Tensor,
        slope: Tensor,
        evaluations: int,
        last: bool,
    ) -> tuple[float, Tensor, int]:
        """Move along the direction; return loss and gradient there and how often the closure was called."""
        group, state = self.param_groups[0], self.state[self._params[0]]
        direction = state["d"]
        if group["line_search_fn"] is None:
            self._move(state["t"], direction)
            if last:
                return loss, grad, 0
            loss = float(closure())
            return loss, self._flat_grad(), 1
        if group["line_search_fn"] != "strong_wolfe":
            raise RuntimeError("only 'strong_wolfe' is supported")

        start = [param.clone() for param in self._params]

        def evaluate(length: float | Tensor) -> tuple[float, Tensor]:
            self._move(length, direction)
            value = float(closure())
            gradient = self._flat_grad()
            for param, original in zip(self._params, start, strict=True):
                param.copy_(original)
            return value, gradient

        loss, grad, state["t"], calls = strong_wolfe(
            evaluate, state["t"], direction, loss, grad, slope, max_ls=group["max_eval"] - evaluations
        )
        self._move(state["t"], direction)
        return loss, grad, calls

    def _converged(self, grad: Tensor, loss: float) -> bool:
        group, state = self.param_groups[0], self.state[self._params[0]]
        tolerance = group["tolerance_change"]
        return bool(
            _largest(grad) <= group["tolerance_grad"]
            or _largest(state["d"].mul(state["t"])) <= tolerance
            or abs(loss - state["prev_loss"]) < tolerance
        )


def _largest(vector: Tensor) -> Tensor:
    return vector.abs().max()


def _remember(state: dict[str, Any], grad: Tensor, loss: float) -> None:
    if state.get("prev_flat_grad") is None:
        state["prev_flat_grad"] = grad.clone()
    else:
        state["prev_flat_grad"].copy_(grad)
    state["prev_loss"] = loss


def _update_direction(state: dict[str, Any], grad: Tensor, history_size: int) -> None:
    """Set ``d`` to minus the approximate inverse Hessian times the gradient (the two-loop recursion)."""
    if state["n_iter"] == 1:
        state.update(d=grad.neg(), old_dirs=[], old_stps=[], ro=[], H_diag=1)
        return

    differences, moves, ro = state["old_dirs"], state["old_stps"], state["ro"]
    y = grad.sub(state["prev_flat_grad"])
    s = state["d"].mul(state["t"])
    curvature = y.dot(s)
    if curvature > _LEAST_CURVATURE:
        if len(differences) == history_size:
            for history in (differences, moves, ro):
                history.pop(0)
        differences.append(y)
        moves.append(s)
        ro.append(1.0 / curvature)
        state["H_diag"] = curvature / y.dot(y)

    al = state.setdefault("al", [None] * history_size)
    q = grad.neg()
    for i in reversed(range(len(differences))):
        al[i] = moves[i].dot(q) * ro[i]
        q.add_(differences[i], alpha=-al[i])
    r = ops.mul(q, state["H_diag"])
    for i in range(len(differences)):
        r.add_(moves[i], alpha=al[i] - differences[i].dot(r) * ro[i])
    state["d"] = r
