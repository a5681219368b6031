"""``python tools/api_pages.py [FOLDER]``: a Markdown page for each public namespace, from signatures and docstrings.

The pages go to ``docs/api`` by default. Names that PyTorch users do not call (modules, private names) are left out.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[1]
NAMESPACES = [
    "flambeau", "flambeau.Tensor", "flambeau.nn", "flambeau.nn.functional", "flambeau.nn.init", "flambeau.optim",
    "flambeau.optim.lr_scheduler", "flambeau.autograd", "flambeau.linalg", "flambeau.fft", "flambeau.special",
    "flambeau.utils.data", "flambeau.vision.datasets", "flambeau.vision.transforms", "flambeau.compiler", "flambeau.testing",
]  # fmt: skip


def find(name: str):
    """The module of this name, or the class in its parent module."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        parent, _, last = name.rpartition(".")
        return getattr(importlib.import_module(parent), last)


def public(namespace) -> dict[str, object]:
    """The names that are to be documented, sorted."""
    names = getattr(namespace, "__all__", None) or vars(namespace)
    found = {name: getattr(namespace, name) for name in sorted(names) if not name.startswith("_")}
    return {name: value for name, value in found.items() if not isinstance(value, ModuleType) and (callable(value) or is_property(value))}


def is_property(value) -> bool:
    return isinstance(value, property)


def signature(value) -> str:
    if is_property(value):
        return ""
    try:
        return str(inspect.signature(value))
    except (TypeError, ValueError):
        return "(...)"


def page(name: str) -> str:
    """The page of one namespace."""
    namespace = find(name)
    lines = [f"# {name}", "", inspect.getdoc(namespace) or "", ""]
    for entry, value in public(namespace).items():
        lines += [f"## {entry}", "", f"```python\n{entry}{signature(value)}\n```", "", inspect.getdoc(value) or "", ""]
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    folder = Path(arguments[0]) if arguments else ROOT / "docs" / "api"
    folder.mkdir(parents=True, exist_ok=True)
    index = ["# flambeau's public names", ""]
    for name in NAMESPACES:
        (folder / f"{name}.md").write_text(page(name), encoding="utf-8")
        index.append(f"- [{name}]({name}.md): {len(public(find(name)))} names")
    (folder / "index.md").write_text("\n".join([*index, ""]), encoding="utf-8")
    print(f"{len(NAMESPACES) + 1} pages in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
