#!/usr/bin/env python3
"""Compare flambeau's public names and signatures with PyTorch's.

    python tools/names_check.py               # every difference, and the share of names that agree
    python tools/names_check.py torch.linalg  # one namespace

PyTorch's signatures come from Python functions themselves, for builtins from the stubs in its wheel and from the first line of
docstrings. A function with one signature agrees when the names, order, keyword-only markers and defaults of its parameters
are the same. One with several agrees when ours accepts each of them, by position and by keyword.
"""

from __future__ import annotations

import ast
import fnmatch
import functools
import inspect
import os
import re
import sys
from importlib import import_module
from inspect import Parameter, Signature
from pathlib import Path
from typing import Any, NamedTuple

NAMESPACES = ("torch", "torch.Tensor", "torch.nn.functional", "torch.linalg", "torch.fft", "torch.special")
LEFT_OUT = Path(__file__).resolve().parent.parent / "tests" / "names_left_out.txt"
# Names in `torch` that are types of its C++ core, or leak from its own imports: no documentation mentions them.
_LEAKED = re.compile(r"(Type|Storage|Exception|Error)$")
_DEFAULTS = ("strided", "preserve_format", "contiguous_format")  # what None stands for, of layouts and memory formats
_ANY = object()  # a default that the stub does not tell


class Difference(NamedTuple):
    """A public name on which flambeau and PyTorch differ."""

    name: str
    kind: str  # "missing" or "signature"
    detail: str


class Result(NamedTuple):
    """What a walk over namespaces found."""

    checked: int
    differences: list[Difference]

    @property
    def share(self) -> float:
        """The share of names that resolve with an equal signature."""
        return 1 - len(self.differences) / max(1, self.checked)


def left_out() -> dict[str, str]:
    """Names (patterns) that flambeau leaves out on purpose, each with its reason."""
    lines = LEFT_OUT.read_text().splitlines()
    return {name.strip(): reason.strip() for name, _, reason in (line.partition(":") for line in lines if line and line[0] != "#")}


# -- PyTorch's side --------------------------------------------------------------------------------------------------


def public_names(namespace: str, owner: Any) -> list[str]:
    """The callables and properties of one of PyTorch's namespaces that a user can name."""
    if inspect.isclass(owner):
        return [n for n in dir(owner) if not n.startswith("_")]
    listed = getattr(owner, "__all__", None) if namespace != "torch.nn.functional" else None
    names = {n for n in listed or dir(owner) if not n.startswith("_")}
    return sorted(n for n in names if _is_function(namespace, owner, getattr(owner, n)) and not _LEAKED.search(n))


def _is_function(namespace: str, owner: Any, value: Any) -> bool:
    if not callable(value) or inspect.isclass(value) or inspect.ismodule(value):
        return False
    home = getattr(value, "__module__", None) or namespace
    return home.startswith("torch") and type(value).__module__ != "typing"


@functools.cache
def _stubs() -> tuple[dict[str, list[ast.FunctionDef]], dict[str, list[ast.FunctionDef]]]:
    """The stubs of PyTorch's builtin functions and of the methods of Tensor: name -> overloads."""
    folder = Path(import_module("torch").__file__).parent / "_C"
    functions: dict[str, list] = {}
    methods: dict[str, list] = {}
    for name in ("_VariableFunctions.pyi", "_nn.pyi"):
        _collect(ast.parse((folder / name).read_text()).body, functions)
    for node in ast.parse((folder / "__init__.pyi").read_text()).body:
        if isinstance(node, ast.ClassDef) and node.name == "TensorBase":
            _collect(node.body, methods)
    return functions, methods


def _collect(body: list, into: dict[str, list]) -> None:
    for node in body:
        if isinstance(node, ast.FunctionDef):
            into.setdefault(node.name, []).append(node)


def _default(node: ast.expr | None) -> Any:
    if node is None:
        return Parameter.empty
    if isinstance(node, ast.Constant) and node.value is ...:
        return _ANY
    try:
        return ast.literal_eval(node)
    except ValueError:
        return ast.unparse(node).rpartition(".")[2]


def _of_stub(node: ast.FunctionDef, method: bool) -> Signature | None:
    """The signature of a stub; None where it is of named dimensions or of a deprecated form."""
    a = node.args
    if _deprecated(a, method) or _names_dimensions(a):
        return None
    defaults = [None] * (len(a.args) - len(a.defaults)) + list(a.defaults)
    made = [Parameter(p.arg, Parameter.POSITIONAL_OR_KEYWORD, default=_default(d)) for p, d in zip(a.args, defaults)]
    if a.vararg is not None:
        made.append(Parameter(a.vararg.arg, Parameter.VAR_POSITIONAL))
    made += [Parameter(p.arg, Parameter.KEYWORD_ONLY, default=_default(d)) for p, d in zip(a.kwonlyargs, a.kw_defaults)]
    # The stubs list ``out`` with a few methods; none takes it.
    return Signature([p for p in made if not (method and p.name == "out")])


