"""Calls of operators as data, and variations of them: other memory layouts, special values, destinations, gradients.

A ``Recipe`` says how a tensor is made, so that two libraries can make the same one: which memory, which strides, whether it
is a leaf. The same ``Recipe`` twice in a call is the same tensor twice; two recipes with one ``storage`` share memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch

OFFSET = 3  # elements before the first one, in views with an offset


class Inapplicable(Exception):
    """The variation means nothing for this call."""


@dataclass(frozen=True, eq=False)
class Recipe:
    """A tensor: a view of ``storage`` (one dim), conjugated or negated when it is read."""

    storage: torch.Tensor
    size: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int = 0
    conj: bool = False
    neg: bool = False
    requires_grad: bool = False
    inner: bool = False  # no leaf: the view of a copy of a leaf

    @property
    def dtype(self) -> torch.dtype:
        return self.storage.dtype

    def values(self) -> torch.Tensor:
        """What the tensor holds, contiguous."""
        seen = self.storage.as_strided(self.size, self.stride, self.offset)
        seen = seen.conj() if self.conj else seen
        return (-seen if self.neg else seen).resolve_conj().clone(memory_format=torch.contiguous_format)


@dataclass(frozen=True)
class Call:
    """Arguments of an operator, with recipes for tensors, and the form of the call."""

    input: Any
    args: tuple
    kwargs: dict
    form: str = "function"  # or "inplace"
    backward: str = ""  # "grad": autograd.grad of the results; "backward": Tensor.grad after backward
    cotangent: str = ""  # how the results' gradients lie in memory: "expanded" from one number, "transposed"
    times: int = 1  # how often the operator is applied, in place

    def recipes(self) -> list[Recipe]:
        """Every recipe, once, in the order of arguments."""
        found = list(_recipes((self.input, self.args, {k: v for k, v in self.kwargs.items() if k != "out"})))
        return list(dict.fromkeys(found))

    def each(self, change: Callable[[Recipe], Recipe]) -> Call:
        """The call with every recipe changed (the same recipe the same way)."""
        changed = {id(r): change(r) for r in self.recipes()}
        return replace(
            self,
            input=_changed(self.input, changed),
            args=_changed(self.args, changed),
            kwargs=_changed(self.kwargs, changed),
        )


def recipe(tensor: torch.Tensor) -> Recipe:
    """The contiguous recipe with a tensor's values."""
    values = tensor.detach().resolve_conj().resolve_neg().contiguous()
    return Recipe(values.reshape(-1).clone(), tuple(values.shape), values.stride())


def described(sample: Any) -> Call:
    """A ``SampleInput`` of the operator database as a call; Inapplicable where it holds other than dense tensors."""
    known: dict[int, Recipe] = {}

    def describe(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            if value.layout is not torch.strided or value.is_quantized or value.device.type != "cpu":
                raise Inapplicable("only dense tensors")
            if id(value) not in known:
                known[id(value)] = recipe(value)
            return known[id(value)]
        if isinstance(value, torch.Generator) or value is torch.complex32:
            raise Inapplicable("not carried over")
        return _mapped(describe, value)

    return Call(describe(sample.input), describe(tuple(sample.args)), describe(dict(sample.kwargs)))


def _mapped(function: Callable[[Any], Any], value: Any) -> Any:
    if isinstance(value, torch.Size):
        return value
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(function, value))
    if isinstance(value, (list, tuple)):
        return type(value)(map(function, value))
    if isinstance(value, dict):
        return {k: function(v) for k, v in value.items()}
    return value


def _recipes(value: Any) -> Iterator[Recipe]:
    if isinstance(value, Recipe):
        yield value
    elif isinstance(value, dict):
        yield from _recipes(list(value.values()))
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _recipes(item)


def _changed(value: Any, changed: dict[int, Recipe]) -> Any:
    if isinstance(value, Recipe):
        return changed.get(id(value), value)
    return _mapped(lambda v: _changed(v, changed), value)


# -- layouts ---------------------------------------------------------------------------------------------------------


