"""Calls of every function of the Python array API standard, for any namespace ``xp`` that follows it.

A case is a name, the dtypes it is called with and a function ``call(xp, *arrays)``. What it should give (dtype, shape,
values) is what NumPy gives through array_api_compat, which follows the standard.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

BOOL = ["bool"]
SIGNED = ["int8", "int16", "int32", "int64"]
UNSIGNED = ["uint8", "uint16", "uint32", "uint64"]
INTEGERS = SIGNED + UNSIGNED
FLOATS = ["float32", "float64"]
COMPLEX = ["complex64", "complex128"]
REAL = INTEGERS + FLOATS
NUMERIC = REAL + COMPLEX
INEXACT = FLOATS + COMPLEX
ALL = BOOL + NUMERIC


class Case(NamedTuple):
    """One call. ``arrays`` are NumPy arrays, given as arrays of the namespace;
    with ``default_dtype`` the result has the namespace's default dtype of its kind."""

    name: str
    call: Callable[..., Any]
    arrays: tuple[np.ndarray, ...]
    default_dtype: bool = False


def filled(shape: tuple[int, ...], dtype: str, low: float = -4, high: float = 4, seed: int = 0) -> np.ndarray:
    """Numbers in [low, high] (from zero for unsigned integers), the same ones each time."""
    random = np.random.default_rng(seed)
    if dtype == "bool":
        return random.integers(0, 2, shape).astype(bool)
    if dtype in INTEGERS:
        return random.integers(max(int(np.ceil(low)), 0) if dtype in UNSIGNED else int(np.ceil(low)), int(high) + 1, shape).astype(dtype)
    values = random.uniform(low, high, shape)
    if dtype in COMPLEX:
        values = values + 1j * random.uniform(low, high, shape)
    return np.asarray(values).astype(dtype)


SHAPES = [(), (0,), (5,), (2, 3), (0, 3), (2, 1, 4)]
PAIRS = [((), ()), ((5,), (5,)), ((2, 1), (1, 3)), ((3,), ()), ((), (3,)), ((0, 3), (1, 3)), ((4, 1, 2), (3, 1))]

# Function of one array: (dtypes, least and greatest value).
UNARY: dict[str, tuple[list[str], float, float]] = {
    "abs": (NUMERIC, -4, 4), "acos": (INEXACT, -1, 1), "acosh": (INEXACT, 1, 4), "asin": (INEXACT, -1, 1),
    "asinh": (INEXACT, -4, 4), "atan": (INEXACT, -4, 4), "atanh": (INEXACT, -0.9, 0.9), "bitwise_invert": (BOOL + INTEGERS, -4, 4),
    "ceil": (REAL, -4, 4), "conj": (NUMERIC, -4, 4), "cos": (INEXACT, -4, 4), "cosh": (INEXACT, -4, 4), "exp": (INEXACT, -4, 4),
    "expm1": (INEXACT, -4, 4), "floor": (REAL, -4, 4), "imag": (COMPLEX, -4, 4), "isfinite": (NUMERIC, -4, 4),
    "isinf": (NUMERIC, -4, 4), "isnan": (NUMERIC, -4, 4), "log": (INEXACT, 0.1, 4), "log1p": (INEXACT, -0.9, 4),
    "log2": (INEXACT, 0.1, 4), "log10": (INEXACT, 0.1, 4), "logical_not": (BOOL, 0, 1), "negative": (SIGNED + INEXACT, -4, 4),
    "positive": (NUMERIC, -4, 4), "real": (NUMERIC, -4, 4), "reciprocal": (INEXACT, 0.5, 4), "round": (NUMERIC, -4, 4),
    "sign": (NUMERIC, -4, 4), "signbit": (FLOATS, -4, 4), "sin": (INEXACT, -4, 4), "sinh": (INEXACT, -4, 4),
    "square": (NUMERIC, -4, 4), "sqrt": (INEXACT, 0, 4), "tan": (INEXACT, -1, 1), "tanh": (INEXACT, -4, 4), "trunc": (REAL, -4, 4),
}  # fmt: skip

