"""``utils._pytree`` against PyTorch's."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict, defaultdict, deque, namedtuple

import pytest

import flambeau
from flambeau.utils import _pytree as mine

torch = pytest.importorskip("torch")
theirs = pytest.importorskip("torch.utils._pytree")

Point = namedtuple("Point", "x y")
TREES = [
    1,
    None,
    [],
    {"b": 1, "a": [2, (3, None)]},
    OrderedDict(z=1, a=(2,)),
    defaultdict(list, a=1),
    deque([1, [2]], maxlen=4),
    Point(1, {"q": 2}),
    slice(1, 2),
    (1, [2, {"k": (3, 4)}, ()], "text"),
]


@pytest.mark.parametrize("tree", TREES, ids=repr)
def test_a_tree_is_taken_apart_and_put_together(tree):
    leaves, spec = mine.tree_flatten(tree)
    expected_leaves, expected = theirs.tree_flatten(tree)
    assert leaves == expected_leaves == mine.tree_leaves(tree) == list(mine.tree_iter(tree))
    assert repr(spec) == repr(expected)
    assert mine.treespec_pprint(spec) == theirs.treespec_pprint(expected)
    for name in ("num_leaves", "num_nodes", "num_children", "type", "context"):
        assert getattr(spec, name) == getattr(expected, name)
    assert mine.tree_unflatten(leaves, spec) == tree
    assert type(mine.tree_unflatten(leaves, spec)) is type(tree)
    assert spec == mine.tree_structure(tree)
    assert hash(spec) == hash(mine.tree_structure(tree))
    paths = [(mine.keystr(path), leaf) for path, leaf in mine.tree_leaves_with_path(tree)]
    assert paths == [(theirs.keystr(path), leaf) for path, leaf in theirs.tree_leaves_with_path(tree)]
    assert [mine.key_get(tree, path) for path, _ in mine.tree_leaves_with_path(tree)] == leaves


@pytest.mark.parametrize("tree", [t for t in TREES if not isinstance(t, Point)], ids=repr)
def test_a_structure_is_written_and_read(tree):
    spec = mine.tree_structure(tree)
    text = mine.treespec_dumps(spec)
    assert text == theirs.treespec_dumps(theirs.tree_structure(tree))
    assert mine.treespec_loads(text).num_leaves == spec.num_leaves


def test_named_tuples_are_written_by_the_name_that_they_are_given():
    spec = mine.tree_structure(Point(1, 2))
    with pytest.raises(NotImplementedError, match="_register_namedtuple"):
        mine.treespec_dumps(spec)
    mine._register_namedtuple(Point, serialized_type_name="test.Point")
    try:
        assert mine.treespec_loads(mine.treespec_dumps(spec)) == spec
    finally:
        del mine.SUPPORTED_SERIALIZED_TYPES[Point], mine.SERIALIZED_TYPE_TO_PYTHON_TYPE["test.Point"]


def test_maps():
    tree = {"a": [1, 2.5], "b": ("c", 4)}
    for name, arguments in {
        "tree_map": (lambda x: [x], tree),
        "tree_map_only": (int, lambda x: -x, tree),
        "tree_all": (lambda x: x != 4, tree),
        "tree_any": (lambda x: x == 4, tree),
        "tree_all_only": (int, lambda x: x < 4, tree),
        "tree_any_only": ((int, float), lambda x: x > 3, tree),
        "arg_tree_leaves": (1, tree, [2]),
    }.items():
        assert getattr(mine, name)(*arguments) == getattr(theirs, name)(*arguments), name
    assert mine.tree_map(lambda x, y: (x, y), [1, [2]], ["a", [{"b": 3}]]) == [(1, "a"), [(2, {"b": 3})]]
    assert mine.tree_map(lambda x, y: x - y, {"a": 1, "b": 2}, {"b": 5, "a": 7}) == {"a": -6, "b": -3}
    assert mine.tree_map_with_path(lambda p, x: mine.keystr(p) + str(x), [1, {"k": 2}]) == ["[0]1", {"k": "[1]['k']2"}]
    assert mine.tree_map(len, [(1, 2), [()]], is_leaf=lambda x: isinstance(x, tuple)) == [2, [0]]
    seen = []
    assert mine.tree_map_(seen.append, tree) is tree
    assert seen == [1, 2.5, "c", 4]


test_is_leaf_cases = [([1, (2, 3)], lambda x: isinstance(x, tuple)), ({"a": None}, None)]


@pytest.mark.parametrize(("tree", "is_leaf"), test_is_leaf_cases)
def test_what_is_said_to_be_a_leaf_stays_whole(tree, is_leaf):
    assert mine.tree_leaves(tree, is_leaf) == theirs.tree_leaves(tree, is_leaf)


def errors():
    spec = "spec"
    return [
        lambda m: m.tree_unflatten([1], m.tree_structure([1, 2])),
        lambda m: m.tree_unflatten([1], spec),
        lambda m: m.tree_map(max, [1, 2], [1]),
        lambda m: m.tree_map(max, [1, (2,)], [1, 2]),
        lambda m: m.tree_map(max, [1, (2,)], [1, [2]]),
        lambda m: m.tree_map(max, {"a": 1}, {"b": 1}),
        lambda m: m.register_pytree_node(list, None, None),
        lambda m: m.treespec_dumps(3),
        lambda m: m.treespec_loads("[3, {}]"),
    ]


@pytest.mark.parametrize("call", errors())
def test_errors(call):
    with pytest.raises(Exception) as expected:  # noqa: PT011
        call(theirs)
    with pytest.raises(type(expected.value)) as found:
        call(mine)
    assert str(found.value).split(";")[0][:30] == str(expected.value).split(";")[0][:30]


def test_broadcasting():
    for tree, like in [(1, [2, (3, 4)]), ([1, 2], [1, (2, 3)]), ([1, 2, 3], [1, (2, 3)]), ({"a": 1}, [1])]:
        assert mine._broadcast_to_and_flatten(tree, mine.tree_structure(like)) == theirs._broadcast_to_and_flatten(
            tree, theirs.tree_structure(like)
        )


def test_classes_can_be_registered():
    class Pair:
        def __init__(self, a, b):
            self.a, self.b = a, b

    mine.register_pytree_node(Pair, lambda p: ([p.a, p.b], "pair"), lambda values, context: Pair(*values))
    try:
        made = mine.tree_map(lambda x: x + 1, {"p": Pair(1, [2])})
        assert (made["p"].a, made["p"].b) == (2, [3])
        with pytest.raises(ValueError, match="flatten_with_keys_fn"):
            mine.tree_leaves_with_path(Pair(1, 2))
    finally:
        mine._deregister_pytree_node(Pair)
    assert mine.tree_leaves([Pair])[0] is Pair

    @dataclasses.dataclass
    class Record:
        a: int
        b: list | None

    mine.register_dataclass(Record)
    try:
        assert mine.tree_map(str, Record(1, [2, 3])) == Record("1", ["2", "3"])
        assert mine.tree_leaves(Record(1, None)) == [1]
        assert mine.keystr(mine.tree_leaves_with_path(Record(1, [2]))[1][0]) == ".b[0]"
    finally:
        mine._deregister_pytree_node(Record)


def test_results_of_operators_are_nodes():
    result = flambeau.ones(2, 3).max(1)
    (values, indices), spec = mine.tree_flatten({"r": result})
    assert (values.shape, indices.shape) == ((2,), (2,))
    assert type(mine.tree_unflatten([values, indices], spec)["r"]) is type(result)
    assert mine.tree_leaves(result.values.shape) == [2]
    assert isinstance(mine.tree_map(lambda n: n + 1, result.values.shape), flambeau.Size)
