"""``torch._tensor_str``: the text of tensors, by the names that PyTorch's own file has."""

from __future__ import annotations

from typing import Any

from . import printing
from .printing import _options as PRINT_OPTS
from .printing import printoptions, set_printoptions
from .tensor import Tensor

__all__ = ["PRINT_OPTS", "printoptions", "set_printoptions"]


def get_printoptions() -> dict[str, Any]:
    """The options of :func:`set_printoptions`."""
    return printing.get_printoptions()


def _tensor_str(self: Tensor, indent: int) -> str:
    """The elements in their brackets, whose lines begin after ``indent`` blanks."""
    shown = self.detach()
    return printing.format_elements((shown.float() if shown.dtype.itemsize < 4 and shown.is_floating_point() else shown).numpy(), indent)


def _add_suffixes(tensor_str: str, suffixes: list[str], indent: int, force_newline: bool) -> str:
    """``tensor_str`` with ``, `` and each suffix, on a new line where one is full, and a closing bracket."""
    parts = [tensor_str]
    last_line = len(tensor_str) - tensor_str.rfind("\n") + 1
    for suffix in suffixes:
        if force_newline or last_line + len(suffix) + 2 > PRINT_OPTS.linewidth:
            parts.append(",\n" + " " * indent + suffix)
            last_line = indent + len(suffix)
            force_newline = False
        else:
            parts.append(", " + suffix)
            last_line += len(suffix) + 2
    return "".join([*parts, ")"])


def _str(self: Tensor, *, tensor_contents: str | None = None) -> str:
    """What ``print`` shows of a tensor. With other contents: not supported yet."""
    if tensor_contents is not None:
        raise NotImplementedError("flambeau: _str: argument tensor_contents is not supported yet")
    return Tensor.__repr__(self)


_str_intern = _str