def laid_out(values: torch.Tensor, stride: tuple[int, ...], offset: int = 0) -> Recipe:
    """The recipe with these values at these strides; the memory between them holds sevens."""
    size = tuple(values.shape)
    reach = sum((n - 1) * s for n, s in zip(size, stride)) + 1 if values.numel() else 0
    storage = torch.full((offset + reach,), 7).to(values.dtype)
    if values.numel():
        storage.as_strided(size, stride, offset).copy_(values)
    return Recipe(storage, size, stride, offset)


def in_order(values: torch.Tensor, dims: list[int], step: int = 1, offset: int = 0) -> Recipe:
    """The recipe whose memory runs through ``dims``, the last one fastest, ``step`` elements apart."""
    stride = [0] * values.dim()
    for dim in reversed(dims):
        stride[dim] = step
        step *= max(1, values.shape[dim])
    return laid_out(values, tuple(stride), offset)


def transposed(r: Recipe) -> Recipe:
    return in_order(r.values(), list(reversed(range(len(r.size)))))


def strided(r: Recipe) -> Recipe:
    return in_order(r.values(), list(range(len(r.size))), step=2)


def shifted(r: Recipe) -> Recipe:
    return in_order(r.values(), list(range(len(r.size))), offset=OFFSET)


def channels_last(r: Recipe) -> Recipe:
    dims = list(range(len(r.size)))
    return r if len(dims) < 3 else in_order(r.values(), [0, *dims[2:], 1])


def expanded(r: Recipe) -> Recipe:
    """Equal along its first dim of more than one element, with stride 0 there."""
    dim = next((d for d, n in enumerate(r.size) if n > 1), None)
    if dim is None:
        return r
    one = r.values().narrow(dim, 0, 1).contiguous()
    stride = tuple(0 if d == dim else s for d, s in enumerate(one.stride()))
    return Recipe(one.reshape(-1).clone(), r.size, stride)


def conjugated(r: Recipe) -> Recipe:
    return replace(recipe(r.values().conj().resolve_conj()), conj=True) if r.dtype.is_complex else r


def negated(r: Recipe) -> Recipe:
    return replace(recipe(-r.values()), neg=True) if r.dtype.is_complex or r.dtype.is_floating_point else r


# -- sizes and values ------------------------------------------------------------------------------------------------


def emptied(call: Call) -> Call:
    """No element along the first dim of the first tensor, nor along dims of that size in the others."""
    first = next((r for r in call.recipes() if len(r.size)), None)
    if first is None or first.size[0] == 0:
        raise Inapplicable("no dim to empty")

    def empty(r: Recipe) -> Recipe:
        size = [slice(0, 0) if n == first.size[0] and d == 0 else slice(None) for d, n in enumerate(r.size)]
        return recipe(r.values()[tuple(size)])

    return call.each(empty)


def without_dims(call: Call) -> Call:
    """The first element of each tensor alone, as a tensor of no dims."""
    if not any(len(r.size) and r.values().numel() for r in call.recipes()):
        raise Inapplicable("nothing to shrink")
    return call.each(lambda r: recipe(r.values().reshape(-1)[0]) if r.values().numel() else r)


