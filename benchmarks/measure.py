"""Interleaved timing: ours and PyTorch's in small blocks by turns, so that a noisy machine is noisy for both."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

THREADS = 2
BLOCK_SECONDS = 0.04
PAUSE_SECONDS = 0.005  # both libraries' threads spin for a while after work
WARM_UP_CALLS = 6  # windows are compiled when they come again


class Row(NamedTuple):
    """A line of the table. Times in seconds, or whatever ``unit`` says; ``bar`` is the largest ratio wanted, or value."""

    name: str
    ours: float
    theirs: float | None
    bar: float | None
    unit: str = "s"
    note: str = ""

    @property
    def ratio(self) -> float | None:
        return self.ours / self.theirs if self.theirs else None

    @property
    def kept(self) -> bool | None:
        """Whether the bar is kept; None where there is none."""
        if self.bar is None:
            return None
        return (self.ours if self.theirs is None else self.ours / self.theirs) <= self.bar


Block = Callable[[int], float]


def timed(function: Callable[[], object]) -> Block:
    """A block: the seconds that ``n`` calls of ``function`` take."""

    def block(n: int) -> float:
        start = time.perf_counter()
        for _ in range(n):
            function()
        return time.perf_counter() - start

    return block


def compare(name: str, ours: Block, theirs: Block, bar: float | None, repetitions: int = 9, note: str = "") -> Row:
    """The median seconds a call of both sides; their ratio in the table is the median of the blocks' ratios."""
    counts = [calls_a_block(block) for block in (ours, theirs)]
    times: list[list[float]] = [[], []]
    for repetition in range(repetitions):
        order = (0, 1) if repetition % 2 else (1, 0)
        for side in order:
            time.sleep(PAUSE_SECONDS)
            times[side].append((ours, theirs)[side](counts[side]) / counts[side])
    ratio = statistics.median(a / b for a, b in zip(*times))
    median = statistics.median(times[1])
    return Row(name, ratio * median, median, bar, note=note)


def calls_a_block(block: Block) -> int:
    """So many calls that a block takes long enough to be measured."""
    block(WARM_UP_CALLS)
    calls = 1
    while True:
        seconds = block(calls)
        if seconds >= BLOCK_SECONDS / 2:
            return max(1, round(calls * BLOCK_SECONDS / seconds))
        calls *= 2


def with_two_threads():
    """PyTorch and flambeau, both with two threads."""
    import torch

    import flambeau

    torch.set_num_threads(THREADS)
    flambeau.set_num_threads(THREADS)
    return flambeau, torch


def table(rows: list[Row]) -> str:
    """The rows as text."""
    lines = [f"{'':44} {'flambeau':>12} {'PyTorch':>12} {'ratio':>7} {'bar':>6}"]
    for row in rows:
        theirs = "" if row.theirs is None else show(row.theirs, row.unit)
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        bar = "" if row.bar is None else f"{row.bar:g}"
        verdict = {None: "", True: "ok", False: "MISSED"}[row.kept]
        lines.append(f"{row.name:44} {show(row.ours, row.unit):>12} {theirs:>12} {ratio:>7} {bar:>6} {verdict:7} {row.note}".rstrip())
    return "\n".join(lines)


def show(value: float, unit: str) -> str:
    """A number with its unit, of a size that is easy to read."""
    if unit != "s":
        return f"{value:,.0f} {unit}".rstrip()
    for factor, name in ((1, "s"), (1e-3, "ms"), (1e-6, "us")):
        if value >= factor:
            return f"{value / factor:.2f} {name}"
    return f"{value * 1e9:.0f} ns"