# Function of two arrays: (dtypes, least and greatest value of the second; the operator if there is one).
BINARY: dict[str, tuple[list[str], float, float, str]] = {
    "add": (NUMERIC, -4, 4, "add"), "atan2": (FLOATS, -4, 4, ""), "bitwise_and": (BOOL + INTEGERS, -4, 4, "and_"),
    "bitwise_left_shift": (INTEGERS, 0, 4, "lshift"), "bitwise_or": (BOOL + INTEGERS, -4, 4, "or_"),
    "bitwise_right_shift": (INTEGERS, 0, 4, "rshift"), "bitwise_xor": (BOOL + INTEGERS, -4, 4, "xor"), "copysign": (FLOATS, -4, 4, ""),
    "divide": (INEXACT, 1, 4, "truediv"), "equal": (ALL, -4, 4, "eq"), "floor_divide": (REAL, 1, 4, "floordiv"),
    "greater": (REAL, -4, 4, "gt"), "greater_equal": (REAL, -4, 4, "ge"), "hypot": (FLOATS, -4, 4, ""), "less": (REAL, -4, 4, "lt"),
    "less_equal": (REAL, -4, 4, "le"), "logaddexp": (FLOATS, -4, 4, ""), "logical_and": (BOOL, 0, 1, ""), "logical_or": (BOOL, 0, 1, ""),
    "logical_xor": (BOOL, 0, 1, ""), "maximum": (REAL, -4, 4, ""), "minimum": (REAL, -4, 4, ""), "multiply": (NUMERIC, -4, 4, "mul"),
    "nextafter": (FLOATS, -4, 4, ""), "not_equal": (ALL, -4, 4, "ne"), "pow": (NUMERIC, 0, 3, "pow"), "remainder": (REAL, 1, 4, "mod"),
    "subtract": (NUMERIC, -4, 4, "sub"),
}  # fmt: skip
SCALARS = {"bool": [True], "int": [2], "float": [2, 1.5], "complex": [2, 1.5, 1 + 2j]}


def kind_of(dtype: str) -> str:
    return next((kind for kind in ("float", "complex", "bool") if dtype.startswith(kind)), "int")


def promotable(dtypes: list[str]) -> Iterator[tuple[str, str]]:
    """Pairs of dtypes of one kind, for which the standard says what the result is."""
    for one in dtypes:
        for other in dtypes:
            mixed = {one, other} & set(SIGNED) and "uint64" in (one, other)
            if kind_of(one) == kind_of(other) and not mixed:
                yield one, other


def elementwise() -> Iterator[Case]:
    for name, (dtypes, low, high) in UNARY.items():
        for dtype in dtypes:
            for shape in SHAPES:
                x = filled(shape, dtype, low, high)
                yield Case(f"{name}({dtype}{list(shape)})", lambda xp, x, name=name: getattr(xp, name)(x), (x,))
    for name, (dtypes, low, high, symbol) in BINARY.items():
        first_low = 0 if name == "pow" else -4
        infix = getattr(operator, symbol) if symbol else None
        for one, other in promotable(dtypes):
            for shapes in PAIRS if one == other else PAIRS[2:4]:
                arrays = filled(shapes[0], one, first_low, 4), filled(shapes[1], other, low, high, seed=1)
                label = f"{one}{list(shapes[0])}, {other}{list(shapes[1])}"
                yield Case(f"{name}({label})", lambda xp, x, y, name=name: getattr(xp, name)(x, y), arrays)
                if symbol:
                    yield Case(f"Array.{symbol}({label})", lambda xp, x, y, f=infix: f(x, y), arrays)
        for dtype in dtypes:
            x = filled((2, 3), dtype, 1 if symbol in ("truediv", "floordiv", "mod", "pow") else -4, 4)
            for number in SCALARS[kind_of(dtype)]:
                yield Case(f"{name}({dtype}, {number})", lambda xp, x, name=name, n=number: getattr(xp, name)(x, n), (x,))
                yield Case(f"{name}({number}, {dtype})", lambda xp, x, name=name, n=number: getattr(xp, name)(n, x), (x,))
                if symbol:
                    yield Case(f"Array.{symbol}({dtype}, {number})", lambda xp, x, f=infix, n=number: f(x, n), (x,))
                    yield Case(f"Array.r{symbol}({number}, {dtype})", lambda xp, x, f=infix, n=number: f(n, x), (x,))
            in_place = getattr(operator, "i" + symbol.strip("_"), None) if symbol else None
            if in_place:
                y = filled((2, 3), dtype, low, high, seed=1)
                yield Case(f"Array.i{symbol}({dtype})", lambda xp, x, y, f=in_place: f(x, y), (x, y))


def each(
    name: str, dtypes: list[str], call: Callable[..., Any], *shapes: tuple[int, ...], low: float = -4, high: float = 4
) -> Iterator[Case]:
    """One call with arrays of these shapes, in every dtype."""
    for dtype in dtypes:
        yield Case(f"{name} {dtype}", call, tuple(filled(shape, dtype, low, high, seed) for seed, shape in enumerate(shapes)))


def options(**choices: list[Any]) -> Iterator[dict[str, Any]]:
    """One keyword at a time at each of its values, and none at all."""
    yield {}
    for name, values in choices.items():
        for value in values:
            yield {name: value}


