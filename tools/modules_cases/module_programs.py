"""``nn.Module``: registration, attributes, hooks, state dicts, conversion, containers."""

from __future__ import annotations

import copy
import pickle
from collections import OrderedDict
from typing import Any

from modules_cases.comparing import attempt


def small(m: Any) -> Any:
    m.manual_seed(0)
    return m.nn.Sequential(m.nn.Linear(2, 3), m.nn.BatchNorm1d(3), m.nn.ReLU(), m.nn.Sequential(m.nn.Linear(3, 1)))


def tried(*calls: Any) -> list:
    return [attempt(call) for call in calls]


def names_of_registration(m: Any) -> list:
    module = m.nn.Module()
    module.taken = 1
    p = m.nn.Parameter(m.ones(1))
    return tried(
        lambda: module.register_parameter("", p),
        lambda: module.register_parameter("a.b", p),
        lambda: module.register_parameter("taken", p),
        lambda: module.register_parameter(3, p),
        lambda: module.register_parameter("t", m.ones(1)),
        lambda: module.register_parameter("computed", p * 2),
        lambda: module.register_buffer("", m.ones(1)),
        lambda: module.register_buffer("a.b", m.ones(1)),
        lambda: module.register_buffer("taken", m.ones(1)),
        lambda: module.register_buffer(3, m.ones(1)),
        lambda: module.register_buffer("n", 3),
        lambda: module.add_module("", m.nn.ReLU()),
        lambda: module.add_module("a.b", m.nn.ReLU()),
        lambda: module.add_module("taken", m.nn.ReLU()),
        lambda: module.add_module(3, m.nn.ReLU()),
        lambda: module.add_module("n", 3),
        lambda: module.register_module("fine", None),
        lambda: module.register_parameter("none", None),
        lambda: module.register_buffer("nothing", None, persistent=False),
        lambda: [list(module._parameters), list(module._buffers), list(module._modules), list(module.state_dict())],
    )


def before_init(m: Any) -> list:
    class Early(m.nn.Module):
        def __init__(self, how: str) -> None:
            if how == "parameter":
                self.p = m.nn.Parameter(m.ones(1))
            elif how == "module":
                self.l = m.nn.ReLU()
            elif how == "buffer":
                self.register_buffer("b", m.ones(1))
            elif how == "Buffer":
                self.b = m.nn.Buffer(m.ones(1))
            elif how == "plain":
                self.x = 3
                super().__init__()
            elif how == "read":
                self.missing

    found = tried(
        *(lambda how=how: Early(how) and None for how in ("parameter", "module", "buffer", "Buffer", "plain", "read"))
    )
    return [*found, *tried(lambda: m.nn.Module(1), lambda: m.nn.Module(a=1))]


def assignment(m: Any) -> list:
    module = m.nn.Module()
    module.p = m.nn.Parameter(m.ones(2))
    module.l = m.nn.Linear(1, 1)
    module.register_buffer("b", m.zeros(1))
    module.nb = m.nn.Buffer(m.zeros(1), persistent=False)

    def put(name: str, value: Any) -> None:
        setattr(module, name, value)

    found = tried(
        lambda: put("p", m.ones(2)),
        lambda: put("p", 3),
        lambda: put("l", 3),
        lambda: put("l", m.ones(2)),
        lambda: put("b", 3),
        lambda: put("b", m.ones(3)),
        lambda: put("b", m.nn.Buffer(m.ones(3), persistent=False)),
        lambda: put("p", None),
        lambda: put("b", None),
        lambda: put("l", None),
        lambda: put("l", m.nn.Parameter(m.ones(1))),
        lambda: put("p", m.nn.ReLU()),
        lambda: put("nb", m.nn.Parameter(m.ones(1))),
        lambda: put("x", [1]),
        lambda: put("x", m.nn.Parameter(m.ones(1))),
        lambda: delattr(module, "x"),
        lambda: delattr(module, "p"),
        lambda: delattr(module, "missing"),
        lambda: module.missing,
        lambda: del_buffer(module),
    )
    listed = [
        list(module._parameters),
        list(module._buffers),
        list(module._modules),
        sorted(module._non_persistent_buffers_set),
    ]
    return [*found, listed, list(module.state_dict())]


