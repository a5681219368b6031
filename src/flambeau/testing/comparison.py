"""``assert_close``: whether results are what was expected, with tolerances that fit their dtypes."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from .. import dtypes
from ..compiler.reference import widen
from ..ops.creation import as_tensor
from ..tensor import Tensor

# (rtol, atol) of each dtype; exact dtypes have none.
_TOLERANCES = {
    "float16": (1e-3, 1e-5), "bfloat16": (1.6e-2, 1e-5), "float32": (1.3e-6, 1e-5), "float64": (1e-7, 1e-7),
    "complex64": (1.3e-6, 1e-5), "complex128": (1e-7, 1e-7),
}  # fmt: skip


class _Mismatch(Exception):
    """A difference: the type of error to raise, its text, and where in the containers it was found."""

    def __init__(self, kind: type, text: str, place: tuple):
        super().__init__(text)
        self.kind, self.text, self.place = kind, text, place

    def message(self, custom: str | Callable[[str], str] | None) -> str:
        text = self.text
        if self.place:
            text += "\n\nThe failure occurred for item " + "".join(f"[{k!r}]" for k in self.place)
        if callable(custom):
            return custom(text)
        return custom or text


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
) -> None:
    """Raise AssertionError unless ``|actual - expected| <= atol + rtol * |expected|`` for every element.

    Tensors, numbers and what :func:`flambeau.as_tensor` takes; and sequences and mappings of these. The default
    tolerances depend on the dtype (float32: 1.3e-6 and 1e-5); with two dtypes the larger ones hold. ``msg`` replaces
    the error's text, or makes it from the usual one. Raises TypeError or ValueError for what cannot be compared.
    """
    __tracebackhide__ = True
    if (rtol is None) != (atol is None):
        raise ValueError(
            f"assert_close: rtol and atol must both be given or both be left out, but got rtol={rtol} and atol={atol}."
        )
    options = _Options(rtol, atol, equal_nan, check_device, check_dtype, check_layout, check_stride, allow_subclasses)
    mismatches = list(_compare(actual, expected, options, ()))
    if not mismatches:
        return
    first = mismatches[0]
    if len(mismatches) == 1 or first.kind is not AssertionError:
        raise first.kind(first.message(msg))
    raise AssertionError("\n\n".join(m.message(msg) for m in mismatches))


class _Options:
    """What is asked of a comparison."""

    def __init__(self, rtol, atol, equal_nan, device, dtype, layout, stride, subclasses):
        self.rtol, self.atol, self.equal_nan = rtol, atol, equal_nan
        self.device, self.dtype, self.layout, self.stride, self.subclasses = device, dtype, layout, stride, subclasses

    def tolerances(self, *found: Any) -> tuple[float, float]:
        if self.rtol is not None:
            return self.rtol, self.atol
        pairs = [_TOLERANCES.get(d.name, (0.0, 0.0)) for d in found]
        return max(p[0] for p in pairs), max(p[1] for p in pairs)


def _compare(actual: Any, expected: Any, options: _Options, place: tuple) -> Iterator[_Mismatch]:
    """The differences between two values, containers taken apart."""
    if isinstance(actual, Mapping) and isinstance(expected, Mapping):
        yield from _compare_mappings(actual, expected, options, place)
        return
    if _is_sequence(actual) and _is_sequence(expected):
        if len(actual) != len(expected):
            yield _Mismatch(AssertionError, f"The length of the sequences mismatch: {len(actual)} != {len(expected)}", place)
            return
        for i, (a, e) in enumerate(zip(actual, expected)):
            yield from _compare(a, e, options, (*place, i))
        return
    try:
        if actual is None or expected is None:
            _compare_none(actual, expected, place)
        elif _is_number(actual) and _is_number(expected):
            _compare_numbers(actual, expected, options, place)
        else:
            _compare_tensors(*_as_tensors(actual, expected, options, place), options, place)
    except _Mismatch as mismatch:
        yield mismatch


def _is_sequence(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _is_number(value: Any) -> bool:
    return isinstance(value, (bool, int, float, complex, np.number, np.bool_))


def _compare_mappings(actual: Mapping, expected: Mapping, options: _Options, place: tuple) -> Iterator[_Mismatch]:
    missing, extra = expected.keys() - actual.keys(), actual.keys() - expected.keys()
    if missing or extra:
        text = "The keys of the mappings do not match:"
        if missing:
            text += f"\nMissing keys in the actual mapping: {sorted(missing, key=str)}"
        if extra:
            text += f"\nAdditional keys in the actual mapping: {sorted(extra, key=str)}"
        yield _Mismatch(AssertionError, text, place)
        return
    for key in actual:
        yield from _compare(actual[key], expected[key], options, (*place, key))


def _compare_none(actual: Any, expected: Any, place: tuple) -> None:
    if actual is not expected:
        raise _Mismatch(AssertionError, f"None mismatch: {actual} is not {expected}", place)


def _compare_numbers(actual: Any, expected: Any, options: _Options, place: tuple) -> None:
    if options.dtype and type(actual) is not type(expected):
        raise _Mismatch(AssertionError, f"The (d)types do not match: {type(actual)} != {type(expected)}.", place)
    kinds = [dtypes.float64 if isinstance(v, (float, np.floating)) else dtypes.complex128 if isinstance(v, (complex, np.complexfloating))
             else dtypes.int64 for v in (actual, expected)]  # fmt: skip
    rtol, atol = options.tolerances(*kinds)
    if actual == expected or (options.equal_nan and actual != actual and expected != expected):
        return
    difference = abs(actual - expected)
    if difference <= atol + rtol * abs(expected) and difference < float("inf"):
        return
    if rtol == atol == 0:
        raise _Mismatch(AssertionError, f"Scalars are not equal!\n\nExpected {expected} but got {actual}.\n"
                        f"Absolute difference: {difference}\nRelative difference: {_ratio(difference, expected)}", place)  # fmt: skip
    raise _Mismatch(AssertionError, f"Scalars are not close!\n\nExpected {expected} but got {actual}.\n"
                    f"Absolute difference: {difference} (up to {atol} allowed)\n"
                    f"Relative difference: {_ratio(difference, expected)} (up to {rtol} allowed)", place)  # fmt: skip


def _ratio(difference: Any, expected: Any) -> float:
    return difference / abs(expected) if expected else float("inf") if difference else float("nan")


def _as_tensors(actual: Any, expected: Any, options: _Options, place: tuple) -> tuple[Tensor, Tensor]:
    """Both values as tensors: two tensors, or two array-likes of one type."""
    refusal = f"No comparison pair was able to handle inputs of type {type(actual)} and {type(expected)}."
    if isinstance(actual, Tensor) and isinstance(expected, Tensor):
        if not options.subclasses and type(actual) is not type(expected):
            raise _Mismatch(TypeError, refusal, place)
        return actual.detach(), expected.detach()
    if type(actual) is not type(expected):
        raise _Mismatch(TypeError, refusal, place)
    try:
        return as_tensor(actual), as_tensor(expected)
    except Exception:
        raise _Mismatch(TypeError, refusal, place) from None


def _compare_tensors(actual: Tensor, expected: Tensor, options: _Options, place: tuple) -> None:
    for asked, name, a, e in (
        (True, "shape", actual.shape, expected.shape),
        (options.layout, "layout", actual.layout, expected.layout),
        (options.device, "device", actual.device, expected.device),
        (options.dtype, "dtype", actual.dtype, expected.dtype),
        (options.stride, "stride()", actual.stride(), expected.stride()),
    ):
        if asked and a != e:
            shown = f"The values for attribute '{name}' do not match: {a!r} != {e!r}." if name == "device" else \
                f"The values for attribute '{name}' do not match: {a} != {e}."  # fmt: skip
            raise _Mismatch(AssertionError, shown, place)
    if actual.is_meta or expected.is_meta:
        return
    rtol, atol = options.tolerances(actual.dtype, expected.dtype)
    work = dtypes.promote_types(actual.dtype, expected.dtype)
    found, wanted = _values(actual, work), _values(expected, work)
    if work.category < 2 and not rtol and not atol:
        close = found == wanted
    else:
        with np.errstate(all="ignore"):
            close = np.isclose(found, wanted, rtol=rtol, atol=atol, equal_nan=options.equal_nan)
    if not np.all(close):
        raise _Mismatch(AssertionError, _describe(found, wanted, close, rtol, atol), place)


def _values(tensor: Tensor, work: Any) -> np.ndarray:
    array = widen(tensor._array(), tensor.dtype)
    if work.category == 1 and work is not dtypes.uint64:
        return array.astype(np.int64)
    return array.astype(np.result_type(work.compute, array.dtype))


def _describe(found: np.ndarray, wanted: np.ndarray, close: np.ndarray, rtol: float, atol: float) -> str:
    """How many elements differ, and the greatest differences with their places."""
    if found.dtype.kind == "b":
        found, wanted = found.astype(np.int64), wanted.astype(np.int64)
    with np.errstate(all="ignore"):
        difference = np.abs(found - wanted)
        difference = np.where(close, 0, difference)
        relative = difference / np.abs(wanted) if difference.dtype.kind == "f" else (difference / np.abs(wanted)).astype(np.float32)
        relative = np.where(close, 0, relative)
    exact = rtol == atol == 0
    kind = "equal" if exact else "close"
    if found.ndim == 0:
        text = f"Scalars are not {kind}!\n\nExpected {wanted.item()} but got {found.item()}."
        absolute_at = relative_at = ""
    else:
        count, total = int(np.sum(~close)), found.size
        text = f"Tensor-likes are not {kind}!\n\nMismatched elements: {count} / {total} ({count / total:.1%})"
        absolute_at, relative_at = _place(difference), _place(relative)
    greatest = "" if found.ndim == 0 else "Greatest "
    absolute, ratio = _largest(difference), _largest(relative)
    word = "absolute" if greatest else "Absolute"
    allowed = ("", "") if exact else (f" (up to {atol} allowed)", f" (up to {rtol} allowed)")
    text += f"\n{greatest}{word} difference: {absolute}{absolute_at}{allowed[0]}"
    word = "relative" if greatest else "Relative"
    return text + f"\n{greatest}{word} difference: {ratio}{relative_at}{allowed[1]}"


def _place(values: np.ndarray) -> str:
    return f" at index {tuple(int(i) for i in np.unravel_index(_argmax(values), values.shape))}"


def _argmax(values: np.ndarray) -> int:
    flat = values.reshape(-1)
    nans = np.flatnonzero(flat != flat)
    return int(nans[0]) if nans.size else int(np.argmax(flat))


def _largest(values: np.ndarray) -> Any:
    return values.reshape(-1)[_argmax(values)].item()


def assert_allclose(actual: Any, expected: Any, rtol: float | None = None, atol: float | None = None, equal_nan: bool = True,
                    msg: str = "") -> None:
    """The old form of :func:`assert_close`: dtypes need not agree, and NaN equals NaN."""
    text = "`torch.testing.assert_allclose()` is deprecated, use `torch.testing.assert_close()` instead."
    warnings.warn(text, FutureWarning, stacklevel=2)
    actual = actual if isinstance(actual, Tensor) else as_tensor(actual)
    expected = expected if isinstance(expected, Tensor) else as_tensor(expected, dtype=actual.dtype)
    if rtol is None and atol is None:
        rtol, atol = {"float16": (1e-3, 1e-3), "float32": (1e-4, 1e-5), "float64": (1e-5, 1e-8)}.get(actual.dtype.name, (0.0, 0.0))
    assert_close(actual, expected, rtol=rtol, atol=atol, equal_nan=equal_nan, check_device=True, check_dtype=False,
                 check_stride=False, msg=msg or None)