def keywords(chosen: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in chosen.items())


AXES = [0, -1, None, (0, 1), (1,), ()]
REDUCTIONS = {"sum": NUMERIC, "prod": NUMERIC, "max": REAL, "min": REAL, "mean": FLOATS, "std": FLOATS, "var": FLOATS, "all": ALL,
              "any": ALL, "count_nonzero": ALL}  # fmt: skip


def reductions() -> Iterator[Case]:
    for name, dtypes in REDUCTIONS.items():
        choices: dict[str, list[Any]] = {"axis": AXES, "keepdims": [True, False]}
        if name in ("std", "var"):
            choices["correction"] = [0, 1, 0.5]
        for chosen in options(**choices):
            call = lambda xp, x, name=name, kw=chosen: getattr(xp, name)(x, **kw)  # noqa: E731
            yield from each(f"{name}({keywords(chosen)})", dtypes, call, (3, 4), low=-2, high=2)
        yield from each(f"{name}(0-d)", dtypes, lambda xp, x, name=name: getattr(xp, name)(x), ())
        both = lambda xp, x, name=name: getattr(xp, name)(x, axis=(0, 2), keepdims=True)  # noqa: E731
        yield from each(f"{name}(axis=(0, 2), keepdims=True)", dtypes, both, (2, 3, 4), low=-2, high=2)
        if name in ("sum", "prod", "any", "all", "count_nonzero"):
            yield from each(f"{name}(empty)", dtypes, lambda xp, x, name=name: getattr(xp, name)(x, axis=0), (0, 3))
    for name in ("sum", "prod", "cumulative_sum", "cumulative_prod"):
        for dtype in ("int64", "float32", "float64", "complex128"):
            call = lambda xp, x, name=name, d=dtype: getattr(xp, name)(x, axis=0, dtype=getattr(xp, d))  # noqa: E731
            yield from each(f"{name}(dtype={dtype})", ["int8", "float32"] if dtype != "int64" else ["int8"], call, (3, 4), low=-2, high=2)
    for name in ("argmax", "argmin"):
        for chosen in options(axis=[0, -1, None], keepdims=[True]):
            yield from each(f"{name}({keywords(chosen)})", REAL, lambda xp, x, name=name, kw=chosen: getattr(xp, name)(x, **kw), (3, 4))
    for name in ("cumulative_sum", "cumulative_prod"):
        for chosen in ({}, {"axis": 0}, {"include_initial": True}, {"axis": -1, "include_initial": True}):
            call = lambda xp, x, name=name, kw=chosen: getattr(xp, name)(x, **kw)  # noqa: E731
            yield from each(f"{name}({keywords(chosen)})", NUMERIC, call, (4,), low=-2, high=2)
    for chosen in options(axis=[0, 1], n=[0, 2]):
        yield from each(f"diff({keywords(chosen)})", NUMERIC, lambda xp, x, kw=chosen: xp.diff(x, **kw), (4, 5))
    yield from each("diff(prepend, append)", NUMERIC, lambda xp, x, p: xp.diff(x, axis=0, prepend=p, append=p), (4, 5), (1, 5))


