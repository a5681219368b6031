"""backward and grad: accumulation, arguments, errors; each case runs with PyTorch as well."""

from __future__ import annotations

import pytest

import flambeau

torch = pytest.importorskip("torch")


def both(case):
    """The results of ``case`` with flambeau and with PyTorch, as lists; an error as its type and text."""
    found = []
    for module in (flambeau, torch):
        try:
            result = case(module)
        except Exception as error:
            result = (type(error), str(error))
        found.append(plain(result))
    return found


def plain(value):
    if hasattr(value, "tolist"):
        return (str(value.dtype), value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value


def leaf(module, *values):
    return module.tensor(list(values), requires_grad=True)


def accumulates(m):
    x = leaf(m, 1.0, 2.0)
    (x * x).sum().backward()
    (3 * x).sum().backward()
    return x.grad


def used_several_times(m):
    x = leaf(m, 1.0, 2.0)
    y = x * x
    (y * x + y).sum().backward()
    return x.grad


def deep_chain(m):
    x = leaf(m, 1.0)
    y = x
    for _ in range(3000):
        y = y + x
    y.backward()
    return x.grad


def only_given_inputs(m):
    x, y = leaf(m, 1.0), leaf(m, 2.0)
    (x * y).backward(inputs=[x])
    return x.grad, y.grad


def into_a_non_leaf(m):
    x = leaf(m, 1.0)
    y = x * 2
    (y * y).backward(inputs=[y])
    return x.grad, y.grad


def third_derivative(m):
    x = leaf(m, 2.0)
    (first,) = m.autograd.grad(x**4, x, create_graph=True)
    (second,) = m.autograd.grad(first, x, create_graph=True)
    (third,) = m.autograd.grad(second, x)
    return first, second, third


def retained_graph(m):
    x = leaf(m, 2.0)
    y = x * x
    y.backward(retain_graph=True)
    y.backward()
    return x.grad


def twice_through_a_freed_graph(m):
    x = leaf(m, 2.0)
    y = (x * x).exp()
    y.backward()
    y.backward()


def gradient_of_itself(m):
    x = leaf(m, 2.0)
    return m.autograd.grad(x, x)


def several_outputs(m):
    x = leaf(m, 2.0, 3.0)
    return m.autograd.grad([x * 2, x * x], x, [m.ones(2), m.tensor([1.0, 10.0])])


def the_given_gradient_is_not_taken_over(m):
    x, g = leaf(m, 2.0), m.ones(1) * 3
    x.backward(g)
    g.zero_()
    return x.grad


def shared_gradients_are_not_shared_memory(m):
    x, y = leaf(m, 2.0), leaf(m, 3.0)
    (x + y).sum().backward()
    x.grad.mul_(5)
    return x.grad, y.grad


def batched(m):
    x = leaf(m, 1.0, 2.0)
    return m.autograd.grad(x * x, x, m.tensor([[1.0, 0.0], [0.0, 1.0]]), is_grads_batched=True)


def materialized(m):
    x, y = leaf(m, 1.0), leaf(m, 2.0, 3.0)
    return m.autograd.grad(x * 2, [x, y], materialize_grads=True)


def unused_allowed(m):
    x, y = leaf(m, 1.0), leaf(m, 2.0)
    return m.autograd.grad(x * 2, [x, y], allow_unused=True)


CASES = [
    accumulates,
    used_several_times,
    deep_chain,
    only_given_inputs,
    into_a_non_leaf,
    third_derivative,
    retained_graph,
    twice_through_a_freed_graph,
    gradient_of_itself,
    several_outputs,
    the_given_gradient_is_not_taken_over,
    shared_gradients_are_not_shared_memory,
    batched,
    materialized,
    unused_allowed,
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_same_as_pytorch(case):
    ours, theirs = both(case)
    assert ours == theirs


@pytest.mark.parametrize(
    "case",
    [
        lambda m: (leaf(m, 1.0, 2.0) * 2).backward(),
        lambda m: m.ones(1).backward(),
        lambda m: (leaf(m, 1.0) * 2).backward(m.ones(2)),
        lambda m: m.autograd.grad(leaf(m, 1.0) * 2, leaf(m, 1.0)),
        lambda m: m.autograd.grad(leaf(m, 1.0) * 2, m.ones(1)),
        lambda m: m.autograd.grad(leaf(m, 1.0) * 2, ()),
        lambda m: leaf(m, 1.0).backward(inputs=[]),
    ],
)
def test_same_errors(case):
    ours, theirs = both(case)
    assert ours == theirs


def test_gradients_of_integers_are_refused():
    with pytest.raises(RuntimeError, match="floating point"):
        flambeau.ones(2, dtype=flambeau.int64).requires_grad_()


def test_a_leaf_keeps_its_gradient_s_layout():
    x = flambeau.ones(2, 3).t().requires_grad_()
    (x * 2).sum().backward()
    assert x.grad.stride() == x.stride()
