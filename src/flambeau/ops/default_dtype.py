"""What is known of operators under one default dtype, and not under another.

A signature does not name the default dtype, which decides what floats and quotients of integers become: when the default
changes, the rules found under the old one are put aside until it comes back.
"""

from __future__ import annotations

from .. import dtypes
from . import overrides
from .operator import every

_kept: dict = {}  # default dtype -> operators with the contents of their caches


def _caches(op) -> list[dict]:
    return [getattr(op, name) for name in ("rules", "others", "aside", "codes", "quick", "untracked") if hasattr(op, name)]


def _exchange(old, new) -> None:
    kept = []
    for op in list(every):
        caches = _caches(op)
        if any(caches):
            kept.append((op, [dict(cache) for cache in caches]))
            for cache in caches:
                cache.clear()
    _kept[old] = kept
    if overrides.suspended:  # a mode must be asked for every call: rules are found again
        _kept.clear()
        return
    for op, contents in _kept.pop(new, ()):
        for cache, content in zip(_caches(op), contents):
            cache.update(content)


dtypes.followers.append(_exchange)