def _deprecated(arguments: ast.arguments, method: bool) -> bool:
    """Whether it is an old form with numbers before tensors, or one for GPUs alone (``out_dtype``)."""
    names = [p.arg for p in arguments.args]
    if "out_dtype" in names:
        return True
    return names[1:2] in (["alpha"], ["beta"]) if method else "self" in names


def _names_dimensions(arguments: ast.arguments) -> bool:
    annotations = [ast.unparse(p.annotation) for p in (*arguments.args, *arguments.kwonlyargs) if p.annotation]
    named = any("str | EllipsisType" in text for text in annotations)
    return named or any(p.arg in ("names", "dimname") for p in (*arguments.args, *arguments.kwonlyargs))


def _of_docstring(value: Any, method: bool) -> list[Signature]:
    for line in (value.__doc__ or "").strip().splitlines()[:4]:
        match = re.match(r"\s*[\w.]+\((.*?)\)\s*(->.*)?$", line)
        if match is None:
            continue
        text = ("self, " if method else "") + match[1].replace("\\", "")
        try:
            node = ast.parse(f"def f({text.rstrip(', ')}): ...").body[0]
        except SyntaxError:
            continue
        signature = _of_stub(node, method)
        return [signature] if signature else []
    return []


def signatures(name: str, value: Any, method: bool) -> list[Signature]:
    """PyTorch's signatures of a function; empty where none can be had."""
    found: list[Signature] = []
    try:
        found = [inspect.signature(value)]
        kinds = [p.kind for p in found[0].parameters.values()]
        if Parameter.VAR_KEYWORD not in kinds and kinds.count(Parameter.VAR_POSITIONAL) < 1:
            return found
    except (TypeError, ValueError):
        pass
    functions, methods = _stubs()
    home = getattr(value, "__module__", None) or ""
    stubs = methods.get(name, []) if method else functions.get(name, []) if "linalg" not in home and "fft" not in home else []
    told = [s for s in (_of_stub(node, method) for node in stubs) if s is not None]
    return told or [s for s in found if len(s.parameters) != 2 or "kwargs" not in s.parameters]




# -- comparing -------------------------------------------------------------------------------------------------------


def _same_default(theirs: Any, ours: Any) -> bool:
    if theirs is _ANY or ours is theirs or ours is _ANY and theirs in (Parameter.empty, None):
        return True
    if theirs is Parameter.empty or ours is Parameter.empty:
        return False
    if isinstance(theirs, (list, tuple)) and isinstance(ours, (list, tuple)):
        return tuple(theirs) == tuple(ours)
    simple = (int, float, complex, str, type(None))
    if theirs == () and ours is None or ours is None and str(theirs).rpartition(".")[2] in _DEFAULTS:
        return True
    if isinstance(theirs, simple) and isinstance(ours, simple):
        return theirs == ours or {theirs, ours} == {None, False}
    if theirs is None and str(ours).rpartition(".")[2] in _DEFAULTS:
        return True
    return str(theirs).rpartition(".")[2] == str(ours).rpartition(".")[2] or repr(theirs) == repr(ours)


def _plain(signature: Signature) -> list[Parameter]:
    """The parameters, without what stands for names that cannot be written: NumPy's ``axis``, and the keyword ``from``."""
    kept = [p for p in signature.parameters.values() if p.name not in ("numpy_names", "keywords")]
    if "numpy_names" not in signature.parameters:
        return kept
    # ``axis`` may take the place of a ``dim`` that is required, so that Python must not require it.
    return [p.replace(default=_ANY) if p.name == "dim" and p.default is None else p for p in kept]


def _accepts(ours: Signature, overload: Signature, method: bool) -> bool:
    """Whether a call in the form of ``overload`` binds, by position and by keyword."""
    parameters = list(overload.parameters.values())
    positional = [p.name for p in parameters if p.kind in (Parameter.POSITIONAL_OR_KEYWORD, Parameter.VAR_POSITIONAL)]
    keyword = {p.name: None for p in parameters if p.kind is Parameter.KEYWORD_ONLY}
    by_name = {p.name: None for p in parameters if p.kind is Parameter.POSITIONAL_OR_KEYWORD}
    first = [by_name.pop(positional[0])] if method and positional and positional[0] in by_name else []
    try:
        ours.bind(*positional, **keyword)
        ours.bind(*first, **by_name, **keyword)
    except TypeError:
        return False
    return True


