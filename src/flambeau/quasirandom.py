"""``torch.quasirandom``: sequences that fill a cube evenly. Not supported yet."""

from __future__ import annotations

from typing import Any

__all__ = ["SobolEngine"]


class SobolEngine:
    """Sobol sequences. Not supported yet: the table of direction numbers is missing."""

    MAXDIM = 21201

    def __init__(self, dimension: int, scramble: bool = False, seed: int | None = None) -> None:
        raise NotImplementedError("flambeau: quasirandom.SobolEngine is not supported yet: the table of direction numbers is missing")

    def draw(self, n: int = 1, out: Any = None, dtype: Any = None) -> Any:
        """The next ``n`` points."""
        raise NotImplementedError("flambeau: quasirandom.SobolEngine is not supported yet")
