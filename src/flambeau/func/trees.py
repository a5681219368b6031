"""Nested tuples, lists and dictionaries: taken apart into leaves, and put together again."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable
from typing import Any, NamedTuple


class Structure(NamedTuple):
    """A nested structure without its leaves: its type, what rebuilds it besides its children, and these."""

    kind: Any
    context: Any
    children: tuple

    @property
    def count(self) -> int:
        """The number of leaves."""
        return 1 if self.kind is None else sum(c.count for c in self.children)


LEAF = Structure(None, None, ())


def flatten(tree: Any) -> tuple[list, Structure]:
    """The leaves of a tree, left to right, and its structure."""
    parts = _parts(tree)
    if parts is None:
        return [tree], LEAF
    context, values = parts
    leaves: list = []
    children = []
    for value in values:
        found, structure = flatten(value)
        leaves += found
        children.append(structure)
    return leaves, Structure(type(tree), context, tuple(children))


def _parts(tree: Any):
    """What rebuilds a node, and its children; None for a leaf."""
    if isinstance(tree, (dict, OrderedDict)) and type(tree) in (dict, OrderedDict, defaultdict):
        return (tuple(tree), getattr(tree, "default_factory", None)), list(tree.values())
    if type(tree) in (tuple, list) or (isinstance(tree, tuple) and (hasattr(tree, "_fields") or hasattr(tree, "n_fields"))):
        return None, list(tree)
    return None


def unflatten(leaves, structure: Structure) -> Any:
    """The tree of a structure with these leaves."""
    return _build(iter(leaves), structure)


def _build(leaves, structure: Structure) -> Any:
    if structure.kind is None:
        return next(leaves)
    children = [_build(leaves, c) for c in structure.children]
    if structure.context is not None:
        keys, factory = structure.context
        pairs = zip(keys, children)
        return defaultdict(factory, pairs) if structure.kind is defaultdict else structure.kind(pairs)
    return structure.kind(*children) if hasattr(structure.kind, "_fields") else structure.kind(children)


def map_leaves(function: Callable, tree: Any, *others: Any) -> Any:
    """The tree of the results of ``function`` on the leaves of trees of one structure."""
    leaves, structure = flatten(tree)
    rest = [flatten(t)[0] for t in others]
    return unflatten([function(*given) for given in zip(leaves, *rest)], structure)


def spread(prefix: Any, structure: Structure) -> list | None:
    """One entry for each leaf of ``structure`` from a tree that may stop short of its leaves; None where they do not fit."""
    if structure.kind is None:
        return None if _parts(prefix) is not None else [prefix]
    parts = _parts(prefix)
    if parts is None:
        return [prefix] * structure.count
    context, values = parts
    alike = type(prefix) is structure.kind or {type(prefix), structure.kind} <= {dict, OrderedDict, defaultdict}
    if not alike or len(values) != len(structure.children):
        return None
    if context is not None:
        if set(prefix) != set(structure.context[0]):
            return None
        values = [prefix[k] for k in structure.context[0]]
    entries: list = []
    for value, child in zip(values, structure.children):
        found = spread(value, child)
        if found is None:
            return None
        entries += found
    return entries
