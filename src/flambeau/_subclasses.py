"""``torch._subclasses``: tensors of PyTorch's tracing. None is ever made here; the device ``meta`` has tensors without elements."""

from __future__ import annotations

from typing import Any

from .tensor import Tensor

__all__ = ["FakeTensor", "FakeTensorMode"]


class FakeTensor(Tensor):
    """The class of tensors that PyTorch traces with; nothing is an instance of it."""

    @staticmethod
    def __new__(cls: type, *args: Any, **kwargs: Any) -> FakeTensor:
        raise NotImplementedError("flambeau: FakeTensor is not supported: use tensors on the device meta")


class FakeTensorMode:
    """The mode that makes such tensors: not supported."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError("flambeau: FakeTensorMode is not supported: use the device meta, as in `with torch.device('meta')`")