def manipulation() -> Iterator[Case]:
    yield from each("broadcast_to", ALL, lambda xp, x: xp.broadcast_to(x, (2, 3, 4)), (3, 1))
    yield from each("broadcast_arrays", ALL, lambda xp, x, y: xp.broadcast_arrays(x, y), (3, 1), (4,))
    for chosen in options(axis=[0, -1, None]):
        yield from each(f"concat({keywords(chosen)})", ALL, lambda xp, x, y, kw=chosen: xp.concat([x, y], **kw), (2, 3), (2, 3))
    for one, other in promotable(NUMERIC):
        arrays = filled((2,), one), filled((3,), other)
        yield Case(f"concat({one}, {other})", lambda xp, x, y: xp.concat((x, y)), arrays)
        yield Case(f"stack({one}, {other})", lambda xp, x, y: xp.stack((x, y[:2])), arrays)
        yield Case(f"result_type({one}, {other})", lambda xp, x, y: xp.zeros(1, dtype=xp.result_type(x, y.dtype)), arrays)
    for axis in (0, 1, -1):
        yield from each(f"expand_dims({axis})", ALL, lambda xp, x, a=axis: xp.expand_dims(x, axis=a), (2, 3))
        yield from each(f"stack({axis})", ALL, lambda xp, x, y, a=axis: xp.stack([x, y], axis=a), (2, 3), (2, 3))
        yield from each(f"unstack({axis})", ALL, lambda xp, x, a=axis: xp.unstack(x, axis=a), (2, 3))
        yield from each(f"squeeze({axis})", ALL, lambda xp, x, a=axis: xp.squeeze(x, axis=a), (1, 1))
    yield from each("squeeze((0, 2))", ALL, lambda xp, x: xp.squeeze(x, (0, 2)), (1, 3, 1))
    for axis in (None, 0, -1, (0, 1)):
        yield from each(f"flip({axis})", ALL, lambda xp, x, a=axis: xp.flip(x, axis=a), (2, 3))
        shift = (1, -2) if isinstance(axis, tuple) else -2
        yield from each(f"roll({axis})", ALL, lambda xp, x, a=axis, s=shift: xp.roll(x, s, axis=a), (2, 3))
    yield from each("moveaxis", ALL, lambda xp, x: xp.moveaxis(x, 0, -1), (2, 3, 4))
    yield from each("moveaxis(tuples)", ALL, lambda xp, x: xp.moveaxis(x, (0, 1), (-1, 0)), (2, 3, 4))
    yield from each("permute_dims", ALL, lambda xp, x: xp.permute_dims(x, (2, 0, 1)), (2, 3, 4))
    for axis in (None, 0, 1):
        yield from each(f"repeat(2, {axis})", ALL, lambda xp, x, a=axis: xp.repeat(x, 2, axis=a), (2, 3))
    for dtype in INTEGERS[:5]:
        counts = filled((3,), dtype, 0, 3)
        yield Case(f"repeat({dtype})", lambda xp, x, n: xp.repeat(x, n, axis=1), (filled((2, 3), "float32"), counts))
    for shape in ((6,), (3, 2), (-1, 2), (1, 2, 3)):
        for chosen in options(copy=[True, False]):
            call = lambda xp, x, s=shape, kw=chosen: xp.reshape(x, s, **kw)  # noqa: E731
            yield from each(f"reshape({shape}, {keywords(chosen)})", ALL, call, (2, 3))
    for repetitions in ((2,), (1, 2), (2, 1, 2), ()):
        yield from each(f"tile({repetitions})", ALL, lambda xp, x, r=repetitions: xp.tile(x, r), (2, 3))
    yield from each("tril", NUMERIC, lambda xp, x: xp.tril(x), (2, 3, 4))
    yield from each("triu(k=1)", NUMERIC, lambda xp, x: xp.triu(x, k=1), (3, 4))
    yield from each("tril(k=-1)", ALL, lambda xp, x: xp.tril(x, k=-1), (3, 4))
    yield from each("matrix_transpose", ALL, lambda xp, x: xp.matrix_transpose(x), (2, 3, 4))
    yield from each("mT", ALL, lambda xp, x: x.mT, (2, 3, 4))
    yield from each("T", ALL, lambda xp, x: x.T, (2, 3))
    for one in ALL:
        for other in ALL:
            if not (one in COMPLEX and other not in COMPLEX + BOOL):
                call = lambda xp, x, d=other: xp.astype(x, getattr(xp, d))  # noqa: E731
                yield Case(f"astype({one}, {other})", call, (filled((2, 3), one, 0, 4),))


