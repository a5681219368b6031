"""Automatic differentiation: the tape, grad modes, hooks and user-defined functions."""
from .mode import enable_grad, inference_mode, is_grad_enabled, is_inference_mode_enabled, no_grad, set_grad_enabled
