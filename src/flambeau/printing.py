"""The text of a tensor: what ``print`` shows, character for character as PyTorch.

Everything here works on plain NumPy arrays. ``float16`` and ``bfloat16`` tensors are passed as ``float32``
arrays of the same values together with the tensor's own dtype name.

One style is chosen for all elements shown: integers as they are; floats as ``1.`` when all are whole,
in scientific notation when they are tiny, huge or more than a factor of 1000 apart, in fixed notation
otherwise. A tensor with more elements than ``threshold`` shows only the ``edgeitems`` first and last of each
dimension.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

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
        options: instead of those of :func:`set_printoptions`.
    """
    options = options or _options
    prefix = class_name + "("
    suffixes = [] if device == "cpu" else [f"device='{device}'"]

    if device == "meta" or array.size == 0:
        contents = "..." if device == "meta" else "[]"
        if device == "meta" or array.ndim != 1:
            suffixes.append(f"size={array.shape}")
        if dtype_name != default_dtype:
            suffixes.append(f"dtype=torch.{dtype_name}")
    else:
        contents = format_elements(array, len(prefix), options)
        if not options.edgeitems:
            suffixes.append(f"size={array.shape}")
        if dtype_name not in _unmarked_dtypes(default_dtype):
            suffixes.append(f"dtype=torch.{dtype_name}")

    if grad_fn_name is not None:
        suffixes.append(f"grad_fn=<{grad_fn_name}>")
    elif requires_grad:
        suffixes.append("requires_grad=True")
    suffixes.extend(extra)

    text = append_suffixes(prefix + contents, suffixes, len(prefix), options)
    return "Parameter containing:\n" + text if is_parameter else text


def format_elements(array: np.ndarray, indent: int, options: PrintOptions | None = None) -> str:
    """The bracketed elements of ``array``, whose continuation lines start at column ``indent``."""
    options = options or _options
    if array.size == 0:
        return "[]"
    summarize = array.size > options.threshold
    if summarize and not options.edgeitems:
        return "[...]"

    edge = options.edgeitems if summarize else None
    shown = _edges(array, edge)
    words, width = _words(shown, options)
    if array.ndim == 0:
        return words[0]

    per_line = max(1, (options.linewidth - indent - (array.ndim - 1)) // (width + 2))
    cut = [edge is not None and size > 2 * edge for size in array.shape]
    return _nest(words, shown.shape, cut, indent, per_line)


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
    # The opening bracket's column counts twice, as in PyTorch.
    column = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if force_newline or column + len(suffix) + 2 > linewidth:
            text += ",\n" + " " * indent + suffix
            column = indent + len(suffix)
            force_newline = False
        else:
            text += ", " + suffix
            column += len(suffix) + 2
    return text + ")"


def _unmarked_dtypes(default_dtype: str) -> tuple[str, ...]:
    complex_dtype = "complex128" if default_dtype == "float64" else "complex64"
    return (default_dtype, complex_dtype, "int64", "bool")


def _edges(array: np.ndarray, edge: int | None) -> np.ndarray:
    """The elements that are shown: all of them, or the ``edge`` first and last along each long dimension."""
    if edge is None:
        return array
    for axis, size in enumerate(array.shape):
        if size > 2 * edge:
            ends = np.r_[0:edge, size - edge : size]
            array = array.take(ends, axis=axis)
    return array


def _words(shown: np.ndarray, options: PrintOptions) -> tuple[list[str], int]:
    """Each element's padded text, and the width that all of them keep to."""
    flat = shown.ravel()
    if flat.dtype.kind != "c":
        return _padded(flat, options)

    reals, real_width = _padded(flat.real, options)
    imags, imag_width = _padded(flat.imag, options)
    words = []
    for real, imag in zip(reals, imags):
        imag = imag.lstrip() + "j"
        sign = "" if imag[0] in "+-" else "+"
        words.append(real + sign + imag)
    return words, real_width + imag_width + 1


def _padded(flat: np.ndarray, options: PrintOptions) -> tuple[list[str], int]:
    """Right-aligned texts of real numbers. NaN, infinities and zeros take no part in choosing the style."""
    values = flat.tolist()
    if flat.dtype.kind != "f":
        words = [str(value) for value in values]
        width = max(map(len, words))
    else:
        telling = flat[np.isfinite(flat) & (flat != 0)]
        text = _float_style(telling, options)
        words = [text(value) for value in values]
        width = max((len(text(value)) for value in telling.tolist()), default=1)
    return [word.rjust(width) for word in words], width


def _float_style(telling: np.ndarray, options: PrintOptions) -> Callable[[float], str]:
    """How to write floats, chosen from the finite values other than zero among them."""
    if telling.size and _is_scientific(telling, options):
        return f"{{:.{options.precision}e}}".format
    if np.array_equal(telling, np.ceil(telling)):
        return _whole
    return f"{{:.{options.precision}f}}".format


def _is_scientific(telling: np.ndarray, options: PrintOptions) -> bool:
    if options.sci_mode is not None:
        return options.sci_mode
    magnitudes = np.abs(telling).astype(np.float64)
    smallest, largest = float(magnitudes.min()), float(magnitudes.max())
    return largest > 1e8 or smallest < 1e-4 or largest / smallest > 1000.0


def _whole(value: float) -> str:
    return f"{value:.0f}." if math.isfinite(value) else f"{value:.0f}"


def _nest(words: Sequence[str], shape: Sequence[int], cut: Sequence[bool], indent: int, per_line: int) -> str:
    """Brackets around ``words``: lines of ``per_line`` for the last dimension, blank lines above."""
    if len(shape) == 1:
        return _row(list(words), cut[0], indent, per_line)
    step = len(words) // shape[0]
    parts = [
        _nest(words[start : start + step], shape[1:], cut[1:], indent + 1, per_line)
        for start in range(0, len(words), step)
    ]
    if cut[0]:
        parts.insert(len(parts) // 2, "...")
    separator = "," + "\n" * (len(shape) - 1) + " " * (indent + 1)
    return "[" + separator.join(parts) + "]"


def _row(words: list[str], cut: bool, indent: int, per_line: int) -> str:
    if cut:
        words.insert(len(words) // 2, " ...")
    lines = [", ".join(words[start : start + per_line]) for start in range(0, len(words), per_line)]
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
