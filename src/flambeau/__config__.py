"""``torch.__config__``: what flambeau is made of, as text."""

from __future__ import annotations

import llvmlite
import numpy

from .backends.cpu import get_cpu_capability
from .runtime.threads import get_num_threads
from .version import __version__

__all__ = ["parallel_info", "show"]


def show() -> str:
    """The versions of flambeau and of what it needs, and the processor's vectors."""
    return (
        f"flambeau {__version__} built with:\n  - NumPy {numpy.__version__}\n  - llvmlite {llvmlite.__version__}\n"
        f"  - CPU capability usage: {get_cpu_capability()}\n"
    )


def parallel_info() -> str:
    """The number of threads."""
    return f"flambeau's own threads\n\tget_num_threads() : {get_num_threads()}\n"
