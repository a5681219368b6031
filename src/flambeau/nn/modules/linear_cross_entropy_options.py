"""How PyTorch is to cut a linear layer with cross entropy into chunks."""

from __future__ import annotations

import dataclasses

from ...dtypes import bfloat16, float16, float32, float64
from ...dtypes import dtype as DType

__all__ = ["LinearCrossEntropyOptions"]


@dataclasses.dataclass(slots=True, frozen=True)
class LinearCrossEntropyOptions:
    """Options of ``linear_cross_entropy`` that trade memory for time; here fusion decides, and no value depends on them.

    Args:
        allow_retain_graph: whether backward may be called twice; here it always may.
        batch_chunk_size: rows of a chunk.
        chunking_method: ``"auto"``, ``"aspect_ratio"``, ``"aspect_ratio:N"`` or None: how that number is found.
        acc_policy: ``"auto"``, ``"accurate"``, ``"balanced"`` or ``"compact"``: what is accumulated in ``acc_dtype``.
        acc_dtype: a floating dtype, or None.

    Raises:
        ValueError: an argument is none of these.
    """

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: str = "auto"
    acc_dtype: DType | None = None

    def __post_init__(self) -> None:
        if self.acc_policy not in ("auto", "accurate", "balanced", "compact"):
            raise ValueError(f"invalid acc_policy: {self.acc_policy!r}")
        name, colon, factor = (self.chunking_method or "auto").partition(":")
        whole = not colon or (name == "aspect_ratio" and factor.isdigit() and int(factor) > 0)
        if name not in ("auto", "aspect_ratio") or not whole:
            raise ValueError(f"invalid chunking_method: {self.chunking_method!r}")
        size = self.batch_chunk_size
        if size is not None and not (isinstance(size, int) and size > 0):
            raise ValueError(f"batch_chunk_size must be positive int or None, got {size!r}")
        if self.acc_dtype not in (None, float16, bfloat16, float32, float64):
            raise ValueError(f"acc_dtype must be a floating dtype or None, got {self.acc_dtype!r}")
