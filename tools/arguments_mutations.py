"""Cases of ``arguments_check.py`` that are valid calls with one argument made wrong, or given another way."""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.testing._internal import common_methods_invocations as cmi

RANDOM = re.compile(
    r"(empty|bernoulli|cauchy|exponential|geometric|log_normal|normal|uniform|multinomial|rand|dropout|rrelu|fractional_max_pool|"
    r"multi_head_attention|lowrank|resize|scaled_dot_product)"
)
INTERNAL = re.compile(
    r"^(torch\.ops\.|_|nn\.functional\.(_|scaled_mm|scaled_grouped_mm)|sparse\.|to_sparse|jiterator|masked\.)"
)


class Call(NamedTuple):
    """A call: arguments by position and by name, and what was done to them."""

    args: tuple
    kwargs: dict
    change: str = "nothing"


class Stand:
    """A value that each library makes for itself."""

    def __init__(self, text: str, make: Callable[[Any], Any]):
        self.text, self.make = text, make


STANDS = [
    Stand("tensor of one integer", lambda m: m.tensor([1])),
    Stand("0-dim integer", lambda m: m.tensor(1)),
    Stand("0-dim float", lambda m: m.tensor(1.5)),
    Stand("bool tensor", lambda m: m.tensor([True, False])),
    Stand("complex tensor", lambda m: m.tensor([1 + 2j, 3])),
    Stand("float16 tensor", lambda m: m.ones(3, dtype=m.float16)),
    Stand("integer matrix", lambda m: m.ones(2, 3, dtype=m.int64)),
    Stand("empty tensor", lambda m: m.ones(0)),
    Stand("tensor of 7 dims", lambda m: m.ones(1, 1, 1, 1, 1, 1, 2)),
    Stand("Size", lambda m: m.Size([2])),
    Stand("a dtype", lambda m: m.float64),
    Stand("integer dtype", lambda m: m.int32),
    Stand("a device", lambda m: m.device("cpu")),
    Stand("list of tensors", lambda m: [m.ones(2), m.ones(2)]),
    Stand("list of 0-dim integers", lambda m: [m.tensor(0), m.tensor(1)]),
]
VALUES = [
    None,
    "a",
    "mean",
    [],
    [1],
    [0, 1],
    [0, 0],
    (1.5,),
    [None],
    [[1]],
    0,
    1,
    -1,
    2,
    100,
    -100,
    1.0,
    1.5,
    -1.5,
    float("nan"),
    True,
    False,
    2 + 1j,
    2**70,
    np.int64(1),
    np.float32(1.5),
    np.bool_(True),
    np.array(1),
    np.array([1, 2]),
    {},
    object(),
    int,
    range(2),
    b"a",
]


def run(module, chosen: re.Pattern, samples: int, outcome, sides, report) -> None:
    """Judge the mutations of all operators whose names match."""
    for op in sorted(cmi.op_db, key=name_of):
        if not chosen.search(name_of(op)) or INTERNAL.match(op.name):
            continue
        for form, theirs, ours in forms(op, module):
            family = (
                op.name if form == "function" else f"Tensor.{op.name}" if form == "method" else f"Tensor.{op.name}_"
            )
            values = not RANDOM.search(op.name)
            calls = list(calls_of(op, theirs, samples, outcome))
            runs = [(partial(performed, theirs, call), partial(performed, ours, call)) for call in calls]
            for call, (want, got) in zip(calls, sides(module, runs)):
                report.judge("mutations", family, described(call), f"{form}: {call.change}", want, got, values)


def name_of(op) -> str:
    return op.name + (f".{op.variant_test_name}" if op.variant_test_name else "")


def forms(op, module) -> Iterator[tuple[str, Any, Any]]:
    """The function, method and in-place method of an operator, on both sides."""
    ours = resolved(op, module)
    own = op.op
    in_database = isinstance(own, types.FunctionType) and own.__globals__.get("__name__", "").startswith(
        "torch.testing"
    )
    if ours is not None and not in_database:
        yield "function", own, ours
    for form, theirs in (("method", op.method_variant), ("in place", op.inplace_variant)):
        name = getattr(theirs, "__name__", "")
        if theirs is not None and hasattr(torch.Tensor, name) and getattr(torch.Tensor, name) is theirs:
            yield form, theirs, getattr(module.Tensor, name)


def resolved(op, module):
    target = module
    for part in op.name.split("."):
        target = getattr(target, part, None)
    return target


