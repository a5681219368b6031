#!/usr/bin/env python3
"""Modules, optimizers, schedules and ``nn.utils`` of flambeau compared with PyTorch's.

    python tools/modules_check.py                                  # everything, a summary by kind of difference
    python tools/modules_check.py modules --only 'LSTM|Conv' -v    # one part, names that match, every difference
    python tools/modules_check.py optimizers --messages            # exceptions' and warnings' texts too

Parts:
    modules     PyTorch's own database of module inputs (``common_modules.module_db``): initial state under one seed, results,
                strides, gradients, state dicts, texts, copies, pickles, other layouts and dtypes, wrong inputs
    optimizers  its database of optimizers (``common_optimizers.optim_db``): ten steps under every option, state dicts between
                the libraries, wrong inputs
    schedules   30 steps of every learning-rate schedule, alone and composed
    programs    small programs on ``nn.Module``, containers, hooks, ``nn.utils``, ``nn.init``, ``optim``: ``modules_cases/*_programs.py``

Both libraries run in one process; a case is a function of the library that returns what is compared.
"""

from __future__ import annotations

import argparse
import collections
import os
import re
import sys
from pathlib import Path

os.environ.setdefault("PYTORCH_JIT", "1")
sys.path[:0] = [str(Path(__file__).resolve().parent)]

PARTS = ("modules", "optimizers", "schedules", "programs")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", default=[], help=", ".join(PARTS))
    parser.add_argument("--only", default="", help="a regular expression of case names")
    parser.add_argument("--messages", action="store_true", help="compare texts of exceptions and warnings")
    parser.add_argument("-v", "--verbose", action="store_true", help="print every difference")
    options = parser.parse_args()

    from modules_cases.comparing import Report

    report = Report(re.compile(options.only), options.messages, options.verbose)
    for part in options.parts or PARTS:
        module = __import__(f"modules_cases.{part}", fromlist=["run"])
        module.run(report)
    counts = collections.Counter(d.kind for d in report.differences)
    for kind, count in counts.most_common():
        names = collections.Counter(d.case.split("[")[0] for d in report.differences if d.kind == kind)
        print(f"{count:5} {kind}: {', '.join(f'{n} ({c})' for n, c in names.most_common(12))}")
    failed = len({d.case for d in report.differences})
    print(f"{report.checked - failed}/{report.checked} cases agree, {len(report.differences)} differences")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
