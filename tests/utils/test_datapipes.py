"""Pipes of samples, against PyTorch's."""

from __future__ import annotations

import gc

import pytest

import flambeau
from flambeau.utils.data import DataLoader, graph_settings

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("quiet")]


@pytest.fixture
def quiet():
    yield
    gc.collect()


def wrapped(m, values):
    return m.utils.data.datapipes.iter.IterableWrapper(values)


def sequence(m, values):
    return m.utils.data.datapipes.map.SequenceWrapper(values)


def run(call, m):
    __import__(f"{m.__name__}.utils.data.datapipes.iter")
    __import__(f"{m.__name__}.utils.data.datapipes.map")
    try:
        found = call(m)
        return [list(f) for f in found] if isinstance(found, tuple) else list(found)
    except Exception as error:
        return type(error)


@pytest.mark.parametrize(
    "call",
    [
        lambda m: wrapped(m, range(5)),
        lambda m: wrapped(m, range(5)).map(lambda x: x * 2),
        lambda m: wrapped(m, [(1, 2), (3, 4)]).map(lambda a: -a, input_col=1),
        lambda m: wrapped(m, [(1, 2), (3, 4)]).map(lambda a, b: a + b, input_col=[0, 1]),
        lambda m: wrapped(m, [(1, 2), (3, 4)]).map(lambda a: -a, input_col=0, output_col=-1),
        lambda m: wrapped(m, [{"a": 1}]).map(lambda a: -a, input_col="a", output_col="b"),
        lambda m: wrapped(m, range(6)).filter(lambda x: x % 2 == 0),
        lambda m: wrapped(m, range(6)).filter(lambda x: x),
        lambda m: wrapped(m, range(7)).batch(3),
        lambda m: wrapped(m, range(7)).batch(3, drop_last=True),
        lambda m: wrapped(m, range(7)).batch(2).batch(2).unbatch(2),
        lambda m: wrapped(m, range(7)).batch(2).batch(2).unbatch(-1),
        lambda m: wrapped(m, range(7)).unbatch(),
        lambda m: [t.tolist() for t in wrapped(m, range(4)).batch(2).collate()],
        lambda m: wrapped(m, range(3)).concat(wrapped(m, "ab")),
        lambda m: wrapped(m, range(3)).zip(wrapped(m, "ab")),
        lambda m: wrapped(m, range(3)).mux(wrapped(m, "ab")),
        lambda m: tuple(wrapped(m, range(3)).fork(2)),
        lambda m: tuple(wrapped(m, range(5)).demux(2, lambda x: x % 2)),
        lambda m: wrapped(m, range(5)).demux(2, lambda x: 7)[0],
        lambda m: wrapped(m, range(5)).fork(2, buffer_size=2)[0],
        lambda m: wrapped(m, range(8)).groupby(lambda x: x % 3),
        lambda m: wrapped(m, range(8)).groupby(lambda x: x % 3, group_size=2, keep_key=True),
        lambda m: wrapped(m, range(8)).groupby(lambda x: x % 3, buffer_size=4),
        lambda m: wrapped(m, range(30)).shuffle(buffer_size=7).set_seed(3),
        lambda m: wrapped(m, range(5)).shuffle().set_shuffle(False),
        lambda m: wrapped(m, range(5)).batch(0),
        lambda m: wrapped(m, range(5)).no_such_kind(),
        lambda m: sequence(m, "abcde"),
        lambda m: sequence(m, "abcde").map(str.upper).batch(2),
        lambda m: sequence(m, "abc").concat(sequence(m, "de")),
        lambda m: sequence(m, "abc").zip(sequence(m, "de")),
        lambda m: sequence(m, "abcdefgh").shuffle().set_seed(1),
        lambda m: [len(wrapped(m, range(7)).batch(3)), len(sequence(m, range(7)).batch(3, drop_last=True))],
    ],
)
def test_agrees(call):
    assert run(call, flambeau) == run(call, torch)


def test_kinds_are_registered_by_name():
    @flambeau.utils.data.functional_datapipe("flambeau_test_double")
    class Double(flambeau.utils.data.IterDataPipe):
        def __init__(self, source):
            self.source = source

        def __iter__(self):
            for x in self.source:
                yield 2 * x

    try:
        assert list(wrapped(flambeau, range(3)).flambeau_test_double()) == [0, 2, 4]
        with pytest.raises(Exception, match="already taken"):
            flambeau.utils.data.functional_datapipe("flambeau_test_double")(Double)
        with pytest.raises(TypeError, match="can only decorate"):
            flambeau.utils.data.functional_datapipe("x")(int)
    finally:
        del flambeau.utils.data.IterDataPipe.functions["flambeau_test_double"]


def test_files(tmp_path):
    for name in ("b.txt", "a.txt", "c.csv"):
        (tmp_path / name).write_text(name)
    pipe = wrapped(flambeau, [str(tmp_path)]).list_files("*.txt").open_files("t").read_from_stream()
    assert [text for _, text in pipe] == ["a.txt", "b.txt"]
    assert len(list(wrapped(flambeau, [str(tmp_path / "c.csv")]).open_files("b").read_from_stream(2))) == 3


def test_a_loader_shuffles_and_shards_pipes():
    flambeau.manual_seed(0)
    pipe = wrapped(flambeau, list(range(40))).shuffle().sharding_filter()
    loader = DataLoader(pipe, batch_size=10, shuffle=True)
    values = [v for batch in loader for v in batch.tolist()]
    assert sorted(values) == list(range(40)) != values
    assert [b.tolist() for b in DataLoader(pipe, batch_size=40, shuffle=False)] == [list(range(40))]
    graph_settings.apply_sharding(pipe, 4, 1)
    assert list(pipe) == list(range(1, 40, 4))
    assert len(pipe) == 10
    assert len(graph_settings.get_all_graph_pipes(pipe)) == 3


def test_iterators_have_the_names_that_packages_know():
    from flambeau.utils.data import _utils, dataloader

    loader = DataLoader(range(3))
    assert isinstance(iter(loader), dataloader._SingleProcessDataLoaderIter)
    assert isinstance(loader._get_iterator(), dataloader._BaseDataLoaderIter)
    assert (dataloader._DatasetKind.Map, dataloader._DatasetKind.Iterable) == (0, 1)
    assert _utils.collate.default_collate([1, 2]).tolist() == [1, 2]
    assert _utils.worker.get_worker_info() is None


def test_determinism_can_be_asked_for():
    @flambeau.utils.data.non_deterministic
    class Any(flambeau.utils.data.IterDataPipe):
        pass

    Any()
    with flambeau.utils.data.guaranteed_datapipes_determinism(), pytest.raises(TypeError, match="non-deterministic"):
        Any()