def calls_of(op, theirs, samples: int, outcome) -> Iterator[Call]:
    """Valid calls of an operator, each followed by its mutations."""
    dtype = next(
        (d for d in (torch.float32, torch.int64, torch.bool, torch.complex64, torch.float64) if d in op.dtypes), None
    )
    if dtype is None:
        return
    torch.manual_seed(0)
    seen: set = set()
    for sample in op.sample_inputs("cpu", dtype, requires_grad=False):
        form = shape_of_call(sample)
        if form in seen or sparse(sample) or large(sample):
            continue
        seen.add(form)
        if len(seen) > samples:
            return
        valid = Call((sample.input, *sample.args), dict(sample.kwargs))
        if outcome(torch, partial(performed, theirs, valid))[0] == "error":
            continue
        yield valid
        yield from mutations(valid)


def shape_of_call(sample) -> tuple:
    """What tells samples apart: how many arguments, which names, of which types."""
    return (
        len(sample.args),
        tuple(sorted(sample.kwargs)),
        tuple(type(a).__name__ for a in sample.args),
        type(sample.input).__name__,
    )


def tensors(value) -> list:
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [t for v in value for t in tensors(v)] if isinstance(value, (tuple, list)) else []


def sparse(sample) -> bool:
    found = tensors([sample.input, *sample.args, sample.kwargs])
    return any(t.layout is not torch.strided or t.dtype is torch.complex32 for t in found)


def large(sample) -> bool:
    return sum(t.numel() for t in tensors([sample.input, *sample.args, sample.kwargs])) > 3000


def carried(value, module):
    """A value of PyTorch's for one side, fresh for each call."""
    if isinstance(value, Stand):
        return value.make(module)
    if isinstance(value, torch.Tensor):
        if module is torch:
            return value.detach().clone()
        source = value.detach().resolve_conj().resolve_neg()
        if source.dtype is torch.bfloat16:
            return module.tensor(source.float().numpy().copy()).to(module.bfloat16)
        return module.tensor(source.numpy().copy())
    if module is torch:
        return value
    if isinstance(value, torch.Size):
        return module.Size(value)
    if isinstance(value, (torch.dtype, torch.memory_format, torch.layout)):
        return getattr(module, str(value).removeprefix("torch."))
    if isinstance(value, torch.device):
        return module.device(str(value))
    if isinstance(value, (tuple, list)):
        return type(value)([carried(v, module) for v in value])
    return value


def performed(function, call: Call, module):
    return function(*[carried(v, module) for v in call.args], **{k: carried(v, module) for k, v in call.kwargs.items()})


def mutations(call: Call) -> Iterator[Call]:
    args, kwargs = call.args, call.kwargs
    places: list = [*range(len(args)), *kwargs]
    for place in places:
        old = args[place] if isinstance(place, int) else kwargs[place]
        for value in [*VALUES, *STANDS]:
            if type(value) is type(old) and not isinstance(value, (list, tuple)) and value == old:
                continue
            yield replaced(call, place, value, f"{kind(old)} by {sort(value)}")
        if isinstance(old, torch.Tensor):
            yield from _tensors(call, place, old)
        if isinstance(old, (tuple, list)) and old and isinstance(old[0], (int, torch.Tensor)):
            yield replaced(call, place, old[:-1], "one element fewer")
            yield replaced(call, place, [*old, old[-1]], "one element more")
            yield replaced(call, place, [None, *old[1:]], "an element by None")
            yield replaced(call, place, tuple(old) if isinstance(old, list) else list(old), "tuple for list")
            if isinstance(old[0], int):
                yield replaced(call, place, [1.0, *old[1:]], "an element by a float")
                yield replaced(call, place, [-2, *old[1:]], "an element by a negative")
                yield replaced(call, place, [True, *old[1:]], "an element by a bool")
                yield replaced(call, place, [np.int64(v) for v in old], "elements of NumPy")
        if isinstance(place, str):
            yield call._replace(kwargs={k: v for k, v in kwargs.items() if k != place}, change="a keyword left out")
    yield from _names(call)