def searching_sorting_sets() -> Iterator[Case]:
    distinct = lambda dtype: np.asarray([3, 1, 2, 0, 5]).astype(dtype)  # noqa: E731
    ties = lambda dtype: np.asarray([[3, 1, 2, 1, 3], [0, 0, 2, 1, 1]]).astype(dtype)  # noqa: E731
    for dtype in REAL:
        for chosen in options(axis=[0], descending=[True], stable=[True]):
            yield Case(f"sort({keywords(chosen)}) {dtype}", lambda xp, x, kw=chosen: xp.sort(x, **kw), (ties(dtype),))
            yield Case(f"argsort({keywords(chosen)}) {dtype}", lambda xp, x, kw=chosen: xp.argsort(x, **kw), (ties(dtype),))
        for chosen in options(side=["left", "right"]):
            arrays = np.sort(distinct(dtype)), ties(dtype)[0]
            yield Case(f"searchsorted({keywords(chosen)}) {dtype}", lambda xp, x, v, kw=chosen: xp.searchsorted(x, v, **kw), arrays)
    for dtype in ALL:
        yield Case(f"nonzero {dtype}", lambda xp, x: xp.nonzero(x), (ties(dtype),))
        for name in ("unique_values", "unique_counts", "unique_inverse", "unique_all"):
            yield Case(f"{name} {dtype}", lambda xp, x, name=name: getattr(xp, name)(x), (ties(dtype),))
        condition = np.asarray([[True], [False]])
        yield Case(f"where {dtype}", lambda xp, c, x, y: xp.where(c, x, y), (condition, distinct(dtype), ties(dtype)))
        number = {"bool": True, "int": 3, "float": 1.5, "complex": 1j}[kind_of(dtype)]
        yield Case(f"where({dtype}, {number})", lambda xp, c, x, n=number: xp.where(c, x, n), (condition, distinct(dtype)))
        indices = np.asarray([2, 0, 2])
        yield Case(f"take {dtype}", lambda xp, x, i: xp.take(x, i, axis=1), (ties(dtype), indices))
        yield Case(f"take(1-d) {dtype}", lambda xp, x, i: xp.take(x, i), (distinct(dtype), indices))
        along = np.asarray([[0, 3], [4, 1]])
        yield Case(f"take_along_axis {dtype}", lambda xp, x, i: xp.take_along_axis(x, i, axis=1), (ties(dtype), along))
    for one, other in promotable(ALL):
        arrays = (np.asarray([True, False]), filled((2,), one), filled((2,), other))
        yield Case(f"where({one}, {other})", lambda xp, c, x, y: xp.where(c, x, y), arrays)
    for dtype in REAL:
        for chosen in options(min=[1], max=[3]):
            yield Case(f"clip({keywords(chosen)}) {dtype}", lambda xp, x, kw=chosen: xp.clip(x, **kw), (distinct(dtype),))
        yield Case(f"clip(arrays) {dtype}", lambda xp, x, a: xp.clip(x, a, a + 1), (distinct(dtype), ties(dtype)))
        yield Case(f"clip(array, number) {dtype}", lambda xp, x, a: xp.clip(x, a, 4), (distinct(dtype), ties(dtype)))


def creation() -> Iterator[Case]:
    for dtype in [None, *ALL]:
        kw = lambda xp, d=dtype: {} if d is None else {"dtype": getattr(xp, d)}  # noqa: E731
        for shape in (3, (), (0,), (2, 3)):
            for name in ("zeros", "ones"):
                call = lambda xp, name=name, s=shape, kw=kw: getattr(xp, name)(s, **kw(xp))  # noqa: E731
                yield Case(f"{name}({shape}, {dtype})", call, (), dtype is None)
            yield Case(f"empty({shape}, {dtype})", lambda xp, s=shape, kw=kw: xp.zeros_like(xp.empty(s, **kw(xp))), (), dtype is None)
            yield Case(f"full({shape}, {dtype})", lambda xp, s=shape, kw=kw: xp.full(s, 1, **kw(xp)), ())
        for sizes in ((3,), (3, 4), (0, 2), (3, None)):
            for k in (0, 1, -2, 5):
                yield Case(f"eye({sizes}, k={k}, {dtype})", lambda xp, n=sizes, k=k, kw=kw: xp.eye(*n, k=k, **kw(xp)), (), dtype is None)
        for name in ("zeros_like", "ones_like"):
            for source in ALL:
                call = lambda xp, x, name=name, kw=kw: getattr(xp, name)(x, **kw(xp))  # noqa: E731
                yield Case(f"{name}({source}, {dtype})", call, (filled((2, 3), source),))
        if dtype in [None, *REAL]:
            for bounds in ((5,), (1, 5), (1, 9, 2), (5, 1), (5, 0, -2), (0,)):
                yield Case(f"arange{bounds} {dtype}", lambda xp, b=bounds, kw=kw: xp.arange(*b, **kw(xp)), ())
        if dtype in [None, *FLOATS]:
            for bounds in ((0.0, 1.0, 5), (2, -3, 4), (0, 1, 0), (1, 2, 1)):
                for endpoint in (True, False):
                    call = lambda xp, b=bounds, e=endpoint, kw=kw: xp.linspace(*b, endpoint=e, **kw(xp))  # noqa: E731
                    yield Case(f"linspace{bounds} {endpoint} {dtype}", call, (), dtype is None)
    for value in (True, 2, 1.5, 1j):
        yield Case(f"full({value})", lambda xp, v=value: xp.full((2,), v), (), True)
        yield Case(f"asarray({value})", lambda xp, v=value: xp.asarray(v), (), True)
        yield Case(f"asarray([{value}])", lambda xp, v=value: xp.asarray([[v, v]]), (), True)
    for dtype in ALL:
        yield from each("full_like", [dtype], lambda xp, x: xp.full_like(x, 1), (2, 3))
        yield from each("asarray(copy=True)", [dtype], lambda xp, x: xp.asarray(x, copy=True), (2, 3))
        yield from each("from_dlpack", [dtype], lambda xp, x: xp.from_dlpack(x), (2, 3))
        yield Case(f"asarray(list, {dtype})", lambda xp, d=dtype: xp.asarray([[0, 1], [1, 0]], dtype=getattr(xp, d)), ())
        yield Case(f"finfo/iinfo {dtype}", lambda xp, d=dtype: limits(xp, d), ())
    for indexing in ("xy", "ij"):
        yield from each(f"meshgrid({indexing})", NUMERIC, lambda xp, x, y, i=indexing: xp.meshgrid(x, y, indexing=i), (2,), (3,))
    for kind in ("bool", "signed integer", "unsigned integer", "integral", "real floating", "complex floating", "numeric"):
        for dtype in ALL:
            yield Case(f"isdtype({dtype}, {kind})", lambda xp, d=dtype, k=kind: xp.isdtype(getattr(xp, d), k), ())
    for dtype in ALL:
        yield Case(f"isdtype({dtype}, tuple)", lambda xp, d=dtype: xp.isdtype(getattr(xp, d), ("integral", xp.float32)), ())
    for one, other in promotable(NUMERIC):
        yield Case(f"can_cast({one}, {other})", lambda xp, a=one, b=other: xp.can_cast(getattr(xp, a), getattr(xp, b)), ())