def del_buffer(module: Any) -> None:
    del module.b


def properties_that_fail(m: Any) -> list:
    class Failing(m.nn.Module):
        @property
        def good(self) -> int:
            return self.inner_missing

        def __getattr__(self, name: str) -> Any:
            if name == "made_up":
                return 7
            return super().__getattr__(name)

    f = Failing()
    return tried(lambda: f.good, lambda: f.made_up, lambda: f.other, lambda: hasattr(f, "good"))


def walks(m: Any) -> dict:
    net = small(m)
    net.again = net[0]
    net.none = None
    net.add_module("empty", None)
    kinds = {
        "named_parameters": [n for n, _ in net.named_parameters()],
        "prefix": [n for n, _ in net.named_parameters("net")],
        "own": [n for n, _ in net.named_parameters(recurse=False)],
        "twice": [n for n, _ in net.named_parameters(remove_duplicate=False)],
        "buffers": [n for n, _ in net.named_buffers()],
        "modules": [n for n, _ in net.named_modules()],
        "modules twice": [n for n, _ in net.named_modules(prefix="x", remove_duplicate=False)],
        "children": [n for n, _ in net.named_children()],
        "count": [
            len(list(net.parameters())),
            len(list(net.modules())),
            len(list(net.children())),
            len(list(net.buffers(False))),
        ],
        "dir": [
            n for n in dir(net) if not n.startswith("_") and n not in ("compile", "ipu", "mtia", "xpu", "T_destination")
        ],
    }
    applied: list = []
    net.apply(lambda module: applied.append(type(module).__name__))
    return kinds | {"applied": applied, "text": repr(net)}


def paths(m: Any) -> list:
    net = small(m)
    net.register_buffer("b", m.ones(1))
    net.number = 3
    return tried(
        lambda: repr(net.get_submodule("3.0")),
        lambda: repr(net.get_submodule("")),
        lambda: net.get_submodule("9"),
        lambda: net.get_submodule("number"),
        lambda: net.get_submodule("0.weight"),
        lambda: net.get_parameter("3.0.weight"),
        lambda: net.get_parameter("3.0"),
        lambda: net.get_parameter("nothing"),
        lambda: net.get_parameter("7.weight"),
        lambda: net.get_buffer("1.running_mean"),
        lambda: net.get_buffer("b"),
        lambda: net.get_buffer("number"),
        lambda: net.get_buffer("0.weight"),
        lambda: net.set_submodule("3.0", m.nn.Linear(3, 2)),
        lambda: net.set_submodule("3.new", m.nn.ReLU()),
        lambda: net.set_submodule("3.newer", m.nn.ReLU(), strict=True),
        lambda: net.set_submodule("", m.nn.ReLU()),
        lambda: net.set_submodule("number", m.nn.ReLU()),
        lambda: net.set_submodule("3", 3),
        lambda: net.set_submodule("8.a", m.nn.ReLU()),
        lambda: repr(net),
    )


def modes(m: Any) -> list:
    net = small(m)
    net.eval()
    seen = [[mod.training for mod in net.modules()]]
    net.train()
    net[1].eval()
    seen.append([mod.training for mod in net.modules()])
    seen += tried(lambda: net.train(1), lambda: net.train("yes"), lambda: net.train(False) is net)
    net.requires_grad_(False)
    seen.append([p.requires_grad for p in net.parameters()])
    net[0].requires_grad_()
    seen.append([p.requires_grad for p in net.parameters()])
    return seen


def gradients_forgotten(m: Any) -> list:
    net = small(m)
    net(m.ones(2, 2)).sum().backward()
    net.zero_grad(set_to_none=False)
    seen = [[p.grad for p in net.parameters()]]
    net.zero_grad()
    return [*seen, [p.grad for p in net.parameters()]]


