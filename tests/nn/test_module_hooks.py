"""What Module's hooks promise. Each test runs on PyTorch as well: so it states PyTorch's behaviour."""

from __future__ import annotations

import warnings

import pytest
from tests.nn.doubler import Doubler

import flambeau

torch = pytest.importorskip("torch")


@pytest.fixture(params=[flambeau, torch], ids=["flambeau", "torch"])
def lib(request):
    return request.param


# Hooks of the forward


def test_forward_hooks_see_and_change_arguments_and_result(lib):
    layer = Doubler(lib)
    layer.register_forward_pre_hook(lambda m, args: args[0] + 1)
    layer.register_forward_hook(lambda m, args, output: output + args[0])
    assert layer(lib.ones(1)).item() == (1 + 1) * 2 + 2


def test_forward_hooks_with_keywords(lib):
    layer = Doubler(lib)
    layer.register_forward_pre_hook(lambda m, args, kwargs: (args, {"factor": 5}), with_kwargs=True)
    layer.register_forward_hook(lambda m, args, kwargs, output: output + kwargs["factor"], with_kwargs=True)
    assert layer(lib.ones(1), factor=3).item() == 10


def test_pre_hook_with_keywords_returns_a_pair(lib):
    layer = Doubler(lib)
    layer.register_forward_pre_hook(lambda m, args, kwargs: args, with_kwargs=True)
    with pytest.raises(RuntimeError, match="forward pre-hook must return None or a tuple"):
        layer(lib.ones(1))


def test_hooks_run_in_order_and_can_be_removed(lib):
    calls = []
    layer = Doubler(lib)
    first = layer.register_forward_hook(lambda *_: calls.append("first"))
    layer.register_forward_hook(lambda *_: calls.append("second"))
    with layer.register_forward_hook(lambda *_: calls.append("zeroth"), prepend=True):
        layer(lib.ones(1))
    first.remove()
    first.remove()
    layer(lib.ones(1))
    assert calls == ["zeroth", "first", "second", "second"]


def test_always_called_hooks_run_after_failure(lib):
    class Broken(lib.nn.Module):
        def forward(self, x):
            raise ValueError("broken")

    calls = []
    layer = Broken()
    layer.register_forward_hook(lambda *_: calls.append("never"))
    layer.register_forward_hook(lambda m, args, output: calls.append(output), always_call=True)
    with pytest.raises(ValueError, match="broken"):
        layer(1)
    assert calls == [None]

    def fail(*_):
        raise KeyError("hook")

    layer.register_forward_hook(fail, always_call=True)
    with pytest.warns(UserWarning, match="silenced"), pytest.raises(ValueError, match="broken"):
        layer(1)


def test_global_forward_hooks_reach_every_module(lib):
    calls = []
    register = lib.nn.modules.module
    handles = [
        register.register_module_forward_pre_hook(lambda m, args: calls.append(("pre", type(m).__name__))),
        register.register_module_forward_hook(lambda m, args, out: calls.append(("post", type(m).__name__))),
    ]
    try:
        lib.nn.Sequential(lib.nn.ReLU())(lib.ones(1))
    finally:
        for handle in handles:
            handle.remove()
    lib.nn.ReLU()(lib.ones(1))
    assert calls == [("pre", "Sequential"), ("pre", "ReLU"), ("post", "ReLU"), ("post", "Sequential")]


def test_registration_hooks_may_replace(lib):
    register = lib.nn.modules.module
    with register.register_module_parameter_registration_hook(lambda m, name, p: lib.nn.Parameter(p * 0)):
        layer = lib.nn.Linear(2, 2)
    assert layer.weight.shape == (2, 2)
    seen = []
    with (
        register.register_module_buffer_registration_hook(lambda m, name, b: seen.append(name)),
        register.register_module_module_registration_hook(lambda m, name, c: seen.append(name)),
    ):
        net = lib.nn.Module()
        net.child = lib.nn.BatchNorm1d(1)
    assert seen == ["running_mean", "running_var", "num_batches_tracked", "child"]


def test_entry_written_into_a_register_is_called(lib):
    calls = []
    layer = Doubler(lib)
    layer._forward_hooks[12345] = lambda *_: calls.append("called")
    layer(lib.ones(1))
    assert calls == ["called"]


# Hooks of the backward


def test_full_backward_hook_sees_gradients_and_changes_them(lib):
    seen = []

    def hook(module, grad_input, grad_output):
        seen.append((grad_input[0].tolist(), grad_output[0].tolist()))
        return (grad_input[0] * 10,)

    layer = Doubler(lib)
    handle = layer.register_full_backward_hook(hook)
    x = lib.ones(2, requires_grad=True)
    layer(x).sum().backward()
    assert seen == [([2, 2], [1, 1])]
    assert x.grad.tolist() == [20, 20]
    handle.remove()
    x.grad = None
    layer(x).sum().backward()
    assert x.grad.tolist() == [2, 2] and len(seen) == 1


def test_full_backward_pre_hook_changes_the_gradient_of_the_output(lib):
    layer = Doubler(lib)
    layer.register_full_backward_pre_hook(lambda m, grad_output: (grad_output[0] * 3,))
    x = lib.ones(1, requires_grad=True)
    layer(x).sum().backward()
    assert x.grad.item() == 6


def test_backward_hook_of_several_inputs_and_outputs(lib):
    class Swap(lib.nn.Module):
        def forward(self, x, label, y):
            return y * 2, x * 3, label

    seen = []
    layer = Swap()
    layer.register_full_backward_hook(lambda m, gi, go: seen.append((len(gi), gi[1], len(go), go[2])))
    x, y = lib.ones(1, requires_grad=True), lib.ones(1, requires_grad=True)
    first, second, _ = layer(x, "label", y)
    (first + second).sum().backward()
    assert (x.grad.item(), y.grad.item()) == (3, 2)
    assert seen == [(3, None, 3, None)]


def test_backward_hook_without_inputs_that_require_grad(lib):
    seen = []
    layer = lib.nn.Linear(1, 1)
    layer.register_full_backward_hook(lambda m, gi, go: seen.append((gi, go[0].tolist())))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        layer(lib.ones(1, 1)).sum().backward()
    assert seen == [((None,), [[1]])]


def test_wrong_number_of_gradients_is_refused(lib):
    layer = Doubler(lib)
    layer.register_full_backward_hook(lambda m, gi, go: (gi[0], gi[0]))
    with pytest.raises(RuntimeError, match="invalid number of grad_input, got 2, but expected 1"):
        layer(lib.ones(1, requires_grad=True)).sum().backward()


def test_full_and_deprecated_backward_hooks_do_not_mix(lib):
    layer = Doubler(lib)
    layer.register_full_backward_hook(lambda *_: None)
    with pytest.raises(RuntimeError, match="Cannot use both regular backward hooks and full backward hooks"):
        layer.register_backward_hook(lambda *_: None)


def test_backward_hooks_are_idle_without_grad(lib):
    layer = Doubler(lib)
    layer.register_full_backward_hook(lambda *_: None)
    with lib.no_grad():
        assert layer(lib.ones(1, requires_grad=True)).grad_fn is None


def test_calls_go_straight_to_forward_until_a_hook_is_registered(monkeypatch):
    from flambeau.nn.modules import _hooks

    monkeypatch.setattr(_hooks, "anywhere", False)
    monkeypatch.setattr(flambeau.nn.Module, "_call_impl", lambda *_: "hooked")
    layer = Doubler(flambeau)
    assert layer(3) == 6
    layer.register_forward_hook(lambda *_: None)
    assert layer(3) == "hooked"
