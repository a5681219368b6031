"""What the namespace can do, as the standard has it told."""

from __future__ import annotations

from typing import Any

import flambeau as fb

from .data_types import KINDS

DTYPES = {
    name: getattr(fb, name)
    for name in (
        "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64", "complex64", "complex128",
    )  # fmt: skip
}


class Info:
    """What ``__array_namespace_info__`` gives."""

    def capabilities(self) -> dict[str, Any]:
        """Which optional parts of the standard are there."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}

    def default_device(self) -> fb.device:
        """The device of new arrays."""
        return fb.get_default_device()

    def default_dtypes(self, *, device: Any = None) -> dict[str, fb.dtype]:
        """The dtypes of new arrays, by kind."""
        real = fb.get_default_dtype()
        return {"real floating": real, "complex floating": real.to_complex(), "integral": fb.int64, "indexing": fb.int64}

    def devices(self) -> list[fb.device]:
        """The devices that there are."""
        return [fb.device("cpu"), fb.device("meta")]

    def dtypes(self, *, device: Any = None, kind: str | tuple[str, ...] | None = None) -> dict[str, fb.dtype]:
        """The dtypes of the standard, of one kind or of several."""
        kinds = tuple(KINDS) if kind is None else (kind,) if isinstance(kind, str) else kind
        return {name: dtype for name, dtype in DTYPES.items() if any(dtype in KINDS[one] for one in kinds)}


def __array_namespace_info__() -> Info:
    """What can be asked of this namespace."""
    return Info()


__all__ = ["Info", "__array_namespace_info__"]
