"""Dimensions permuted, split and joined as a pattern says (the notation of einops, Rogozhnikov 2022)."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from .. import ops
from ..tensor import Tensor

__all__ = ["rearrange"]

_ELLIPSIS = "..."
_JOINED = "(...)"  # an ellipsis in brackets: one dimension of all that have no names
Group = list[str]  # the names of dimensions that are joined to one


class DimensionBindError(Exception):
    """Raised where the size of a dimension cannot be found from a pattern."""


def rearrange(tensor: Tensor | Sequence[Tensor], pattern: str, **axes_lengths: int) -> Tensor:
    """``tensor`` with its dimensions as ``pattern`` says: ``"b h w c -> b (h w) c"`` joins two, ``"(b n) c -> b n c"`` with ``n=2``
    splits one. ``...`` stands for the dimensions that have no names, ``1`` and ``()`` for dimensions of size 1. Several tensors are
    stacked along a new first dimension.

    Raises:
        ValueError: names that are not on both sides, twice on one, or no names; dimensions of another number than the tensor's.
        DimensionBindError: sizes that cannot be found, or do not fit.
    """
    if not isinstance(tensor, Tensor):
        tensor = ops.stack(list(tensor))
    left, right = _sides(pattern)
    _check_names(left, right, axes_lengths)
    left, right = _spelled_out(left, right, tensor.ndim)
    sizes = _sizes(left, tuple(tensor.shape), axes_lengths)
    names = [name for group in left for name in group]
    order = [names.index(name) for group in right for name in group]
    split = tensor.reshape([sizes[name] for name in names])
    return split.permute(order).reshape([math.prod(sizes[name] for name in group) for group in right])


def _sides(pattern: str) -> tuple[list[Group], list[Group]]:
    parts = pattern.split("->")
    if len(parts) != 2:
        raise ValueError("Pattern must contain a single '->' separator")
    return _groups(parts[0]), _groups(parts[1])


def _groups(text: str) -> list[Group]:
    """One group for each dimension: of the names in a pair of brackets, of one name, or of none for a ``1``."""
    if not re.fullmatch(r"(\s*(\([^()]*\)|[^()\s]+))*\s*", text):
        raise ValueError(f"Brackets are not balanced in {text.strip()!r}")
    items = re.findall(r"\([^()]*\)|[^()\s]+", text)
    groups = [item[1:-1].replace(_ELLIPSIS, _JOINED).split() if item[0] == "(" else [item] for item in items]
    named = [[name for name in group if name != "1"] for group in groups]
    for name in (name for group in named for name in group):
        if name.isdigit():
            raise ValueError("rearrange only supports unnamed axes of size 1")
        if name not in (_ELLIPSIS, _JOINED) and (not name.isidentifier() or name.startswith("_") or name.endswith("_")):
            raise ValueError(f"Invalid axis identifier: {name}")
    return named


def _check_names(left: list[Group], right: list[Group], lengths: dict[str, int]) -> None:
    if any(_JOINED in group for group in left):
        raise ValueError("An ellipsis in brackets is only allowed on the right side")
    sides = [[_ELLIPSIS if name == _JOINED else name for group in side for name in group] for side in (left, right)]
    for names in sides:
        repeated = next((name for name in names if names.count(name) > 1), None)
        if repeated is not None:
            raise ValueError(f"Indexing expression contains duplicate dimension '{repeated}'")
    apart = set(sides[0]) ^ set(sides[1])
    if apart:
        raise ValueError(f"Identifiers only on one side of rearrange expression (should be on both): {apart}")
    unknown = lengths.keys() - set(sides[0])
    if unknown:
        raise ValueError(f"Identifiers not found in rearrange expression: {unknown}")


def _spelled_out(left: list[Group], right: list[Group], ndim: int) -> tuple[list[Group], list[Group]]:
    """Both sides with a name for each of the tensor's dimensions in the place of an ellipsis."""
    open_ended = [_ELLIPSIS] in left
    more = ndim - len(left) + open_ended
    if more < 0 or (more and not open_ended):
        least = f"at least {len(left) - 1}" if open_ended else f"{len(left)}"
        raise ValueError(
            f"Number of dimensions in pattern ({least}) must be equal to the number of dimensions in the tensor ({ndim})"
        )
    unnamed = [f"{_ELLIPSIS}{i}" for i in range(more)]

    def spell(side: list[Group]) -> list[Group]:
        made: list[Group] = []
        for group in side:
            if group == [_ELLIPSIS]:
                made += [[name] for name in unnamed]
            else:
                made.append([name for part in group for name in (unnamed if part == _JOINED else [part])])
        return made

    return spell(left), spell(right)


def _sizes(groups: list[Group], shape: tuple[int, ...], lengths: dict[str, int]) -> dict[str, int]:
    """The size of every name, from the tensor's shape and those that are given."""
    sizes = dict(lengths)
    for group, size in zip(groups, shape):
        unknown = [name for name in group if name not in sizes]
        known = math.prod(sizes[name] for name in group if name in sizes)
        if len(unknown) > 1:
            raise DimensionBindError(
                f"cannot infer the sizes of {len(unknown)} dimensions at once: {' '.join(unknown)}"
            )
        if size % known if unknown else size != known:
            raise DimensionBindError(
                f"({' '.join(group)}) of sizes that multiply to {known} does not fit a dimension of size {size}"
            )
        if unknown:
            sizes[unknown[0]] = size // known
    return sizes
