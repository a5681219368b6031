"""Small programs on the interfaces of ``nn`` and ``optim``: every function of the ``*_programs`` files is a case."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

from modules_cases.comparing import Report


def run(report: Report) -> None:
    for path in sorted(Path(__file__).parent.glob("*_programs.py")):
        module = importlib.import_module(f"modules_cases.{path.stem}")
        for name, program in list(vars(module).items()):
            if (
                inspect.isfunction(program)
                and program.__module__ == module.__name__
                and list(inspect.signature(program).parameters) == ["m"]
            ):
                label = f"{path.stem.removesuffix('_programs')}.{name}"
                if report.wants(label):
                    report.compare(label, program)
