"""Datasets, samplers, collation and the data loader against PyTorch, random draws included."""

from __future__ import annotations

import collections
import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import torch.utils.data as reference  # noqa: E402

import flambeau as fl  # noqa: E402
from flambeau.utils import data  # noqa: E402

LIBRARIES = [(fl, data), (torch, reference)]
Pair = collections.namedtuple("Pair", ["x", "y"])


def plain(value):
    """Tensors as (dtype, values), so that results of the two libraries can be compared."""
    if isinstance(value, (torch.Tensor, fl.Tensor)):
        return str(value.dtype).split(".")[-1], tuple(value.shape), value.tolist()
    if isinstance(value, dict):
        return type(value), {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value), [plain(item) for item in value]
    return value


def same_in_both(function):
    ours, theirs = (function(library, module) for library, module in LIBRARIES)
    assert plain(ours) == plain(theirs)
    return ours


# Random draws


@pytest.mark.parametrize("own_generator", [False, True])
def test_shuffled_epochs_and_the_stream_after_them(own_generator):
    def run(library, module):
        library.manual_seed(7)
        generator = library.Generator() if own_generator else None
        if own_generator:
            generator.manual_seed(3)
        loader = module.DataLoader(list(range(23)), batch_size=5, shuffle=True, generator=generator)
        epochs = [[batch.tolist() for batch in loader] for _ in range(2)]
        half_read = next(iter(loader)).tolist()
        return epochs, half_read, library.rand(3)

    same_in_both(run)


def test_unshuffled_epochs_draw_a_seed_too():
    def run(library, module):
        library.manual_seed(1)
        list(module.DataLoader(list(range(4))))
        return library.rand(2)

    same_in_both(run)


@pytest.mark.parametrize("samples", [1, 10, 32, 70])
@pytest.mark.parametrize("replacement", [False, True])
def test_random_sampler(samples, replacement):
    def run(library, module):
        library.manual_seed(5)
        sampler = module.RandomSampler(range(10), replacement, num_samples=samples)
        return len(sampler), list(sampler), list(sampler)

    same_in_both(run)


def test_other_random_samplers():
    def run(library, module):
        library.manual_seed(5)
        subset = list(module.SubsetRandomSampler([3, 1, 4, 1, 5]))
        weighted = list(module.WeightedRandomSampler([0.1, 0.5, 0.0, 2.0], 6))
        without = list(module.WeightedRandomSampler([0.1, 0.5, 0.3, 2.0], 3, replacement=False))
        return subset, weighted, without

    same_in_both(run)


@pytest.mark.parametrize("lengths", [[3, 7], [0.5, 0.3, 0.2], [0.33, 0.33, 0.34], [10, 0]])
def test_random_split(lengths):
    def run(library, module):
        generator = library.Generator()
        generator.manual_seed(42)
        parts = module.random_split(range(10), lengths, generator=generator)
        library.manual_seed(2)
        return [list(part) for part in parts], [
            list(part.indices) for part in module.random_split(range(10), lengths)
        ]

    same_in_both(run)


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize(("count", "replicas"), [(10, 2), (11, 4), (3, 8)])
def test_distributed_sampler(shuffle, drop_last, count, replicas):
    def run(library, module):
        shares = []
        for rank in range(replicas):
            sampler = module.DistributedSampler(
                range(count), replicas, rank, shuffle=shuffle, seed=4, drop_last=drop_last
            )
            sampler.set_epoch(2)
            shares.append((len(sampler), list(sampler)))
        return shares

    same_in_both(run)


# Datasets


def test_tensor_concat_subset_stack():
    def run(library, module):
        tensors = module.TensorDataset(library.arange(6).view(3, 2), library.arange(3))
        joined = tensors + module.Subset(tensors, [2, 0])
        stacked = module.StackDataset(a=joined, b=list(range(5)))
        return (
            len(joined),
            joined[-1],
            joined[3],
            stacked[4],
            stacked.__getitems__([0, 4]),
            module.StackDataset(range(3), range(3)).__getitems__([1, 2]),
            joined.datasets[1].__getitems__([0, 1]),
        )

    same_in_both(run)


class Counting(data.IterableDataset):
    def __init__(self, count):
        self.count = count

    def __iter__(self):
        return iter(range(self.count))

    def __len__(self):
        return self.count


def test_chained_iterables():
    chain = Counting(3) + Counting(2)
    assert len(chain) == 5 and list(chain) == [0, 1, 2, 0, 1]
    with pytest.raises(AssertionError, match="only supports IterableDataset"):
        list(data.ChainDataset([[1]]))


def test_wrong_datasets():
    with pytest.raises(AssertionError, match="Size mismatch"):
        data.TensorDataset(fl.zeros(2), fl.zeros(3))
    with pytest.raises(ValueError, match="Size mismatch"):
        data.StackDataset([1], [1, 2])
    with pytest.raises(ValueError, match="At least one"):
        data.StackDataset()
    with pytest.raises(AssertionError, match="empty iterable"):
        data.ConcatDataset([])
    with pytest.raises(AssertionError, match="IterableDataset"):
        data.ConcatDataset([Counting(1)])
    with pytest.raises(ValueError, match="should not exceed dataset length"):
        data.ConcatDataset([[1, 2]])[-3]
    with pytest.raises(ValueError, match="does not equal the length"):
        data.random_split(range(5), [1, 2])
    with pytest.raises(NotImplementedError):
        data.Dataset()[0]


