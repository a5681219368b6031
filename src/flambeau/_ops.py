"""``torch._ops``: the classes of the operators below ``torch.ops``."""

from __future__ import annotations

from .ops.registered import OpNamespace as _OpNamespace
from .ops.registered import OpOverload, OpOverloadPacket

__all__ = ["OpOverload", "OpOverloadPacket", "_OpNamespace"]
