#!/usr/bin/env python3
"""Compare the Tensor object and what surrounds it (constructors, NumPy, storages, copies, printing, overrides) with PyTorch.

    python tools/interfaces_check.py                    # every section; differences, then one count a section
    python tools/interfaces_check.py data numpy -m      # some sections, and where errors' texts begin otherwise
    python tools/interfaces_check.py repr --seed 3 --count 2000

The cases of most sections are lines of ``interfaces_cases.txt``. ``repr`` prints random tensors; ``overrides`` and ``modes`` call
functions of PyTorch's list of overridable ones on what looks like a tensor, and compare what its ``__torch_function__`` was given;
``attributes`` looks for the names of ``dir(tensor)``.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import itertools
import random
import types
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np


class Difference(NamedTuple):
    """A case, and what each library made of it."""

    case: str
    ours: str
    theirs: str


def read_cases() -> dict[str, list[str]]:
    """The lines of each section of the file of cases."""
    sections: dict[str, list[str]] = {}
    for line in Path(__file__).with_name("interfaces_cases.txt").read_text().splitlines():
        if line.startswith("[[") and line.endswith("]]"):
            lines = sections[line[2:-2]] = []
        elif line and line[0] != "#":
            lines.append(line)
    return sections


CASES = read_cases()


# -- outcomes --------------------------------------------------------------------------------------------------------


def shown(value: Any, lib: types.ModuleType) -> str:
    """A value as a text that is the same for equal values of both libraries."""
    if isinstance(value, lib.Tensor):
        plain = value.detach()
        elements = repr(plain.tolist()) if not value.is_meta and value.layout is lib.strided else "?"
        grad = " grad" if value.requires_grad else ""
        return f"{type(value).__name__} {value.dtype} {tuple(value.shape)} {value.device}{grad} {elements}"
    if isinstance(value, np.ndarray):
        return f"array {value.dtype} {value.shape} {value.tolist()!r}"
    if isinstance(value, np.generic):
        return f"{value.dtype} {value!r}"
    if type(value) in (tuple, list):
        return f"{type(value).__name__}({', '.join(shown(v, lib) for v in value)})"
    if isinstance(value, type):
        return f"class {value.__name__}"
    text = repr(value)
    return type(value).__name__ if " at 0x" in text else text.replace("flambeau", "torch")


def outcome(code: str, lib: types.ModuleType) -> tuple[str, str]:
    """What ``code`` gives, or the type of its error, and the error's text."""
    scope = {"torch": lib, "T": lib.tensor, "np": np}
    *statements, last = ast.parse(code).body
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if not isinstance(last, ast.Expr):
                statements.append(last)
            exec(compile(ast.Module(statements, []), "<case>", "exec"), scope)
            if not isinstance(last, ast.Expr):
                return "None", ""
            return shown(eval(compile(ast.Expression(last.value), "<case>", "eval"), scope), lib), ""
    except Exception as error:
        return f"raises {type(error).__name__}", str(error)


def compare_lines(cases: list[str], ours: types.ModuleType, theirs: types.ModuleType, texts: bool) -> tuple[int, list[Difference]]:
    """The number of cases, and those that differ; with ``texts`` also errors that begin with other words."""
    found = []
    for case in cases:
        (a, why), (b, expected) = outcome(case, ours), outcome(case, theirs)
        if a != b:
            found.append(Difference(case, f"{a}: {why}" if why else a, f"{b}: {expected}" if expected else b))
        elif texts and why.split()[:4] != expected.split()[:4]:
            found.append(Difference(case, why, expected))
    return len(cases), found


# -- printing --------------------------------------------------------------------------------------------------------

DTYPES = ("float32", "float64", "float16", "bfloat16", "int64", "int32", "uint8", "int8", "bool", "complex64", "complex128",
          "float8_e4m3fn", "float8_e5m2", "uint16", "uint32", "uint64")  # fmt: skip
SCALES = (1.0, 1e-3, 1e3, 1e-5, 1e7, 1e9, 1e-30, 100.0)


