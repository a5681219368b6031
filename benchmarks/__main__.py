"""``python -m benchmarks [NAME ...] [--repetitions N]``: the table of measured ratios."""

from __future__ import annotations

import argparse
import warnings

from . import operators, overhead, processes, rows_and_chains, training
from .measure import Row, table

GROUPS = {
    "overhead": overhead.rows,
    "training": training.rows,
    "kernels": rows_and_chains.rows,
    "import": processes.import_rows,
    "compiles": processes.compile_rows,
    "mnist": processes.mnist_rows,
    "operators": operators.rows,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *GROUPS], help=f"groups to run, by default all of: {', '.join(GROUPS)}")
    parser.add_argument("--repetitions", type=int, default=9, help="interleaved blocks of each side (processes: a third of it)")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", category=UserWarning)
    rows: list[Row] = []
    for name in options.names or GROUPS:
        print(f"measuring {name} ...", flush=True)
        rows += GROUPS[name](options.repetitions)
    print(table(rows))


if __name__ == "__main__":
    main()
