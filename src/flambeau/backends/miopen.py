"""``torch.backends.miopen``: AMD's library is not used; its settings are kept."""

from __future__ import annotations

from .settings import declare

declare(globals(), immediate=False)