def test_subclass_of_subset_has_to_write_both_ways_of_reading():
    class Doubled(data.Subset):
        def __getitem__(self, index):
            return 2 * super().__getitem__(index)

    with pytest.raises(NotImplementedError, match="overrides __getitem__ but not __getitems__"):
        Doubled([1, 2], [0])


# Collation

BATCHES = {
    "tensors": lambda lib: [lib.ones(2), lib.zeros(2)],
    "0-dim tensors": lambda lib: [lib.tensor(1), lib.tensor(2)],
    "ints": lambda lib: [1, 2],
    "bools": lambda lib: [True, False],
    "floats": lambda lib: [1.5, 2.0],
    "strings": lambda lib: ["a", "b"],
    "bytes": lambda lib: [b"a", b"b"],
    "arrays": lambda lib: [np.ones(2, np.float32), np.zeros(2, np.float32)],
    "array scalars": lambda lib: [np.float32(1), np.float32(2)],
    "array ints": lambda lib: [np.int16(1), np.int16(2)],
    "tuples": lambda lib: [(1, lib.ones(1)), (2, lib.zeros(1))],
    "lists": lambda lib: [[1, 2.0], [3, 4.0]],
    "dicts": lambda lib: [{"a": 1, "b": [1, 2]}, {"a": 2, "b": [3, 4]}],
    "named tuples": lambda lib: [Pair(1, "a"), Pair(2, "b")],
    "ordered dicts": lambda lib: [collections.OrderedDict(a=1), collections.OrderedDict(a=2)],
    "empty tuples": lambda lib: [(), ()],
}


@pytest.mark.parametrize("name", BATCHES)
def test_default_collate(name):
    same_in_both(lambda library, module: module.default_collate(BATCHES[name](library)))


@pytest.mark.parametrize("name", BATCHES)
def test_default_convert(name):
    same_in_both(lambda library, module: module.default_convert(BATCHES[name](library)))


@pytest.mark.parametrize(
    "batch", [[object()], [None], [np.array(["a"])], [(1, 2), (1,)], [[1], [1, 2]]], ids=repr
)
def test_batches_that_cannot_be_collated(batch):
    with pytest.raises((TypeError, RuntimeError)) as expected:
        reference.default_collate(batch)
    with pytest.raises(expected.type) as received:
        data.default_collate(batch)
    assert str(received.value) == str(expected.value)


def test_collate_of_own_types():
    from flambeau.utils.data.collate import collate, default_collate_fn_map

    class Celsius(float):
        pass

    table = {**default_collate_fn_map, Celsius: lambda batch, *, collate_fn_map: sum(batch)}
    assert collate([(Celsius(1), 1.0), (Celsius(2), 2.0)], collate_fn_map=table)[0] == 3


# The loader


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("batch_size", [None, 1, 4, 20])
def test_batches_of_maps_and_iterables(batch_size, drop_last):
    if batch_size is None and drop_last:
        pytest.skip("excluded by the loader")

    def run(library, module):
        values = library.arange(10)
        loader = module.DataLoader(module.TensorDataset(values), batch_size, drop_last=drop_last)
        return len(loader), list(loader)

    same_in_both(run)
    loader = data.DataLoader(Counting(10), batch_size, drop_last=drop_last)
    expected = [list(range(i, min(i + (batch_size or 1), 10))) for i in range(0, 10, batch_size or 1)]
    if drop_last:
        expected = [batch for batch in expected if len(batch) == batch_size]
    batches = [batch if batch_size is None else batch.tolist() for batch in loader]
    assert batches == ([batch[0] for batch in expected] if batch_size is None else expected)
    assert len(loader) == len(expected)


def test_a_batch_of_rows_is_a_copy_that_keeps_gradients():
    def run(library, module):
        rows = library.arange(12.0).reshape(4, 3)
        batch = module.default_collate([rows[2], rows[0]])
        rows.zero_()
        weights = library.ones(2, 3, requires_grad=True)
        module.default_collate([weights[0], weights[1] * 2]).sum().backward()
        mixed = module.default_collate([rows[1] + 1, library.ones(3)])
        return batch, weights.grad, mixed

    same_in_both(run)


def test_rows_of_unequal_size_are_refused():
    for library, module in LIBRARIES:
        with pytest.raises(RuntimeError, match="stack expects each tensor to be equal size"):
            module.default_collate([library.ones(2), library.ones(3)])


