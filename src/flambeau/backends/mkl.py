"""``torch.backends.mkl``: Intel's library is not used."""

from __future__ import annotations

from .settings import declare

declare(globals())
