"""New arrays."""

from __future__ import annotations

import builtins
from typing import Any

import flambeau as fb
from flambeau import Tensor, dtype

Shape = int | tuple[int, ...]


def arange(start: float, /, stop: float | None = None, step: float = 1, *, dtype: dtype | None = None, device: Any = None) -> Tensor:
    """Numbers from ``start`` (0 if it is the only bound) up to ``stop``; none where ``step`` leads away from it."""
    if stop is None:
        start, stop = 0, start
    if (stop - start) * step <= 0:
        whole = builtins.all(isinstance(bound, int) for bound in (start, stop, step))
        return fb.empty(0, dtype=dtype or (fb.int64 if whole else fb.get_default_dtype()), device=device)
    if dtype in (fb.uint16, fb.uint32, fb.uint64):
        return fb.arange(start, stop, step, device=device).to(dtype)
    return fb.arange(start, stop, step, dtype=dtype, device=device)


def asarray(obj: Any, /, *, dtype: dtype | None = None, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor of numbers, sequences, buffers, or over an array's memory. See ``flambeau.asarray``."""
    if device is None and isinstance(obj, Tensor):
        device = obj.device
    return fb.asarray(obj, dtype=dtype, device=device, copy=copy)


def empty(shape: Shape, *, dtype: dtype | None = None, device: Any = None) -> Tensor:
    """A tensor whose values are whatever was in memory."""
    return fb.empty(shape, dtype=dtype, device=device)


def empty_like(x: Tensor, /, *, dtype: dtype | None = None, device: Any = None) -> Tensor:
    """``empty`` of the shape, dtype and device of ``x``."""
    return fb.empty_like(x, dtype=dtype, device=device)


def eye(n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: dtype | None = None, device: Any = None) -> Tensor:
    """A matrix of ones on the diagonal ``k`` and zeros elsewhere."""
    made = fb.zeros(n_rows, n_rows if n_cols is None else n_cols, dtype=dtype, device=device)
    if -made.shape[0] < k < made.shape[1]:
        made.diagonal(k).fill_(1)
    return made


def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor over the memory of any object with ``__dlpack__``."""
    return fb.from_dlpack(x, device=device, copy=copy)


def full(shape: Shape, fill_value: complex, *, dtype: dtype | None = None, device: Any = None) -> Tensor:
    """A tensor of one value, of the value's dtype by default."""
    return fb.full((shape,) if isinstance(shape, int) else shape, fill_value, dtype=dtype, device=device)


def full_like(x: Tensor, /, fill_value: complex, *, dtype: dtype | None = None, device: Any = None) -> Tensor:
    """``full`` of the shape, dtype and device of ``x``."""
    return fb.full_like(x, fill_value, dtype=dtype, device=device)


def linspace(
    start: complex, stop: complex, /, num: int, *, dtype: dtype | None = None, device: Any = None, endpoint: bool = True
) -> Tensor:
    """``num`` numbers at equal distances from ``start`` to ``stop``, which is the last of them or follows it."""
    if endpoint:
        return fb.linspace(start, stop, num, dtype=dtype, device=device)
    return fb.linspace(start, stop, num + 1, dtype=dtype, device=device)[:-1]


def meshgrid(*arrays: Tensor, indexing: str = "xy") -> list[Tensor]:
    """Coordinates of a grid. Raises ``ValueError`` for an ``indexing`` other than "xy" and "ij"."""
    if indexing not in ("xy", "ij"):
        raise ValueError(f'meshgrid(): indexing must be "xy" or "ij", but received {indexing!r}')
    return list(fb.meshgrid(*arrays, indexing=indexing)) if arrays else []


def ones(shape: Shape, *, dtype: dtype | None = None, device: Any = None) -> Tensor:
    """A tensor of ones."""
    return fb.ones(shape, dtype=dtype, device=device)


def ones_like(x: Tensor, /, *, dtype: dtype | None = None, device: Any = None) -> Tensor:
    """``ones`` of the shape, dtype and device of ``x``."""
    return fb.ones_like(x, dtype=dtype, device=device)


def tril(x: Tensor, /, *, k: int = 0) -> Tensor:
    """The matrices without what lies above their diagonal ``k``."""
    return fb.tril(x, k)


def triu(x: Tensor, /, *, k: int = 0) -> Tensor:
    """The matrices without what lies below their diagonal ``k``."""
    return fb.triu(x, k)


def zeros(shape: Shape, *, dtype: dtype | None = None, device: Any = None) -> Tensor:
    """A tensor of zeros."""
    return fb.zeros(shape, dtype=dtype, device=device)


def zeros_like(x: Tensor, /, *, dtype: dtype | None = None, device: Any = None) -> Tensor:
    """``zeros`` of the shape, dtype and device of ``x``."""
    return fb.zeros_like(x, dtype=dtype, device=device)


__all__ = [
    "arange", "asarray", "empty", "empty_like", "eye", "from_dlpack", "full", "full_like", "linspace", "meshgrid", "ones",
    "ones_like", "tril", "triu", "zeros", "zeros_like",
]  # fmt: skip
