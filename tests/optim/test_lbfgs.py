"""L-BFGS against PyTorch on the Rosenbrock function and on least squares."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import flambeau as fl  # noqa: E402
from flambeau import optim  # noqa: E402


def rosenbrock(library, line_search, max_iter, steps):
    """Minimise from (-1.5, 2) and return where each step ended."""
    x = library.tensor([-1.5, 2.0], dtype=library.float64, requires_grad=True)
    cls = optim.LBFGS if library is fl else torch.optim.LBFGS
    lr = 1 if line_search else 1e-3
    optimizer = cls([x], lr=lr, max_iter=max_iter, line_search_fn=line_search, history_size=5)

    def closure():
        optimizer.zero_grad()
        loss = (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2
        loss.backward()
        return loss

    places, losses = [], []
    for _ in range(steps):
        losses.append(optimizer.step(closure).item())
        places.append(x.detach().numpy().copy())
    return places, losses, optimizer.state_dict()["state"][0]


@pytest.mark.parametrize("line_search", [None, "strong_wolfe"])
def test_same_path_as_torch(line_search):
    ours, theirs = (rosenbrock(library, line_search, 4, 5) for library in (fl, torch))
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-8)
    np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-8)
    for name in ("func_evals", "n_iter"):
        assert ours[2][name] == theirs[2][name]
    assert sorted(ours[2]) == sorted(theirs[2])


def test_line_search_reaches_the_minimum():
    places, _, _ = rosenbrock(fl, "strong_wolfe", 50, 1)
    np.testing.assert_allclose(places[-1], [1, 1], atol=1e-3)


def test_no_step_where_the_gradient_vanishes():
    x = fl.zeros(3, requires_grad=True)
    optimizer = optim.LBFGS([x])

    def closure():
        optimizer.zero_grad()
        loss = (x * x).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 0
    assert optimizer.state[x]["func_evals"] == 1


def test_one_group_and_one_line_search_only():
    x, y = fl.zeros(1, requires_grad=True), fl.zeros(1, requires_grad=True)
    with pytest.raises(ValueError, match="per-parameter options"):
        optim.LBFGS([{"params": [x]}, {"params": [y]}])
    x.grad = fl.ones(1)
    with pytest.raises(RuntimeError, match="only 'strong_wolfe' is supported"):
        optim.LBFGS([x], line_search_fn="other").step(lambda: x.sum())