def limits(xp: Any, dtype: str) -> Any:
    if dtype in BOOL:
        return True
    if dtype in INTEGERS:
        info = xp.iinfo(getattr(xp, dtype))
        return [info.bits, info.min, info.max]
    info = xp.finfo(getattr(xp, dtype))
    return [info.bits, float(info.eps), float(info.min), float(info.max), float(info.smallest_normal)]


INDICES: list[tuple[str, Callable[[Any, Any], Any]]] = [
    ("1", lambda xp, x: 1),
    ("-1, ..., 0", lambda xp, x: (-1, ..., 0)),
    ("...", lambda xp, x: ...),
    ("1:, ::2", lambda xp, x: (slice(1, None), slice(None, None, 2))),
    ("None, :, None", lambda xp, x: (None, slice(None), None)),
    ("0:0", lambda xp, x: slice(0, 0)),
    ("-2:-1", lambda xp, x: slice(-2, -1)),
    ("mask", lambda xp, x: xp.astype(x, xp.bool)),
    ("row mask", lambda xp, x: xp.asarray([True, False, True])),
    ("array", lambda xp, x: xp.asarray([2, 0, 2])),
    ("array, array", lambda xp, x: (xp.asarray([2, 0]), xp.asarray([1, 3]))),
    ("array, 1", lambda xp, x: (xp.asarray([2, 0]), 1)),
    ("0-d array", lambda xp, x: xp.asarray(2)),
    ("::-1", lambda xp, x: slice(None, None, -1)),
    ("3:0:-2", lambda xp, x: (slice(None), slice(3, 0, -2))),
]


def written(xp: Any, x: Any, index: Any, value: Any) -> Any:
    x = xp.asarray(x, copy=True)
    x[index] = value
    return x


def array_object() -> Iterator[Case]:
    for label, index in INDICES:
        yield from each(f"Array.__getitem__({label})", ALL, lambda xp, x, i=index: x[i(xp, x)], (3, 4))
        yield from each(f"Array.__setitem__({label})", ALL, lambda xp, x, i=index: written(xp, x, i(xp, x), 1), (3, 4))
        write = lambda xp, x, y, i=index: written(xp, x, i(xp, x), y)  # noqa: E731
        yield from each(f"Array.__setitem__({label}, array)", ALL, write, (3, 4), ())
    for dtype in ALL:
        one = (np.asarray(1).astype(dtype),)
        yield Case(f"Array.__bool__ {dtype}", lambda xp, x: bool(x), one)
        yield Case(f"Array.__complex__ {dtype}", lambda xp, x: complex(x), one)
        if dtype not in COMPLEX:
            yield Case(f"Array.__int__ {dtype}", lambda xp, x: int(x), one)
            yield Case(f"Array.__float__ {dtype}", lambda xp, x: float(x), one)
        if dtype in INTEGERS:
            yield Case(f"Array.__index__ {dtype}", lambda xp, x: operator.index(x), one)
        if dtype not in BOOL:
            yield from each("Array.__abs__", [dtype], lambda xp, x: abs(x), (2, 3))
            yield from each("Array.__pos__", [dtype], lambda xp, x: +x, (2, 3))
        if dtype not in BOOL + UNSIGNED:
            yield from each("Array.__neg__", [dtype], lambda xp, x: -x, (2, 3))
        if dtype in BOOL + INTEGERS:
            yield from each("Array.__invert__", [dtype], lambda xp, x: ~x, (2, 3))
        yield from each("Array attributes", [dtype], lambda xp, x: [x.ndim, list(x.shape)], (2, 3))
        yield from each("Array.__dlpack__", [dtype], lambda xp, x: np.from_dlpack(x), (2, 3))


