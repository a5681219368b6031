"""The arguments ``size_average`` and ``reduce``, which ``reduction`` replaced."""

from __future__ import annotations

from ..runtime.warning import warn


def legacy_get_string(size_average: bool | None, reduce: bool | None, emit_warning: bool = True) -> str:
    """Return the ``reduction`` that the two old arguments stand for; both are true by default."""
    size_average = True if size_average is None else size_average
    reduce = True if reduce is None else reduce
    if not reduce:
        reduction = "none"
    else:
        reduction = "mean" if size_average else "sum"
    if emit_warning:
        warn(f"size_average and reduce args will be deprecated, please use reduction='{reduction}' instead.")
    return reduction
