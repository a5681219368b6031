"""A fork takes the locks in the order in which everybody takes them, so that threads at work cannot stop it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from flambeau.runtime import forking

CODE = """
import os, threading, time
import flambeau
from flambeau.runtime import threads

threads.set_num_threads(2)
nn = flambeau.nn


def train(until):
    net = nn.Sequential(nn.Linear(120, 100), nn.ReLU(), nn.Linear(100, 10))
    optimizer = flambeau.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    labels = flambeau.arange(64) % 10
    while time.monotonic() < until:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(flambeau.rand(64, 120)), labels)
        loss.backward()
        optimizer.step()
        loss.item()


until = time.monotonic() + 4
several = [threading.Thread(target=train, args=(until,)) for _ in range(2)]
for thread in several:
    thread.start()
children = 0
while time.monotonic() < until and children < 40:
    child = os.fork()
    if child == 0:
        os._exit(0 if flambeau.ones(4).sum().item() == 4.0 else 1)
    assert os.waitpid(child, 0)[1] == 0
    children += 1
for thread in several:
    thread.join()
print("children", children)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_forks_while_threads_train():
    code = f"import sys; sys.path[:0] = {sys.path!r}\n{CODE}"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.startswith("children "), done.stderr
    assert int(done.stdout.split()[1]) >= 2


def test_outer_locks_are_taken_first(monkeypatch):
    seen: list = []
    monkeypatch.setattr(forking, "_steps", {})
    for level in (forking.COMPILER, forking.WINDOW, forking.POOL):
        forking.around_fork(level, *[lambda level=level, when=when: seen.append((when, level)) for when in ("before", "parent", "child")])
    forking._before()
    forking._in_parent()
    forking._in_child()
    assert [level for when, level in seen if when == "before"] == [forking.WINDOW, forking.POOL, forking.COMPILER]
    assert [level for when, level in seen if when != "before"] == [forking.COMPILER, forking.POOL, forking.WINDOW] * 2
