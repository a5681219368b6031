"""Batches from loading processes: PyTorch's batches in PyTorch's order, and what goes wrong is said in the main process."""

from __future__ import annotations

import os
import random
import signal
import time

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import torch.utils.data as reference  # noqa: E402
from tests.utils.test_data import plain, same_in_both  # noqa: E402

import flambeau as fl  # noqa: E402
from flambeau.utils import data  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")


class Squares:
    """Sample ``i`` is ``(i * i as a tensor, i)``."""

    def __init__(self, library, length=11):
        self.library, self.length = library, length

    def __getitem__(self, index):
        return self.library.tensor([float(index)] * 3) ** 2, index

    def __len__(self):
        return self.length


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("options", [{}, {"shuffle": True}, {"drop_last": True}, {"batch_size": None}, {"prefetch_factor": 1}], ids=str)
def test_batches_come_in_order(workers, options):
    def run(library, module):
        library.manual_seed(3)
        loader = module.DataLoader(Squares(library), **{"batch_size": 4, "num_workers": workers, **options})
        return [list(loader), list(loader), len(loader), library.rand(2)]

    same_in_both(run)


def test_persistent_workers_keep_their_processes():
    loader = data.DataLoader(Pids(), 2, num_workers=2, persistent_workers=True)
    epochs = [{int(pid) for batch in loader for pid in batch} for _ in range(3)]
    assert epochs[0] == epochs[1] == epochs[2] and len(epochs[0]) == 2 and os.getpid() not in epochs[0]
    iterator = iter(loader)
    next(iterator)  # an epoch that is left early
    assert sum(len(batch) for batch in loader) == 8


class Pids:
    def __getitem__(self, index):
        return os.getpid()

    def __len__(self):
        return 8


class Parted(data.IterableDataset):
    """Each worker has its part of 0 to 9."""

    def __iter__(self):
        info = data.get_worker_info()
        assert isinstance(info.dataset, Parted) and data.get_worker_info() is info
        return iter(range(info.id, 10, info.num_workers))


class TorchParted(reference.IterableDataset):
    def __iter__(self):
        info = reference.get_worker_info()
        return iter(range(info.id, 10, info.num_workers))


@pytest.mark.parametrize("batch_size, drop_last", [(2, False), (3, False), (3, True), (None, False)])
def test_iterable_datasets_end_worker_by_worker(batch_size, drop_last):
    def run(module, dataset):
        return [plain(b) for b in module.DataLoader(dataset, batch_size, drop_last=drop_last, num_workers=3)]

    assert run(data, Parted()) == run(reference, TorchParted())
    assert data.get_worker_info() is None


class Draws:
    """What the generators of a worker give."""

    def __init__(self, library):
        self.library = library

    def __getitem__(self, index):
        return random.random(), float(np.random.random()), float(self.library.rand(())), float(self.seen)

    def __len__(self):
        return 4


def remember_number(number):
    Draws.seen = 10 + number


def test_workers_draw_numbers_of_their_own():
    def run(library, module):
        library.manual_seed(11)
        loader = module.DataLoader(Draws(library), 1, num_workers=2, worker_init_fn=remember_number)
        return list(loader)

    same_in_both(run)


class Wrong:
    def __init__(self, error):
        self.error = error

    def __getitem__(self, index):
        if index == 2:
            raise self.error
        return index

    def __len__(self):
        return 5


class OwnError(Exception):
    def __init__(self, first, second):
        super().__init__(first, second)


@pytest.mark.parametrize("error, kind", [(KeyError("no such"), KeyError), (ValueError("bad"), ValueError), (OwnError(1, 2), RuntimeError)])
def test_an_exception_comes_back_and_loading_can_go_on(error, kind):
    batches = iter(data.DataLoader(Wrong(error), 1, num_workers=2))
    assert [int(next(batches)), int(next(batches))] == [0, 1]
    with pytest.raises(kind, match=f"Caught {type(error).__name__} in DataLoader worker process 0"):
        next(batches)
    assert [int(b) for b in batches] == [3, 4]


def fail(number):
    raise OSError("not here")


def test_what_cannot_begin_or_be_sent_is_said():
    with pytest.raises(OSError, match="worker process 0.*\n(.*\n)*.*not here"):
        list(data.DataLoader([1, 2], num_workers=1, worker_init_fn=fail))
    with pytest.raises(Exception, match="worker process 0.*\n(.*\n)*.*pickle"):
        list(data.DataLoader([lambda: 0], num_workers=1, collate_fn=list))


class Slow:
    def __getitem__(self, index):
        if index == 1:
            time.sleep(60)
        return index

    def __len__(self):
        return 2


class Killed(Slow):
    def __getitem__(self, index):
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_worker_that_hangs_or_dies():
    with pytest.raises(RuntimeError, match="timed out after 1 seconds"):
        list(data.DataLoader(Slow(), num_workers=1, timeout=1))
    with pytest.raises(RuntimeError, match=r"worker \(pid\(s\) [\d, ]+\) exited unexpectedly"):
        list(data.DataLoader(Killed(), num_workers=2))


def test_any_order():
    loader = data.DataLoader(Late(), 1, num_workers=2, in_order=False)
    assert sorted(int(b) for b in loader) == [0, 1, 2, 3]


class Late(Slow):
    def __getitem__(self, index):
        time.sleep(0.2 * (index == 0))
        return index

    def __len__(self):
        return 4


@pytest.mark.parametrize("options, error", [
    ({"num_workers": 1, "multiprocessing_context": "threads"}, ValueError),
    ({"num_workers": 1, "multiprocessing_context": 3}, TypeError),
    ({"num_workers": 0, "multiprocessing_context": "fork"}, ValueError),
    ({"num_workers": 1, "prefetch_factor": -1}, ValueError),
    ({"num_workers": 0, "prefetch_factor": 2}, ValueError),
    ({"num_workers": 0, "persistent_workers": True}, ValueError),
])  # fmt: skip
def test_wrong_options(options, error):
    for module in (data, reference):
        with pytest.raises(error):
            module.DataLoader([1], **options)


def test_training_while_workers_load():
    """A net is trained between batches: its threads and those of the processes do not meet."""
    model = fl.nn.Linear(3, 1)
    optimizer = fl.optim.SGD(model.parameters(), lr=1e-8)
    for _ in range(3):
        for x, y in data.DataLoader(Squares(fl, 40), 8, shuffle=True, num_workers=2):
            optimizer.zero_grad()
            loss = (model(x).squeeze(1) - y).square().mean()
            loss.backward()
            optimizer.step()
    assert loss.isfinite()


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_other_start_methods(method):
    loader = data.DataLoader(Pids(), 4, num_workers=1, multiprocessing_context=method)
    assert len({int(pid) for batch in loader for pid in batch}) == 1