def random_values(rng: random.Random, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    """Elements as someone may meet them: whole or not, of one size or many, with NaN, infinities and zeros."""
    generator = np.random.default_rng(rng.getrandbits(32))
    if dtype == "bool":
        return generator.random(shape) < 0.5
    if "int" in dtype:
        high = rng.choice([2, 10, 100])
        return generator.integers(0 if dtype.startswith("u") else -high, high, shape)
    values = generator.standard_normal(shape) * rng.choice(SCALES)
    if rng.random() < 0.3:
        values = np.round(values)
    if rng.random() < 0.2:
        values = values * 10.0 ** generator.integers(-6, 6, shape)
    if rng.random() < 0.3:
        for special in (np.nan, np.inf, -np.inf, 0.0, -0.0):
            values = np.where(generator.random(shape) < 0.15, special, values)
    return np.asarray(values)


def random_text(rng: random.Random) -> Callable[[types.ModuleType], str]:
    """A function that prints the same random tensor with either library."""
    dtype, ndim = rng.choice(DTYPES), rng.choice([0, 1, 1, 2, 2, 3, 4])
    shape = tuple(rng.choice([0, 1, 2, 3, 5, 8, 30] if ndim < 4 else [1, 2, 3, 9]) for _ in range(ndim))
    real = random_values(rng, dtype, shape)
    imaginary = random_values(rng, dtype, shape)
    options: dict[str, Any] = {}
    if rng.random() < 0.5:
        candidates = {"precision": [0, 1, 2, 6, 10], "threshold": [0, 5, 20, 100], "edgeitems": [0, 1, 2, 4], "linewidth": [20, 40, 120],
                      "sci_mode": [True, False]}  # fmt: skip
        options = {name: rng.choice(candidates[name]) for name in rng.sample(sorted(candidates), rng.randint(1, 3))}
    wants_grad = rng.choice(["no", "leaf", "result", "parameter", "view", "in place"])
    transposed, sparse = rng.random() < 0.2, rng.random() < 0.1

    def text(lib: types.ModuleType) -> str:
        with np.errstate(all="ignore"):
            values = lib.from_numpy(real)
            if dtype.startswith("complex"):
                values = lib.complex(values, lib.from_numpy(imaginary))
            x = values.to(getattr(lib, dtype))
        x = x.transpose(0, -1) if transposed and x.ndim else x
        if dtype in ("float32", "float64", "complex64", "float16", "bfloat16") and wants_grad != "no":
            x = lib.nn.Parameter(x) if wants_grad == "parameter" else x.detach().requires_grad_()
            if wants_grad == "result":
                x = x * 1
            elif wants_grad == "view":
                x = x.unsqueeze(0)
            elif wants_grad == "in place":
                x = x.clone().mul_(1)
        if sparse and 0 < x.ndim < 3 and dtype in ("float32", "int64"):
            x = x.to_sparse()
        lib.set_printoptions(**options)
        try:
            return repr(x)
        finally:
            lib.set_printoptions(profile="default")

    return text


def compare_texts(ours: types.ModuleType, theirs: types.ModuleType, seed: int, count: int) -> tuple[int, list[Difference]]:
    """``count`` random tensors, and those that are not printed alike."""
    found = []
    for number in range(count):
        text = random_text(random.Random(seed * 1_000_003 + number))
        texts = []
        for lib in (ours, theirs):
            try:
                texts.append(text(lib))
            except Exception as error:
                texts.append(f"raises {type(error).__name__}: {error}")
        if texts[0] != texts[1] and not all(t.startswith("raises") for t in texts):
            found.append(Difference(f"repr of seed {seed}, number {number}", "\n" + texts[0], "\n" + texts[1]))
    return count, found


# -- __torch_function__ ----------------------------------------------------------------------------------------------


def path_of(function: Callable, theirs: types.ModuleType) -> str | None:
    """The dotted name of one of PyTorch's functions, ``torch.Tensor.add`` or ``torch.Tensor.T.__get__``."""
    name = importlib.import_module("torch.overrides").resolve_name(function)
    return name if name and not name.startswith("torch.Tensor.__torch") else None


def at(path: str, lib: types.ModuleType) -> Any:
    """What a dotted name is in a library."""
    found: Any = lib
    for part in path.split(".")[1:]:
        found = getattr(found, part)
    return found


class Seen(NamedTuple):
    """What a ``__torch_function__`` was given."""

    function: Any
    types: int
    arguments: str


def stand_ins(lib: types.ModuleType) -> tuple[Any, Any, list[Seen]]:
    """Something that looks like a tensor, a tensor of a subclass, and the list of what their class was asked for."""
    seen: list[Seen] = []

    def take(cls, func, types, args=(), kwargs=None):
        seen.append(Seen(func, len(types), f"{[sketch(a) for a in args]} {sorted((k, sketch(v)) for k, v in (kwargs or {}).items())}"))
        return -1

    like = type("Like", (), {"__torch_function__": classmethod(take)})()
    kind = type("Kind", (lib.Tensor,), {"__torch_function__": classmethod(take)})
    tensor = lib.ones(2, 2).as_subclass(kind)
    seen.clear()
    return like, tensor, seen


def sketch(value: Any) -> Any:
    """An argument without its identity."""
    if isinstance(value, (list, tuple)):
        return [sketch(v) for v in value]
    if isinstance(value, (int, float, str, bool, type(None))):
        return value
    return type(value).__name__


FILLERS = ("like", 1, ["like"], (1,), 0.5, "sum", "ij")


def attempts(function: Callable, stand_in: Callable) -> Iterator[tuple]:
    """Argument lists to try, the number of arguments being that of PyTorch's own stand-in for testing."""
    required = [p for p in inspect.signature(stand_in).parameters.values()
                if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]  # fmt: skip
    first = ("like", ["like"])
    yield from itertools.islice(itertools.product(first, *[FILLERS] * max(0, len(required) - 1)), 400)


def call(path: str, template: tuple, lib: types.ModuleType) -> tuple[str, Seen | None]:
    """What became of a call, and what the stand-in's class was given."""
    like, tensor, seen = stand_ins(lib)

    def real(value: Any) -> Any:
        if isinstance(value, list):
            return [real(v) for v in value]
        return like if value == "like" else value

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if not path.startswith("torch.Tensor."):
                at(path, lib)(*map(real, template))
            elif path.endswith(".__get__"):
                getattr(tensor, path.split(".")[2])
            elif template[0] == "like":
                getattr(tensor, path.split(".")[2])(*map(real, template[1:]))
    except Exception as error:
        return f"raises {type(error).__name__}: {error}", seen[0] if seen else None
    return "done", seen[0] if seen else None


def compare_overrides(ours: types.ModuleType, theirs: types.ModuleType) -> tuple[int, list[Difference]]:
    """Every function that PyTorch lets classes take over: is the class asked, with which function and which arguments?"""
    found, count = [], 0
    for function, stand_in in importlib.import_module("torch.overrides").get_testing_overrides().items():
        path = path_of(function, theirs)
        if path is None or getattr(function, "__name__", "").startswith("_") and not path.endswith("__"):
            continue
        template, expected = next(((t, s) for t in attempts(function, stand_in) if (s := call(path, t, theirs)[1])), (None, None))
        if template is None or expected is None:
            continue
        count += 1
        what, given = call(path, template, ours)
        target = path_of(expected.function, theirs)
        if given is None:
            found.append(Difference(f"{path}{template}", what, f"asked as {target}, {expected.arguments}"))
        elif not _same(given, expected, target, ours):
            found.append(Difference(f"{path}{template}", f"asked as {given}", f"asked as {target}, {expected}"))
    return count, found


def _same(given: Seen, expected: Seen, target: str | None, ours: types.ModuleType) -> bool:
    try:
        function = at(target, ours) if target else given.function
    except AttributeError:
        return False
    return function == given.function and (given.types, given.arguments) == (expected.types, expected.arguments)


# -- attributes ------------------------------------------------------------------------------------------------------


def compare_attributes(ours: types.ModuleType, theirs: types.ModuleType) -> tuple[int, list[Difference]]:
    """The public names of a tensor, and what those that are no methods give."""
    x, y = ours.ones(2, 3), theirs.ones(2, 3)
    found = []
    names = [n for n in dir(y) if not n.startswith("_")]
    for name in names:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            a, b = [_attribute(t, name, lib) for t, lib in ((x, ours), (y, theirs))]
        if a != b or name not in dir(x):
            found.append(Difference(f"tensor.{name}", a if name in dir(x) else f"{a} (not in dir)", b))
    return len(names), found


def _attribute(tensor: Any, name: str, lib: types.ModuleType) -> str:
    try:
        value = getattr(tensor, name)
    except Exception as error:
        return f"raises {type(error).__name__}"
    return "callable" if callable(value) else shown(value, lib)


# -- command ---------------------------------------------------------------------------------------------------------


def check(section: str, ours: types.ModuleType, theirs: types.ModuleType, *, texts: bool = False, seed: int = 0, count: int = 400):
    """``(number of cases, differences)`` of one section."""
    if section == "repr":
        return compare_texts(ours, theirs, seed, count)
    if section == "overrides":
        return compare_overrides(ours, theirs)
    if section == "attributes":
        return compare_attributes(ours, theirs)
    return compare_lines(CASES[section], ours, theirs, texts)


def main() -> None:
    """Run the sections that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    sections = [*CASES, "repr", "overrides", "attributes"]
    parser.add_argument("sections", nargs="*", help=", ".join(sections))
    parser.add_argument("-m", "--messages", action="store_true", help="compare the first words of errors too")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=400, help="how many random tensors are printed")
    options = parser.parse_args()
    ours, theirs = importlib.import_module("flambeau"), importlib.import_module("torch")
    counts = []
    for section in options.sections or sections:
        total, found = check(section, ours, theirs, texts=options.messages, seed=options.seed, count=options.count)
        for d in found:
            print(f"[{section}] {d.case}\n    ours    {d.ours[:600]}\n    theirs  {d.theirs[:600]}")
        counts.append(f"{section}: {total - len(found)} of {total} agree")
    print("\n".join(counts))


if __name__ == "__main__":
    main()
