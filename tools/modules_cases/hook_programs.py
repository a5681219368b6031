"""Hooks of modules: what they are given, in which order, what they may replace, and how they are removed."""

from __future__ import annotations

import copy
import pickle
from importlib import import_module
from typing import Any

from modules_cases.comparing import attempt


def layer(m: Any) -> Any:
    m.manual_seed(0)
    return m.nn.Linear(2, 2)


def names(values: Any) -> Any:
    """Tensors as their shapes."""
    if isinstance(values, (tuple, list)):
        return [names(v) for v in values]
    return list(values.shape) if hasattr(values, "shape") else values


def forward_hooks(m: Any) -> list:
    net, told = layer(m), []
    x = m.ones(1, 2)
    net.register_forward_pre_hook(lambda mod, args: told.append(["pre", names(args)]))
    net.register_forward_pre_hook(lambda mod, args: told.append("first"), prepend=True)
    net.register_forward_pre_hook(lambda mod, args, kwargs: told.append(["kwargs", sorted(kwargs)]), with_kwargs=True)
    net.register_forward_hook(lambda mod, args, out: told.append(["post", names(args), names(out)]))
    net.register_forward_hook(lambda mod, args, out: told.append("post first"), prepend=True)
    net.register_forward_hook(
        lambda mod, args, kwargs, out: told.append(["post kwargs", sorted(kwargs)]), with_kwargs=True
    )
    return [net(x), net(input=x), told]


def replaced_arguments(m: Any) -> list:
    net, x = layer(m), m.ones(1, 2)
    found = []
    for options, hook in (
        ({}, lambda mod, args: x * 2),
        ({}, lambda mod, args: (x * 3,)),
        ({}, lambda mod, args: [x * 3]),
        ({"with_kwargs": True}, lambda mod, args, kwargs: ((x * 4,), {})),
        ({"with_kwargs": True}, lambda mod, args, kwargs: ((), {"input": x * 5})),
        ({"with_kwargs": True}, lambda mod, args, kwargs: x),
        ({"with_kwargs": True}, lambda mod, args, kwargs: (x, 2, 3)),
    ):
        handle = net.register_forward_pre_hook(hook, **options)
        found.append(attempt(lambda: net(x)))
        handle.remove()
    for hook in (lambda mod, args, out: out * 2, lambda mod, args, out: None, lambda mod, args, out: (out, 3)):
        handle = net.register_forward_hook(hook)
        found.append(attempt(lambda: net(x)))
        handle.remove()
    return [*found, net(x)]


def always_called(m: Any) -> list:
    class Raising(m.nn.Module):
        def forward(self, x: Any) -> Any:
            raise ValueError("no")

    told: list = []
    net = Raising()
    net.register_forward_hook(lambda mod, args, out: told.append(["always", names(out)]), always_call=True)
    net.register_forward_hook(lambda mod, args, out: told.append("never"))
    good = layer(m)
    good.register_forward_hook(lambda mod, args, out: told.append("good"), always_call=True)
    good.register_forward_hook(lambda mod, args, out: 1 / 0)
    return [attempt(lambda: net(m.ones(1))), attempt(lambda: good(m.ones(1, 2))), told]


def backward_hooks(m: Any) -> list:
    net, told = m.nn.Sequential(layer(m), m.nn.ReLU(), layer(m)), []
    x = m.ones(3, 2, requires_grad=True)
    for index, child in enumerate(net):
        child.register_full_backward_hook(
            lambda mod, gi, go, index=index: told.append([index, "after", names(gi), names(go)])
        )
        child.register_full_backward_pre_hook(lambda mod, go, index=index: told.append([index, "before", names(go)]))
    net.register_full_backward_hook(lambda mod, gi, go: told.append(["net", gi[0], go[0]]))
    net(x).sum().backward()
    return [told, x.grad, [p.grad for p in net.parameters()]]


def replaced_gradients(m: Any) -> list:
    found = []
    for kind, hook in (
        ("register_full_backward_hook", lambda mod, gi, go: (gi[0] * 2,)),
        ("register_full_backward_hook", lambda mod, gi, go: gi[0] * 2),
        ("register_full_backward_hook", lambda mod, gi, go: (gi[0], gi[0])),
        ("register_full_backward_pre_hook", lambda mod, go: (go[0] * 3,)),
        ("register_full_backward_pre_hook", lambda mod, go: go[0] * 3),
        ("register_full_backward_hook", lambda mod, gi, go: None),
    ):
        net, x = layer(m), m.ones(1, 2, requires_grad=True)
        getattr(net, kind)(hook)
        found.append([attempt(lambda: net(x).sum().backward()), x.grad, net.weight.grad])
    return found