def conversions(m: Any) -> list:
    seen = []
    for convert in (
        lambda n: n.double(),
        lambda n: n.half(),
        lambda n: n.bfloat16().float(),
        lambda n: n.to(m.float64),
        lambda n: n.to("cpu", m.float16),
        lambda n: n.to(m.ones(1, dtype=m.float64)),
        lambda n: n.to(device="cpu", dtype=m.float64, non_blocking=True),
        lambda n: n.to(memory_format=m.channels_last),
        lambda n: n.type(m.float64),
        lambda n: n.type("torch.DoubleTensor"),
        lambda n: n.to(m.complex64),
        lambda n: n.to(m.int32),
        lambda n: n.to("nowhere"),
        lambda n: n.to(),
        lambda n: n.to(3, 4, 5, 6, 7),
        lambda n: n.to(wrong=1),
        lambda n: n.cpu(),
        lambda n: n.to_empty(device="cpu"),
        lambda n: n.to("meta"),
        lambda n: n.to_empty(device="meta"),
        lambda n: n.float().share_memory(),
    ):
        net = m.nn.Sequential(m.nn.Conv2d(1, 2, 3), m.nn.BatchNorm2d(2))
        weight = net[0].weight
        weight.grad = m.ones_like(weight)

        def look(convert: Any = convert, net: Any = net, weight: Any = weight) -> list:
            same = convert(net) is net
            tensors = [*net.parameters(), *net.buffers()]
            rows = [[str(t.dtype), tuple(t.stride()), str(t.device), t.requires_grad] for t in tensors]
            grad = net[0].weight.grad
            return [same, net[0].weight is weight, rows, None if grad is None else str(grad.dtype)]

        seen.append(attempt(look))
    return seen


def tied_parameters(m: Any) -> list:
    net = m.nn.Sequential(m.nn.Linear(2, 2, bias=False), m.nn.Linear(2, 2, bias=False))
    net[1].weight = net[0].weight
    net.double()
    again, loaded = copy.deepcopy(net), pickle.loads(pickle.dumps(net))
    return [
        net[0].weight is net[1].weight,
        again[0].weight is again[1].weight,
        loaded[0].weight is loaded[1].weight,
        list(net.state_dict()),
        len(list(net.parameters())),
    ]


def states(m: Any) -> dict:
    net = small(m)
    state = net.state_dict()
    prefixed = net.state_dict(prefix="net.", keep_vars=True)
    target: dict = {}
    returned = net.state_dict(destination=target, prefix="x.")
    return {
        "keys": list(state),
        "type": type(state).__name__,
        "metadata": {k: dict(v) for k, v in state._metadata.items()},
        "prefixed": {k: v.requires_grad for k, v in prefixed.items()},
        "same": returned is target,
        "shared": state["0.weight"].data_ptr() == net[0].weight.data_ptr(),
        "positional": list(net.state_dict(OrderedDict(), "p.", False)),
        "target": list(target),
        "detached": state["0.weight"].requires_grad,
    }


