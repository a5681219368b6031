"""``utils.checkpoint``: parts of a program that are computed again in backward, compared with PyTorch and with no checkpoint."""

from __future__ import annotations

import contextlib
import warnings

import pytest

import flambeau
from flambeau.utils.checkpoint import (
    CheckpointError,
    check_backward_validity,
    checkpoint,
    checkpoint_sequential,
    create_selective_checkpoint_contexts,
    detach_variable,
    set_checkpoint_early_stop,
)

torch = pytest.importorskip("torch")
BOTH_WAYS = pytest.mark.parametrize("use_reentrant", [False, True])


def vector(m=flambeau, n=5):
    return m.linspace(-1.0, 2.0, n).requires_grad_()


class Counted:
    """A function of a few operators that counts its calls, and those in which it came to its end."""

    def __init__(self):
        self.calls = self.ends = 0

    def __call__(self, x, y=2.0):
        self.calls += 1
        result = (x.sin() * y).exp().tanh()
        result = result * x
        self.ends += 1
        return result


@BOTH_WAYS
def test_values_and_gradients_are_those_of_the_function(use_reentrant):
    x, y = vector(), vector()
    function = Counted()
    result = checkpoint(function, x, use_reentrant=use_reentrant)
    Counted()(y).sum().backward()
    result.sum().backward()
    assert function.calls == 2
    assert flambeau.equal(x.grad, y.grad)


@BOTH_WAYS
def test_parameters_get_their_gradients(use_reentrant):
    def run(m, check):
        m.manual_seed(0)
        layer = m.nn.Sequential(m.nn.Linear(4, 3), m.nn.GELU(), m.nn.Linear(3, 2))
        with m.no_grad():
            for i, p in enumerate(layer.parameters()):
                p.copy_(m.linspace(-1, 1, p.numel()).reshape(p.shape) * (i + 1))
        x = m.linspace(0, 1, 8).reshape(2, 4).requires_grad_()
        check(layer, x, use_reentrant=use_reentrant).square().sum().backward()
        return [x.grad, *[p.grad for p in layer.parameters()]]

    for mine, theirs in zip(run(flambeau, checkpoint), run(torch, torch.utils.checkpoint.checkpoint)):
        torch.testing.assert_close(torch.tensor(mine.tolist()), theirs)


@BOTH_WAYS
@pytest.mark.parametrize("preserve", [True, False])
def test_random_numbers_are_drawn_again(use_reentrant, preserve):
    x = flambeau.ones(64, requires_grad=True)
    flambeau.manual_seed(3)
    result = checkpoint(flambeau.nn.functional.dropout, x, use_reentrant=use_reentrant, preserve_rng_state=preserve)
    after = flambeau.get_rng_state()
    result.sum().backward()
    assert flambeau.equal(x.grad, result.detach()) == preserve
    assert flambeau.equal(flambeau.get_rng_state(), after) == preserve


def test_several_arguments_results_and_keywords():
    def function(x, n, *, y, flag=False):
        return (x * y * n, [x + y]) if flag else None

    x, y = vector(), vector()
    a, (b,) = checkpoint(function, x, 3, y=y, flag=True, use_reentrant=False)
    (a.sum() + b.sum()).backward()
    assert flambeau.equal(x.grad, 3 * y.detach() + 1)
    assert flambeau.equal(y.grad, 3 * x.detach() + 1)


def test_nothing_is_kept_where_there_is_no_graph():
    function = Counted()
    with flambeau.no_grad():
        assert not checkpoint(function, vector(), use_reentrant=False).requires_grad
    assert function.calls == 1


def test_second_backward_computes_a_third_time():
    x, function = vector(), Counted()
    result = checkpoint(function, x, use_reentrant=False).sum()
    result.backward(retain_graph=True)
    first = x.grad.clone()
    result.backward()
    assert function.calls == 3
    assert flambeau.equal(x.grad, first + first)
    with pytest.raises(RuntimeError, match="second time"):
        result.backward()


def test_gradients_of_gradients_and_grad():
    def second(m, check):
        x = vector(m)
        y = check(lambda x: x.sin().exp() * x, x, use_reentrant=False)
        (g,) = m.autograd.grad(y.sum(), x, create_graph=True)
        return m.autograd.grad(g.sum(), x)[0]

    mine, theirs = second(flambeau, checkpoint), second(torch, torch.utils.checkpoint.checkpoint)
    torch.testing.assert_close(torch.tensor(mine.tolist()), theirs)


@pytest.mark.parametrize("early_stop", [True, False])
def test_early_stop(early_stop):
    x, function = vector(), Counted()
    checkpoint(lambda x: function(x).sum() + 1, x, use_reentrant=False, early_stop=early_stop).backward()
    assert (function.calls, function.ends) == (2, 1 if early_stop else 2)
    with set_checkpoint_early_stop(not early_stop):
        checkpoint(lambda x: function(x).sum() + 1, x, use_reentrant=False, early_stop=early_stop).backward()
    assert (function.calls, function.ends) == (4, 3)


