"""What is a node of a tree: the registered types, how they are taken apart and put together, and the keys of their children."""

from __future__ import annotations

import dataclasses
import importlib
import warnings
from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeAlias

from ..lazy.spec import Size
from ..ops import NAMESPACES

PyTree: TypeAlias = Any
Context: TypeAlias = Any
DumpableContext: TypeAlias = Any
FlattenFn = Callable[[PyTree], tuple[list[Any], Context]]
UnflattenFn = Callable[[Iterable[Any], Context], PyTree]
ToDumpableContextFn = Callable[[Context], DumpableContext]
FromDumpableContextFn = Callable[[DumpableContext], Context]
KeyPath = tuple[Any, ...]
IsLeaf = Callable[[Any], bool] | None


# -- the way to a leaf ------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class SequenceKey:
    """A step into a sequence."""

    idx: int

    def __str__(self) -> str:
        return f"[{self.idx!r}]"

    def get(self, sequence: Any) -> Any:
        """The element."""
        return sequence[self.idx]


@dataclasses.dataclass(frozen=True)
class MappingKey:
    """A step into a dictionary."""

    key: Any

    def __str__(self) -> str:
        return f"[{self.key!r}]"

    def get(self, mapping: Any) -> Any:
        """The element."""
        return mapping[self.key]


@dataclasses.dataclass(frozen=True)
class GetAttrKey:
    """A step to an attribute."""

    name: str

    def __str__(self) -> str:
        return f".{self.name}"

    def get(self, obj: Any) -> Any:
        """The attribute."""
        return getattr(obj, self.name)


def keystr(kp: KeyPath) -> str:
    """A path as text, as ``['a'][0].b``."""
    return "".join(str(key) for key in kp)


def key_get(obj: Any, kp: KeyPath) -> Any:
    """What lies at a path."""
    for key in kp:
        obj = key.get(obj)
    return obj


# -- kinds of nodes ---------------------------------------------------------------------------------------------------


class NodeDef(NamedTuple):
    """How nodes of a type are taken apart and put together."""

    type: Any
    flatten_fn: Callable
    unflatten_fn: Callable
    flatten_with_keys_fn: Callable | None


class _Text(NamedTuple):
    """How a type and the contexts of its nodes are written to JSON."""

    name: str | None
    dump: Callable | None
    load: Callable | None


SUPPORTED_NODES: dict[Any, NodeDef] = {}
SUPPORTED_SERIALIZED_TYPES: dict[Any, _Text] = {}
SERIALIZED_TYPE_TO_PYTHON_TYPE: dict[str, Any] = {}
CONSTANT_NODES: set[type] = set()
BUILTIN_TYPES = frozenset({tuple, list, dict, namedtuple, OrderedDict, defaultdict, deque})
STANDARD_DICT_TYPES = frozenset({dict, OrderedDict, defaultdict})


def register_pytree_node(
    cls: Any,
    flatten_fn: FlattenFn,
    unflatten_fn: UnflattenFn,
    *,
    serialized_type_name: str | None = None,
    to_dumpable_context: ToDumpableContextFn | None = None,
    from_dumpable_context: FromDumpableContextFn | None = None,
    flatten_with_keys_fn: Callable | None = None,
) -> None:
    """Make instances of ``cls`` nodes: ``flatten_fn(node)`` gives children and context, ``unflatten_fn(children, context)`` a node.

    ``flatten_with_keys_fn`` gives ``(key, child)`` pairs, for paths; the others are for :func:`treespec_dumps`.
    Raises ValueError where the type is registered, or only one of the two functions for contexts is given.
    """
    if cls in SUPPORTED_NODES:
        raise ValueError(f"{cls} is already registered as pytree node.")
    if (to_dumpable_context is None) != (from_dumpable_context is None):
        raise ValueError(f"Both to_dumpable_context and from_dumpable_context for {cls} must be None or registered.")
    SUPPORTED_NODES[cls] = NodeDef(cls, flatten_fn, unflatten_fn, flatten_with_keys_fn)
    SUPPORTED_SERIALIZED_TYPES[cls] = _Text(serialized_type_name, to_dumpable_context, from_dumpable_context)
    if serialized_type_name is not None:
        SERIALIZED_TYPE_TO_PYTHON_TYPE[serialized_type_name] = cls


_private_register_pytree_node = register_pytree_node


def _register_pytree_node(
    cls: Any, flatten_fn: FlattenFn, unflatten_fn: UnflattenFn, *unused: Any, **options: Any
) -> None:
    """The old name of :func:`register_pytree_node`; two further positional arguments have no meaning any more."""
    warnings.warn(
        "`torch.utils._pytree._register_pytree_node` is deprecated. Please use register_pytree_node.", stacklevel=2
    )
    register_pytree_node(cls, flatten_fn, unflatten_fn, **options)


