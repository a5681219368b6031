"""What passes PyTorch's own operator database keeps passing.

``conformance_passes.txt`` lists operators and modes (``add grad``, ``add forward:int64``); it may only grow:

    python tests/test_conformance.py --update    # adds what passes now (minutes)

The test gives each float32 mode two samples an operator, and each operator one further dtype; with
``FLAMBEAU_CONFORMANCE=all`` every line gets eight.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import numpy as np
import pytest

import flambeau

HERE = Path(__file__).resolve().parent
LIST = HERE / "conformance_passes.txt"
JUDGE = HERE.parent.parent / "shared" / "conformance" / "opinfo.py"
DTYPES = ("int64", "bool", "bfloat16", "float16", "complex64", "float64", "uint8")
MODES = ("forward", "grad", "inplace", "error")
AT_LEAST = {"forward": 640, "grad": 480, "inplace": 160, "error": 190}


def listed() -> set[tuple[str, str]]:
    """The (operator, mode) pairs of the committed list."""
    return {tuple(line.split()) for line in LIST.read_text().splitlines() if line}


def load_judge():
    """The judge as a module, and PyTorch; skips the test where either is not there."""
    torch = pytest.importorskip("torch")
    if not JUDGE.exists():
        pytest.skip("the judge is not beside this checkout")
    specification = importlib.util.spec_from_file_location("opinfo", JUDGE)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module, torch


def operators(judge) -> dict:
    """The database's public operators by name."""
    return {judge.variants(op): op for op in judge.cmi.op_db if not judge.INTERNAL.match(op.name)}


def judged(judge, torch, op, mode: str, samples: int) -> tuple[str, str]:
    """The judge's verdict on an operator in a mode, and its reason."""
    what, _, dtype = mode.partition(":")
    torch.manual_seed(0)
    np.random.seed(0)
    flambeau.manual_seed(0)
    verdict, reason, _ = judge.check(judge.Candidate(flambeau), op, what, getattr(torch, dtype or "float32"), samples, 60)
    return verdict, reason


def chosen(pairs: set[tuple[str, str]]) -> list[tuple[str, str]]:
    """The pairs that a quick run judges."""
    return [(name, mode) for name, mode in sorted(pairs)
            if ":" not in mode or mode.endswith(":" + DTYPES[sum(name.encode()) % len(DTYPES)])]


def test_what_passed_still_passes():
    judge, torch = load_judge()
    known = operators(judge)
    thorough = os.environ.get("FLAMBEAU_CONFORMANCE") == "all"
    lost = []
    for name, mode in sorted(listed()) if thorough else chosen(listed()):
        samples = 8 if thorough else 1 if ":" in mode else 2
        verdict, reason = judged(judge, torch, known[name], mode, samples)
        if verdict not in ("pass", "skip"):
            lost.append(f"{name} {mode}: {verdict} {reason}")
    assert not lost, "\n".join(lost)


@pytest.mark.parametrize("mode", AT_LEAST)
def test_the_list_reaches_its_bar(mode):
    assert sum(m == mode for _, m in listed()) >= AT_LEAST[mode]


def update() -> None:
    """Add what passes now to the list."""
    judge, torch = load_judge()
    pairs = listed() if LIST.exists() else set()
    for mode in (*MODES, *(f"forward:{d}" for d in DTYPES)):
        for name, op in operators(judge).items():
            if (name, mode) not in pairs and judged(judge, torch, op, mode, 5)[0] == "pass":
                pairs.add((name, mode))
        LIST.write_text("".join(f"{name} {mode}\n" for name, mode in sorted(pairs)))


if __name__ == "__main__" and "--update" in sys.argv:
    update()
