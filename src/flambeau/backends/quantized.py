"""``torch.backends.quantized``: there are no quantized tensors."""

from __future__ import annotations

from .settings import declare

declare(globals(), engine="none", supported_engines=["none"])
