"""Autograd functions that modules need."""

from __future__ import annotations

from ...autograd import Function


class BackwardHookFunction(Function):
    """Pass tensors through unchanged and hand their gradients to a callback on the way back.

    ``callback`` takes the tuple of gradients and returns the tuple that goes on. With
    ``keep_missing`` a gradient that never came is shown as None, else as zeros.
    """

    @staticmethod
    def forward(ctx, callback, keep_missing, *tensors):
        ctx.callback = callback
        if keep_missing:
            ctx.set_materialize_grads(False)
        passed = tuple(tensor.view_as(tensor) for tensor in tensors)
        ctx.mark_non_differentiable(*[out for out, x in zip(passed, tensors) if not x.requires_grad])
        return passed

    @staticmethod
    def backward(ctx, *grads):
        return (None, None, *ctx.callback(grads))
