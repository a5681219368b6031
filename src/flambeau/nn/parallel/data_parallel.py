"""The module that gives each GPU its part of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..modules.module import Module

__all__ = ["DataParallel"]


class DataParallel(Module):
    """``module`` on parts of the batch, one for each GPU.

    Without GPUs it is ``module`` itself on the whole batch, as in PyTorch: ``device_ids``, ``output_device`` and ``dim`` have
    no effect. Names of the state begin with ``module.``.
    """

    def __init__(
        self, module: Module, device_ids: Sequence[Any] | None = None, output_device: Any = None, dim: int = 0
    ) -> None:
        super().__init__()
        self.module = module
        self.device_ids: list[Any] = []

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        return self.module(*inputs, **kwargs)
