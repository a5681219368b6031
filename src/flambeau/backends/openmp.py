"""``torch.backends.openmp``: threads are flambeau's own."""

from __future__ import annotations

from .settings import declare

declare(globals())
