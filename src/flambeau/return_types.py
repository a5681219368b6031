"""``torch.return_types``: the classes of named results, such as those of ``max`` and ``sort`` along a dimension."""

from __future__ import annotations

from . import ops

globals().update(ops.NAMESPACES["return_types"])
