#!/usr/bin/env python3
"""Programs that differentiate, run by PyTorch and by flambeau: results, gradients and exceptions are compared.

    python tools/autograd_check.py                              # all cases of tools/autograd_cases
    python tools/autograd_check.py --cases 'hooks|views' -v     # those whose "file.name" matches
    python tools/autograd_check.py --messages                   # exceptions' texts too, which are else left alone
    python tools/autograd_check.py --chains 300 --seed 7        # random chains of views, writes, reads and backward passes

A case is an ordinary function of a file that says ``import torch``; what it returns is compared. Each library runs in a
process of its own, flambeau under the name ``torch``.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import pickle
import re
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

HERE = Path(__file__).resolve().parent
CASES = HERE / "autograd_cases"


class Seen(NamedTuple):
    """A tensor as it was observed."""

    dtype: str
    shape: tuple[int, ...]
    requires_grad: bool
    values: np.ndarray


class Raised(NamedTuple):
    """An exception as it was observed; ``where`` helps to mend it and is not compared."""

    kind: str
    message: str
    where: str


# One side, in a process of its own.


def observed(value: Any) -> Any:
    """A value in a form that both sides share and that can be pickled."""
    torch = importlib.import_module("torch")
    if isinstance(value, torch.Tensor):
        return seen(torch, value)
    if isinstance(value, dict):
        return {str(key): observed(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [observed(item) for item in value]
    if isinstance(value, BaseException):
        frames = traceback.extract_tb(value.__traceback__)
        where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
        kind = next(ancestor for ancestor in type(value).__mro__ if ancestor.__module__ == "builtins")
        return Raised(kind.__name__, str(value), where)
    if value is None or isinstance(value, (bool, int, float, complex, str)):
        return value
    return f"<{type(value).__name__}>"


def seen(torch: Any, tensor: Any) -> Seen:
    plain = tensor.detach()
    if plain.layout is not torch.strided:
        plain = plain.to_dense()
    if plain.dtype in (torch.bfloat16, torch.float16):
        plain = plain.to(torch.float32)
    values = np.array(plain.resolve_conj().resolve_neg().numpy())
    return Seen(str(tensor.dtype), tuple(tensor.shape), tensor.requires_grad, values)


def run_side(side: str, pattern: str, destination: str, seed: int, chains: int) -> None:
    if side == "flambeau":
        importlib.import_module("flambeau.alias").install()
    warnings.simplefilter("ignore")
    torch = importlib.import_module("torch")
    results = {}
    for name, function in all_cases(pattern, seed, chains):
        torch.manual_seed(0)
        try:
            results[name] = observed(function())
        except Exception as error:
            results[name] = observed(error)
    Path(destination).write_bytes(pickle.dumps(results))


def all_cases(pattern: str, seed: int, chains: int) -> Iterator[tuple[str, Callable[[], Any]]]:
    sys.path.insert(0, str(HERE))
    for path in sorted(CASES.glob("*.py")):
        if path.stem in ("__init__", "chains", "helpers"):
            continue
        module = importlib.import_module(f"autograd_cases.{path.stem}")
        for name, function in list(vars(module).items()):
            ours = inspect.isfunction(function) and function.__module__ == module.__name__
            if ours and not name.startswith("_") and re.search(pattern, f"{path.stem}.{name}"):
                yield f"{path.stem}.{name}", function
    if chains:
        run_chain = importlib.import_module("autograd_cases.chains").run_chain
        for number in range(seed, seed + chains):
            yield f"chains.{number}", lambda number=number: run_chain(number)


# The comparison.


def differences(wanted: Any, got: Any, messages: bool, path: str = "") -> Iterator[str]:
    """What differs, and where inside of a result; what PyTorch does not implement is left out."""
    if isinstance(wanted, Raised) and "not implemented" in wanted.message:
        return
    if isinstance(wanted, Raised) and isinstance(got, Raised):
        if wanted.kind != got.kind or (messages and wanted.message != got.message):
            yield f"{path}: {got}, expected {wanted}"
    elif type(wanted) is not type(got):
        yield f"{path}: {short(got)}, expected {short(wanted)}"
    elif isinstance(wanted, Seen):
        yield from tensor_differences(wanted, got, path)
    elif isinstance(wanted, dict):
        if list(wanted) != list(got):
            yield f"{path}: keys {list(got)}, expected {list(wanted)}"
        for key in (key for key in wanted if key in got):
            yield from differences(wanted[key], got[key], messages, f"{path}[{key}]")
    elif isinstance(wanted, list):
        if len(wanted) != len(got):
            yield f"{path}: {len(got)} items, expected {len(wanted)}: {short(got)}, expected {short(wanted)}"
        for number, (w, g) in enumerate(zip(wanted, got)):
            yield from differences(w, g, messages, f"{path}[{number}]")
    elif isinstance(wanted, float):
        if not np.isclose(wanted, got, rtol=1e-5, atol=1e-7, equal_nan=True):
            yield f"{path}: {got}, expected {wanted}"
    elif wanted != got:
        yield f"{path}: {got!r}, expected {wanted!r}"


def tensor_differences(wanted: Seen, got: Seen, path: str) -> Iterator[str]:
    for field in ("dtype", "shape", "requires_grad"):
        if getattr(wanted, field) != getattr(got, field):
            yield f"{path}: {field} {getattr(got, field)}, expected {getattr(wanted, field)}"
    if wanted.shape != got.shape:
        return
    tolerance = {"torch.bfloat16": 2e-2, "torch.float16": 2e-3, "torch.float32": 1e-4}.get(wanted.dtype, 1e-6)
    if not np.allclose(wanted.values, got.values, rtol=tolerance, atol=tolerance, equal_nan=True):
        yield f"{path}: {got.values.tolist()}, expected {wanted.values.tolist()}"


def short(value: Any) -> str:
    return repr(value)[:300]


def run(side: str, args: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        out = f"{folder}/results"
        command = [sys.executable, __file__, "--side", side, "--out", out, "--cases", args.cases]
        subprocess.run([*command, "--seed", str(args.seed), "--chains", str(args.chains)], check=True)
        return pickle.loads(Path(out).read_bytes())


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", default=".", help='regular expression over "file.name"')
    parser.add_argument("--messages", action="store_true", help="compare the texts of exceptions")
    parser.add_argument("--chains", type=int, default=0, help="how many random chains")
    parser.add_argument("--seed", type=int, default=0, help="number of the first chain")
    parser.add_argument("--most", type=int, default=10, help="most differences printed a case")
    parser.add_argument("-v", "--verbose", action="store_true", help="print differences in full")
    parser.add_argument("--side", help=argparse.SUPPRESS)
    parser.add_argument("--out", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.side:
        run_side(args.side, args.cases, args.out, args.seed, args.chains)
        return 0
    wanted, got = run("torch", args), run("flambeau", args)
    failed = 0
    for name in wanted:
        found = list(differences(wanted[name], got[name], args.messages))
        failed += bool(found)
        for line in found[: args.most]:
            print(f"{name}{line if args.verbose else line[:260]}")
    print(f"{len(wanted) - failed}/{len(wanted)} cases agree")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