def loading(m: Any) -> list:
    def fresh() -> tuple:
        net = small(m)
        return net, OrderedDict((k, v.clone() + 1) for k, v in net.state_dict().items())

    def changed(change: Any, **options: Any) -> Any:
        net, state = fresh()
        change(state)

        def load() -> list:
            result = net.load_state_dict(state, **options)
            return [repr(result), list(result.missing_keys), list(result.unexpected_keys)]

        return [attempt(load), dict(net.state_dict())]

    def drop(*keys: str) -> Any:
        return lambda state: [state.pop(key) for key in keys]

    def put(**values: Any) -> Any:
        return lambda state: state.update({k.replace("_d_", "."): v for k, v in values.items()})

    return [
        changed(lambda s: None),
        changed(drop("0.weight")),
        changed(drop("0.weight", "1.running_mean"), strict=False),
        changed(
            put(extra=m.ones(1), _d_x=m.ones(1), **{"0_d_more": m.ones(1), "9_d_w": m.ones(1), "3_d_0_d_z": m.ones(2)})
        ),
        changed(put(extra=m.ones(1), **{"0_d_weight_d_deep": m.ones(1)}), strict=False),
        changed(put(**{"0_d_weight": m.ones(3, 3), "3_d_0_d_bias": m.ones(2)})),
        changed(put(**{"0_d_weight": m.ones(3, 3)}), strict=False),
        changed(put(**{"0_d_weight": 3.0})),
        changed(put(**{"0_d_weight": [1.0]})),
        changed(put(**{"0_d_weight": m.ones(3, 2, dtype=m.float64)})),
        changed(put(**{"0_d_weight": m.ones(3, 2, dtype=m.float64)}), assign=True),
        changed(put(**{"1_d_num_batches_tracked": m.tensor([7])})),
        changed(put(**{"1_d_num_batches_tracked": m.tensor([7, 8])})),
        changed(drop("1.num_batches_tracked")),
        changed(put(**{"0_d_weight": m.nn.Parameter(m.ones(3, 2), requires_grad=False)}), assign=True),
        changed(put(**{"0_d_weight": m.ones(3, 2).to("meta")})),
        attempt(lambda: small(m).load_state_dict([1, 2])),
        attempt(lambda: small(m).load_state_dict(None)),
    ]


def assigned_states(m: Any) -> list:
    net = small(m)
    state = {k: v.clone() for k, v in net.state_dict().items()}
    old = net[0].weight
    old.requires_grad_(False)
    net.load_state_dict(state, assign=True)
    new = net[0].weight
    return [
        new is old,
        new.data_ptr() == state["0.weight"].data_ptr(),
        new.requires_grad,
        type(new).__name__,
        net[1].running_mean is state["1.running_mean"],
    ]


