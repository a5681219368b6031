"""``torch.autograd.grad_mode``: the names that programs import from there."""

from __future__ import annotations

from .mode import enable_grad, inference_mode, no_grad, set_grad_enabled, set_multithreading_enabled

__all__ = ["enable_grad", "inference_mode", "no_grad", "set_grad_enabled", "set_multithreading_enabled"]
