"""Drawing in a terminal: a progress bar and a curve, with nothing to install."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import TextIO

EIGHTHS = " ▁▂▃▄▅▆▇█"


class ProgressBar:
    """A line that grows with the work done. Where the output is no terminal, only its last state is shown."""

    def __init__(self, total: int, width: int = 36, stream: TextIO | None = None) -> None:
        self.total = total
        self.width = width
        self.stream = stream or sys.stderr
        self.live = self.stream.isatty()
        self.full, self.empty = ("━", "─") if can_write("━─", self.stream) else ("#", ".")

    def update(self, done: int, note: str = "") -> None:
        """Show that ``done`` of ``total`` steps are behind us, followed by ``note``."""
        last = done >= self.total
        if not (self.live or last):
            return
        filled = self.width * done // self.total
        bar = self.full * filled + self.empty * (self.width - filled)
        # The escape sequence clears what a longer note left behind.
        start, end = ("\r\x1b[K", "") if self.live else ("", "")
        if last:
            end = "\n"
        self.stream.write(f"{start}{bar} {100 * done // self.total:3d} % {note}{end}")
        self.stream.flush()


def can_write(text: str, stream: TextIO) -> bool:
    """Whether the stream's encoding has the characters of ``text``."""
    try:
        text.encode(stream.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def curve(values: Sequence[float], *, width: int = 60, height: int = 8, unicode: bool = True) -> str:
    """``values``, which are positive, from left to right as filled columns on a logarithmic axis.

    The axis reaches from the least to the greatest column. More values than ``width`` are averaged in equal
    groups; fewer are widened.
    """
    if not values or min(values) <= 0:
        raise ValueError("curve: values must be positive and at least one")
    columns = averaged(values, width)
    low, high = min(columns), max(columns)
    span = math.log(high / low) or 1.0
    # The unit of height is an eighth of a line, or a whole line where Unicode's blocks are missing.
    steps = 8 if unicode else 1
    levels = [1 + round((height * steps - 1) * math.log(value / low) / span) for value in columns]

    lines = []
    for row in reversed(range(height)):
        fills = [min(max(level - row * steps, 0), steps) for level in levels]
        cells = "".join(EIGHTHS[fill] if unicode else " #"[fill] for fill in fills)
        label = {height - 1: f"{high:8.4f}", 0: f"{low:8.4f}"}.get(row, " " * 8)
        lines.append(f"{label} {'│' if unicode else '|'}{cells}".rstrip())
    return "\n".join(lines)


def averaged(values: Sequence[float], groups: int) -> list[float]:
    """The mean of each of ``groups`` parts of ``values``, as equal as they can be, one value at least."""
    starts = [len(values) * group // groups for group in range(groups)]
    ends = [max(start + 1, len(values) * (group + 1) // groups) for group, start in enumerate(starts)]
    return [sum(values[start:end]) / (end - start) for start, end in zip(starts, ends)]
