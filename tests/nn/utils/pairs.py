"""One module in both libraries, with the same weights, and a few steps of training."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau

torch = pytest.importorskip("torch")

LIBS = (flambeau, torch)


def pair(make, seed=0):
    """``make(lib)`` for flambeau and PyTorch after the same seed."""
    made = []
    for lib in LIBS:
        lib.manual_seed(seed)
        made.append(make(lib))
    return made


def states_agree(ours, theirs, rtol=1e-4, atol=1e-6):
    """The same names in the same order, and equal values."""
    ours, theirs = ours.state_dict(), theirs.state_dict()
    assert list(ours) == list(theirs)
    for name, value in ours.items():
        np.testing.assert_allclose(value.detach().numpy(), theirs[name].detach().numpy(), rtol, atol, err_msg=name)


def train(lib, module, shape, steps=3):
    """Steps of gradient descent on fixed inputs; returns the results."""
    x = lib.tensor(np.random.default_rng(0).standard_normal(shape).astype(np.float32))
    optimizer = lib.optim.SGD(module.parameters(), lr=0.1, momentum=0.9)
    results = []
    for _ in range(steps):
        optimizer.zero_grad()
        result = module(x)
        (result * result.cos()).mean().backward()
        optimizer.step()
        results.append(result.detach().numpy())
    return results


def training_agrees(ours, theirs, shape, steps=3):
    """Both modules give the same results while they are trained, and end in the same state."""
    got, want = train(flambeau, ours, shape, steps), train(torch, theirs, shape, steps)
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)
    states_agree(ours, theirs, rtol=1e-4, atol=1e-5)


def errors_agree(call):
    """``call(lib)`` raises the same type of exception in both libraries."""
    raised = []
    for lib in LIBS:
        try:
            call(lib)
        except Exception as error:
            raised.append(type(error))
        else:
            raised.append(None)
    assert raised[0] is raised[1] is not None, raised
