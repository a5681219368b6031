"""The house rules that a reader relies on: who may import whom, no PyTorch inside, no endless files.

The layers are those of ARCHITECTURE.md. A file imports from its own layer and from those below; what is
imported for type annotations only (``if TYPE_CHECKING:``) is not an import.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src"
PACKAGE = SOURCE / "flambeau"
MOST_LINES = 600

# From the bottom up. What is not named here is a library, at the top.
LAYERS = [
    {"runtime", "dtypes", "printing", "version"},
    {"compiler"},
    {"lazy"},
    {"tensor", "autograd"},
    {"ops"},
]
LIBRARY = len(LAYERS)
# Libraries that PyTorch names as if they were parts of a room below.
LIBRARIES = {"flambeau.autograd.forward_ad", "flambeau.autograd.functional", "flambeau.autograd.gradcheck"}

FILES = sorted(PACKAGE.rglob("*.py"))


def layer_of(module: str) -> int:
    """The layer of ``flambeau.room.file``; the package itself exports everything, so it stands at the top."""
    if module in LIBRARIES:
        return LIBRARY
    room = (module.split(".") + [""])[1]
    return next((level for level, rooms in enumerate(LAYERS) if room in rooms), LIBRARY)


def module_name(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_module(name: str) -> bool:
    path = SOURCE.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


def imported_modules(tree: ast.AST, module: str, is_package: bool) -> Iterator[tuple[str, int]]:
    """Every module that the file imports when it runs, at the top or inside a function, with its line."""
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            pending.extend(node.orelse)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            origin = absolute(node, module, is_package)
            for alias in node.names:
                inner = f"{origin}.{alias.name}"
                yield (inner if origin.startswith("flambeau") and is_module(inner) else origin), node.lineno
        else:
            pending.extend(ast.iter_child_nodes(node))


def absolute(node: ast.ImportFrom, module: str, is_package: bool) -> str:
    """The full name of what ``from ... import`` starts from."""
    if not node.level:
        return node.module or ""
    parts = module.split(".")
    base = parts[: len(parts) - node.level + is_package]
    return ".".join([*base, node.module] if node.module else base)


def imports_of(path: Path) -> list[tuple[str, int]]:
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    return list(imported_modules(tree, module_name(path), path.name == "__init__.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_layer_imports_only_from_those_below(path):
    level = layer_of(module_name(path))
    upwards = [
        f"{path.relative_to(SOURCE)}:{line} imports {name}"
        for name, line in imports_of(path)
        if name.split(".")[0] == "flambeau" and layer_of(name) > level
    ]
    assert not upwards, "\n".join(upwards)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_imports_pytorch(path):
    guests = [f"line {line}: {name}" for name, line in imports_of(path) if name.split(".")[0] == "torch"]
    assert not guests, "\n".join(guests)


def test_no_file_is_longer_than_a_reader_s_patience():
    files = [*FILES, *Path(__file__).parent.rglob("*.py")]
    lengths = {str(path): len(path.read_text("utf-8").splitlines()) for path in files}
    too_long = {name: length for name, length in lengths.items() if length > MOST_LINES}
    assert not too_long


def test_there_is_no_c_source():
    suffixes = {".c", ".cc", ".cpp", ".cxx", ".cu", ".h", ".hpp", ".pyx", ".pxd"}
    assert not [path for path in SOURCE.rglob("*") if path.suffix in suffixes]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import flambeau.ops.add", ["flambeau.ops.add"]),
        ("from flambeau import dtypes, Tensor", ["flambeau.dtypes", "flambeau"]),
        ("from . import jit\nfrom ..lazy import spec", ["flambeau.runtime", "flambeau.lazy.spec"]),
        ("if TYPE_CHECKING:\n    import torch", []),
        ("def f():\n    import flambeau.nn", ["flambeau.nn"]),
    ],
)
def test_how_imports_are_read(text, expected, monkeypatch):
    known = {"flambeau.dtypes", "flambeau.lazy.spec"}
    monkeypatch.setattr(f"{__name__}.is_module", known.__contains__)
    found = [name for name, _ in imported_modules(ast.parse(text), "flambeau.runtime.blas", False)]
    assert sorted(found) == sorted(expected)
