"""User-defined operators (``autograd.Function``) on batched and dual tensors."""

from __future__ import annotations

from typing import NamedTuple

from ..autograd.function import Function, set_transformation
from .batching import BatchedTensor, batch_size, batched, beneath, sample_by_sample
from .transformed import Transformed, active, tensors_in


class VmapInfo(NamedTuple):
    """What a Function's ``vmap`` is told of the batch."""

    batch_size: int
    randomness: str


def transformed_in(args):
    """The tensor of the innermost transformation among the arguments; None where there is none."""
    found = [t for t in tensors_in(args) if isinstance(t, Transformed)]
    return max(found, key=lambda t: t._level) if found else None


def apply(cls, args: tuple):
    """``cls.apply(*args)`` by the Function's own rule for the innermost transformation."""
    top = transformed_in(args)
    if top is None:
        return NotImplemented
    if not isinstance(top, BatchedTensor):
        if cls.jvp is not Function.jvp:
            raise NotImplementedError(f"flambeau: {cls.__name__}: Function.jvp is not supported yet")
        raise RuntimeError(
            f"Trying to use forward AD with {cls.__name__} that does not support it because it has not been implemented yet."
        )
    level = top._level
    if cls.vmap is Function.vmap:
        if not cls.generate_vmap_rule:
            raise RuntimeError(
                f"You tried to vmap over {cls.__name__}, but it does not have vmap support. Please override and implement the vmap "
                "staticmethod or set generate_vmap_rule=True."
            )
        return sample_by_sample(cls.apply, level, args, {})
    dims = tuple([None if not isinstance(a, Transformed) or beneath(a, level) is None else 0 for a in args])
    randomness = next((kind.randomness for kind in active.levels if kind.number == level), "error")
    given = [a if d is None else beneath(a, level) for a, d in zip(args, dims)]
    results, places = cls.vmap(VmapInfo(batch_size(level, args), randomness), dims, *given)
    if not isinstance(results, tuple):
        return _wrapped(results, places, level)
    places = places if isinstance(places, tuple) else (places,) * len(results)
    return tuple([_wrapped(r, d, level) for r, d in zip(results, places)])


def _wrapped(result, place, level: int):
    return result if place is None else batched(result.movedim(place, 0), level)


set_transformation(apply)