def test_own_collate_samplers_and_batch_samplers():
    values = list(range(6))
    assert list(data.DataLoader(values, 4, collate_fn=tuple)) == [(0, 1, 2, 3), (4, 5)]
    assert [b.tolist() for b in data.DataLoader(values, 2, sampler=[5, 3, 1])] == [[5, 3], [1]]
    assert [b.tolist() for b in data.DataLoader(values, batch_sampler=[[1], [2, 3]])] == [[1], [2, 3]]
    assert list(itertools.islice(data.BatchSampler(itertools.count(), 2, False), 2)) == [[0, 1], [2, 3]]


def test_datasets_may_read_several_samples_or_a_whole_batch_at_once():
    class Several(data.Dataset):
        def __getitems__(self, indices):
            return [10 * index for index in indices]

        def __len__(self):
            return 3

    class Whole(Several):
        def __getbatch__(self, indices):
            return ("whole", list(indices))

    class NotNow(Several):
        def __getbatch__(self, indices):
            return None

    assert [b.tolist() for b in data.DataLoader(Several(), 2)] == [[0, 10], [20]]
    assert list(data.DataLoader(Whole(), 2)) == [("whole", [0, 1]), ("whole", [2])]
    assert list(data.DataLoader(data.Subset(Whole(), [2, 0]), 2)) == [("whole", [2, 0])]
    # Whoever collates on their own gets samples.
    assert list(data.DataLoader(Whole(), 2, collate_fn=list)) == [[0, 10], [20]]
    assert [b.tolist() for b in data.DataLoader(NotNow(), 2)] == [[0, 10], [20]]
    assert [b.tolist() for b in data.DataLoader(data.Subset(Several(), [2, 0]), 2)] == [[20, 0]]


@pytest.mark.parametrize(
    ("dataset", "options"),
    [
        ([1], {"num_workers": -1}),
        ([1], {"timeout": -1}),
        ([1], {"prefetch_factor": 2}),
        ([1], {"persistent_workers": True}),
        ([1], {"multiprocessing_context": "fork"}),
        ([1], {"sampler": [0], "shuffle": True}),
        ([1], {"batch_sampler": [[0]], "batch_size": 2}),
        ([1], {"batch_sampler": [[0]], "drop_last": True}),
        ([1], {"batch_size": None, "drop_last": True}),
        ([1], {"batch_size": 0}),
        ([1], {"batch_size": 2.5}),
        ([], {"shuffle": True}),
    ],
)
def test_wrong_options(dataset, options):
    with pytest.raises(ValueError) as expected:
        reference.DataLoader(dataset, **options)
    with pytest.raises(ValueError) as received:
        data.DataLoader(dataset, **options)
    assert str(received.value) == str(expected.value)


@pytest.mark.parametrize("options", [{"shuffle": True}, {"sampler": [0]}, {"batch_sampler": [[0]]}])
def test_iterables_have_an_order_of_their_own(options):
    with pytest.raises(ValueError, match="DataLoader with IterableDataset: expected unspecified"):
        data.DataLoader(Counting(3), **options)


def test_what_is_refused_or_warned_of():
    with pytest.warns(UserWarning, match="no accelerator is found"):
        iter(data.DataLoader([1], pin_memory=True))
    loader = data.DataLoader([1])
    with pytest.raises(ValueError, match="batch_size attribute should not be set after DataLoader"):
        loader.batch_size = 3
    assert data.get_worker_info() is None


def test_iterable_longer_than_it_says():
    class Liar(Counting):
        def __len__(self):
            return 1

    loader = data.DataLoader(Liar(2))
    assert len(loader) == 1
    with pytest.warns(UserWarning, match="was reported to be 1"):
        list(loader)


def test_errors_in_the_dataset_reach_the_caller():
    class Broken(data.Dataset):
        def __getitem__(self, index):
            raise KeyError(index)

        def __len__(self):
            return 2

    with pytest.raises(KeyError):
        next(iter(data.DataLoader(Broken())))


@pytest.mark.parametrize("kind", ["plain", "strided", "needs grad", "bfloat16", "other samples", "numbers"])
def test_batches_of_tensor_datasets(kind):
    """Rows are copied together where they can be; batches are as if collated sample by sample."""

    def run(library, module):
        class Doubled(module.TensorDataset):
            def __getitem__(self, index):
                return tuple(2 * x for x in super().__getitem__(index))

        library.manual_seed(2)
        x, y = library.arange(24.0).view(8, 3), library.arange(8)
        if kind == "strided":
            x = library.arange(24.0).view(3, 8).t()
        if kind == "bfloat16":
            x = x.to(library.bfloat16)
        if kind == "needs grad":
            x.requires_grad_()
        dataset = Doubled(x, y) if kind == "other samples" else module.TensorDataset(x, y)
        if kind == "numbers":
            return list(module.DataLoader(module.Subset(dataset, range(-3, 3)), 4))
        part, _ = module.random_split(dataset, [6, 2])
        batches = list(module.DataLoader(part, 4, shuffle=True)) + list(module.DataLoader(dataset, 3))
        return batches, [b[0].stride() for b in batches], [b[0].requires_grad for b in batches]

    same_in_both(run)
    with pytest.raises(IndexError):
        list(data.DataLoader(data.TensorDataset(fl.zeros(2)), 2, sampler=[0, 5]))
