#!/usr/bin/env python3
"""Promotion, scalars, conversions and wrong input: what flambeau accepts, refuses and computes, against PyTorch.

    python tools/arguments_check.py                              # everything
    python tools/arguments_check.py --what operands --cases 'add|mul'
    python tools/arguments_check.py --what mutations --cases '^(sum|cat)$' -v

Passes (--what):
    operands   operators on all pairs of dtypes and kinds of operand (tensors, 0-dim tensors, Python's and NumPy's numbers)
    edges      overflow, division by zero, conversions out of range, ties, empty reductions
    mutations  valid calls of PyTorch's operator database with one argument made wrong, or given another way

Two sides agree when both refuse with the same type of exception or both give results of equal shape, dtype and values.
Differences are grouped by what differs, the most frequent first.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import pickle
import re
import signal
import struct
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import partial
from typing import Any

import arguments_cases
import arguments_mutations
import numpy as np
import torch

warnings.filterwarnings("ignore")

SECONDS = 20  # for one call
TOLERANCE = {"float32": 2e-4, "complex64": 2e-4, "float64": 1e-7, "complex128": 1e-7, "float16": 4e-3, "bfloat16": 2e-2}


def outcome(module, run) -> tuple:
    """``("value", result)`` or ``("error", type name, message, names of its bases)`` of ``run(module)``."""
    try:
        return "value", plain(module, run(module))
    except Exception as error:
        kinds = [kind.__name__ for kind in type(error).__mro__]
        return "error", kinds[0], " ".join(str(error).split())[:160], kinds


def sides(module, runs) -> Iterator[tuple]:
    """The outcomes of pairs of functions ``(for PyTorch, for the module)``.

    They run in a process of their own, since some of PyTorch's calls end it; the next one goes on behind them.
    """
    done = 0
    while done < len(runs):
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            os.close(reader)
            work(module, runs[done:], writer)
        os.close(writer)
        found: list = []
        with os.fdopen(reader, "rb") as pipe:
            while size := pipe.read(8):
                found.append(pickle.loads(pipe.read(struct.unpack("<q", size)[0])))
                if len(found) == 2:
                    done += 1
                    yield tuple(found)
                    found = []
        _, status = os.waitpid(child, 0)
        if status:
            done += 1
            crash = ("error", f"signal {status & 127}", "the process ended", [f"signal {status & 127}"])
            yield (found[0], crash) if found else (crash, crash)


def work(module, runs, writer: int) -> None:
    """Write the outcomes, PyTorch's first, and end."""
    with os.fdopen(writer, "wb") as pipe:
        for pair in runs:
            for side, run in zip((torch, module), pair):
                signal.alarm(SECONDS)
                data = pickle.dumps(outcome(side, run))
                pipe.write(struct.pack("<q", len(data)) + data)
                pipe.flush()
    os._exit(0)


def plain(module, value) -> Any:
    """A result without the library that made it: tensors as ``("tensor", dtype, shape, NumPy array)``."""
    if isinstance(value, module.Tensor):
        return plain_tensor(module, value)
    if isinstance(value, dict):
        return {k: plain(module, v) for k, v in value.items()}
    if isinstance(value, module.Size):
        return "Size", tuple(value)
    if isinstance(value, (tuple, list)):
        return ["sequence", *[plain(module, v) for v in value]]
    if value is None or isinstance(value, (bool, int, float, complex, str, np.generic)):
        return value
    if isinstance(value, np.ndarray):
        return "array", value.dtype.name, value.shape, value
    return str(value)


def plain_tensor(module, value) -> tuple:
    value = value.detach()
    if value.layout is not module.strided:
        return "sparse", str(value.layout)[-10:], tuple(value.shape)
    if value.device.type == "meta":
        return "meta", str(value.dtype).split(".")[-1], tuple(value.shape)
    wide = {"bfloat16": module.float32, "complex32": module.complex64}
    name = str(value.dtype).split(".")[-1]
    array = value.to(wide[name]).numpy() if name in wide else value.resolve_conj().resolve_neg().numpy()
    return "tensor", name, tuple(value.shape), np.array(array)


def difference(want, got, values: bool) -> str | None:
    """In what two outcomes differ, in words that are the same for the same cause; None where they agree."""
    if want[0] == "error":
        if got[0] == "value":
            return f"accepted, PyTorch: {want[1]}"
        return None if want[1] in got[3] else f"{got[1]}, PyTorch: {want[1]}"
    if got[0] == "error":
        wanted = "by name" if "is not supported yet" in got[2] else ""
        return f"refused {wanted}: {got[1]}"
    return unequal(want[1], got[1], values)


