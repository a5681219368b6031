"""``torch.backends.opt_einsum``: the package is not used: ``einsum`` goes from left to right."""

from __future__ import annotations

from .settings import declare

declare(globals(), enabled=False, strategy=None)
