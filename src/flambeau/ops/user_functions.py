"""User-defined operators (``autograd.Function``) on batched and dual tensors."""

from __future__ import annotations

from typing import NamedTuple

from ..autograd.function import Function, applied, set_transformation
from ..tensor import Tensor
from .batching import BatchedTensor, batch_size, batched, beneath, sample_by_sample
from .creation import zeros_like
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
    level = top._level
    if not isinstance(top, BatchedTensor):
        if cls.jvp is Function.jvp:
            raise RuntimeError(
                f"Trying to use forward AD with {cls.__name__} that does not support it because it has not been implemented yet."
            )
        from .forward_mode import parts

        below = transformed_in([parts(a, level)[0] for a in args if isinstance(a, Tensor)])
        if below is None:
            return _forward_mode(cls, level, args)
        if not isinstance(below, BatchedTensor):
            raise NotImplementedError(f"flambeau: {cls.__name__}: Function.jvp within another forward mode is not supported yet")
        level = below._level  # the batch first: each sample is dual
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


def _forward_mode(cls, level: int, args: tuple):
    """The results with the derivatives that ``cls.jvp`` gives for those of the arguments."""
    from .forward_mode import _result, parts, set_tangent

    pairs = [parts(a, level) if isinstance(a, Tensor) else (a, None) for a in args]
    primals = tuple([primal for primal, _ in pairs])
    written = {id(p): a for p, a in zip(primals, args) if isinstance(p, Tensor)}
    ctx, result = applied(cls, primals)
    tangents = [zeros_like(p) if t is None and isinstance(p, Tensor) and ctx._materialize else t for p, t in pairs]
    ctx._forward_mode = True
    try:
        moved = cls.jvp(ctx, *tangents)
    finally:
        ctx._forward_mode = False
    results = result if isinstance(result, tuple) else (result,)
    moved = moved if isinstance(moved, tuple) else (moved,)
    if len(moved) != len(results):
        raise RuntimeError(f"{cls.__name__}.jvp returned {len(moved)} tangents for {len(results)} outputs")
    made = []
    for r, t in zip(results, moved):
        if any(r is d for d in ctx._dirty) and id(r) in written:
            set_tangent(written[id(r)], t, level)
            made.append(written[id(r)])
        else:
            made.append(_result(r, t, level) if isinstance(r, Tensor) else r)
    return tuple(made) if isinstance(result, tuple) else made[0]


def _wrapped(result, place, level: int):
    return result if place is None else batched(result.movedim(place, 0), level)


set_transformation(apply)