def _deregister_pytree_node(cls: Any) -> None:
    """Forget a type."""
    del SUPPORTED_NODES[cls]
    SERIALIZED_TYPE_TO_PYTHON_TYPE.pop(SUPPORTED_SERIALIZED_TYPES.pop(cls).name, None)  # type: ignore[arg-type]
    CONSTANT_NODES.discard(cls)


def register_dataclass(
    cls: type,
    *,
    field_names: list[str] | None = None,
    drop_field_names: list[str] | None = None,
    serialized_type_name: str | None = None,
) -> None:
    """Make instances of a dataclass nodes whose children are its fields; fields that are None are left out of the leaves."""
    names = field_names or [f.name for f in dataclasses.fields(cls) if f.init]
    names = [name for name in names if name not in (drop_field_names or [])]

    def flatten_with_keys(obj: Any) -> tuple[list, Any]:
        there = [name for name in names if getattr(obj, name) is not None]
        absent = [name for name in names if getattr(obj, name) is None]
        return [(GetAttrKey(name), getattr(obj, name)) for name in there], [there, absent]

    def unflatten(values: Iterable, context: Any) -> Any:
        return cls(**dict(zip(context[0], values)), **dict.fromkeys(context[1]))

    register_pytree_node(
        cls,
        _without_keys(flatten_with_keys),
        unflatten,
        serialized_type_name=serialized_type_name,
        flatten_with_keys_fn=flatten_with_keys,
    )


def register_constant(cls: type) -> None:
    """Make instances of a class nodes without leaves; they are part of the structure, so they need ``__eq__`` and ``__hash__``."""
    if cls.__eq__ is vars(object)["__eq__"]:
        raise TypeError(f"register_constant(cls): {cls} needs its own __eq__")
    register_pytree_node(
        cls, lambda obj: ([], obj), lambda values, context: context, flatten_with_keys_fn=lambda obj: ([], obj)
    )
    CONSTANT_NODES.add(cls)


def is_constant_class(cls: type) -> bool:
    """Whether :func:`register_constant` was called for it."""
    return isinstance(cls, type) and cls in CONSTANT_NODES


def _without_keys(flatten_with_keys: Callable) -> Callable:
    def flatten(obj: Any) -> tuple[list, Any]:
        pairs, context = flatten_with_keys(obj)
        return [value for _, value in pairs], context

    return flatten


def _sequence_with_keys(obj: Any) -> tuple[list, Any]:
    return [(SequenceKey(i), value) for i, value in enumerate(obj)], None


def _dict_flatten(d: dict) -> tuple[list, Any]:
    return list(d.values()), list(d.keys())


def _dict_flatten_with_keys(d: dict) -> tuple[list, Any]:
    return [(MappingKey(key), value) for key, value in d.items()], list(d.keys())


def _dict_unflatten(values: Iterable, context: Any) -> dict:
    return dict(zip(context, values))


def _namedtuple_flatten_with_keys(obj: Any) -> tuple[list, Any]:
    return [(GetAttrKey(name), value) for name, value in zip(obj._fields, obj)], type(obj)


def _namedtuple_dump(context: Any) -> Any:
    text = SUPPORTED_SERIALIZED_TYPES.get(context)
    if text is None or text.name is None:
        raise NotImplementedError(
            f"Can't serialize TreeSpec of namedtuple class {context}: register a name for it with `_register_namedtuple`."
        )
    return text.name


def _register_namedtuple(cls: Any, *, serialized_type_name: str) -> None:
    """Give a named tuple a name for :func:`treespec_dumps`; it is a node anyway."""
    SUPPORTED_SERIALIZED_TYPES[cls] = _Text(serialized_type_name, None, None)
    SERIALIZED_TYPE_TO_PYTHON_TYPE[serialized_type_name] = cls


def _defaultdict_flatten_with_keys(d: defaultdict) -> tuple[list, Any]:
    pairs, keys = _dict_flatten_with_keys(d)
    return pairs, [d.default_factory, keys]


def _defaultdict_dump(context: Any) -> Any:
    factory, keys = context
    return {
        "default_factory_module": factory.__module__,
        "default_factory_name": factory.__qualname__,
        "dict_context": keys,
    }


def _defaultdict_load(dumped: Any) -> Any:
    module = importlib.import_module(dumped["default_factory_module"])
    return [getattr(module, dumped["default_factory_name"]), dumped["dict_context"]]


def _deque_flatten_with_keys(d: deque) -> tuple[list, Any]:
    return _sequence_with_keys(d)[0], d.maxlen


