"""The text of a tensor: what ``print`` shows, character for character as PyTorch.

Everything here works on plain NumPy arrays. ``float16`` and ``bfloat16`` tensors are passed as ``float32``
arrays of the same values together with the tensor's own dtype name.

The elements that are shown become words, all in one notation and of one width: integers as they are; floats as ``1.``
when all are whole, in scientific notation when they are tiny, huge or more than a factor of 1000 apart, in fixed
notation otherwise. A tensor with more elements than ``threshold`` shows only the ``edgeitems`` first and last of each
dimension. The words of the last dimension make rows, and between two rows brackets close and open as when a
counter carries.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np


@dataclass
class PrintOptions:
    """How tensors are printed; the defaults are PyTorch's."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


PROFILES: dict[str, dict[str, Any]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}

_options = PrintOptions()


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Change how tensors are printed from now on. What is ``None`` stays as it is, but for ``sci_mode``.

    Args:
        precision: digits after the point of a float (4 at first).
        threshold: tensors with more elements than this are summarised (1000 at first).
        edgeitems: elements shown at each end of a summarised dimension (3 at first).
        linewidth: characters a line (80 at first).
        profile: ``"default"``, ``"short"`` or ``"full"``: values for the four above, which they may override.
        sci_mode: scientific notation always (``True``), never (``False``), or where the values ask for it
            (``None``, which is also what leaving it out means, as in PyTorch).

    Raises:
        ValueError: no such profile.
    """
    if profile is not None and profile not in PROFILES:
        raise ValueError(f"set_printoptions: profile must be one of {list(PROFILES)}, got {profile!r}")
    changes = dict(PROFILES[profile]) if profile is not None else {}
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    changes.update({name: value for name, value in given.items() if value is not None})
    for name, value in changes.items():
        setattr(_options, name, value)
    _options.sci_mode = sci_mode


def get_printoptions() -> dict[str, Any]:
    """The current options, in the form that :func:`set_printoptions` takes."""
    return asdict(_options)


@contextmanager
def printoptions(**options: Any) -> Iterator[None]:
    """Change the options of :func:`set_printoptions` inside a ``with`` block."""
    before = get_printoptions()
    set_printoptions(**options)
    try:
        yield
    finally:
        set_printoptions(**before)


def format_tensor(
    array: np.ndarray,
    dtype_name: str,
    *,
    requires_grad: bool = False,
    grad_fn_name: str | None = None,
    is_parameter: bool = False,
    device: str = "cpu",
    default_dtype: str = "float32",
    class_name: str = "tensor",
    extra: Sequence[str] = (),
    contents: str | None = None,
    options: PrintOptions | None = None,
) -> str:
    """The ``repr`` of a tensor.

    Args:
        array: the elements, of any shape. For ``device="meta"`` only its shape is read.
        dtype_name: the tensor's dtype as in ``"float32"``; shown unless the elements tell it.
        requires_grad: adds ``requires_grad=True``, unless there is a ``grad_fn_name``.
        grad_fn_name: adds ``grad_fn=<...>``.
        is_parameter: puts ``Parameter containing:`` on a line above.
        device: shown unless it is ``"cpu"``.
        default_dtype: the default floating dtype, not shown, nor is the complex one of its width.
        class_name: the word before the bracket; a subclass of Tensor shows its own name.
        extra: more suffixes, after all others.
        contents: shown in the place of the elements.
        options: instead of those of :func:`set_printoptions`.
    """
    options = options or _options
    indent = len(class_name) + 1
    facts = []
    if device != "cpu":
        facts.append(f"device='{device}'")
    if _needs_size(array, device, options):
        facts.append(f"size={array.shape}")
    if dtype_name not in _told(array, device, default_dtype):
        facts.append(f"dtype=torch.{dtype_name}")
    if grad_fn_name is not None:
        facts.append(f"grad_fn=<{grad_fn_name}>")
    elif requires_grad:
        facts.append("requires_grad=True")
    if contents is None:
        contents = "..." if device == "meta" else format_elements(array, indent, options)
    title = "Parameter containing:\n" if is_parameter else ""
    return title + append_suffixes(f"{class_name}({contents}", [*facts, *extra], indent, options)


def _needs_size(array: np.ndarray, device: str, options: PrintOptions) -> bool:
    """Whether the elements shown do not tell the shape."""
    if device == "meta" or not options.edgeitems:
        return array.size > 0 or device == "meta" or array.ndim != 1
    return array.size == 0 and array.ndim != 1


def _told(array: np.ndarray, device: str, default_dtype: str) -> tuple[str, ...]:
    """The dtypes that need no mention: with no element to be seen, the default one alone."""
    if device == "meta" or array.size == 0:
        return (default_dtype,)
    return (default_dtype, "complex128" if default_dtype == "float64" else "complex64", "int64", "bool")


def append_suffixes(
    text: str,
    suffixes: Sequence[str],
    indent: int,
    options: PrintOptions | None = None,
    *,
    force_newline: bool = False,
) -> str:
    """``text`` with ``, suffix`` for each suffix and a closing bracket.

    A suffix that would pass ``linewidth`` starts a line of its own, indented; so does the first one if
    ``force_newline`` (sparse tensors).
    """
    linewidth = (options or _options).linewidth
    margin = " " * indent
    lines = [text]
    used = len(text) - text.rfind("\n") + 1  # PyTorch counts the bracket's column twice, on the first line alone
    for i, suffix in enumerate(suffixes):
        if used + 2 + len(suffix) > linewidth or (force_newline and i == 0):
            lines.append(margin + suffix)
            used = len(lines[-1])
        else:
            lines[-1] += ", " + suffix
            used += 2 + len(suffix)
    return ",\n".join(lines) + ")"


# -- elements --------------------------------------------------------------------------------------------------------


def format_elements(array: np.ndarray, indent: int, options: PrintOptions | None = None) -> str:
    """The bracketed elements of ``array``, whose continuation lines start at column ``indent``."""
    options = options or _options
    if array.size == 0:
        return "[]"
    edge = options.edgeitems if array.size > options.threshold and array.ndim else None
    if edge == 0:
        return "[...]"
    shown = _edges(array, edge)
    words, width = _words(shown, options)
    if array.ndim == 0:
        return words[0]
    cuts = [edge if edge is not None and size > 2 * edge else None for size in array.shape]
    per_line = max(1, (options.linewidth - indent - (array.ndim - 1)) // (width + 2))
    rows = _rows(words, shown.shape[-1], cuts[-1], indent + array.ndim, per_line)
    return _bracketed(rows, shown.shape[:-1], cuts, indent)


def _edges(array: np.ndarray, edge: int | None) -> np.ndarray:
    """The elements that are shown: all of them, or the ``edge`` first and last along each long dimension."""
    if edge is None:
        return array
    for axis, size in enumerate(array.shape):
        if size > 2 * edge:
            ends = np.r_[0:edge, size - edge : size]
            array = array.take(ends, axis=axis)
    return array


def _rows(words: list[str], length: int, cut: int | None, column: int, per_line: int) -> list[str]:
    """The words of each row of ``length``, in brackets and in lines of ``per_line`` words that start at ``column``."""
    rows = []
    for start in range(0, len(words), length):
        row = words[start : start + length]
        if cut is not None:
            row.insert(cut, " ...")
        lines = [", ".join(row[i : i + per_line]) for i in range(0, len(row), per_line)]
        rows.append("[" + (",\n" + " " * column).join(lines) + "]")
    return rows


def _bracketed(rows: list[str], shape: tuple[int, ...], cuts: list[int | None], indent: int) -> str:
    """The rows in the brackets of the dimensions before the last.

    From one row to the next an index advances along one dimension and those after it start again: their brackets
    close, and open on a new line, or more lines the further out that dimension is. ``...`` stands where it was cut.
    """
    depth = len(shape)
    text = "[" * depth + rows[0]
    for row, index in zip(rows[1:], list(np.ndindex(shape))[1:]):
        advanced = max(axis for axis in range(depth) if index[axis])
        inner = depth - 1 - advanced
        gap = "," + "\n" * (inner + 1) + " " * (indent + 1 + advanced)
        omitted = gap + "..." if index[advanced] == cuts[advanced] else ""
        text += "]" * inner + omitted + gap + "[" * inner + row
    return text + "]" * depth


# -- words -----------------------------------------------------------------------------------------------------------


class _Notation(NamedTuple):
    """How real numbers are written: by a specification of ``format``, and what follows finite ones."""

    spec: str
    end: str = ""

    def text(self, value) -> str:
        """``value`` in this notation."""
        if not self.spec:
            return str(value)
        return format(value, self.spec) + (self.end if math.isfinite(value) else "")


def _words(shown: np.ndarray, options: PrintOptions) -> tuple[list[str], int]:
    """The text of each element, and the width that all of them keep to."""
    flat = shown.ravel()
    if flat.dtype.kind != "c":
        return _padded(flat, options)
    reals, real_width = _padded(flat.real, options)
    imaginaries, imaginary_width = _padded(flat.imag, options)
    words = [real + _signed(imaginary.lstrip()) + "j" for real, imaginary in zip(reals, imaginaries)]
    return words, real_width + imaginary_width + 1


def _signed(word: str) -> str:
    return word if word[0] in "+-" else "+" + word


def _padded(flat: np.ndarray, options: PrintOptions) -> tuple[list[str], int]:
    """Right-aligned texts of real numbers, and their width. NaN, infinities and zeros have no say in either."""
    telling = flat[np.isfinite(flat) & (flat != 0)] if flat.dtype.kind == "f" else flat
    notation = _notation(telling, options)
    width = max([len(notation.text(value)) for value in telling.tolist()], default=1)
    return [notation.text(value).rjust(width) for value in flat.tolist()], width


def _notation(telling: np.ndarray, options: PrintOptions) -> _Notation:
    """The notation in which all these numbers are told from each other."""
    if telling.dtype.kind != "f":
        return _Notation("")
    if telling.size and (_spread_out(telling) if options.sci_mode is None else options.sci_mode):
        return _Notation(f".{options.precision}e")
    if (telling == np.trunc(telling)).all():
        return _Notation(".0f", end=".")
    return _Notation(f".{options.precision}f")


def _spread_out(numbers: np.ndarray) -> bool:
    """Whether fixed notation would hide digits or waste space."""
    sizes = np.abs(numbers).astype(np.float64)
    least, most = float(sizes.min()), float(sizes.max())
    return least < 1e-4 or most > 1e8 or most / least > 1000.0
