"""``torch.backends.cpu``: what the processor can do."""

from __future__ import annotations

import functools

__all__ = ["get_cpu_capability"]


@functools.cache
def get_cpu_capability() -> str:
    """The widest vectors, by PyTorch's names: AVX512, AVX2, or DEFAULT."""
    import llvmlite.binding as llvm

    features = llvm.get_host_cpu_features()
    if all(features.get(name) for name in ("avx512f", "avx512bw", "avx512dq", "avx512vl")):
        return "AVX512"
    return "AVX2" if features.get("avx2") else "DEFAULT"
