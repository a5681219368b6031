"""Clipping of gradients, in place."""

from __future__ import annotations

import types
import warnings
from collections.abc import Iterable

from ... import ops
from ...autograd import no_grad
from ...ops.operator import operator
from ...ops.recorded import recorded
from ...tensor import Tensor

__all__ = ["clip_grad_norm", "clip_grad_norm_", "clip_grad_value_"]

Tensors = Tensor | Iterable[Tensor]


def _as_list(tensors: Tensors) -> list[Tensor]:
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


@no_grad()
def _get_total_norm(
    tensors: Tensors, norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: bool | None = None
) -> Tensor:
    """Return the norm of all tensors taken as one vector, 0-dimensional.

    ``foreach`` chooses an implementation in PyTorch; here all tensors go into one program either
    way. Raises RuntimeError for a norm that is not finite, if asked to.
    """
    tensors = _as_list(tensors)
    norm_type = float(norm_type)
    if not tensors:
        return ops.tensor(0.0)
    total = (_norm_of_all if _are_plain(tensors) else _norm_one_by_one)(tensors, norm_type)
    if error_if_nonfinite and not total.isfinite():
        raise RuntimeError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, so it "
            "cannot be clipped. To disable this error and scale the gradients by the non-finite norm anyway, "
            "set `error_if_nonfinite=False`"
        )
    return total


@no_grad()
def _clip_grads_with_norm_(
    parameters: Tensors, max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Scale the gradients of ``parameters`` by ``max_norm / total_norm`` where that is below one."""
    grads = [param.grad for param in _as_list(parameters) if param.grad is not None]
    if not grads:
        return
    scale = _scale_all if _are_plain([*grads, total_norm]) else _scale_one_by_one
    scale(grads, total_norm, float(max_norm))


def _are_plain(tensors: list[Tensor]) -> bool:
    """Whether tensors are dense, of no class of their own, and on one device: then one instruction handles all."""
    device = tensors[0].device
    return device.type == "cpu" and all(not x._spec.override and x.device is device for x in tensors)


def _norm_one_by_one(tensors: list[Tensor], norm_type: float) -> Tensor:
    device = tensors[0].device
    norms = [ops.linalg.vector_norm(tensor, norm_type).to(device) for tensor in tensors]
    return ops.linalg.vector_norm(ops.stack(norms), norm_type)


_norm_of_all = operator("norm_of_all(Tensor[] tensors, float norm_type)", namespace=None)(_norm_one_by_one)


def _scale_one_by_one(grads: list[Tensor], total_norm: Tensor, max_norm: float) -> None:
    # Clamped rather than tested, so that nobody has to wait for the norm.
    factor = ops.clamp(max_norm / (total_norm + 1e-6), max=1.0)
    for grad in grads:
        grad.mul_(factor.to(grad.device))


_scale_all = recorded("scale_all(Tensor[] grads, Tensor total_norm, Scalar max_norm)", ends_step=False)(_scale_one_by_one)


@no_grad()
def clip_grad_norm_(
    parameters: Tensors,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale gradients down so that their norm, taken as one vector, is at most ``max_norm``.

    Returns the norm before. Raises RuntimeError where it is not finite, with ``error_if_nonfinite``.
    """
    is_generator = isinstance(parameters, types.GeneratorType)
    parameters = _as_list(parameters)
    if is_generator and not parameters:
        warnings.warn("`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=3)
    grads = [param.grad for param in parameters if param.grad is not None]
    total_norm = _get_total_norm(grads, norm_type, error_if_nonfinite, foreach)
    _clip_grads_with_norm_(parameters, max_norm, total_norm, foreach)
    return total_norm


def clip_grad_norm(
    parameters: Tensors,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Deprecated name of :func:`clip_grad_norm_`."""
    message = (
        "`torch.nn.utils.clip_grad_norm` is now deprecated in favor of `torch.nn.utils.clip_grad_norm_`."
    )
    warnings.warn(message, FutureWarning, stacklevel=2)
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


@no_grad()
def clip_grad_value_(parameters: Tensors, clip_value: float, foreach: bool | None = None) -> None:
    """Clamp every element of the gradients to [-clip_value, clip_value]."""
    clip_value = float(clip_value)
    for param in _as_list(parameters):
        if param.grad is not None:
            param.grad.clamp_(min=-clip_value, max=clip_value)
