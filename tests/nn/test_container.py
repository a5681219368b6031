"""Containers. Each test runs on PyTorch as well, which proves that it states PyTorch's behaviour."""

from __future__ import annotations

from collections import OrderedDict

import pytest

import flambeau

torch = pytest.importorskip("torch")


@pytest.fixture(params=[flambeau, torch], ids=["flambeau", "torch"])
def lib(request):
    return request.param


def kinds(modules) -> list[str]:
    return [type(module).__name__ for module in modules]


def layers(lib):
    return lib.nn.ReLU(), lib.nn.Tanh(), lib.nn.Sigmoid()


# Sequential


def test_sequential_calls_in_order(lib):
    net = lib.nn.Sequential(OrderedDict(neg=lib.nn.Hardtanh(-2, 0), shift=lib.nn.ReLU()))
    assert net(lib.tensor([-1.0, 3.0])).tolist() == [0, 0]
    assert list(net._modules) == ["neg", "shift"]
    assert lib.nn.Sequential()(5) == 5


def test_sequential_is_a_list(lib):
    net = lib.nn.Sequential(*layers(lib))
    assert len(net) == 3
    assert net[-1] is net[2]
    assert kinds(net[1:]) == ["Tanh", "Sigmoid"] and list(net[1:]._modules) == ["1", "2"]
    net[0] = lib.nn.GELU()
    assert kinds(net) == ["GELU", "Tanh", "Sigmoid"]
    assert kinds([net.pop(1)]) == ["Tanh"] and list(net._modules) == ["0", "1"]
    assert net.append(lib.nn.ReLU()) is net
    assert net.insert(-1, lib.nn.SELU()) is net
    assert kinds(net) == ["GELU", "Sigmoid", "SELU", "ReLU"]
    del net[1:3]
    assert kinds(net) == ["GELU", "ReLU"]
    assert kinds(net.extend([lib.nn.Tanh()])) == ["GELU", "ReLU", "Tanh"]


def test_sequential_adds_and_repeats(lib):
    a, b = lib.nn.Sequential(lib.nn.ReLU()), lib.nn.Sequential(lib.nn.Tanh())
    assert kinds(a + b) == ["ReLU", "Tanh"]
    assert kinds(2 * (a + b)) == ["ReLU", "Tanh"] * 2
    a += b
    a *= 2
    assert kinds(a) == ["ReLU", "Tanh"] * 2 and a[0] is a[2]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda lib, net: net[3],
        lambda lib, net: net[-4],
        lambda lib, net: net["0"],
        lambda lib, net: net + 3,
        lambda lib, net: net * 0,
        lambda lib, net: net * 1.5,
        lambda lib, net: net.insert(5, lib.nn.ReLU()),
        lambda lib, net: net.insert(0, 3),
        lambda lib, net: net.append(3),
        lambda lib, net: lib.nn.ModuleList([lib.nn.ReLU()])[1],
        lambda lib, net: lib.nn.ModuleList(3),
        lambda lib, net: lib.nn.ModuleList()(3),
        lambda lib, net: lib.nn.ModuleDict(3),
        lambda lib, net: lib.nn.ModuleDict([3]),
        lambda lib, net: lib.nn.ModuleDict([(1, 2, 3)]),
        lambda lib, net: lib.nn.ModuleDict()["absent"],
        lambda lib, net: lib.nn.ParameterList(lib.ones(2)),
        lambda lib, net: lib.nn.ParameterList()(1),
        lambda lib, net: lib.nn.ParameterDict(3),
        lambda lib, net: lib.nn.ParameterDict()(1),
        lambda lib, net: lib.nn.ParameterDict().popitem(),
        lambda lib, net: lib.nn.ParameterDict()["absent"],
    ],
)
def test_errors_are_pytorchs(wrong):
    types = []
    for lib in (flambeau, torch):
        with pytest.raises(Exception) as error:
            wrong(lib, lib.nn.Sequential(*layers(lib)))
        types.append(error.type)
    assert types[0] is types[1]


