"""Chooses the command. Each command is a module of this folder with a ``main(arguments) -> exit status``."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

USAGE = """\
usage: flambeau COMMAND [ARGS]

  run SCRIPT.py ARGS   run a script that says `import torch` on flambeau
  demo                 train a small net on handwritten digits
  doctor               look at what this machine offers, and whether flambeau works on it
"""

COMMANDS = ("run", "demo", "doctor")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; ``arguments`` are those after the program's name, by default the process' own.

    Returns the exit status: 0, what the command says, or 2 for a command line that cannot be understood.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if not arguments:
        print(USAGE, end="", file=sys.stderr)
        return 2
    command, rest = arguments[0], arguments[1:]
    if command in ("-h", "--help", "help"):
        print(USAGE, end="")
        return 0
    if command not in COMMANDS:
        print(f"flambeau: unknown command '{command}'\n\n{USAGE}", end="", file=sys.stderr)
        return 2
    # Only the command that was asked for is imported: `run` must not pay for the others.
    return importlib.import_module(f"flambeau.cli.{command}").main(rest)
