"""``torch._C._distributed_rpc``: there are no remote procedure calls."""

from __future__ import annotations


def _is_current_rpc_agent_set() -> bool:
    """False."""
    return False
