"""The older name of :func:`flambeau.func.functional_call`."""

from __future__ import annotations

import warnings
from typing import Any

from ...tensor import Tensor
from ..modules.module import Module

__all__ = ["functional_call"]


def functional_call(
    module: Module,
    parameters_and_buffers: dict[str, Tensor],
    args: Any | tuple | None = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Call ``module`` with other tensors in place of its parameters and buffers. Deprecated.

    The arguments are those of :func:`flambeau.func.functional_call`, but for one dictionary alone: AttributeError for several.
    """
    from ...func import functional_call as call

    warnings.warn(
        "`torch.nn.utils.stateless.functional_call` is deprecated as of PyTorch 2.0 and will be removed in a future version "
        "of PyTorch. Please use `torch.func.functional_call` instead which is a drop-in replacement.",
        FutureWarning,
        stacklevel=2,
    )
    if not isinstance(parameters_and_buffers, dict):
        raise AttributeError(
            f"functional_call: expected parameters_and_buffers to be a dict, but got {type(parameters_and_buffers).__name__}"
        )
    return call(module, parameters_and_buffers, args, kwargs, tie_weights=tie_weights, strict=strict)
