"""What generated code knows at one place of a loop nest."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from flambeau.compiler.targets.cpu.builder import Builder, Value


@dataclass
class Block:
    """The inner positions one body handles: ``copies`` vectors of ``lanes``, from ``start`` on.

    ``mask`` tells the lanes that exist (None: all do); a masked block has one copy.
    """

    start: Value
    lanes: int
    copies: int
    mask: Value | None
    offsets: dict[int, Value]


def new_block(b: Builder, start: Value, lanes: int, copies: int, mask: Value | None = None) -> Block:
    """A block from ``start`` on. ``offsets`` holds, for each size of an element, the bytes before ``start``."""
    offsets = {size: b.shl(start, b.i64(size.bit_length() - 1)) for size in (1, 2, 4, 8)}
    return Block(start, lanes, copies, mask, offsets)


@dataclass
class Frame:
    """The values in reach: a child frame sees those of its parent, and adds its own.

    ``values``: for each node, one scalar, or a vector for each copy of the block. ``wide``: scalars repeated in
    every lane. ``pointers``: where each argument stands. ``resolved``: byte offsets of gathers whose index is
    known here. ``flat``: position among the middle dims, as one number.
    """

    values: dict[int, list[Value]] = field(default_factory=dict)
    wide: dict[int, Value] = field(default_factory=dict)
    pointers: dict[int, Value] = field(default_factory=dict)
    resolved: dict[int, Value] = field(default_factory=dict)
    outer: tuple[Value, ...] = ()
    middle: tuple[Value, ...] = ()
    flat: Value | None = None
    block: Block | None = None

    def child(self, **changes: object) -> Frame:
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
