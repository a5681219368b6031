"""Whole processes: import, the MNIST script, and what a second process compiles."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from .measure import THREADS, Row

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
STAND_IN = ROOT / "benchmarks" / "stand_in"


class Run(NamedTuple):
    """How a process went: wall time in seconds, peak memory in KiB, what it printed."""

    seconds: float
    peak: int
    output: str


def run(arguments: list[str], folder: Path = ROOT, **environment: str) -> Run:
    """Run Python with ``arguments``; ``CalledProcessError`` when it fails."""
    settings = {**os.environ, "OMP_NUM_THREADS": str(THREADS), "FLAMBEAU_NUM_THREADS": str(THREADS), **environment}
    settings.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has its bytecode beside it
    with tempfile.TemporaryFile("w+") as output:
        start = time.perf_counter()
        process = subprocess.Popen([sys.executable, *arguments], cwd=folder, env=settings, stdout=output)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, arguments, text)
    return Run(seconds, usage.ru_maxrss, text)


def ours_path() -> str:
    return str(ROOT / "src")


def import_rows(repetitions: int) -> list[Row]:
    """Each import in a process of its own; the empty interpreter's time is taken off."""
    sides = {"empty": "pass", "flambeau": "import flambeau", "torch": "import torch"}
    times: dict[str, list[float]] = {name: [] for name in sides}
    for repetition in range(repetitions + 1):
        for name, code in sides.items():
            seconds = run(["-c", code], PYTHONPATH=ours_path()).seconds
            if repetition:  # the first one writes bytecode
                times[name].append(seconds)
    medians = {name: statistics.median(values) for name, values in times.items()}
    empty = medians["empty"]
    return [Row("import, in a fresh process", medians["flambeau"] - empty, medians["torch"] - empty, 0.3)]


COUNTED = """
import sys
from benchmarks.training import mlp_step
import flambeau
from flambeau.runtime import jit
for batch in map(int, sys.argv[1:]):
    before = jit.stats.compiled
    mlp_step(flambeau, batch)(8)
    print(jit.stats.compiled - before)
"""


def compile_rows(repetitions: int) -> list[Row]:
    """Kernels compiled by the MLP's training steps: in a second process, and with further batch sizes."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {"PYTHONPATH": f"{ours_path()}{os.pathsep}{ROOT}", "FLAMBEAU_CACHE_DIR": cache}
        first = run(["-c", COUNTED, "64"], **environment)
        second = run(["-c", COUNTED, "64"], **environment)
        sizes = run(["-c", COUNTED, "64", "48", "50"], **environment)
    compiled = [int(line) for r in (first, second, sizes) for line in r.output.split()]
    return [
        Row("kernels compiled, first process", compiled[0], None, None, ""),
        Row("kernels compiled, second process", compiled[1], None, 0, ""),
        Row("kernels compiled, batch 48 after 64", compiled[3], None, 0, ""),
        Row("kernels compiled, batch 50 after 64", compiled[4], None, 0, ""),
    ]


def mnist_rows(repetitions: int) -> list[Row]:
    """The published MNIST script as a whole process, caches warm: time and peak memory."""
    script, data = SHARED / "programs" / "mnist_mlp.py", SHARED / "data"
    if not script.exists() or not data.exists():
        print(f"mnist: skipped, there is no {script}")
        return []
    print("mnist: PyTorch's side reads the data by a stand-in for torchvision (benchmarks/stand_in): the same .gz files, and a "
          "sample's tensor by the same tensor operations, without the way through PIL")
    ours: list[Run] = []
    theirs: list[Run] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "data").symlink_to(data)
        for repetition in range(max(1, repetitions // 3) + 1):
            mine = run(["-m", "flambeau", "run", str(script)], folder, PYTHONPATH=ours_path())
            other = run([str(script)], folder, PYTHONPATH=str(STAND_IN))
            if repetition:  # the first fills the caches
                ours.append(mine)
                theirs.append(other)
    check_same_output(ours[0].output, theirs[0].output)
    ratio = statistics.median(a.seconds / b.seconds for a, b in zip(ours, theirs))
    seconds = statistics.median(r.seconds for r in theirs)
    return [
        Row("mnist_mlp.py, whole process", ratio * seconds, seconds, 0.7, note=ours[0].output.strip().splitlines()[-1]),
        Row("mnist_mlp.py, peak memory", max(r.peak for r in ours) / 1024, min(r.peak for r in theirs) / 1024, 1, "MiB"),
    ]


def check_same_output(ours: str, theirs: str) -> None:
    """Say where the printed losses differ by more than 0.01."""
    mine, others = ours.strip().splitlines(), theirs.strip().splitlines()
    for a, b in zip(mine, others):
        if a.split(":")[0] != b.split(":")[0] or ("loss" in a and abs(float(a.split()[-1]) - float(b.split()[-1])) > 0.01):
            print(f"mnist: outputs differ: {a!r}, PyTorch {b!r}")
            return
    print(f"mnist: printed losses agree with PyTorch's, {len(mine)} lines; PyTorch: {others[-1]}")
