"""``torch.cuda.profiler``: switches of a profiler of CUDA programs, which is not there."""

from __future__ import annotations

from ..backends.absent import declare
from . import _refusal

declare(globals(), _refusal, refused="init profile start stop")