def linear_algebra() -> Iterator[Case]:
    for prefix in ("", "linalg."):
        matmul = lambda xp, x, y, p=prefix: find(xp, p + "matmul")(x, y)  # noqa: E731
        for shapes in (((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 3), (3, 4)), ((5, 2, 3), (3, 4)), ((0, 3), (3, 2))):
            yield from each(f"{prefix}matmul{shapes}", NUMERIC, matmul, *shapes)
        for axes in (0, 1, 2, ((0, 1), (1, 0))):
            shapes = ((3, 3), (3, 3))
            call = lambda xp, x, y, p=prefix, a=axes: find(xp, p + "tensordot")(x, y, axes=a)  # noqa: E731
            yield from each(f"{prefix}tensordot({axes})", NUMERIC, call, *shapes)
        for axis in (-1, -2):
            call = lambda xp, x, y, p=prefix, a=axis: find(xp, p + "vecdot")(x, y, axis=a)  # noqa: E731
            yield from each(f"{prefix}vecdot({axis})", NUMERIC, call, (2, 3, 3), (3, 3))
    for one, other in promotable(NUMERIC):
        for name in ("matmul", "vecdot", "tensordot"):
            arrays = filled((2, 2), one), filled((2, 2), other)
            yield Case(f"{name}({one}, {other})", lambda xp, x, y, name=name: getattr(xp, name)(x, y), arrays)
    yield from each("Array.matmul", NUMERIC, lambda xp, x, y: x @ y, (2, 3), (3, 2))
    square, tall = (2, 3, 3), (2, 4, 3)
    yield from each("linalg.cholesky", INEXACT, lambda xp, x: xp.linalg.cholesky(positive(xp, x)), square)
    yield from each("linalg.cholesky(upper)", INEXACT, lambda xp, x: xp.linalg.cholesky(positive(xp, x), upper=True), square)
    yield from each("linalg.cross", NUMERIC, lambda xp, x, y: xp.linalg.cross(x, y), (2, 3), (2, 3))
    yield from each("linalg.cross(axis=0)", NUMERIC, lambda xp, x, y: xp.linalg.cross(x, y, axis=-2), (3, 2), (3, 2))
    yield from each("linalg.cross(broadcast)", NUMERIC, lambda xp, x, y: xp.linalg.cross(x, y), (2, 1, 3), (4, 3))
    yield from each("linalg.det", INEXACT, lambda xp, x: xp.linalg.det(x), square)
    yield from each("linalg.diagonal", ALL, lambda xp, x: xp.linalg.diagonal(x, offset=1), square)
    yield from each("linalg.eigh", INEXACT, lambda xp, x: rebuilt(xp, *xp.linalg.eigh(positive(xp, x))), square)
    yield from each("linalg.eigvalsh", INEXACT, lambda xp, x: xp.linalg.eigvalsh(positive(xp, x)), square)
    yield from each("linalg.inv", INEXACT, lambda xp, x: xp.linalg.inv(positive(xp, x)), square)
    for order in ("fro", "nuc", np.inf, -np.inf, 1, -1, 2, -2):
        for keepdims in (False, True):
            call = lambda xp, x, o=order, k=keepdims: xp.linalg.matrix_norm(x, ord=o, keepdims=k)  # noqa: E731
            yield from each(f"linalg.matrix_norm({order}, {keepdims})", INEXACT, call, tall)
    for n in (0, 1, 3, -2):
        yield from each(f"linalg.matrix_power({n})", INEXACT, lambda xp, x, n=n: xp.linalg.matrix_power(positive(xp, x), n), square)
    yield from each("linalg.matrix_rank", INEXACT, lambda xp, x: xp.linalg.matrix_rank(x), tall)
    yield from each("linalg.matrix_rank(rtol)", INEXACT, lambda xp, x: xp.linalg.matrix_rank(x, rtol=0.5), tall)
    yield from each("linalg.matrix_transpose", ALL, lambda xp, x: xp.linalg.matrix_transpose(x), tall)
    yield from each("linalg.outer", NUMERIC, lambda xp, x, y: xp.linalg.outer(x, y), (2,), (3,))
    yield from each("linalg.pinv", INEXACT, lambda xp, x: xp.linalg.pinv(x), tall)
    yield from each("linalg.pinv(rtol)", INEXACT, lambda xp, x: xp.linalg.pinv(x, rtol=0.01), tall)
    for mode in ("reduced", "complete"):
        call = lambda xp, x, m=mode: [q @ r for q, r in [xp.linalg.qr(x, mode=m)]]  # noqa: E731
        yield from each(f"linalg.qr({mode})", INEXACT, call, tall)
    yield from each("linalg.slogdet", INEXACT, lambda xp, x: xp.linalg.slogdet(x), square)
    yield from each("linalg.solve", INEXACT, lambda xp, x, y: xp.linalg.solve(positive(xp, x), y), square, (2, 3, 2))
    yield from each("linalg.solve(vector)", INEXACT, lambda xp, x, y: xp.linalg.solve(positive(xp, x), y), square, (3,))
    for full in (True, False):
        call = lambda xp, x, f=full: [part.shape for part in xp.linalg.svd(x, full_matrices=f)]  # noqa: E731
        yield from each(f"linalg.svd({full})", INEXACT, call, tall)
    yield from each("linalg.svdvals", INEXACT, lambda xp, x: xp.linalg.svdvals(x), tall)
    yield from each("linalg.trace", NUMERIC, lambda xp, x: xp.linalg.trace(x), square)
    yield from each("linalg.trace(offset)", NUMERIC, lambda xp, x: xp.linalg.trace(x, offset=-1), square)
    yield from each("linalg.trace(dtype)", ["int8", "float32"], lambda xp, x: xp.linalg.trace(x, dtype=xp.float64), square)
    for order in (2, 1, 0, 3, np.inf, -np.inf, -1):
        for chosen in options(axis=[0, -1, (0, 1), None], keepdims=[True]):
            call = lambda xp, x, o=order, kw=chosen: xp.linalg.vector_norm(x, ord=o, **kw)  # noqa: E731
            yield from each(f"linalg.vector_norm({order}, {keywords(chosen)})", INEXACT, call, (3, 4))


