"""The compiler: graphs of primitives, fusion, loop nests, programs; and its report on itself.

Everything is compiled behind the scenes; what PyTorch's ``torch.compiler`` offers to steer it does nothing here.
"""

from __future__ import annotations

from .report import assert_max_compiles, explain


def is_compiling() -> bool:
    """False: user code is never executed symbolically."""
    return False


is_dynamo_compiling = is_exporting = is_compiling


def disable(fn=None, recursive: bool = True, *, reason: str | None = None):
    """``fn`` as it is: there is no graph capture to keep it out of. Also a decorator."""
    return fn if fn is not None else lambda function: function


def allow_in_graph(fn):
    """``fn`` as it is."""
    return fn


__all__ = ["explain", "assert_max_compiles", "is_compiling", "is_dynamo_compiling", "is_exporting", "disable", "allow_in_graph"]
