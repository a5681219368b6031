"""What the compiler did: ``flambeau.compiler.explain()`` and the ``FLAMBEAU_DEBUG`` levels.

``FLAMBEAU_DEBUG=1`` prints each window that is compiled and what ran it, ``2`` its steps, ``3`` its graph and kernels.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from contextlib import contextmanager

from ..runtime import jit

LEVEL = int(os.environ.get("FLAMBEAU_DEBUG", "0") or 0)


class _Log:
    """Counts of this process. ``sites`` (kept while ``watching``): which user line ran a window, how often."""

    def __init__(self):
        self.windows = 0
        self.compiled_windows = 0
        self.programs: list = []
        self.watching = LEVEL > 0
        self.sites: Counter = Counter()


log = _Log()


def debug(level: int, text: str) -> None:
    """Print ``text`` to standard error at this level of ``FLAMBEAU_DEBUG``."""
    if level <= LEVEL:
        print(f"flambeau: {text}", file=sys.stderr)


def note_program(compiled, site: str | None) -> None:
    """Remember a compiled window (the latest 256) and print it as ``FLAMBEAU_DEBUG`` asks."""
    log.programs.append(compiled)
    del log.programs[:-256]
    if not LEVEL:
        return
    steps = compiled.fused.steps
    debug(1, f"compiled {len(compiled.graph.operations)} operations into {len(steps)} steps"
             + (f", run at {site}" if site else ""))
    for step in steps:
        debug(2, "  " + describe(step))
    debug(3, repr(compiled.graph))


def describe(step) -> str:
    """One line on a step: what was fused into it."""
    names = [operation.code.operator.name for operation in step.operations]
    domain = getattr(step, "domain", None)
    return f"{'loop nest over ' + str(list(domain)) if domain is not None else 'single'}: {', '.join(names)}"


class Explanation:
    """What ``explain`` found; prints as a table."""

    def __init__(self):
        self.windows = log.windows
        self.compiled_windows = log.compiled_windows
        self.kernels_compiled = jit.stats.compiled
        self.kernels_loaded = jit.stats.loaded
        self.compile_seconds = jit.stats.seconds
        self.fusions = [[describe(step) for step in program.fused.steps] for program in log.programs]
        self.ran_by = dict(log.sites.most_common())

    def __str__(self) -> str:
        lines = [f"windows run            {self.windows}, of them by compiled programs {self.compiled_windows}",
                 f"machine code           {self.kernels_compiled} modules compiled in {self.compile_seconds:.2f} s, "
                 f"{self.kernels_loaded} loaded from disk",
                 f"programs               {len(self.fusions)} (the latest below)"]
        lines += [f"  {line}" for line in (self.fusions[-1] if self.fusions else [])]
        if self.ran_by:
            lines.append("what ran windows")
            lines += [f"  {count:6} x {site}" for site, count in list(self.ran_by.items())[:20]]
        elif not log.watching:
            lines.append("what ran windows       not watched yet: call explain() before, or set FLAMBEAU_DEBUG=1")
        return "\n".join(lines)

    __repr__ = __str__


def explain() -> Explanation:
    """What was recorded, fused and compiled so far in this process; from the first call on, also which lines ran windows."""
    explanation = Explanation()
    log.watching = True
    return explanation


@contextmanager
def assert_max_compiles(n: int):
    """Within the block at most ``n`` modules of machine code may be compiled; ``AssertionError`` otherwise (for tests)."""
    before = jit.stats.compiled
    yield
    compiled = jit.stats.compiled - before
    if compiled > n:
        raise AssertionError(f"expected at most {n} compilations, got {compiled}")
