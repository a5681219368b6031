"""``torch.backends``: settings of libraries and devices. Those that flambeau has none of are kept, and change nothing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any


class _Absent(SimpleNamespace):
    """The settings of a library that is not used: they are remembered, so that programs can set and read them."""

    def is_available(self) -> bool:
        """False."""
        return False

    def is_built(self) -> bool:
        """False."""
        return False

    def version(self) -> None:
        """None: there is no such library."""
        return None

    def flags(self, **settings: Any) -> _Absent:
        """A block in which the settings would hold."""
        return _Block(self, settings)


class _Block(_Absent):
    def __init__(self, owner: _Absent, settings: dict[str, Any]) -> None:
        self.owner, self.settings = owner, settings

    def __enter__(self) -> None:
        self.kept = dict(vars(self.owner))
        vars(self.owner).update(self.settings)

    def __exit__(self, *exc: object) -> None:
        vars(self.owner).clear()
        vars(self.owner).update(self.kept)


cudnn = _Absent(enabled=True, benchmark=False, deterministic=False, allow_tf32=True, benchmark_limit=10)
cuda = _Absent(matmul=_Absent(allow_tf32=False, allow_fp16_reduced_precision_reduction=True, allow_bf16_reduced_precision_reduction=True))
mkldnn = _Absent(enabled=True, deterministic=False)
mkl = _Absent()
mps = _Absent()
openmp = _Absent()
xnnpack = _Absent()

__all__ = ["cuda", "cudnn", "mkl", "mkldnn", "mps", "openmp", "xnnpack"]
