"""A training step of the MLP of ``mnist_mlp.py``: from ``zero_grad`` to ``loss.item()``."""

from __future__ import annotations

from importlib import import_module

from .measure import Block, Row, compare, timed, with_two_threads

BATCH = 64


def mlp_step(lib, batch: int = BATCH) -> Block:
    nn, optim = import_module(f"{lib.__name__}.nn"), import_module(f"{lib.__name__}.optim")
    lib.manual_seed(0)
    net = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10))
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    inputs, labels = lib.rand(batch, 784), lib.arange(batch) % 10

    def step() -> float:
        optimizer.zero_grad()
        loss = criterion(net(inputs), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    return timed(step)


def rows(repetitions: int) -> list[Row]:
    ours, theirs = with_two_threads()
    return [compare("MLP 784-128-64-10, batch 64, training step", mlp_step(ours), mlp_step(theirs), 0.4, repetitions)]
