"""Named results of operators that give several tensors: ``torch.return_types.max`` and its like."""

from __future__ import annotations

from .registry import export

_SOURCE = "torch.return_types"


class NamedResult(tuple):
    """A tuple whose entries have names too. Made of one sequence: ``return_types.max((values, indices))``.

    ``unnamed`` is what PyTorch's files have beside the entries: an empty dictionary.
    """

    __slots__ = ()
    names: tuple[str, ...] = ()

    def __new__(cls, entries, unnamed=None):
        entries = tuple(entries)
        if len(entries) != len(cls.names):
            raise TypeError(
                f"{_SOURCE}.{cls.__name__}() takes a {len(cls.names)}-sequence ({len(entries)}-sequence given)"
            )
        return tuple.__new__(cls, entries)

    def __repr__(self) -> str:
        lines = ",\n".join(f"{name}={entry!r}" for name, entry in zip(self.names, self))
        return f"{_SOURCE}.{type(self).__name__}(\n{lines})"

    def __reduce__(self):
        return type(self), (tuple(self),)


def _entry(position: int) -> property:
    return property(lambda self: self[position])


def named_result(name: str, *fields: str) -> type[NamedResult]:
    """Declare ``torch.return_types.<name>`` with these fields."""
    members: dict[str, object] = {field: _entry(i) for i, field in enumerate(fields)}
    members |= {
        "__slots__": (),
        "names": fields,
        "__module__": f"{__name__.partition('.')[0]}.return_types",  # where pickles find it
        "n_fields": len(fields),
        "n_sequence_fields": len(fields),
        "n_unnamed_fields": 0,
        "__match_args__": fields,
    }
    made = type(name, (NamedResult,), members)
    export("return_types", name, made)
    return made
