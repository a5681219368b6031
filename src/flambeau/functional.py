"""Functions of several tensors by the names of ``torch.functional``."""

from __future__ import annotations

from .ops.registry import NAMESPACES

_NAMES = """
    atleast_1d atleast_2d atleast_3d block_diag broadcast_shapes broadcast_tensors cartesian_prod cdist chain_matmul einsum istft lu
    meshgrid norm pca_lowrank split stft svd_lowrank tensordot unique unique_consecutive unravel_index
"""

__all__ = _NAMES.split()  # noqa: PLE0605
globals().update({name: NAMESPACES["torch"][name] for name in __all__})
