"""Batched tensors: one example in the eyes of a function under ``vmap``, the whole batch beneath.

``value`` has the batch in dimension 0. What an operator does with batches follows from its kind (``batching_lift``), or from a
rule of its own (``batching_rules``); where there is neither, it is run sample by sample.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..lazy.spec import spec as make_spec
from ..tensor import Tensor
from .transformed import (
    DataDependent,
    Transformed,
    arguments_of,
    body_of,
    map_tensors,
    name_of,
    operator_of,
    tensors_in,
)

RULES: dict[Callable, Callable] = {}  # public function -> rule(level, *args, **kwargs)


class BatchedTensor(Transformed):
    """One sample of ``_value``, whose dimension 0 runs over the samples."""

    _value: Tensor
    _offset = 0

    @property
    def _spec(self):
        spec = self._value._spec
        known = self.__dict__.get("_known")
        if known is None or known[0] is not spec:
            sample = make_spec(
                tuple(spec.shape[1:]), spec.stride[1:], spec.dtype, spec.device, spec.requires_grad, True
            )
            known = self.__dict__["_known"] = (spec, sample)
        return known[1]

    @property
    def _storage(self):
        raise DataDependent(
            "vmap: It looks like you're attempting to use a Tensor in some data-dependent control flow. We don't support that yet, "
            "please shout over at https://github.com/pytorch/functorch/issues/257 ."
        )

    def item(self):
        raise DataDependent(
            "vmap: It looks like you're calling .item() on a Tensor. We don't support vmap over calling .item() on a Tensor, "
            "please try to rewrite what you're doing with other operations."
        )

    def __repr__(self) -> str:
        return f"BatchedTensor(lvl={self._level}, bdim=0, value={self._value!r})"

    def _handle(self, func, args, kwargs):
        return call(func, self._level, args, kwargs)


def batched(value: Tensor, level: int) -> Tensor:
    """Dimension 0 of ``value`` as the batch of ``level``. Higher levels stay outside of it."""
    if isinstance(value, BatchedTensor) and value._level > level:
        return batched(batched(value._value.movedim(1, 0), level), value._level)
    if isinstance(value, Transformed) and value._level > level:
        return value._rewrapped(lambda part: batched(part, level))
    made = object.__new__(BatchedTensor)
    made._value, made._level, made._autograd = value, level, None
    return made


def beneath(tensor: Tensor, level: int) -> Tensor | None:
    """What ``level`` sees in batches, the batch in dimension 0; None for a tensor that is the same for all samples."""
    if not isinstance(tensor, Transformed) or tensor._level < level:
        return None
    if isinstance(tensor, BatchedTensor):
        if tensor._level == level:
            return tensor._value
        inner = beneath(tensor._value, level)
        return None if inner is None else batched(inner.movedim(1, 0), tensor._level)
    return tensor._batches(level)


def expanded(tensor: Tensor, level: int, size: int) -> Tensor:
    """As ``beneath``; what is the same for all samples is repeated (as a view)."""
    value = beneath(tensor, level)
    return tensor.unsqueeze(0).expand(size, *tensor.shape) if value is None else value


def batch_size(level: int, values) -> int:
    """The number of samples, by the first batched tensor."""
    return next(v.shape[0] for v in (beneath(t, level) for t in tensors_in(values)) if v is not None)


def call(func, level: int, args, kwargs):
    """The result of a public function on arguments of which some are batched at ``level``."""
    rule = RULES.get(func)
    if rule is not None:
        return rule(level, *args, **kwargs)
    if kwargs.get("out") is not None:
        raise RuntimeError(
            f"vmap: {name_of(func)}: out= is not supported with batched tensors, as it would have to hold every sample"
        )
    op = operator_of(func)
    try:
        if op is None:
            return body_of(func)(*args, **kwargs)
        from .batching_lift import apply

        return apply(op, level, arguments_of(op, args, kwargs))
    except DataDependent:
        if name_of(func) in DECIDING:
            raise
        return sample_by_sample(func, level, args, kwargs)


# What they give is a Python value: no function can go on with several.
DECIDING = frozenset(["item", "tolist", "is_nonzero", "equal", "allclose"])


def sample_by_sample(func, level: int, args, kwargs):
    """Run ``func`` on every sample and stack the results: right for everything, and slow."""
    size = batch_size(level, (args, kwargs))
    if not size:
        raise RuntimeError(f"vmap: {name_of(func)}: there is no batching rule for an empty batch")
    rows = []
    for i in range(size):
        taken: list = []

        def sample(t, i=i, taken=taken):
            value = beneath(t, level)
            if value is None:
                return t
            taken.append((t, value.select(0, i)))
            return taken[-1][1]

        result = func(*map_tensors(sample, args), **map_tensors(sample, kwargs))
        same = next((t for t, s in taken if s is result), None)
        rows.append(result if same is None else same)
    return _together(func, level, rows)


def _together(func, level: int, rows: list) -> Any:
    """The samples' results as one: tensors stacked, structures by their elements, all else must agree."""
    first = rows[0]
    if isinstance(first, BatchedTensor) and all(r is first for r in rows):
        return first  # it was written in place
    if isinstance(first, Tensor):
        if any(r.shape != first.shape for r in rows):
            raise DataDependent(f"vmap: {name_of(func)}: the shape of the result depends on the values of the sample")
        from .joining import stack

        return batched(stack(rows), level)
    if isinstance(first, (tuple, list)):
        merged = [_together(func, level, list(column)) for column in zip(*rows)]
        return type(first)(*merged) if hasattr(first, "_fields") else type(first)(merged)
    if any(r != first for r in rows):
        raise DataDependent(f"vmap: {name_of(func)}: the result is not a tensor and differs from sample to sample")
    return first
