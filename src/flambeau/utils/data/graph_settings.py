"""Settings of all pipes in a graph of pipes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ... import ops
from ...dtypes import int64
from .datapipes.datapipe import _Functional

__all__ = ["apply_random_seed", "apply_sharding", "apply_shuffle_settings", "apply_shuffle_seed", "get_all_graph_pipes"]


def _pipes(value: Any, seen: dict[int, Any]) -> Iterator[Any]:
    """A pipe and all that it reads, each once."""
    if isinstance(value, (list, tuple)):
        for entry in value:
            yield from _pipes(entry, seen)
    if isinstance(value, _Functional) and id(value) not in seen:
        seen[id(value)] = value
        yield value
        for attribute in list(vars(value).values()):
            yield from _pipes(attribute, seen)


def get_all_graph_pipes(graph: Any) -> list:
    """All pipes that a pipe (or several) reads, itself first."""
    return list(_pipes(graph, {}))


def apply_shuffle_settings(datapipe: Any, shuffle: bool | None = None) -> Any:
    """Switch all shuffling pipes on or off; a pipe without any is shuffled at its end where ``shuffle``."""
    if shuffle is None:
        return datapipe
    found = [pipe for pipe in get_all_graph_pipes(datapipe) if hasattr(type(pipe), "set_shuffle")]
    if shuffle and not found:
        return datapipe.shuffle()
    for pipe in found:
        pipe.set_shuffle(shuffle)
    return datapipe


def apply_random_seed(datapipe: Any, rng: Any) -> Any:
    """Give every random pipe a seed that is drawn from the generator ``rng``."""
    for pipe in get_all_graph_pipes(datapipe):
        if hasattr(type(pipe), "set_seed"):
            pipe.set_seed(int(ops.empty((), dtype=int64).random_(generator=rng).item()))
    return datapipe


apply_shuffle_seed = apply_random_seed


def apply_sharding(datapipe: Any, num_of_instances: int, instance_id: int, sharding_group: Any = None) -> Any:
    """Let every ``sharding_filter`` take its part."""
    for pipe in get_all_graph_pipes(datapipe):
        if hasattr(type(pipe), "apply_sharding"):
            pipe.apply_sharding(num_of_instances, instance_id, sharding_group)
    return datapipe