def with_special_values(call: Call) -> Call:
    """NaN, infinities, -0.0, a denormal and huge numbers here and there in tensors of floats and complex numbers."""
    generator = torch.Generator().manual_seed(1)

    def special(r: Recipe) -> Recipe:
        if not (r.dtype.is_floating_point or r.dtype.is_complex) or not r.values().numel():
            return r
        info = torch.finfo(r.dtype)
        numbers = [float("nan"), float("inf"), -float("inf"), -0.0, 0.0, info.tiny / 4, info.max, -info.max]
        values = r.values().reshape(-1)
        places = torch.randperm(len(values), generator=generator)[: max(1, min(len(values) // 2, 40))]
        for i, place in enumerate(places.tolist()):
            values[place] = numbers[(i + len(values)) % len(numbers)]
        return recipe(values.reshape(r.size))

    if not any(r.dtype.is_floating_point or r.dtype.is_complex for r in call.recipes()):
        raise Inapplicable("no floats")
    return call.each(special)


def twice(call: Call) -> Call:
    """The first tensor also in the place of the others of its shape and dtype."""
    first, *others = call.recipes()
    same = [r for r in others if r.size == first.size and r.dtype == first.dtype]
    if not same:
        raise Inapplicable("no second tensor of that shape")
    return call.each(lambda r: first if r in same else r)


# -- destinations ----------------------------------------------------------------------------------------------------


def _with_out(call: Call, results: Any, make: Callable[[torch.Tensor], Recipe]) -> Call:
    tensors = [results] if isinstance(results, torch.Tensor) else results
    if not isinstance(tensors, (tuple, list)) or not all(isinstance(t, torch.Tensor) for t in tensors):
        raise Inapplicable("no tensors to write")
    if any(t.layout is not torch.strided for t in tensors):
        raise Inapplicable("only dense tensors")
    made = [make(t.detach().resolve_conj().resolve_neg()) for t in tensors]
    return replace(call, kwargs={**call.kwargs, "out": made[0] if isinstance(results, torch.Tensor) else tuple(made)})


def _blank(size: tuple[int, ...], dtype: torch.dtype) -> Recipe:
    return recipe(torch.full(size, 5).to(dtype))


def out_alias(call: Call, results: Any) -> Call:
    """The first tensor of the result's shape and dtype as destination."""

    def same(result: torch.Tensor) -> Recipe:
        for r in call.recipes():
            if r.size == tuple(result.shape) and r.dtype == result.dtype:
                return r
        raise Inapplicable("no input like the result")

    return _with_out(call, results, same)


def out_overlap(call: Call, results: Any) -> Call:
    """A destination that begins one element after an input of its shape and dtype, in the same memory."""
    if not isinstance(results, torch.Tensor):
        raise Inapplicable("several results")
    for r in call.recipes():
        if r.size == tuple(results.shape) and r.dtype == results.dtype and results.numel() > 1:
            storage = torch.cat([r.storage, r.storage[:1]])
            moved = replace(r, storage=storage)
            shared = replace(moved, offset=1)
            call = call.each(lambda old: moved if old is r else old)  # noqa: B023
            return replace(call, kwargs={**call.kwargs, "out": shared})
    raise Inapplicable("no input like the result")


def _larger(t: torch.Tensor) -> Recipe:
    return _blank((*t.shape[:-1], t.shape[-1] + 2) if t.dim() else (2,), t.dtype)


def _other_dtype(dtype: torch.dtype) -> Callable[[torch.Tensor], Recipe]:
    return lambda t: _blank(tuple(t.shape), dtype)


def _transposed_blank(t: torch.Tensor) -> Recipe:
    return transposed(_blank(tuple(t.shape), t.dtype))


OUTS: dict[str, Callable[[Call, Any], Call]] = {
    "out right": lambda c, r: _with_out(c, r, lambda t: _blank(tuple(t.shape), t.dtype)),
    "out empty": lambda c, r: _with_out(c, r, lambda t: _blank((0,), t.dtype)),
    "out larger": lambda c, r: _with_out(c, r, _larger),
    "out smaller": lambda c, r: _with_out(c, r, lambda t: _blank((1,), t.dtype)),
    "out float64": lambda c, r: _with_out(c, r, _other_dtype(torch.float64)),
    "out int32": lambda c, r: _with_out(c, r, _other_dtype(torch.int32)),
    "out bool": lambda c, r: _with_out(c, r, _other_dtype(torch.bool)),
    "out complex128": lambda c, r: _with_out(c, r, _other_dtype(torch.complex128)),
    "out transposed": lambda c, r: _with_out(c, r, _transposed_blank),
    "out strided": lambda c, r: _with_out(c, r, lambda t: strided(_blank(tuple(t.shape), t.dtype))),
    "out expanded": lambda c, r: _with_out(c, r, lambda t: expanded(_blank(tuple(t.shape), t.dtype))),
    "out needs grad": lambda c, r: _with_out(
        c, r, lambda t: replace(_blank(tuple(t.shape), t.dtype), requires_grad=t.dtype.is_floating_point)
    ),
    "out alias": out_alias,
    "out overlap": out_overlap,
}

# -- in place and gradients ------------------------------------------------------------------------------------------


def _input(call: Call, change: Callable[[Recipe], Recipe]) -> Call:
    if not isinstance(call.input, Recipe):
        raise Inapplicable("the input is no tensor")
    old = call.input
    return call.each(lambda r: change(r) if r is old else r)


def _grad(call: Call, wanted: Callable[[int, Recipe], bool], how: str = "grad") -> Call:
    """Gradients for the tensors that ``wanted`` chooses by their position among those that can have one."""
    able = [r for r in call.recipes() if r.dtype.is_floating_point or r.dtype.is_complex]
    chosen = [r for i, r in enumerate(able) if wanted(i, r)]
    if not chosen or (len(able) == 1 and not wanted(0, able[0])):
        raise Inapplicable("no gradient")
    return replace(call.each(lambda r: replace(r, requires_grad=r in chosen)), backward=how)


def _inplace(call: Call, change: Callable[[Recipe], Recipe] = lambda r: r) -> Call:
    return replace(_input(call, change), form="inplace")


def _inner(r: Recipe, layout: Callable[[Recipe], Recipe] = strided) -> Recipe:
    return replace(layout(r), requires_grad=True, inner=True)


def _leaf(r: Recipe) -> Recipe:
    if not r.dtype.is_floating_point and not r.dtype.is_complex:
        raise Inapplicable("no gradient")
    return replace(r, requires_grad=True)


FORMS: dict[str, Callable[[Call], Call]] = {
    "plain": lambda c: c,
    "transposed": lambda c: c.each(transposed),
    "input transposed": lambda c: _input(c, transposed),
    "strided": lambda c: c.each(strided),
    "expanded": lambda c: c.each(expanded),
    "input expanded": lambda c: _input(c, expanded),
    "shifted": lambda c: c.each(shifted),
    "channels last": lambda c: c.each(channels_last),
    "input channels last": lambda c: _input(c, channels_last),
    "conj": lambda c: c.each(conjugated),
    "input conj": lambda c: _input(c, conjugated),
    "neg": lambda c: c.each(negated),
    "empty": emptied,
    "no dims": without_dims,
    "special": with_special_values,
    "twice": twice,
}
GRADIENTS: dict[str, Callable[[Call], Call]] = {
    "grad all": lambda c: _grad(c, lambda i, r: True),
    "grad input": lambda c: _grad(c, lambda i, r: i == 0),
    "grad others": lambda c: _grad(c, lambda i, r: i > 0),
    "grad transposed": lambda c: _grad(c.each(transposed), lambda i, r: True),
    "grad expanded": lambda c: _grad(c.each(expanded), lambda i, r: True),
    "grad channels last": lambda c: _grad(c.each(channels_last), lambda i, r: True),
    "grad twice": lambda c: _grad(twice(c), lambda i, r: True),
    "grad empty": lambda c: _grad(emptied(c), lambda i, r: True),
    "grad no dims": lambda c: _grad(without_dims(c), lambda i, r: True),
    "grad of expanded": lambda c: replace(_grad(c, lambda i, r: True), cotangent="expanded"),
    "grad of transposed": lambda c: replace(_grad(c, lambda i, r: True), cotangent="transposed"),
    "backward transposed": lambda c: _grad(c.each(transposed), lambda i, r: True, "backward"),
}
INPLACE: dict[str, Callable[[Call], Call]] = {
    "inplace": lambda c: _inplace(c),
    "inplace transposed": lambda c: _inplace(c, transposed),
    "inplace strided": lambda c: _inplace(c, strided),
    "inplace expanded": lambda c: _inplace(c, expanded),
    "inplace empty": lambda c: _inplace(emptied(c)),
    "inplace no dims": lambda c: _inplace(without_dims(c)),
    "inplace special": lambda c: _inplace(with_special_values(c)),
    "inplace twice": lambda c: _inplace(twice(c)),
    "inplace leaf": lambda c: _inplace(c, _leaf),
    "inplace view grad": lambda c: replace(_inplace(_input(c, _leaf), _inner), backward="grad"),
    "inplace transposed grad": lambda c: replace(
        _inplace(_input(c, _leaf), lambda r: _inner(r, transposed)), backward="grad"
    ),
    "inplace two times grad": lambda c: replace(_inplace(_input(c, _leaf), _inner), backward="grad", times=2),
}