def unequal(want, got, values: bool) -> str | None:
    if isinstance(want, tuple) and want and want[0] in ("tensor", "array"):
        return unequal_tensors(want, got, values)
    if isinstance(want, list):
        if not isinstance(got, list) or len(want) != len(got):
            return "another number of results"
        return next((d for w, g in zip(want, got) if (d := unequal(w, g, values))), None)
    if type(want) is not type(got):
        return f"{type(got).__name__}, PyTorch: {type(want).__name__}"
    if isinstance(want, float) and values:
        return None if np.isclose(want, got, rtol=1e-4, equal_nan=True) else "value"
    return "value" if values and want != got and not isinstance(want, str) else None


def unequal_tensors(want, got, values: bool) -> str | None:
    if not isinstance(got, tuple) or got[0] != want[0]:
        return f"{got[0] if isinstance(got, tuple) else type(got).__name__}, PyTorch: {want[0]}"
    if want[1] != got[1]:
        return f"dtype {got[1]}, PyTorch: {want[1]}"
    if want[2] != got[2]:
        return "shape"
    tolerance = TOLERANCE.get(want[1], 0)
    if not values or np.allclose(got[3], want[3], rtol=tolerance, atol=tolerance, equal_nan=True):
        return None
    return "values"


class Report:
    """Differences, grouped by cause."""

    def __init__(self, verbose: bool):
        self.verbose = verbose
        self.judged: Counter = Counter()
        self.groups: dict = defaultdict(list)

    def judge(self, what: str, family: str, case: str, kind: str, want, got, values: bool = True) -> None:
        """Compare two outcomes of ``case``; ``kind`` says in a few words what the case does."""
        self.judged[what] += 1
        found = difference(want, got, values)
        if found is None:
            return
        self.groups[what, kind, found].append((family, case, want, got))
        if self.verbose:
            print(f"{family}: {case}\n    {found}\n    PyTorch: {shown(want)}\n    ours:    {shown(got)}", flush=True)

    def write(self, path: str) -> None:
        """All differences as rows of JSON."""
        rows = [
            [*group, family, case, shown(want), shown(got)]
            for group, cases in self.groups.items()
            for family, case, want, got in cases
        ]
        with open(path, "w") as file:
            json.dump(rows, file, indent=0)

    def close(self, shown_groups: int) -> None:
        """Print the groups, the most frequent first."""
        totals: Counter = Counter()
        for (what, _, _), cases in self.groups.items():
            totals[what] += len(cases)
        ordered = sorted(self.groups.items(), key=lambda item: (-len({c[0] for c in item[1]}), -len(item[1])))
        for (what, kind, found), cases in ordered[:shown_groups]:
            families = Counter(c[0] for c in cases)
            named = ", ".join(f"{n} {c}" if c > 1 else n for n, c in families.most_common(14))
            print(f"{len(cases):5} {what} [{kind}] {found}: {named}{' ...' if len(families) > 14 else ''}")
            for family, case, want, got in cases[:1]:
                print(f"        {family}: {case}\n        PyTorch {shown(want)} | ours {shown(got)}")
        for what, count in self.judged.items():
            print(f"{what}: {count} cases, {totals[what]} differ")


def shown(found) -> str:
    if found[0] == "error":
        return f"{found[1]}: {found[2][:110]}"
    return " ".join(str(found[1]).split())[:150]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--module", default="flambeau")
    parser.add_argument("--what", default="operands,edges,mutations")
    parser.add_argument("--cases", default=".", help="regular expression over the operators' names")
    parser.add_argument("--dtypes", help="comma-separated dtypes of operands; default: all")
    parser.add_argument("--samples", type=int, default=2, help="samples of an operator that are mutated")
    parser.add_argument("--groups", type=int, default=60, help="groups of differences to print")
    parser.add_argument("--json", help="write every difference to this file")
    parser.add_argument("-v", "--verbose", action="store_true", help="print each difference as it is found")
    args = parser.parse_args()
    module = importlib.import_module(args.module)
    torch.set_num_threads(1)
    report = Report(args.verbose)
    chosen = re.compile(args.cases)
    for what in args.what.split(","):
        if what == "mutations":
            arguments_mutations.run(module, chosen, args.samples, outcome, sides, report)
            continue
        cases = arguments_cases.operands(args.dtypes) if what == "operands" else arguments_cases.edges()
        listed = [case for case in cases if chosen.search(case[0])]
        runs = [(partial(executed, source),) * 2 for _, _, source in listed]
        for (family, kind, source), (want, got) in zip(listed, sides(module, runs)):
            report.judge(what, family, source, kind, want, got)
    if args.json:
        report.write(args.json)
    report.close(args.groups)


def executed(source: str, module) -> Any:
    """The value that a case leaves in ``r``."""
    scope = {"t": module, "np": np}
    previous = module.get_default_dtype()
    try:
        exec(source, scope)  # our own text
        return scope["r"]
    finally:
        module.set_default_dtype(previous)


if __name__ == "__main__":
    main()
