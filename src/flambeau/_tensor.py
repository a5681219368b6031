"""``torch._tensor``: the class of tensors, and how subclasses are put together again."""

from __future__ import annotations

from ._utils import _rebuild_from_type_v2
from .tensor import Tensor

__all__ = ["Tensor", "_rebuild_from_type_v2"]
