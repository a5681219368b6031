"""``torch.cuda.sparse``: old classes of sparse tensors on a device that is not there."""

from __future__ import annotations

from ..backends.absent import declare
from . import _refusal

declare(
    globals(),
    _refusal,
    classes="BFloat16Tensor ByteTensor CharTensor DoubleTensor FloatTensor HalfTensor IntTensor LongTensor ShortTensor",
)