def extra_states(m: Any) -> list:
    class Extra(m.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.count = 3
            self.l = m.nn.Linear(1, 1)

        def get_extra_state(self) -> dict:
            return {"count": self.count}

        def set_extra_state(self, state: dict) -> None:
            self.count = state["count"] + 1

    class Half(m.nn.Module):
        def get_extra_state(self) -> int:
            return 3

    module, other = Extra(), Extra()
    state = module.state_dict()
    found = [list(state), repr(other.load_state_dict(state)), other.count]
    state.pop("_extra_state")
    plain = m.nn.Linear(1, 1)
    return [
        *found,
        *tried(
            lambda: other.load_state_dict(state),
            lambda: plain.load_state_dict({**plain.state_dict(), "_extra_state": 1}),
            lambda: Half().load_state_dict(Half().state_dict()),
            lambda: m.nn.Module().get_extra_state(),
            lambda: m.nn.Module().set_extra_state(1),
        ),
    ]


def state_hooks(m: Any) -> list:
    net, told = small(m), []

    def after_load(module: Any, keys: Any) -> None:
        told.append(["loaded", type(module).__name__, list(keys.missing_keys)])
        keys.missing_keys.clear()

    handles = [
        net.register_state_dict_pre_hook(lambda module, prefix, keep: told.append(["saving", prefix, keep])),
        net[0].register_state_dict_post_hook(
            lambda module, state, prefix, meta: told.append(["saved", prefix, sorted(meta)])
        ),
        net.register_load_state_dict_pre_hook(
            lambda module, state, prefix, *rest: told.append(["loading", prefix, len(state), len(rest)])
        ),
        net[0]._register_load_state_dict_pre_hook(
            lambda state, prefix, *rest: told.append(["inner", prefix, len(state)])
        ),
        net.register_load_state_dict_post_hook(after_load),
    ]
    state = net.state_dict(prefix="p.")
    plain = {k[2:]: v for k, v in state.items()}
    plain.pop("0.bias")
    found = [repr(net.load_state_dict(plain))]
    returning = net.register_state_dict_post_hook(lambda *a: {})
    found += tried(lambda: net.state_dict())
    returning.remove()
    bad = net.register_load_state_dict_post_hook(lambda *a: 3)
    found += tried(lambda: net.load_state_dict(net.state_dict()))
    bad.remove()
    net._register_state_dict_hook(lambda module, state, prefix, meta: OrderedDict(replaced=1))
    found.append(list(net.state_dict()))
    for handle in handles:
        handle.remove()
    return [*found, told]


def versions(m: Any) -> list:
    class Versioned(m.nn.Module):
        _version = 3

        def _load_from_state_dict(
            self, state: dict, prefix: str, meta: dict, strict: bool, missing: list, *rest: Any
        ) -> None:
            seen.append([prefix, meta.get("version"), strict])
            super()._load_from_state_dict(state, prefix, meta, strict, missing, *rest)

    seen: list = []
    net = m.nn.Sequential(Versioned())
    net.load_state_dict(net.state_dict())
    net.load_state_dict(OrderedDict())
    return [seen, {k: dict(v) for k, v in net.state_dict()._metadata.items()}]


def texts(m: Any) -> list:
    class Named(m.nn.Module):
        def __init__(self, lines: int) -> None:
            super().__init__()
            self.lines = lines
            self.inner = m.nn.Linear(1, 2)

        def extra_repr(self) -> str:
            return "\n".join(f"line {i}" for i in range(self.lines))

    many = m.nn.ModuleList([m.nn.Linear(1, 1) for _ in range(3)] + [m.nn.ReLU()] + [m.nn.ReLU(), m.nn.Linear(1, 1)])
    return [repr(Named(i)) for i in range(3)] + [
        repr(many),
        repr(m.nn.ModuleDict({"a": m.nn.ReLU(), "b": m.nn.ModuleDict()})),
        repr(m.nn.Module()),
        repr(m.nn.ParameterList([m.ones(2), "x", m.nn.Parameter(m.ones(1, 3))])),
        repr(m.nn.ParameterDict({"a": m.nn.Parameter(m.ones(2)), "b": m.ones(1)})),
        repr(m.nn.ModuleList()),
    ]


def old_pickles(m: Any) -> list:
    """State of modules made before some of the registers existed."""
    layer = m.nn.Linear(1, 1)
    state = layer.__getstate__()
    for key in (
        "_non_persistent_buffers_set",
        "_state_dict_pre_hooks",
        "_is_full_backward_hook",
        "_forward_pre_hooks_with_kwargs",
    ):
        state.pop(key, None)
    made = m.nn.Linear.__new__(m.nn.Linear)
    made.__setstate__(state)
    return [list(made.state_dict()), made(m.ones(1, 1)).shape == (1, 1)]


def unfinished(m: Any) -> list:
    class NoForward(m.nn.Module):
        pass

    class Renamed(m.nn.Module):
        def forward(self, x: Any, *, scale: float = 2.0) -> Any:
            return x * scale

    return tried(
        lambda: NoForward()(1),
        lambda: Renamed()(m.ones(1)),
        lambda: Renamed()(m.ones(1), scale=3),
        lambda: Renamed()(),
        lambda: Renamed()(m.ones(1), 3),
    )


def global_registration_hooks(m: Any) -> list:
    from importlib import import_module

    module = import_module(f"{m.__name__}.nn.modules.module")
    told: list = []
    handles = [
        module.register_module_parameter_registration_hook(lambda mod, name, p: told.append(["p", name])),
        module.register_module_buffer_registration_hook(lambda mod, name, b: told.append(["b", name])),
        module.register_module_module_registration_hook(lambda mod, name, c: told.append(["m", name])),
    ]
    small(m)
    for handle in handles:
        handle.remove()
    small(m)
    return told


def device_contexts(m: Any) -> list:
    with m.device("meta"):
        layer = m.nn.Linear(2, 3)
    with m.nn.utils.skip_init(m.nn.Linear, 2, 3).weight.device if False else m.device("cpu"):
        other = m.nn.Linear(2, 3)
    return [
        str(layer.weight.device),
        str(other.weight.device),
        attempt(lambda: layer.to("cpu")),
        str(layer.to_empty(device="cpu").weight.device),
    ]
