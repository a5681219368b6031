"""A training step's program may still run while Python goes on: nobody can tell but by the clock."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from tests.test_random_programs import check, firsts, others

import flambeau
from flambeau.lazy import window
from flambeau.runtime import threads

torch = pytest.importorskip("torch")


@pytest.fixture(autouse=True)
def two_threads():
    before = threads.get_num_threads()
    threads.set_num_threads(2)
    yield
    window.settle()
    threads.set_num_threads(before)


def network(lib):
    lib.manual_seed(0)
    nn = lib.nn
    net = nn.Sequential(nn.Linear(200, 160), nn.Tanh(), nn.Linear(160, 120), nn.ReLU(), nn.Linear(120, 10))
    optimizer = lib.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    inputs, labels = lib.rand(128, 200), lib.arange(128) % 10
    return net, optimizer, inputs, labels


def train(lib, steps: int, look):
    """What ``look(lib, step, loss, net, inputs)`` gives after each step."""
    net, optimizer, inputs, labels = network(lib)
    seen = []
    for step in range(steps):
        optimizer.zero_grad()
        loss = lib.nn.functional.cross_entropy(net(inputs), labels)
        loss.backward()
        optimizer.step()
        seen.append(look(lib, step, loss, net, inputs))
    seen.append([p.detach().sum().item() for p in net.parameters()])
    return seen


def loss_alone(lib, step, loss, net, inputs):
    return loss.item()


def nothing(lib, step, loss, net, inputs):
    return 0.0


def a_parameter(lib, step, loss, net, inputs):
    return net[0].weight[3].tolist() if step % 2 else loss.item()


def a_gradient(lib, step, loss, net, inputs):
    return net[2].weight.grad.abs().sum().item()


def through_numpy(lib, step, loss, net, inputs):
    return float(net[4].bias.detach().numpy().sum())


def write_parameters(lib, step, loss, net, inputs):
    with lib.no_grad():
        net[4].bias.fill_(0.01 * step)
        net[2].weight.mul_(0.99)
    return loss.item()


def draw_into_inputs(lib, step, loss, net, inputs):
    """Random numbers are written at once, not by an instruction."""
    inputs.uniform_(0, 1)
    return inputs[0, 0].item()


def write_through_numpy(lib, step, loss, net, inputs):
    net[4].bias.detach().numpy()[:] += 0.01
    return loss.item()


def drop_everything(lib, step, loss, net, inputs):
    """What the program still reads is freed here, and its memory asked for again."""
    for p in net.parameters():
        p.grad = None
    fresh = [lib.full((160, 200), float(step)) for _ in range(3)]
    return sum(f.sum().item() for f in fresh)


LOOKS = [loss_alone, nothing, a_parameter, a_gradient, through_numpy, write_parameters, draw_into_inputs, write_through_numpy,
         drop_everything]


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.__name__)
def test_training_sees_what_pytorch_sees(look):
    ours, theirs = train(flambeau, 12, look), train(torch, 12, look)
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, other, rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.__name__)
def test_the_same_bits_as_when_each_step_is_waited_for(look, monkeypatch):
    behind = train(flambeau, 12, look)
    monkeypatch.setattr(threads.Program, "starts", lambda self: False)
    assert behind == train(flambeau, 12, look)


@pytest.mark.skipif(window.EAGER or os.environ.get("FLAMBEAU_BACKEND") == "numpy", reason="nothing is compiled ahead")
def test_a_known_step_is_left_under_way():
    net, optimizer, inputs, labels = network(flambeau)
    for _ in range(4):
        optimizer.zero_grad()
        loss = flambeau.nn.functional.cross_entropy(net(inputs), labels)
        loss.backward()
        optimizer.step()
    assert window.flight is not None
    loss.item()
    assert window.flight is not None, "the loss is known before the parameters are"
    net[0].weight.sum().item()
    assert window.flight is None


def step_with(labels, net, optimizer, inputs):
    optimizer.zero_grad()
    loss = flambeau.nn.functional.cross_entropy(net(inputs), labels)
    loss.backward()
    optimizer.step()
    return loss


def test_an_index_out_of_range_is_said_at_the_next_look():
    net, optimizer, inputs, labels = network(flambeau)
    for _ in range(5):
        step_with(labels, net, optimizer, inputs)
    with pytest.raises(IndexError, match="out of bounds"):
        step_with(labels + 7, net, optimizer, inputs).item()
    assert flambeau.ones(3).sum().item() == 3.0


def test_an_error_does_not_take_the_next_window_with_it():
    net, optimizer, inputs, labels = network(flambeau)
    for step in range(6):
        try:
            loss = step_with(labels + (7 if step == 5 else 0), net, optimizer, inputs)
        except IndexError:  # where instructions are waited for
            return
    kept = flambeau.arange(4.0) * 2
    with pytest.raises(IndexError):
        kept.tolist()
    assert kept.tolist() == [0.0, 2.0, 4.0, 6.0]
    with pytest.raises((IndexError, RuntimeError)):
        loss.item()


def run_python(code: str) -> subprocess.CompletedProcess:
    prologue = f"import sys; sys.path[:0] = {sys.path!r}\nfrom tests.lazy.test_flight import *\nthreads.set_num_threads(2)\n"
    return subprocess.run([sys.executable, "-c", prologue + code], capture_output=True, text=True, timeout=120)


def test_a_fork_finds_it_finished():
    done = run_python(
        """
net, optimizer, inputs, labels = network(flambeau)
for step in range(8):
    optimizer.zero_grad()
    loss = flambeau.nn.functional.cross_entropy(net(inputs), labels)
    loss.backward()
    optimizer.step()
    child = os.fork()
    if child == 0:
        os._exit(0 if abs(net[0].weight.sum().item()) < 1e6 and loss.item() > 0 else 1)
    assert os.waitpid(child, 0)[1] == 0
print("done")
"""
    )
    assert done.stdout.strip() == "done", done.stderr


def test_the_process_ends_cleanly_and_says_what_went_wrong_last():
    done = run_python(
        """
net, optimizer, inputs, labels = network(flambeau)
for step in range(6):
    optimizer.zero_grad()
    loss = flambeau.nn.functional.cross_entropy(net(inputs), labels + (7 if step == 5 else 0))
    loss.backward()
    optimizer.step()
"""
    )
    assert "out of bounds" in done.stderr


def test_python_threads_train_side_by_side():
    expected = train(flambeau, 10, loss_alone)

    def work():
        results.append(train_quietly())

    def train_quietly():
        net, optimizer, inputs, labels = nets.pop()
        seen = []
        for _ in range(10):
            optimizer.zero_grad()
            loss = flambeau.nn.functional.cross_entropy(net(inputs), labels)
            loss.backward()
            optimizer.step()
            seen.append(loss.item())
        return seen

    results: list = []
    nets = [network(flambeau) for _ in range(3)]
    several = [threading.Thread(target=work) for _ in range(3)]
    for thread in several:
        thread.start()
    for thread in several:
        thread.join()
    for seen in results:
        np.testing.assert_allclose(seen, expected[:-1], rtol=1e-4)
    assert len(results) == 3


@settings(max_examples=60, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck), derandomize=True)
@given(firsts, others)
def test_random_programs_with_every_window_left_under_way(first, rest):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threads.Program, "starts", lambda self: isinstance(threads._pool, threads._Pool))
        patch.setattr(window, "overflow", lambda code: window.run(behind=True))
        patch.setattr(window.current, "limit", 2)
        check(first + rest)
        window.settle()