@BOTH_WAYS
@pytest.mark.filterwarnings("ignore:None of the inputs")
def test_nested(use_reentrant):
    def run(m, check):
        calls = []

        def inner(x):
            calls.append("inner")
            return x.sin().exp()

        def outer(x):
            calls.append("outer")
            return check(inner, x.cos(), use_reentrant=use_reentrant).tanh() * x

        x = vector(m)
        check(outer, x, use_reentrant=use_reentrant).sum().backward()
        return calls, x.grad

    calls, mine = run(flambeau, checkpoint)
    expected, theirs = run(torch, torch.utils.checkpoint.checkpoint)
    assert calls == expected
    torch.testing.assert_close(torch.tensor(mine.tolist()), theirs)


def test_autocast_holds_again():
    seen = []

    def function(x):
        y = x @ x
        seen.append(y.dtype)
        return y.float().exp()

    x = flambeau.eye(3, requires_grad=True)
    with flambeau.autocast("cpu", dtype=flambeau.bfloat16):
        result = checkpoint(function, x, use_reentrant=False)
    result.sum().backward()
    assert seen == [flambeau.bfloat16] * 2


def test_context_fn_surrounds_both_computations():
    seen = []

    @contextlib.contextmanager
    def note(name):
        seen.append(name)
        try:
            yield
        finally:
            seen.append("end of " + name)

    x = vector()
    y = checkpoint(flambeau.sin, x, use_reentrant=False, context_fn=lambda: (note("first"), note("second")))
    assert seen == ["first", "end of first"]
    y.sum().backward()
    assert seen[2:] == ["second", "end of second"]


def test_functions_that_change_are_found_out():
    def growing(shorter, longer):
        state = iter([shorter, longer])
        return lambda x: next(state)(x)

    cases = [
        (lambda x: x.sin().cos(), lambda x: x.sin(), {}, "A different number of tensors"),
        (lambda x: x.sin(), lambda x: x.sin().cos(), {"early_stop": False}, "trying to save more tensors"),
        (lambda x: x.sin(), lambda x: x.double().sin(), {}, "different metadata"),
    ]
    for first, second, options, message in cases:
        with pytest.raises(CheckpointError, match=message):
            checkpoint(growing(first, second), vector(), use_reentrant=False, **options).sum().backward()
    checkpoint(growing(*cases[0][1::-1]), vector(), use_reentrant=False).sum().backward()


def test_saved_tensors_are_given_once():
    class Twice(flambeau.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * 2

        @staticmethod
        def backward(ctx, grad):
            return grad * ctx.saved_tensors[0] + ctx.saved_tensors[0]

    with pytest.raises(CheckpointError, match="already unpacked once"):
        checkpoint(Twice.apply, vector(), use_reentrant=False).sum().backward()


def test_reentrant_refusals():
    x = vector()
    with pytest.raises(RuntimeError, match=r"incompatible with \.grad\(\)"):
        flambeau.autograd.grad(checkpoint(flambeau.sin, x, use_reentrant=True).sum(), x)
    with pytest.raises(ValueError, match="Unexpected keyword arguments: y"):
        checkpoint(flambeau.sin, x, use_reentrant=True, y=1)
    with pytest.raises(ValueError, match="context_fn"):
        checkpoint(flambeau.sin, x, use_reentrant=True, context_fn=lambda: None)
    with pytest.raises(RuntimeError, match="none of output has requires_grad"):
        checkpoint(lambda x: x.detach(), x, use_reentrant=True).sum().backward()
    with pytest.warns(UserWarning, match="None of the inputs"):
        check_backward_validity([flambeau.ones(1), 3])


def test_arguments():
    with pytest.warns(UserWarning, match="use_reentrant"):
        checkpoint(flambeau.sin, vector())
    with pytest.raises(ValueError, match="determinism_check should be one of"):
        checkpoint(flambeau.sin, vector(), use_reentrant=False, determinism_check="some")
    with pytest.raises(NotImplementedError, match="debug"):
        checkpoint(flambeau.sin, vector(), use_reentrant=False, debug=True)
    with pytest.raises(NotImplementedError, match="create_selective_checkpoint_contexts"):
        create_selective_checkpoint_contexts([])
    (a, b) = detach_variable((vector(), 3))
    assert (a.is_leaf, a.requires_grad, b) == (True, True, 3)
    with pytest.raises(RuntimeError, match="tuple"):
        detach_variable(vector())


@BOTH_WAYS
@pytest.mark.parametrize("segments", [1, 2, 3])
def test_sequential(use_reentrant, segments):
    function = Counted()
    chain = [flambeau.sin, function, flambeau.exp, flambeau.tanh]
    x, y = vector(), vector()
    checkpoint_sequential(chain, segments, x, use_reentrant=use_reentrant).sum().backward()
    flambeau.sin(y).sin().mul(2).exp().tanh().mul(y.sin()).exp().tanh().sum().backward()
    assert function.calls == (1 if segments == 1 else 2)
    torch.testing.assert_close(torch.tensor(x.grad.tolist()), torch.tensor(y.grad.tolist()))


def test_sequential_of_modules():
    layers = flambeau.nn.Sequential(flambeau.nn.Linear(3, 3), flambeau.nn.ReLU(), flambeau.nn.Linear(3, 2))
    x = flambeau.ones(2, 3, requires_grad=True)
    result = checkpoint_sequential(layers, 2, x, use_reentrant=False)
    assert flambeau.equal(result, layers(x))
    with pytest.raises(ValueError, match="Unexpected keyword arguments: y"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        checkpoint_sequential(layers, 2, x, y=3)
