"""The operators of PyTorch's database at a large and at a tiny size, sorted by the ratio to PyTorch's time.

``python -m benchmarks.operators [PATTERN] [--size large] [--repetitions N]`` times the expressions that the pattern finds.
"""

from __future__ import annotations

import argparse
import re
import statistics
import warnings

from .measure import Block, Row, compare, table, timed, with_two_threads
from .operator_cases import SIZES, arrays, expressions, not_timed

LARGE_BAR = 10.0


def inputs(lib, size) -> dict:
    """The names that expressions use, the same numbers for both libraries."""
    functional = lib.nn.functional
    names = {name: lib.tensor(array) for name, array in arrays(size).items()}
    names["h"], names["b"], names["n"] = names["x"].half(), names["x"].bfloat16(), names["x"].numel()
    names["projection"] = lib.ones(24, 8), lib.ones(8, 8)
    names["gx"], names["gi"] = (names[name].clone().requires_grad_() for name in ("x", "images"))
    for name, dims, source in (("pooled", 2, "images"), ("pooled1", 1, "x"), ("pooled3", 3, "images")):
        plane = names[source][:, None] if dims != 2 else names[source]
        names[name] = getattr(functional, f"max_pool{dims}d")(plane, 2, return_indices=True)
    leaves = (names["gx"], names["gi"])

    def grad(result):
        result.sum().backward()
        found = next(leaf for leaf in leaves if leaf.grad is not None)
        gradient, found.grad = found.grad, None
        return gradient

    return names | {"T": lib, "F": functional, "grad": grad}


def block(expression: str, names: dict) -> Block:
    """Calls of the expression, each result looked at."""
    code = compile(expression, expression, "eval")

    def call():
        result = eval(code, names)
        while isinstance(result, (tuple, list)):
            result = result[0]
        if hasattr(result, "data_ptr"):
            result.data_ptr()

    return timed(call)


def rows(repetitions: int, pattern: str = "", sizes=tuple(SIZES)) -> list[Row]:
    """The table, slowest against PyTorch first at each size, and the medians."""
    flambeau, torch = with_two_threads()
    chosen = [(family, expression) for family, expression in expressions() if re.search(pattern, f"{family}: {expression}")]
    found: list[Row] = []
    for size in sizes:
        ours, theirs = inputs(flambeau, SIZES[size]), inputs(torch, SIZES[size])
        bar = LARGE_BAR if size == "large" else None
        measured = [_measure(f"{expression[:60]} {size}", expression, (ours, theirs), bar, repetitions, family)
                    for family, expression in chosen]
        kept = sorted([row for row in measured if row], key=lambda row: -row.ratio)
        found += kept
        if kept:
            median = statistics.median([row.ratio for row in kept])
            found.append(Row(f"median ratio, {size}", median, 1.0, 1.0 if bar else None, "", f"{len(kept)} of {len(chosen)} expressions"))
    if not pattern:
        _tell_not_timed()
    return found


def _measure(name: str, expression: str, sides, bar, repetitions: int, family: str) -> Row | None:
    """A row; None, and a line that says why, where one side does not run the expression at this size."""
    for names in sides:
        try:
            block(expression, names)(1)
        except Exception as error:  # the table must not end for one operator
            print(f"not timed: {name}: {names['T'].__name__}: {type(error).__name__}: {str(error)[:150]}", flush=True)
            return None
    return compare(name, *[block(expression, names) for names in sides], bar, repetitions, note=family)


def _tell_not_timed() -> None:
    from torch.testing._internal.common_methods_invocations import op_db

    for name, reason in not_timed({entry.name for entry in op_db}).items():
        print(f"not timed: {name}: {reason}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.operators", description=__doc__)
    parser.add_argument("pattern", nargs="?", default="", help="a regular expression, searched in 'family: expression'")
    parser.add_argument("--size", action="append", choices=list(SIZES), help="by default both")
    parser.add_argument("--repetitions", type=int, default=5)
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    print(table(rows(options.repetitions, options.pattern, options.size or tuple(SIZES))))


if __name__ == "__main__":
    main()
