"""``torch.sparse``: operators on sparse tensors.

Sparse tensors are made by ``torch.sparse_coo_tensor``, ``torch.sparse_csr_tensor`` and ``Tensor.to_sparse``; most operators on them are
the usual ones.
"""

from __future__ import annotations

from .invariants import check_sparse_tensor_invariants
from .legacy_types import (
    BFloat16Tensor,
    ByteTensor,
    CharTensor,
    DoubleTensor,
    FloatTensor,
    HalfTensor,
    IntTensor,
    LongTensor,
    ShortTensor,
)
from .operators import addmm, log_softmax, mm, sampled_addmm, softmax, spdiags, spsolve, sum
from .testing import as_sparse_gradcheck

__all__ = [
    "BFloat16Tensor", "ByteTensor", "CharTensor", "DoubleTensor", "FloatTensor", "HalfTensor", "IntTensor", "LongTensor", "ShortTensor",
    "addmm", "as_sparse_gradcheck", "check_sparse_tensor_invariants", "log_softmax", "mm", "sampled_addmm", "softmax", "spdiags", "spsolve",
    "sum",
]  # fmt: skip
