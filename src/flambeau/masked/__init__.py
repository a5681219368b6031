"""The functions of ``torch.masked``, and tensors that carry their mask."""

from __future__ import annotations

from ..ops.registry import NAMESPACES
from . import _ops
from .maskedtensor import MaskedTensor, as_masked_tensor, is_masked_tensor, masked_tensor

globals().update(NAMESPACES.get("masked", {}))

__all__ = ["MaskedTensor", "as_masked_tensor", "is_masked_tensor", "masked_tensor", *NAMESPACES.get("masked", {})]
