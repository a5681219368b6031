"""``torch.backends.cudnn``: NVIDIA's library is not used; its settings are kept."""

from __future__ import annotations

from .settings import declare

declare(globals(), enabled=True, benchmark=False, benchmark_limit=10, deterministic=False, allow_tf32=True, fp32_precision="none")
