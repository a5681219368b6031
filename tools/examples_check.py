#!/usr/bin/env python3
"""Run the examples in PyTorch's documentation on PyTorch and on flambeau, and compare.

    python tools/examples_check.py                        # all of them: every difference, and the share of statements that agree
    python tools/examples_check.py -k 'nn.init|cumsum'    # the docstrings whose names match
    python tools/examples_check.py -k cumsum --trace      # with every statement and what both print

The examples are the ``>>>`` lines and the code blocks in the docstrings of the PyTorch that is installed; none is stored. Each
docstring runs in a process of its own, with the seed 0 and ``torch`` as it is at the start of a program: twice on PyTorch, so that
what is not determined (uninitialized memory, time) is known, and once on flambeau through ``flambeau.alias``. After every statement
these are compared: the type of the exception, what was printed and shown, the warnings, and the tensors that variables hold, with
their strides. After a first error or wrong value the later statements of a docstring count no more: they mostly repeat it.

Differences that stay are in ``KNOWN``, with their reason; ``--known`` prints them too.
"""

from __future__ import annotations

import argparse
import ast
import codeop
import contextlib
import fnmatch
import inspect
import io
import itertools
import json
import math
import os
import re
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

_NAMESPACES = """Tensor nn nn.functional nn.init nn.utils nn.utils.rnn nn.utils.prune nn.utils.parametrize nn.utils.parametrizations
    nn.utils.stateless nn.attention linalg fft special func autograd autograd.functional autograd.forward_ad autograd.graph
    autograd.function autograd.gradcheck autograd.grad_mode optim optim.lr_scheduler optim.swa_utils utils.data utils.checkpoint
    utils.dlpack utils.hooks utils.flop_counter sparse nested masked signal.windows amp random overrides testing serialization
    types storage functional"""
NAMESPACES = ["torch", *[f"torch.{name}" for name in _NAMESPACES.split()]]
PRELUDE = """import collections, copy, functools, itertools, math, os, random, sys, time
import numpy as np
import numpy
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor, optim, autograd, autocast
from torch.func import *
from torch.nn.parameter import Parameter
import torch.nn.utils.prune as prune
import torch.nn.utils.parametrize as parametrize
import torch.autograd.forward_ad as fwAD
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset
device = torch.device("cpu")
"""
LEFT_OUT = Path(__file__).resolve().parent.parent / "tests" / "names_left_out.txt"
SECONDS = 60  # for one docstring; examples that wait for another machine wait for ever
LARGEST = 4096  # elements of a tensor that are compared one by one
KNOWN = {  # what is looked for in a difference's lines -> why it stays
    r"beta state|invariant checks are|in beta and the API|ComplexHalf support": "PyTorch reports the state of its own implementation",
    r"torch\.(Event|set_default_device|set_flush_denormal|sparse_coo_tensor)|register_package": "other devices, modes of the processor",
    r"torch\.(fx|distributed|ops)|_jit_|'(aten|distributed)'|region_activation": "PyTorch's compiler and processes, left out",
    r"MaskedTensor|thread_safe_generator|redispatch_function|skip_data": "prototypes of PyTorch's",
    r"(StridedNested|CooTensor|CompressedTensor)": "nested and sparse tensors are of subclasses",
    r"is_(conj|neg)\(\)": "conj() computes, there are no tensors that are conjugated when they are read",
    r"^strides: torch\.(linalg|fft|functional\.lu|cholesky|lu|qr|svd)": "columns first, as LAPACK has it; ours are contiguous",
    r"function dot at|_MultiHandle|_LinAlgError|saved_tensors_hooks|get_(ignored|testing)": "internals that show",
    r"torch\.sort$": "PyTorch's order of equal elements, which it does not promise",
    r"unpad_sequence|matrix_exp|torch\.ldexp|safe_globals|func\.linearize": "PyTorch's own mistakes",
    r"RankOne|nn\.Unfold": "signs of singular vectors and last digits",
}
Record = dict[str, Any]  # what a statement did: error, printed, warnings, messages, values
_FLOAT = r"-?\d+\.\d*(?:e[+-]\d+)?"


class Difference(NamedTuple):
    """A statement on which flambeau and PyTorch differ."""

    kind: str
    name: str
    statement: str
    detail: str


# -- the examples ----------------------------------------------------------------------------------------------------


def docstrings() -> dict[str, str]:
    """PyTorch's docstrings that have examples, each once, under the first of its names."""
    found: dict[str, str] = {}
    for namespace in sorted(
        NAMESPACES, key="torch.Tensor".__ne__
    ):  # the typed tensors of torch have the same docstrings
        package, _, attribute = namespace.rpartition(".")
        owner = getattr(import_module(package), attribute) if namespace == "torch.Tensor" else import_module(namespace)
        _collect(namespace, owner, found)
    patterns = [line.partition(":")[0] for line in LEFT_OUT.read_text().splitlines() if line[:1] != "#"]
    found = {doc: name for doc, name in found.items() if statements(doc)}
    return {name: doc for doc, name in found.items() if not any(fnmatch.fnmatch(name, pattern) for pattern in patterns)}