def _tensors(call: Call, place, old) -> Iterator[Call]:
    other = [
        torch.float64,
        torch.int64,
        torch.bool,
        torch.uint8,
        torch.float16,
        torch.bfloat16,
        torch.complex64,
        torch.int32,
    ]
    for dtype in other:
        if dtype is not old.dtype:
            goal = (
                "integer"
                if not dtype.is_floating_point and not dtype.is_complex and dtype is not torch.bool
                else str(dtype)[6:]
            )
            yield replaced(call, place, old.to(dtype), f"{kind(old)}'s dtype: {goal}")
    yield replaced(call, place, old.unsqueeze(0), "a dim more")
    if old.ndim and len(old):
        yield replaced(call, place, old[0], "a dim fewer")
        yield replaced(call, place, torch.cat([old, old]), "twice as long")
        yield replaced(call, place, old[:0], "no elements")
        yield replaced(call, place, torch.cat([old, old[:1]], 0), "one longer")
    yield replaced(call, place, old.tolist(), "a tensor as lists")
    yield replaced(call, place, old.numpy() if old.dtype is not torch.bfloat16 else None, "a tensor as an array")


def _names(call: Call) -> Iterator[Call]:
    args, kwargs = call.args, call.kwargs
    yield Call(args, {**kwargs, "nonsense": 1}, "unknown keyword")
    yield Call(args, {**kwargs, "out": None}, "out=None")
    yield Call(args, {**kwargs, "out": 3}, "out=3")
    yield Call(args, {**kwargs, "out": Stand("a tensor", lambda m: m.empty(0))}, "out=")
    yield Call(args, {**kwargs, "out": Stand("an integer tensor", lambda m: m.empty(0, dtype=m.int64))}, "out= int64")
    yield Call(
        args, {**kwargs, "out": Stand("a complex tensor", lambda m: m.empty(0, dtype=m.complex64))}, "out= complex"
    )
    yield Call(args, {**kwargs, "dtype": Stand("float64", lambda m: m.float64)}, "dtype= added")
    for extra in (1, None, Stand("a tensor", lambda m: m.ones(2))):
        yield Call((*args, extra), kwargs, "a positional more")
        yield Call((*args, extra, extra, extra, extra, extra, extra, extra, extra), kwargs, "positionals more")
    yield Call(args[1:], kwargs, "the first left out")
    if len(args) > 1:
        yield Call(args[:-1], kwargs, "the last left out")
        for name in (
            "other",
            "dim",
            "axis",
            "value",
            "x2",
            "index",
            "size",
            "exponent",
            "target",
            "weight",
            "mat2",
            "tensor2",
            "dims",
            "indices",
            "mask",
        ):
            if name not in kwargs:
                yield Call(args[:1], {**kwargs, **{name: args[1]}}, f"the second as {name}=")
    for name in ("input", "self", "x", "a", "tensors", "tensor", "A"):
        yield Call(args[1:], {name: args[0], **kwargs}, f"the first as {name}=")
    yield Call(args, {**kwargs, "input": args[0]}, "the first twice")
    yield Call((*args, *kwargs.values()), {}, "keywords by position")
    for own, numpy in (("dim", "axis"), ("keepdim", "keepdims"), ("input", "x"), ("other", "x2"), ("dim", "dims")):
        if own in kwargs:
            yield Call(args, {numpy if k == own else k: v for k, v in kwargs.items()}, f"{own} as {numpy}=")
            yield Call(args, {**kwargs, numpy: kwargs[own]}, f"{own} twice")


def replaced(call: Call, place, value, change: str) -> Call:
    if isinstance(place, int):
        return Call((*call.args[:place], value, *call.args[place + 1 :]), call.kwargs, change)
    return Call(call.args, {**call.kwargs, place: value}, change)


def sort(value) -> str:
    """The sort of a replacement, under which differences are grouped."""
    if isinstance(value, Stand):
        return value.text
    if type(value) in (int, float, complex):
        return "huge int" if value == 2**70 else type(value).__name__
    return short(value)


def kind(value) -> str:
    if isinstance(value, torch.Tensor):
        return "tensor"
    if isinstance(value, (tuple, list)):
        return f"{type(value).__name__} of {kind(value[0])}" if value else "empty list"
    return type(value).__name__


def described(call: Call) -> str:
    given = [short(v) for v in call.args] + [f"{k}={short(v)}" for k, v in call.kwargs.items()]
    return f"({', '.join(given)})"


def short(value) -> str:
    if isinstance(value, Stand):
        return f"<{value.text}>"
    if isinstance(value, torch.Tensor):
        return f"{str(value.dtype)[6:]}{list(value.shape)}"
    if isinstance(value, (tuple, list)):
        return f"{type(value).__name__}({', '.join(map(short, value[:4]))})"
    if isinstance(value, np.ndarray):
        return f"array{value.tolist() if value.size < 4 else list(value.shape)}"
    return "object()" if type(value) is object else repr(value)
