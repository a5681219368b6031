"""Groups, hooks, state dicts and gradients: what all optimizers share."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

import flambeau as fl  # noqa: E402
from flambeau import optim  # noqa: E402
from flambeau.optim.optimizer import (  # noqa: E402
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)


def leaf(*shape: int):
    return fl.ones(*shape, requires_grad=True)


def test_groups_take_missing_options_from_the_defaults():
    a, b = leaf(2), leaf(3)
    optimizer = optim.SGD([{"params": [a]}, {"params": b, "lr": 0.5}], lr=0.1, momentum=0.9)
    first, second = optimizer.param_groups
    assert (first["lr"], first["momentum"]) == (0.1, 0.9)
    assert (second["lr"], second["momentum"], second["params"]) == (0.5, 0.9, [b])


def test_groups_step_with_their_own_rate():
    a, b = leaf(1), leaf(1)
    optimizer = optim.SGD([{"params": [a]}, {"params": [b], "lr": 0.5}], lr=0.1)
    a.grad, b.grad = fl.ones(1), fl.ones(1)
    optimizer.step()
    assert (a.item(), b.item()) == (pytest.approx(0.9), pytest.approx(0.5))


def test_named_parameters():
    a, b = leaf(1), leaf(2)
    optimizer = optim.SGD([("weight", a), ("bias", b)])
    assert optimizer.param_groups[0]["param_names"] == ["weight", "bias"]
    assert optimizer.param_groups[0]["params"] == [a, b]
    assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["weight", "bias"]
    with pytest.raises(ValueError, match="cannot add param group without names"):
        optimizer.add_param_group({"params": [leaf(1)]})
    with pytest.raises(ValueError, match="Some param names are missing"):
        optim.SGD([("weight", leaf(1)), leaf(1)])


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        (lambda: leaf(1), TypeError, "iterable of Tensors or dicts"),
        (lambda: [], ValueError, "empty parameter list"),
        (lambda: [3], TypeError, "can only optimize Tensors"),
        (lambda: [{"params": {leaf(1)}}], TypeError, "ordered collections"),
        (lambda: [leaf(1) * 2], ValueError, "non-leaf"),
    ],
)
def test_wrong_parameters(params, error, message):
    with pytest.raises(error, match=message):
        optim.SGD(params())


def test_a_parameter_belongs_to_one_group():
    a = leaf(1)
    with pytest.raises(ValueError, match="more than one parameter group"):
        optim.SGD([{"params": [a]}, {"params": [a]}])
    with pytest.warns(UserWarning, match="duplicate parameters"):
        optim.SGD([a, a])
    with pytest.raises(TypeError, match="must be a dict"):
        optim.SGD([a]).add_param_group([a])


def test_zero_grad():
    a, b = leaf(2), leaf(2)
    optimizer = optim.SGD([a, b])
    a.grad = gradient = fl.ones(2)
    optimizer.zero_grad(set_to_none=False)
    assert a.grad is gradient and a.grad.tolist() == [0, 0] and b.grad is None
    optimizer.zero_grad()
    assert a.grad is None


def test_step_hooks_run_around_the_step_and_can_be_removed():
    a = leaf(1)
    a.grad = fl.ones(1)
    optimizer = optim.SGD([a], lr=0.5)
    seen = []
    handles = [
        optimizer.register_step_pre_hook(lambda opt, args, kwargs: seen.append(("before", a.item()))),
        optimizer.register_step_post_hook(lambda opt, args, kwargs: seen.append(("after", a.item()))),
        register_optimizer_step_pre_hook(lambda opt, args, kwargs: seen.append(("all before", opt))),
        register_optimizer_step_post_hook(lambda opt, args, kwargs: seen.append(("all after", opt))),
    ]
    optimizer.step()
    assert seen == [("all before", optimizer), ("before", 1.0), ("after", 0.5), ("all after", optimizer)]
    for handle in handles:
        handle.remove()
    optimizer.step()
    assert len(seen) == 4


def test_pre_hook_may_replace_the_arguments():
    a = leaf(1)
    optimizer = optim.SGD([a])
    optimizer.register_step_pre_hook(lambda opt, args, kwargs: ((opt, lambda: "loss"), {}))
    assert optimizer.step() == "loss"
    optimizer.register_step_pre_hook(lambda opt, args, kwargs: "wrong")
    with pytest.raises(RuntimeError, match="must return None or a tuple"):
        optimizer.step()


def test_user_subclass_gets_hooks_too():
    class Half(optim.Optimizer):
        def __init__(self, params):
            super().__init__(params, {"share": 0.5})

        def step(self, closure=None):
            with fl.no_grad():
                for group in self.param_groups:
                    for param in group["params"]:
                        param.mul_(group["share"])

    a = leaf(1)
    optimizer = Half([a])
    calls = []
    optimizer.register_step_post_hook(lambda *args: calls.append(1))
    optimizer.step()
    assert a.item() == 0.5 and calls == [1]


def test_state_dict_hooks():
    optimizer = optim.SGD([leaf(1)], lr=0.1)
    order = []
    optimizer.register_state_dict_pre_hook(lambda opt: order.append("before"))
    optimizer.register_state_dict_post_hook(lambda opt, state: {**state, "note": 1})
    saved = optimizer.state_dict()
    assert order == ["before"] and saved["note"] == 1

    def double_rate(opt, state):
        state = {**state, "param_groups": [{**state["param_groups"][0], "lr": 0.2}]}
        return state

    optimizer.register_load_state_dict_pre_hook(double_rate)
    optimizer.register_load_state_dict_post_hook(lambda opt: order.append("loaded"))
    optimizer.register_load_state_dict_post_hook(lambda opt: order.append("first"), prepend=True)
    optimizer.load_state_dict(saved)
    assert optimizer.param_groups[0]["lr"] == 0.2 and order == ["before", "first", "loaded"]


def test_load_state_dict_checks_the_groups():
    one, two = optim.SGD([leaf(1)]), optim.SGD([leaf(1), leaf(1)])
    with pytest.raises(ValueError, match="doesn't match the size of optimizer's group"):
        one.load_state_dict(two.state_dict())
    two.add_param_group({"params": [leaf(1)]})
    with pytest.raises(ValueError, match="different number of parameter groups"):
        one.load_state_dict(two.state_dict())


def test_load_state_dict_casts_state_to_the_parameter_but_not_the_step():
    a = leaf(2)
    optimizer = optim.Adam([a])
    a.grad = fl.ones(2)
    optimizer.step()
    b = fl.ones(2, dtype=fl.float64, requires_grad=True)
    other = optim.Adam([b])
    other.load_state_dict(optimizer.state_dict())
    assert other.state[b]["exp_avg"].dtype is fl.float64
    assert other.state[b]["step"].dtype is fl.float32


def test_state_dicts_of_old_releases_with_plain_step_numbers():
    a = leaf(2)
    optimizer = optim.Adam([a])
    a.grad = fl.ones(2)
    optimizer.step()
    saved = optimizer.state_dict()
    saved["state"][0]["step"] = 5
    optimizer.load_state_dict(saved)
    optimizer.step()
    assert optimizer.state[a]["step"].item() == 6