# ModuleList and ModuleDict


def test_module_list_is_a_list(lib):
    modules = lib.nn.ModuleList(layers(lib))
    assert kinds(modules[::2]) == ["ReLU", "Sigmoid"] and list(modules[::2]._modules) == ["0", "1"]
    modules.insert(1, lib.nn.GELU())
    modules += [lib.nn.SELU()]
    assert kinds(modules) == ["ReLU", "GELU", "Tanh", "Sigmoid", "SELU"]
    del modules[-1]
    modules[0] = lib.nn.Mish()
    assert kinds([modules.pop(1)]) == ["GELU"]
    assert kinds(modules + [lib.nn.ReLU()]) == ["Mish", "Tanh", "Sigmoid", "ReLU"]
    assert len(modules.append(lib.nn.ReLU())) == 4


def test_module_dict_is_a_dict(lib):
    relu, tanh, sigmoid = layers(lib)
    modules = lib.nn.ModuleDict({"b": relu, "a": tanh})
    assert list(modules) == ["b", "a"] and "a" in modules and len(modules) == 2
    modules.update([("c", sigmoid)])
    modules["d"] = relu
    assert kinds(modules.values()) == ["ReLU", "Tanh", "Sigmoid", "ReLU"]
    assert modules.pop("b") is relu
    del modules["a"]
    assert [key for key, _ in modules.items()] == list(modules.keys()) == ["c", "d"]
    modules.update(lib.nn.ModuleDict({"e": tanh}))
    modules.clear()
    assert len(modules) == 0


# ParameterList and ParameterDict


def test_parameter_list_registers_tensors(lib):
    params = lib.nn.ParameterList([lib.ones(2), "text"])
    params.append(lib.zeros(1)).extend([3])
    assert [name for name, _ in params.named_parameters()] == ["0", "2"]
    assert isinstance(params[0], lib.nn.Parameter) and params[1] == "text" and params[-1] == 3
    params[1] = lib.ones(1)
    assert list(params.state_dict()) == ["0", "2", "1"] or list(params.state_dict()) == ["0", "1", "2"]
    assert len(params[1:3]) == 2 and params[2:][0] is params[2]
    params += [4]
    assert len(list(params)) == 5


def test_parameter_dict_registers_tensors(lib):
    params = lib.nn.ParameterDict({"b": lib.ones(2), "a": lib.zeros(1)})
    assert list(params) == ["a", "b"] and list(reversed(params)) == ["b", "a"]
    params["c"] = 3
    assert [name for name, _ in params.named_parameters()] == ["a", "b"]
    assert params.get("absent") is None and params.get("c") == 3
    assert params.setdefault("d", 4) == 4 and params.pop("d") == 4
    merged = params | lib.nn.ParameterDict({"e": lib.ones(1)})
    assert list(merged.keys()) == ["a", "b", "c", "e"] and merged["a"] is params["a"]
    assert params.popitem() == ("c", 3)
    params |= merged
    assert len(params) == 4 and len(params.copy()) == 4
    assert list(params.fromkeys(["x", "y"], 1).values()) == [1, 1]
    params.clear()
    assert list(params.items()) == [] and "a" not in params


def test_reprs_are_pytorchs():
    def texts(lib):
        same = [lib.nn.Linear(1, 2) for _ in range(3)]
        return [
            repr(lib.nn.Sequential(*layers(lib))),
            repr(lib.nn.ModuleList([*same, lib.nn.ReLU(), *same])),
            repr(lib.nn.ModuleList()),
            repr(lib.nn.ModuleDict({"x": lib.nn.Sequential(*same)})),
            repr(lib.nn.ParameterList([lib.ones(2, 3), lib.nn.Parameter(lib.ones(())), "text"])),
            repr(lib.nn.ParameterDict({"a": lib.ones(2, 3), "b": 3})),
        ]

    assert texts(flambeau) == texts(torch)