_tuple_flatten_with_keys = _list_flatten_with_keys = _sequence_with_keys
_ordereddict_flatten_with_keys = _dict_flatten_with_keys
_list_flatten = _tuple_flatten = _without_keys(_sequence_with_keys)
_ordereddict_flatten = _odict_flatten = _dict_flatten
_namedtuple_flatten = _without_keys(_namedtuple_flatten_with_keys)
_defaultdict_flatten = _without_keys(_defaultdict_flatten_with_keys)
_deque_flatten = _without_keys(_deque_flatten_with_keys)


def _tuple_unflatten(values: Iterable, context: Any) -> tuple:
    return tuple(values)


def _list_unflatten(values: Iterable, context: Any) -> list:
    return list(values)


def _namedtuple_unflatten(values: Iterable, context: Any) -> Any:
    return context(*values)


def _ordereddict_unflatten(values: Iterable, context: Any) -> OrderedDict:
    return OrderedDict(zip(context, values))


_odict_unflatten = _ordereddict_unflatten


def _defaultdict_unflatten(values: Iterable, context: Any) -> defaultdict:
    return defaultdict(context[0], zip(context[1], values))


def _deque_unflatten(values: Iterable, context: Any) -> deque:
    return deque(values, maxlen=context)


def _register_containers() -> None:
    def add(cls: Any, name: str, with_keys: Callable, unflatten: Callable, dump: Any = None, load: Any = None) -> None:
        register_pytree_node(
            cls,
            _without_keys(with_keys),
            unflatten,
            serialized_type_name=name,
            to_dumpable_context=dump,
            from_dumpable_context=load,
            flatten_with_keys_fn=with_keys,
        )

    add(tuple, "builtins.tuple", _sequence_with_keys, _tuple_unflatten)
    add(list, "builtins.list", _sequence_with_keys, _list_unflatten)
    add(dict, "builtins.dict", _dict_flatten_with_keys, _dict_unflatten)
    add(
        namedtuple,
        "collections.namedtuple",
        _namedtuple_flatten_with_keys,
        _namedtuple_unflatten,
        _namedtuple_dump,
        SERIALIZED_TYPE_TO_PYTHON_TYPE.__getitem__,
    )
    add(OrderedDict, "collections.OrderedDict", _dict_flatten_with_keys, _ordereddict_unflatten)
    add(
        defaultdict,
        "collections.defaultdict",
        _defaultdict_flatten_with_keys,
        _defaultdict_unflatten,
        _defaultdict_dump,
        _defaultdict_load,
    )
    add(deque, "collections.deque", _deque_flatten_with_keys, _deque_unflatten)
    add(Size, "torch.Size", _sequence_with_keys, lambda values, context: Size(tuple(values)))
    for name, cls in NAMESPACES["return_types"].items():
        add(cls, f"torch.return_types.{name}", _sequence_with_keys, _result_unflatten(cls))


def _result_unflatten(cls: Any) -> Callable:
    return lambda values, context: cls(values)


_register_containers()


def is_namedtuple_class(cls: Any) -> bool:
    """Whether it is a class of named tuples."""
    return isinstance(cls, type) and issubclass(cls, tuple) and isinstance(getattr(cls, "_fields", None), tuple)


def is_namedtuple_instance(obj: Any) -> bool:
    """Whether it is a named tuple."""
    return is_namedtuple_class(type(obj))


def is_namedtuple(obj: Any) -> bool:
    """Whether it is a named tuple, or a class of them."""
    return is_namedtuple_class(obj if isinstance(obj, type) else type(obj))


_is_namedtuple_instance = is_namedtuple_instance


def is_structseq_class(cls: Any) -> bool:
    """Whether it is a class of CPython's structure sequences, as ``time.struct_time``."""
    return isinstance(cls, type) and issubclass(cls, tuple) and isinstance(getattr(cls, "n_sequence_fields", None), int)


def is_structseq_instance(obj: Any) -> bool:
    """Whether it is a structure sequence."""
    return is_structseq_class(type(obj))


def is_structseq(obj: Any) -> bool:
    """Whether it is a structure sequence, or a class of them."""
    return is_structseq_class(obj if isinstance(obj, type) else type(obj))


def _get_node_type(tree: Any) -> Any:
    """The key of :data:`SUPPORTED_NODES` for a tree; for a leaf its type."""
    kind = type(tree)
    return namedtuple if kind not in SUPPORTED_NODES and is_namedtuple_class(kind) else kind


def tree_is_leaf(tree: PyTree, is_leaf: IsLeaf = None) -> bool:
    """Whether a tree is a single leaf; ``is_leaf`` may say so of more."""
    return (is_leaf is not None and is_leaf(tree)) or _get_node_type(tree) not in SUPPORTED_NODES


_is_leaf = tree_is_leaf
