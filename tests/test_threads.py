"""Threads, forks, errors of hooks and finalizers: whatever comes in between, results are right."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time

import pytest

import flambeau as torch

SECONDS = 1.0
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")


def a_turn(g: float) -> None:
    """Record, differentiate, write in place, look: with numbers of this caller's own."""
    x = torch.full((4, 5), g, requires_grad=True)
    w = torch.full((5, 3), 2.0, requires_grad=True)
    y = torch.nn.functional.relu(x @ w + 1).sum() * 3
    y.backward()
    assert y.item() == (10 * g + 1) * 36
    assert x.grad.tolist() == [[18.0] * 5] * 4
    z = torch.arange(10.0) * g
    z.add_(1)
    z[0] = 5
    assert z.tolist() == [5.0] + [i * g + 1 for i in range(1, 10)]
    with torch.no_grad():
        assert not (x * 2).requires_grad
    assert (x * 2).requires_grad


def in_threads(function, count: int = 4) -> None:
    """Run ``function(number)`` in several threads; the first error is raised."""
    errors = []

    def guarded(number):
        try:
            function(number)
        except BaseException as error:
            errors.append(error)

    workers = [threading.Thread(target=guarded, args=(n,)) for n in range(count)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert not any(worker.is_alive() for worker in workers)
    if errors:
        raise errors[0]


def until(function, *arguments, seconds: float = SECONDS) -> None:
    stop = time.monotonic() + seconds
    while time.monotonic() < stop:
        function(*arguments)


def test_threads_at_once():
    in_threads(lambda n: until(a_turn, n + 1.0))


def test_threads_accumulate_into_one_leaf():
    w = torch.ones(3, requires_grad=True)
    in_threads(lambda n: [(w * 2).sum().backward() for _ in range(50)])
    assert w.grad.tolist() == [400, 400, 400]


def in_child(function) -> None:
    """Run ``function()`` in a forked child, which must end well and soon."""
    pid = os.fork()
    if pid == 0:
        signal.alarm(30)
        try:
            function()
        except BaseException:
            os._exit(1)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0


@needs_fork
def test_fork_with_pending_work():
    for k in range(3):
        pending = torch.ones(1000) * 3 + k

        def child(k=k, pending=pending):
            x = torch.ones(3, requires_grad=True)
            (x * pending[:3]).sum().backward()
            assert x.grad.tolist() == [3.0 + k] * 3
            assert torch.ones(400, 400).mm(torch.ones(400, 400)).sum().item() == 400**3

        in_child(child)
        assert (pending * 2).sum().item() == 2000 * (3 + k)


def test_an_error_of_a_hook_leaves_nothing_behind():
    x = torch.ones(3, requires_grad=True)

    def refuse(grad):
        raise ValueError("refused")

    for _ in range(10):
        y = x * 2
        y.register_hook(refuse)
        with pytest.raises(ValueError, match="refused"):
            (y * 3).sum().backward()
        assert torch.is_grad_enabled() and x.grad is None
    (x * 4).sum().backward()
    assert x.grad.tolist() == [4, 4, 4]


def test_finalizers_that_compute():
    seen = []

    class Box:
        def __init__(self, tensor):
            self.tensor = tensor
            self.me = self  # only the collector frees it

        def __del__(self):
            seen.append((self.tensor * 2).sum().item())

    threshold = gc.get_threshold()
    gc.set_threshold(5)
    try:
        for k in range(50):
            kept = torch.ones(10) * k
            kept.tolist()
            Box(kept)
            x = torch.ones(10, requires_grad=True)
            (x.exp() * kept).sum().backward()
            assert torch.allclose(x.grad, torch.ones(10).exp() * k)
    finally:
        gc.set_threshold(*threshold)
    gc.collect()
    assert sorted(seen) == [20.0 * k for k in range(50)]


def test_generators_have_their_own_grad_mode():
    @torch.no_grad()
    def numbers():
        for k in range(3):
            assert not torch.is_grad_enabled()
            yield k

    x = torch.ones(2, requires_grad=True)
    for k in numbers():
        assert (x * k).requires_grad