def _collect(name: str, value: Any, into: dict[str, str]) -> None:
    """Add the docstring of a module, class or function and of its public members, by text."""
    doc = getattr(value, "__doc__", None)
    if isinstance(doc, str) and (">>>" in doc or "::" in doc):
        into.setdefault(doc, name)
    if not (inspect.isclass(value) or inspect.ismodule(value) and name in NAMESPACES):
        return
    for member in sorted(vars(value)) if inspect.isclass(value) else dir(value):
        if member.startswith("_"):
            continue
        with contextlib.suppress(Exception), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            item = getattr(value, member)
            home = getattr(item, "__module__", None)
            if home is None or str(home).startswith("torch"):
                _collect(f"{name}.{member}", item, into)


def statements(doc: str) -> list[str]:
    """The statements of a docstring's examples: first those of code blocks without prompts, then those with."""
    found = [statement for block in _code_blocks(doc) for statement in _split(block.splitlines())]
    block: list[str] = []
    for line in [*doc.splitlines(), ""]:
        text = line.strip()
        if text.startswith((">>>", "...")) and (block or text.startswith(">>>")):
            block.append(re.sub(r"^(>>>|\.\.\.) ?", "", text))
        elif block and text and not _parses("\n".join(block)) and _is_begun("\n".join(block)):
            block.append(text)  # a statement that goes on without its dots
        elif block:
            found += _split(block)
            block = []
    return found


def _code_blocks(doc: str) -> Iterator[str]:
    """The blocks under ``::`` that have no prompts and are Python."""
    lines = doc.expandtabs().splitlines()
    for at, line in enumerate(lines):
        if not re.search(r"(^\s*\.\. code(-block)?:: *(python)?|[^:\s.]::)\s*$", line):
            continue
        deeper = re.compile(rf"\s{{{len(line) - len(line.lstrip()) + 1},}}\S|\s*$")
        inside = itertools.takewhile(deeper.match, lines[at + 1 :])
        block = textwrap.dedent("\n".join(x for x in inside if not re.match(r"\s+:\w+:", x))).strip("\n")
        if block and ">>>" not in block and _parses(block):
            yield block


def _parses(source: str) -> bool:
    try:
        ast.parse(source)
    except (SyntaxError, ValueError):
        return False
    return True


def _is_begun(source: str) -> bool:
    """Whether a bracket or string is open at the end."""
    try:
        return codeop.compile_command(source, symbol="exec") is None
    except (SyntaxError, ValueError, OverflowError):
        return False


def _split(block: list[str]) -> list[str]:
    """The statements of a block of lines: the longest runs of lines that Python accepts."""
    found = []
    while block:
        size = next((n for n in range(len(block), 0, -1) if _parses("\n".join(block[:n]))), 0)
        source = "\n".join(block[: size or 1])
        if not size:
            found.append(source)  # not Python: a syntax error on both sides
        for node in ast.parse(source).body if size else ():
            first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
            found.append("\n".join(source.splitlines()[first - 1 : node.end_lineno]))
        block = block[size or 1 :]
    return found


# -- running them, in a process that has one of the two libraries -----------------------------------------------------


def work(examples: dict[str, list[str]], results: str) -> None:
    """Run all examples on the library that ``import torch`` means here; leave one file of records for each docstring."""
    exec(PRELUDE, {})
    for number, (name, sources) in enumerate(examples.items()):
        process = os.fork()
        if not process:
            os.setpgid(0, 0)
            _run_docstring(sources, os.path.join(results, f"{number}.json"))
            os._exit(0)
        _wait(process, name)


def _wait(process: int, name: str) -> None:
    limit = time.monotonic() + SECONDS
    while time.monotonic() < limit:
        if os.waitpid(process, os.WNOHANG)[0]:
            return
        time.sleep(0.002)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process, signal.SIGKILL)
    os.waitpid(process, 0)
    print(f"{name}: not done after {SECONDS} s", file=sys.stderr)


def _run_docstring(sources: list[str], path: str) -> None:
    folder = tempfile.mkdtemp(dir=os.path.dirname(path))
    os.chdir(folder)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    scope: dict[str, Any] = {"__name__": "__main__", "__builtins__": __builtins__}
    exec(PRELUDE, scope)
    scope["torch"].manual_seed(0)
    scope["np"].random.seed(0)
    scope["random"].seed(0)
    with open(path, "w") as file:
        for source in sources:
            record = _run_statement(source, scope)
            with contextlib.redirect_stdout(io.StringIO()):  # an example may define what prints whenever it is asked
                values = {name: _describe(value) for name, value in scope.items() if not name.startswith("__")}
                record["strides"] = {name: _strides(value) for name, value in scope.items()}
            record["values"] = {name: value for name, value in values.items() if value is not None}
            file.write(json.dumps(record, default=repr) + "\n")
            file.flush()


