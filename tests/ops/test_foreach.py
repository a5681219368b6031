"""``torch._foreach_*`` against PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau

torch = pytest.importorskip("torch")
NAMES = [name for name in dir(torch) if name.startswith("_foreach_")]
FIRST, SECOND = ([[0.5, 0.25], [[0.75]]], [[0.1, 0.2], [[0.3]]])


def lists(m):
    return tuple([m.tensor(a, dtype=m.float64) for a in given] for given in (FIRST, SECOND))


def arguments(m, name):
    """Arguments that the function takes, in all their forms."""
    x, y = lists(m)
    base = name.removeprefix("_foreach_").removesuffix("_")
    if base in ("add", "sub", "mul", "div"):
        return [(x, y), (x, 2), (x, [2, 3.0]), (x, m.tensor(2.0, dtype=m.float64))]
    if base in ("maximum", "minimum", "clamp_min", "clamp_max", "pow"):
        return [(x, y), (x, 0.5), (x, [2, 0.5])] + ([(2.0, x)] if name == "_foreach_pow" else [])
    if base in ("addcdiv", "addcmul"):
        return [(x, y, x), (x, y, x, 3.0), (x, y, x, [2.0, 3.0]), (x, y, x, m.tensor([2.0, 3.0], dtype=m.float64))]
    if base == "lerp":
        return [(x, y, 0.3), (x, y, x), (x, y, [0.3, 0.4])]
    if base == "norm":
        return [(x,), (x, 1), (x, float("inf")), (x, 2, m.float64)]
    if base == "powsum":
        return [(x, 3)]
    if base == "copy":
        return [(x, y)]
    if base == "mm":
        return [([x[1]], [y[1]])]
    return [(x,)]


@pytest.mark.parametrize("name", NAMES)
def test_values(name):
    for mine, theirs in zip(arguments(flambeau, name), arguments(torch, name), strict=True):
        found, expected = getattr(flambeau, name)(*mine), getattr(torch, name)(*theirs)
        assert type(found) is type(expected)
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy())
            assert str(a.dtype) == str(b.dtype)
        if name.endswith("_"):
            assert all(a is x for a, x in zip(found, mine[0]))


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m._foreach_add([], []),
        lambda m: m._foreach_abs([]),
        lambda m: m._foreach_abs(3),
        lambda m: m._foreach_add([m.ones(1)], [1, 2]),
        lambda m: m._foreach_add([m.ones(1)], m.ones(2)),
        lambda m: m._foreach_add(3, [m.ones(1)]),
        lambda m: m._foreach_norm([m.arange(3)]),
    ],
)
def test_errors(call):
    with pytest.raises(Exception) as theirs:  # noqa: PT011
        call(torch)
    with pytest.raises(type(theirs.value)):
        call(flambeau)


def test_gradients_flow():
    x = [flambeau.ones(2, requires_grad=True), flambeau.ones(1, requires_grad=True)]
    sum(y.sum() for y in flambeau._foreach_mul(flambeau._foreach_exp(x), [2.0, 3.0])).backward()
    assert [t.grad.tolist() for t in x] == [pytest.approx([2 * np.e] * 2), pytest.approx([3 * np.e])]
