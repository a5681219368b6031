"""``torch.utils.flop_counter``: counting floating-point operations. Not supported yet."""

from __future__ import annotations

from typing import Any

__all__ = ["FlopCounterMode", "register_flop_formula"]


class FlopCounterMode:
    """Counts the operations of a block. Not supported yet: operators inside backward are not offered to modes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError("flambeau: FlopCounterMode is not supported yet: operators inside backward are not offered to modes")

    def get_total_flops(self) -> int:
        """All operations."""
        raise NotImplementedError("flambeau: FlopCounterMode is not supported yet")

    def get_flop_counts(self) -> dict[str, dict[Any, int]]:
        """Operations by module and operator."""
        raise NotImplementedError("flambeau: FlopCounterMode is not supported yet")


def register_flop_formula(targets: Any, get_raw: bool = False) -> Any:
    """A formula for an operator. Not supported yet."""
    raise NotImplementedError("flambeau: register_flop_formula is not supported yet")