def _run_statement(source: str, scope: dict[str, Any]) -> Record:
    printed, error = io.StringIO(), None
    with warnings.catch_warnings(record=True) as caught, contextlib.redirect_stdout(printed):
        warnings.simplefilter("always")
        try:
            exec(compile(source + "\n", "<example>", "single"), scope)
        except BaseException as problem:  # SystemExit as well: it ends the example, not the run
            error = [type(problem).__name__, str(problem)]
    told = [
        w for w in caught if w.category not in (ResourceWarning, SyntaxWarning) and "torch.jit" not in str(w.message)
    ]
    return {
        "error": error,
        "printed": printed.getvalue(),
        "warnings": sorted({w.category.__name__ for w in told}),
        "messages": [str(w.message) for w in told],
    }


def _describe(value: Any, depth: int = 0) -> Any:
    """What is compared of a variable, as JSON; None for what is no tensor, number or container of them."""
    if isinstance(value, (bool, int, float, complex, str)):
        return [type(value).__name__, _number(value)]
    if isinstance(value, (list, tuple)) and depth < 3 and len(value) < 100:
        return [type(value).__name__, [_describe(v, depth + 1) for v in value]]
    if isinstance(value, dict) and depth < 3 and len(value) < 100:
        return [type(value).__name__, [[str(k), _describe(v, depth + 1)] for k, v in value.items()]]
    torch = sys.modules["torch"]
    if isinstance(value, torch.nn.Module):
        return ["Module", [[name, _describe(tensor)] for name, tensor in value.state_dict().items()]]
    if not isinstance(value, torch.Tensor):
        return None
    try:
        return _describe_tensor(value)
    except Exception:
        return [type(value).__name__]  # a lazy parameter, a tensor of a level of vmap that has ended


def _describe_tensor(value: Any) -> Any:
    torch = sys.modules["torch"]
    facts = [str(value.dtype), list(value.shape), str(value.layout), value.requires_grad, value.is_leaf]
    if value.is_nested or value.layout is not torch.strided:
        return [*facts, repr(value.detach())]
    flat = value.detach().resolve_conj().resolve_neg().cpu().reshape(-1)[:LARGEST]
    flat = flat.float() if value.dtype.is_floating_point and value.dtype.itemsize < 4 else flat
    return [type(value).__name__, *facts, value.is_leaf and value.grad is not None, [_number(v) for v in flat.tolist()]]


def _strides(value: Any) -> list[int] | None:
    try:
        return [stride for size, stride in zip(value.shape, value.stride()) if size > 1]
    except Exception:
        return None  # no tensor, or one without strides


def _number(value: Any) -> Any:
    return [value.real, value.imag] if isinstance(value, complex) else value


# -- comparing -------------------------------------------------------------------------------------------------------


def plain(text: str) -> str:
    """Printed text without what no two runs share: addresses, the folder of the files, the library's own name."""
    text = re.sub(r"0x[0-9a-f]{6,}", "0x", text)
    text = re.sub(r"/\S*/(tmp\w+|site-packages|src)/", "/", text)
    return text.replace("flambeau", "torch")


def difference(ours: Record, theirs: Record, again: Record) -> tuple[str, str] | None:
    """The kind and the detail of the first difference between records of a statement; None where they agree.

    ``theirs`` and ``again`` are PyTorch's: what they do not agree upon is not asked for.
    """
    our_error, their_error = (record["error"] and record["error"][0] for record in (ours, theirs))
    if our_error != their_error:
        return ("error" if our_error else "no error"), f"{ours['error']} instead of {theirs['error']}"
    for name in sorted(ours["values"].keys() | theirs["values"].keys()):
        mine, other = ours["values"].get(name), theirs["values"].get(name)
        if other == again["values"].get(name) and not close(mine, other):
            return "value", f"{name}: {str(mine)[:400]} instead of {str(other)[:400]}"
    if ours["warnings"] != theirs["warnings"]:
        return "warning", f"{ours['messages']} instead of {theirs['messages']}"
    apart = [name for name, strides in theirs["strides"].items() if ours["strides"].get(name) != strides]
    if apart:
        return "strides", f"{apart[0]}: {ours['strides'].get(apart[0])} instead of {theirs['strides'][apart[0]]}"
    mine, other, repeated = (plain(record["printed"]).rstrip().splitlines() for record in (ours, theirs, again))
    if other == repeated and not (len(mine) == len(other) and all(map(same_line, mine, other))):
        at = next((n for n, (a, b) in enumerate(zip(mine, other)) if not same_line(a, b)), min(len(mine), len(other)))
        return "printed", "\n    ".join([*mine[at : at + 5], "  instead of", *other[at : at + 5]])
    return None