def backward_hooks_without_gradients(m: Any) -> list:
    told: list = []
    net = layer(m)
    net.register_full_backward_hook(lambda mod, gi, go: told.append([names(gi), names(go)]))
    net(m.ones(1, 2)).sum().backward()
    with m.no_grad():
        net(m.ones(1, 2))
    out = net(m.ones(1, 2, requires_grad=True))
    failed = attempt(lambda: out.mul_(2))
    return [told, failed, type(out.grad_fn).__name__]


def several_outputs(m: Any) -> list:
    class Two(m.nn.Module):
        def forward(self, a: Any, b: Any = None, *, scale: Any = 1) -> Any:
            return {"sum": a + b * scale, "none": None} if scale == 3 else (a * 2, None, b)

    told: list = []
    net = Two()
    net.register_full_backward_hook(lambda mod, gi, go: told.append([names(gi), names(go)]))
    a, b = m.ones(2, requires_grad=True), m.ones(2, requires_grad=True)
    first, _, second = net(a, b)
    first.sum().backward()
    out = attempt(lambda: net(a, b, scale=3))
    return [told, a.grad, b.grad, out, names(second)]


def old_backward_hooks(m: Any) -> list:
    told: list = []
    net = layer(m)
    net.register_backward_hook(lambda mod, gi, go: told.append([names(gi), names(go)]))
    net(m.ones(1, 2, requires_grad=True)).sum().backward()
    mixed = attempt(lambda: net.register_full_backward_hook(lambda *a: None))
    other = layer(m)
    other.register_full_backward_hook(lambda *a: None)
    return [len(told), told[0][1], mixed, attempt(lambda: other.register_backward_hook(lambda *a: None))]


def global_hooks(m: Any) -> list:
    module, told = import_module(f"{m.__name__}.nn.modules.module"), []
    net = m.nn.Sequential(layer(m), m.nn.ReLU())
    handles = [
        module.register_module_forward_pre_hook(lambda mod, args: told.append(["pre", type(mod).__name__])),
        module.register_module_forward_hook(lambda mod, args, out: told.append(["post", type(mod).__name__])),
        module.register_module_forward_hook(
            lambda mod, args, kwargs, out: told.append(["kw", sorted(kwargs)]), with_kwargs=True
        ),
        module.register_module_full_backward_pre_hook(lambda mod, go: told.append(["back", type(mod).__name__])),
        module.register_module_full_backward_hook(lambda mod, gi, go: told.append(["backed", type(mod).__name__])),
    ]
    net.register_forward_hook(lambda mod, args, out: told.append("own"))
    net(m.ones(1, 2, requires_grad=True)).sum().backward()
    for handle in handles:
        handle.remove()
    before = len(told)
    net(m.ones(1, 2))
    return [told, len(told) - before]


def handles(m: Any) -> list:
    net, told = layer(m), []
    with net.register_forward_hook(lambda *a: told.append(1)):
        net(m.ones(1, 2))
    net(m.ones(1, 2))
    handle = net.register_forward_hook(lambda *a: told.append(2))
    handle.remove()
    handle.remove()
    net(m.ones(1, 2))

    def once(*args: Any) -> None:
        told.append(3)
        mine.remove()

    mine = net.register_forward_hook(once)
    net(m.ones(1, 2))
    net(m.ones(1, 2))
    return [told, len(net._forward_hooks)]


class Counting:
    """A hook that can be copied and pickled."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, *args: Any) -> None:
        self.count += 1


def copied_hooks(m: Any) -> list:
    net, hook = layer(m), Counting()
    net.register_forward_hook(hook)
    handle = net.register_forward_pre_hook(Counting())
    again, loaded = copy.deepcopy(net), pickle.loads(pickle.dumps(net))
    again(m.ones(1, 2))
    loaded(m.ones(1, 2))
    handle.remove()
    counts = [[h.count for h in n._forward_hooks.values()] for n in (net, again, loaded)]
    return [counts, [len(n._forward_pre_hooks) for n in (net, again, loaded)]]


def tensor_hooks_on_parameters(m: Any) -> list:
    net, told = layer(m), []
    net.weight.register_hook(lambda g: g * 2)
    net.weight.register_post_accumulate_grad_hook(lambda p: told.append(p.grad.clone()))
    net(m.ones(1, 2)).sum().backward()
    return [net.weight.grad, told, attempt(lambda: copy.deepcopy(net)) is not None]


def call_of_super(m: Any) -> list:
    class Doubling(m.nn.Linear):
        def __call__(self, x: Any) -> Any:
            return super().__call__(x) * 2

    m.manual_seed(0)
    net = Doubling(2, 2)
    told: list = []
    net.register_forward_hook(lambda *a: told.append("hooked"))
    net.forward = lambda x: x + 1
    return [net(m.ones(1, 2)), told]
