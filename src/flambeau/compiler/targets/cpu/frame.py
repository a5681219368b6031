"""What generated code knows at one place of a loop nest."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from flambeau.compiler.targets.cpu.builder import Builder, Value


@dataclass(frozen=True)
class Block:
    """The inner positions one body handles: ``copies`` vectors of ``lanes``, from ``start`` on.

    ``mask`` tells the lanes that exist (None: all do); a masked block has one copy. ``offsets``: the bytes
    before ``start`` in contiguous memory, by the size of an element.
    """

    start: Value
    lanes: int
    copies: int
    mask: Value | None
    offsets: dict[int, Value]


def new_block(b: Builder, start: Value, lanes: int, copies: int, mask: Value | None = None) -> Block:
    """A block from ``start`` on; its offsets are of elements of 1, 2, 4 and 8 bytes."""
    offsets = {size: b.shl(start, b.i64(size.bit_length() - 1)) for size in (1, 2, 4, 8)}
    return Block(start, lanes, copies, mask, offsets)


# Stands outside of the loops over inner positions.
NO_BLOCK = Block(Value("0", "i64"), 0, 0, None, {})


@dataclass
class Frame:
    """The values in reach: a child frame sees those of its parent, and adds its own.

    ``values``: for each node, one scalar, or a vector for each copy of the block. ``wide``: scalars repeated
    in every lane. ``pointers``: where each argument stands. ``resolved``: byte offsets of gathers whose index
    is known here. ``flat``: position among the middle dims, as one number.
    """

    values: dict[int, list[Value]] = field(default_factory=dict)
    wide: dict[int, Value] = field(default_factory=dict)
    pointers: dict[int, Value] = field(default_factory=dict)
    resolved: dict[int, Value] = field(default_factory=dict)
    outer: tuple[Value, ...] = ()
    middle: tuple[Value, ...] = ()
    flat: Value = Value("0", "i64")
    block: Block = NO_BLOCK

    def child(self, **changes: Any) -> Frame:
        """A frame for code nested in this one."""
        return replace(
            self,
            **{
                "values": dict(self.values),
                "wide": dict(self.wide),
                "pointers": dict(self.pointers),
                "resolved": dict(self.resolved),
                **changes,
            },
        )