def _fault(theirs: list[Signature], ours: Signature, method: bool) -> str:
    """How our signature differs; empty where it does not."""
    own = _plain(ours)
    if len(theirs) == 1:
        wanted, mine = _ordered(theirs[0].parameters.values()), _ordered(own)
        skip = 1 if method else 0
        same = len(wanted) == len(mine) and all(
            w.name == m.name and _same_kind(w, m) and _same_default(w.default, m.default)
            for w, m in zip(wanted[skip:], mine[skip:]))
        return "" if same else f"{_written(ours)}; expected {_written(theirs[0])}"
    if any(p.kind is Parameter.VAR_KEYWORD for p in own) and not _open_ended(theirs):
        return f"{_written(ours)} accepts any keyword"
    refused = [t for t in theirs if not _accepts(Signature(own), t, method)]
    known = {p.name: p.default for t in theirs for p in t.parameters.values() if p.default is not Parameter.empty}
    strange = [p.name for p in own if p.name in known and p.default is not Parameter.empty
               and not any(_same_default(t.parameters[p.name].default, p.default) for t in theirs if p.name in t.parameters)
               and p.default is not None]
    if refused:
        return f"{_written(ours)} refuses {'; '.join(map(_written, refused))}"
    return f"{_written(ours)}: defaults of {', '.join(strange)} differ from {_written(theirs[0])}" if strange else ""


def _ordered(parameters: Any) -> list[Parameter]:
    """Positional parameters in their order, then the others by name."""
    kept = [p for p in parameters if p.name != "_stacklevel"]
    named = [p for p in kept if p.kind is Parameter.KEYWORD_ONLY]
    return [p for p in kept if p.kind is not Parameter.KEYWORD_ONLY] + sorted(named, key=lambda p: p.name)


def _same_kind(theirs: Parameter, ours: Parameter) -> bool:
    positional = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    return theirs.kind is ours.kind or theirs.kind is positional[0] and ours.kind is positional[1]


def _open_ended(theirs: list[Signature]) -> bool:
    return any(p.kind is Parameter.VAR_KEYWORD for t in theirs for p in t.parameters.values())


def _written(signature: Signature) -> str:
    pieces, star = [], False
    for p in _plain(signature):
        star_needed = p.kind is Parameter.KEYWORD_ONLY and not star
        if star_needed:
            pieces.append("*")
        star = star or star_needed or p.kind is Parameter.VAR_POSITIONAL
        mark = {Parameter.VAR_POSITIONAL: "*", Parameter.VAR_KEYWORD: "**"}.get(p.kind, "")
        value = "" if p.default is Parameter.empty else "=..." if p.default is _ANY else f"={p.default!r}"
        pieces.append(mark + p.name + value)
    return f"({', '.join(pieces)})"


def _resolve(module: str, namespace: str) -> Any:
    owner = import_module(module)
    for part in namespace.split(".")[1:]:
        owner = getattr(owner, part)
    return owner


def compare(namespaces: tuple[str, ...] = NAMESPACES, module: str = "flambeau") -> Result:
    """Walk PyTorch's public names in ``namespaces`` and compare each with ``module``'s."""
    excused = list(left_out())
    checked, differences = 0, []
    for namespace in namespaces:
        theirs, ours = _resolve("torch", namespace), _resolve(module, namespace)
        method = inspect.isclass(theirs)
        for name in public_names(namespace, theirs):
            full = f"{namespace}.{name}"
            if any(fnmatch.fnmatchcase(full, pattern) for pattern in excused):
                continue
            checked += 1
            difference = _compare_name(full, getattr(theirs, name), ours, name, method)
            if difference:
                differences.append(difference)
    return Result(checked, differences)


def _compare_name(full: str, theirs: Any, owner: Any, name: str, method: bool) -> Difference | None:
    try:
        ours = getattr(owner, name)
    except (AttributeError, ImportError):
        return Difference(full, "missing", "")
    if not callable(theirs) or isinstance(theirs, property):
        return Difference(full, "signature", "is a method, expected an attribute") if inspect.isfunction(ours) else None
    wanted, told = signatures(name, theirs, method), _of_docstring(theirs, method)
    try:
        own = inspect.signature(ours)
    except (TypeError, ValueError):
        return Difference(full, "signature", "has no signature") if wanted or told else None
    if not wanted and not told:
        return None
    faults = [_fault(group, own, method) for group in (wanted, told) if group]
    fault = "" if "" in faults else faults[0]
    return Difference(full, "signature", fault) if fault else None


def main() -> None:
    result = compare(tuple(sys.argv[1:]) or NAMESPACES)
    for d in result.differences:
        print(f"{d.kind:9} {d.name}{d.detail and ': ' + d.detail}")
    agreed = result.checked - len(result.differences)
    print(f"{agreed}/{result.checked} public names resolve with an equal signature ({100 * result.share:.1f} %)")


if __name__ == "__main__":
    os.environ.setdefault("PYTORCH_JIT", "1")
    main()