def same_line(mine: str, other: str) -> bool:
    """Whether two printed lines are equal but for the last digits of numbers, which follow the order of additions."""
    if mine == other:
        return True
    numbers = [re.findall(_FLOAT, line) for line in (mine, other)]
    rest = [re.sub(_FLOAT, "#", line).replace(" ", "") for line in (mine, other)]
    largest = max((abs(float(number)) for number in numbers[1]), default=0)
    return rest[0] == rest[1] and all(
        math.isclose(float(a), float(b), rel_tol=2e-4, abs_tol=1e-6 * max(1, largest)) for a, b in zip(*numbers)
    )


def close(mine: Any, other: Any) -> bool:
    """Whether two descriptions are equal but for the rounding of float32."""
    if isinstance(mine, float) and isinstance(other, float):
        return (
            mine == other
            or math.isnan(mine)
            and math.isnan(other)
            or math.isclose(mine, other, rel_tol=1e-4, abs_tol=1e-5)
        )
    if isinstance(mine, list) and isinstance(other, list):
        return len(mine) == len(other) and all(close(a, b) for a, b in zip(mine, other))
    if isinstance(mine, str) and isinstance(other, str):
        return plain(mine) == plain(other)
    return type(mine) is type(other) and mine == other


def why_it_stays(problem: Difference) -> str | None:
    """The reason of a difference that is known."""
    lines = f"{problem.kind}: {problem.name}\n{problem.statement}\n{problem.detail}"
    return next((reason for pattern, reason in KNOWN.items() if re.search(pattern, lines, re.MULTILINE)), None)


def compare(name: str, sources: list[str], runs: list[list[Record]], trace: bool) -> tuple[int, list[Difference]]:
    """How many statements of a docstring were compared, and where they differ."""
    found: list[Difference] = []
    ours, theirs, again = runs
    for at, source in enumerate(sources):
        if at >= len(theirs) or at >= len(again):
            return at, found  # PyTorch itself did not come through
        if at >= len(ours):
            return at + 1, [*found, Difference("lost", name, source, "the process ended or took too long")]
        if trace:
            print(f">>> {source}", *(f"{r[at]['printed']}{r[at]['error'] or ''}" for r in (ours, theirs)), sep="\n-- ")
        problem = difference(ours[at], theirs[at], again[at])
        if problem is not None and not (problem[0] == "strides" == (found and found[-1].kind)):
            found.append(Difference(problem[0], name, source, problem[1]))
        if problem is not None and problem[0] not in ("printed", "warning", "strides"):
            return at + 1, found
    return len(sources), found


# -- the command -----------------------------------------------------------------------------------------------------


def run_on(library: str, examples: dict[str, list[str]]) -> Iterator[list[Record]]:
    """The records of every docstring's statements on ``torch`` or ``flambeau``."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "examples.json")
        with open(path, "w") as file:
            json.dump(examples, file)
        subprocess.run([sys.executable, __file__, "--work", library, folder], check=True)
        for number in range(len(examples)):
            records = os.path.join(folder, f"{number}.json")
            with open(records) as file:
                yield [json.loads(line) for line in file if line.endswith("\n")]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-k", metavar="PATTERN", default="", help="the docstrings whose names the expression finds")
    parser.add_argument(
        "--trace", action="store_true", help="print every statement and what flambeau and PyTorch print"
    )
    parser.add_argument("--known", action="store_true", help="print also the differences that stay")
    parser.add_argument("--work", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.work:
        library, folder = args.work
        if library == "flambeau":
            import_module("flambeau.alias").install()
        with open(os.path.join(folder, "examples.json")) as file:
            work(json.load(file), folder)
        return 0
    examples = {name: statements(doc) for name, doc in docstrings().items() if re.search(args.k, name)}
    runs = [list(run_on(library, examples)) for library in ("flambeau", "torch", "torch")]
    compared, found = 0, list[Difference]()
    for (name, sources), *records in zip(examples.items(), *runs):
        count, problems = compare(name, sources, records, args.trace)
        compared += count
        found += problems
    stays = [problem for problem in found if why_it_stays(problem)]
    if not args.known:
        found = [problem for problem in found if problem not in stays]
    for kind, name, source, detail in sorted(found):
        print(f"{kind}: {name}\n    >>> {source}\n    {detail}")
    kinds = ", ".join(f"{count} {kind}" for kind, count in Counter(p.kind for p in found).most_common())
    differ = len({p.name for p in found})
    print(
        f"{len(examples)} docstrings, {compared} statements, {differ} docstrings differ: {kinds or 'no difference'}; {len(stays)} stay"
    )
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
