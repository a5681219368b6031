"""``vmap``: a function of one sample becomes a function of a batch."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..ops import batching_rules  # noqa: F401 (the rules must be known before the first batch)
from ..ops.batching import batched, beneath, expanded
from ..tensor import Tensor
from .levels import Level, running
from .randomness import drawing
from .trees import flatten, spread, unflatten

RANDOMNESS = ("error", "different", "same")


def vmap(
    func: Callable,
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable:
    """``func`` over a batch: called with one more dimension in its arguments, it gives one more in its results.

    Args:
        func: takes and gives tensors, or nested tuples, lists and dictionaries of them.
        in_dims: the dimension of each argument that runs over the samples; None for arguments that all share. A number, or a
            structure like that of the positional arguments. Keyword arguments are shared.
        out_dims: where the dimension of the samples is put in each result.
        randomness: "error" refuses random functions, with "different" each sample has numbers of its own, with "same" all have one's.
        chunk_size: the most samples that are computed at a time; None for all.

    Raises ValueError where in_dims, out_dims or sizes do not fit; RuntimeError where ``func`` looks at values, or writes to
    a shared tensor what differs between samples.
    """
    if randomness not in RANDOMNESS:
        raise RuntimeError(f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}")
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")

    @functools.wraps(func)
    def wrapped(*args, **kwargs):
        leaves, structure, dims, size = _arguments(func, in_dims, args)
        if chunk_size is None or size <= chunk_size:
            return _run(func, leaves, structure, dims, size, out_dims, randomness, kwargs)
        return _in_chunks(func, leaves, structure, dims, size, out_dims, randomness, kwargs, chunk_size)

    return wrapped


def _name(func: Callable) -> str:
    return getattr(func, "__name__", repr(func))


def _arguments(func: Callable, in_dims: Any, args: tuple):
    """The leaves of the arguments, their structure, the batch dimension of each (None: shared), and the number of samples."""
    call = f"vmap({_name(func)}, in_dims={in_dims}, ...)(<inputs>)"
    if not isinstance(in_dims, (int, tuple, list)):
        raise ValueError(
            f"{call}: expected `in_dims` to be int or a (potentially nested) tuple matching the structure of inputs, got: {type(in_dims)}."
        )
    if not args:
        raise ValueError(
            f"vmap({_name(func)})(<inputs>): got no inputs. Maybe you forgot to add inputs, or you are trying to vmap over a "
            "function with no inputs. The latter is unsupported."
        )
    leaves, structure = flatten(args)
    dims = spread(tuple(in_dims) if isinstance(in_dims, list) else in_dims, structure)
    if dims is None:
        raise ValueError(
            f"{call}: in_dims is not compatible with the structure of `inputs`: {in_dims} for {len(args)} arguments."
        )
    dims = [_checked(call, leaf, dim) for leaf, dim in zip(leaves, dims)]
    sizes = [leaf.shape[d] for leaf, d in zip(leaves, dims) if d is not None]
    if not sizes:
        raise ValueError(f"{call}: at least one input must be batched: every in_dim is None")
    if len(set(sizes)) > 1:
        raise ValueError(
            "vmap: Expected all tensors to have the same size in the mapped dimension, "
            f"got sizes {sizes} for the mapped dimension"
        )
    return leaves, structure, dims, sizes[0]


def _checked(call: str, leaf: Any, dim: Any) -> int | None:
    """The batch dimension of one argument, counted from the front."""
    if dim is None:
        return None
    if not isinstance(dim, int):
        raise ValueError(
            f"{call}: Got in_dim={dim} for an input but in_dim must be either an integer dimension or None."
        )
    if not isinstance(leaf, Tensor):
        raise ValueError(
            f"{call}: Got in_dim={dim} for an input but the input is of type {type(leaf)}. We cannot vmap over non-Tensor "
            "arguments, please use None as the respective in_dim"
        )
    if not -leaf.ndim <= dim < leaf.ndim:
        raise ValueError(
            f"{call}: Got in_dim={dim} for some input, but that input is a Tensor of dimensionality {leaf.ndim} so expected "
            f"in_dim to satisfy -{leaf.ndim} <= in_dim < {leaf.ndim}."
        )
    return dim % leaf.ndim


def _run(func, leaves, structure, dims, size, out_dims, randomness, kwargs):
    level = Level("vmap", size, randomness)
    with running(level), drawing():
        inside = [x if d is None else batched(x.movedim(d, 0) if d else x, level.number) for x, d in zip(leaves, dims)]
        result = func(*unflatten(inside, structure), **kwargs)
    return _results(func, result, out_dims, level)


def _results(func, result, out_dims, level: Level):
    outputs, structure = flatten(result)
    for out in outputs:
        if not isinstance(out, Tensor):
            raise ValueError(
                f"vmap({_name(func)}, ...): `{_name(func)}` must only return Tensors, got type {type(out)}. Did you mean to set "
                "out_dims= to None for output?"
            )
    dims = spread(tuple(out_dims) if isinstance(out_dims, list) and isinstance(result, tuple) else out_dims, structure)
    if dims is None and isinstance(out_dims, tuple) and len(out_dims) == len(outputs) == 1:
        dims = list(out_dims)
    if dims is None:
        raise ValueError(
            f"vmap({_name(func)}, ..., out_dims={out_dims})(<inputs>): out_dims is not compatible with the structure of `outputs`."
        )
    return unflatten([_result(func, out, dim, level) for out, dim in zip(outputs, dims)], structure)


def _result(func, out: Tensor, dim: Any, level: Level) -> Tensor:
    if dim is None:
        if beneath(out, level.number) is not None:
            raise ValueError(
                f"vmap({_name(func)}, ...): `{_name(func)}` can not return a BatchedTensor when out_dim is None"
            )
        return out
    if not isinstance(dim, int):
        raise ValueError(f"vmap({_name(func)}, ..., out_dims): out_dims must be an int or a tuple of ints, got {dim!r}")
    value = expanded(out, level.number, level.size)
    return value.movedim(0, dim) if dim else value


def _in_chunks(func, leaves, structure, dims, size, out_dims, randomness, kwargs, chunk_size):
    """As many runs as there are chunks, their results joined."""
    from ..ops.joining import cat

    if randomness == "same":
        from ..ops.random import get_rng_state, set_rng_state

        drawn_from = get_rng_state()
    runs = []
    for start in range(0, size, chunk_size):
        length = min(chunk_size, size - start)
        if randomness == "same":
            set_rng_state(drawn_from)
        piece = [x if d is None else x.narrow(d, start, length) for x, d in zip(leaves, dims)]
        runs.append(flatten(_run(func, piece, structure, dims, length, out_dims, randomness, kwargs)))
    outputs, shape = runs[0]
    places = spread(out_dims, shape) or [out_dims] * len(outputs)
    joined = [
        column[0] if place is None else cat(list(column), place)
        for place, column in zip(places, zip(*[found for found, _ in runs]))
    ]
    return unflatten(joined, shape)