def find(xp: Any, name: str) -> Any:
    return operator.attrgetter(name)(xp)


def positive(xp: Any, x: Any) -> Any:
    """A well conditioned Hermitian matrix made of ``x``."""
    adjoint = xp.conj(xp.matrix_transpose(x)) if xp.isdtype(x.dtype, "complex floating") else xp.matrix_transpose(x)
    return x @ adjoint + xp.eye(x.shape[-1], dtype=x.dtype)


def rebuilt(xp: Any, values: Any, vectors: Any) -> list[Any]:
    """What does not depend on the phases of eigenvectors."""
    adjoint = xp.conj(vectors) if xp.isdtype(vectors.dtype, "complex floating") else vectors
    return [values, (vectors * xp.astype(values, vectors.dtype)[..., None, :]) @ xp.matrix_transpose(adjoint)]


def fourier() -> Iterator[Case]:
    norms = ["backward", "ortho", "forward"]
    dtypes = {"fft": COMPLEX, "ifft": COMPLEX, "rfft": FLOATS, "irfft": COMPLEX, "hfft": COMPLEX, "ihfft": FLOATS}
    for name, accepted in dtypes.items():
        for chosen in options(n=[3, 8], axis=[0, 1], norm=norms):
            call = lambda xp, x, name=name, kw=chosen: find(xp.fft, name)(x, **kw)  # noqa: E731
            yield from each(f"fft.{name}({keywords(chosen)})", accepted, call, (4, 5))
    for name in ("fftn", "ifftn", "rfftn", "irfftn"):
        for chosen in ({}, {"axes": (0,)}, {"axes": (0, 1), "s": (3, 6)}, *({"norm": norm} for norm in norms)):
            call = lambda xp, x, name=name, kw=chosen: find(xp.fft, name)(x, **kw)  # noqa: E731
            yield from each(f"fft.{name}({keywords(chosen)})", FLOATS if name == "rfftn" else COMPLEX, call, (4, 5))
    for name in ("fftfreq", "rfftfreq"):
        for n in (4, 5):
            yield Case(f"fft.{name}({n})", lambda xp, name=name, n=n: find(xp.fft, name)(n), (), True)
            call = lambda xp, name=name, n=n: find(xp.fft, name)(n, d=0.5, dtype=xp.float32)  # noqa: E731
            yield Case(f"fft.{name}({n}, dtype)", call, ())
    for name in ("fftshift", "ifftshift"):
        for axes in (None, 0, (0, 1)):
            call = lambda xp, x, name=name, a=axes: find(xp.fft, name)(x, axes=a)  # noqa: E731
            yield from each(f"fft.{name}({axes})", INEXACT, call, (4, 5))


def all_cases() -> Iterator[Case]:
    for family in (elementwise, reductions, manipulation, searching_sorting_sets, creation, array_object, linear_algebra, fourier):
        yield from family()
