"""Which names a file would have to be allowed, found without running anything."""

from __future__ import annotations

import os
import pickletools
import zipfile
from typing import IO, Any

from .safe import is_safe

__all__ = ["get_unsafe_globals_in_checkpoint"]


def get_unsafe_globals_in_checkpoint(f: str | os.PathLike | IO[bytes]) -> list[str]:
    """The names, as ``fractions.Fraction``, that a file asks for and ``load`` with ``weights_only=True`` would refuse, in order.

    Raises ValueError for a file that is not of the zip format.
    """
    if not zipfile.is_zipfile(f):
        raise ValueError("Expected input to be a checkpoint returned by torch.save, in the zip format")
    with zipfile.ZipFile(f) as archive:
        name = next(n for n in archive.namelist() if n.rsplit("/", 1)[-1] == "data.pkl")
        places = _globals(archive.read(name))
    return sorted({f"{module}.{name}" for module, name in places if not is_safe(module, name)})


def _globals(data: bytes) -> list[tuple[str, str]]:
    """The modules and names that a pickle looks up."""
    found: list[tuple[str, str]] = []
    texts: list[str] = []
    memo: dict[Any, str] = {}
    for code, argument, _ in pickletools.genops(data):
        if code.name == "GLOBAL":
            module, name = str(argument).split(" ", 1)
            found.append((module, name))
        elif code.name == "STACK_GLOBAL":
            found.append((texts[-2], texts[-1]))
        elif isinstance(argument, str):
            texts.append(argument)
        elif code.name == "MEMOIZE" and texts:
            memo[len(memo)] = texts[-1]
        elif code.name in ("BINPUT", "LONG_BINPUT", "PUT") and texts:
            memo[argument] = texts[-1]
        elif code.name in ("BINGET", "LONG_BINGET", "GET") and argument in memo:
            texts.append(memo[argument])
    return found
