"""What Module promises. Each test runs on PyTorch as well: so it states PyTorch's behaviour."""

from __future__ import annotations

import copy
import pickle

import pytest
from tests.nn.doubler import Doubler

import flambeau

torch = pytest.importorskip("torch")


@pytest.fixture(params=[flambeau, torch], ids=["flambeau", "torch"])
def lib(request):
    return request.param


def make_net(lib):
    class Net(lib.nn.Module):
        def __init__(self):
            super().__init__()
            self.first = lib.nn.Linear(3, 4)
            self.norm = lib.nn.BatchNorm1d(4)
            self.head = lib.nn.Sequential(lib.nn.ReLU(), lib.nn.Linear(4, 2, bias=False))
            self.scale = lib.nn.Parameter(lib.ones(2))
            self.register_buffer("offset", lib.zeros(2))
            self.register_buffer("scratch", lib.zeros(1), persistent=False)

        def forward(self, x):
            return self.head(self.norm(self.first(x))) * self.scale + self.offset

    return Net()


# Registering


def test_attributes_are_registered_by_kind(lib):
    net = make_net(lib)
    assert [name for name, _ in net.named_parameters()] == [
        "scale",
        "first.weight",
        "first.bias",
        "norm.weight",
        "norm.bias",
        "head.1.weight",
    ]
    assert [name for name, _ in net.named_buffers()] == [
        "offset",
        "scratch",
        "norm.running_mean",
        "norm.running_var",
        "norm.num_batches_tracked",
    ]
    assert [name for name, _ in net.named_children()] == ["first", "norm", "head"]
    assert [name for name, _ in net.named_modules()] == ["", "first", "norm", "head", "head.0", "head.1"]
    assert [name for name, _ in net.named_parameters("net", recurse=False)] == ["net.scale"]


def test_shared_parameters_are_named_once_unless_asked(lib):
    net = lib.nn.Module()
    net.a = lib.nn.Linear(2, 2, bias=False)
    net.b = net.a
    net.c = lib.nn.Linear(2, 2, bias=False)
    net.c.weight = net.a.weight
    assert [name for name, _ in net.named_parameters()] == ["a.weight"]
    assert [name for name, _ in net.named_parameters(remove_duplicate=False)] == [
        "a.weight",
        "b.weight",
        "c.weight",
    ]
    assert len(list(net.modules())) == 3
    assert list(net.state_dict()) == ["a.weight", "b.weight", "c.weight"]


def test_assigning_replaces_what_had_the_name(lib):
    net = lib.nn.Module()
    net.x = 3
    net.x = lib.nn.Linear(1, 1)
    assert "x" in net._modules and "x" not in net.__dict__
    net.x = lib.nn.Parameter(lib.ones(1))
    assert "x" in net._parameters and "x" not in net._modules
    net.x = None
    assert net.x is None and list(net.parameters()) == []
    del net.x
    with pytest.raises(AttributeError, match="'Module' object has no attribute 'x'"):
        net.x  # noqa: B018


def test_assigning_a_tensor_to_a_buffer_keeps_it_a_buffer(lib):
    net = make_net(lib)
    net.scratch = lib.ones(1)
    net.offset = None
    assert [name for name, _ in net.named_buffers(recurse=False)] == ["scratch"]
    assert "scratch" not in net.state_dict()


def test_buffer_objects_register_themselves(lib):
    net = lib.nn.Module()
    net.kept = lib.nn.Buffer(lib.ones(2))
    net.dropped = lib.nn.Buffer(lib.ones(2), persistent=False)
    assert len(list(net.buffers())) == 2
    assert list(net.state_dict()) == ["kept"]
    assert isinstance(net.kept, lib.nn.Buffer)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda lib, m: m.register_parameter("a.b", None),
        lambda lib, m: m.register_parameter("", None),
        lambda lib, m: m.register_parameter("forward", None),
        lambda lib, m: m.register_parameter(3, None),
        lambda lib, m: m.register_parameter("p", "no parameter"),
        lambda lib, m: m.register_buffer("a.b", None),
        lambda lib, m: m.register_buffer("", None),
        lambda lib, m: m.register_buffer("weight", None),
        lambda lib, m: m.register_buffer("b", 3),
        lambda lib, m: m.add_module("a.b", None),
        lambda lib, m: m.add_module("", None),
        lambda lib, m: m.add_module("weight", None),
        lambda lib, m: m.add_module("m", 3),
        lambda lib, m: m.add_module(None, None),
        lambda lib, m: setattr(m, "weight", 3),
        lambda lib, m: delattr(m, "absent"),
        lambda lib, m: m.get_submodule("absent.x"),
        lambda lib, m: m.get_submodule("weight"),
        lambda lib, m: m.get_parameter("absent"),
        lambda lib, m: m.get_parameter("in_features"),
        lambda lib, m: m.get_buffer("weight"),
        lambda lib, m: m.set_submodule("", lib.nn.ReLU()),
        lambda lib, m: m.set_submodule("a", lib.nn.ReLU(), strict=True),
        lambda lib, m: m.set_submodule("weight", lib.nn.ReLU()),
        lambda lib, m: m.train(1),
        lambda lib, m: m.to(lib.int64),
        lambda lib, m: m.load_state_dict([1]),
        lambda lib, m: lib.nn.Module(3),
        lambda lib, m: lib.nn.Module(a=3),
        lambda lib, m: lib.nn.Module()(3),
    ],
)
def test_errors_are_pytorchs(wrong):
    errors = []
    for lib in (flambeau, torch):
        with pytest.raises(Exception) as error:
            wrong(lib, lib.nn.Linear(2, 2))
        errors.append((error.type, str(error.value)))
    assert errors[0] == errors[1]


def test_registering_before_init_is_refused(lib):
    class Hasty(lib.nn.Module):
        def __init__(self, value):
            self.value = value

    for value in (lib.nn.Parameter(lib.ones(1)), lib.nn.ReLU()):
        with pytest.raises(AttributeError, match=r"before Module.__init__\(\) call"):
            Hasty(value)


def test_an_empty_parameter_takes_parameters_only(lib):
    net = lib.nn.Module()
    with pytest.raises(TypeError, match="Parameter or None expected"):
        net.register_parameter("p", None)
        net.p = lib.ones(2)


def test_paths_lead_to_modules_parameters_and_buffers(lib):
    net = make_net(lib)
    assert net.get_submodule("") is net
    assert net.get_submodule("head.1") is net.head[1]
    assert net.get_parameter("head.1.weight") is net.head[1].weight
    assert net.get_buffer("norm.running_mean") is net.norm.running_mean
    net.set_submodule("head.1", lib.nn.Identity())
    assert isinstance(net.head[1], lib.nn.Identity)


def test_dir_lists_registered_names_that_are_identifiers(lib):
    names = dir(make_net(lib))
    assert {"first", "scale", "offset", "forward", "training"} <= set(names)
    assert "0" not in dir(lib.nn.Sequential(lib.nn.ReLU()))


# Modes, conversion, text


def test_train_and_eval_reach_all_modules(lib):
    net = make_net(lib)
    assert net.eval() is net
    assert not any(module.training for module in net.modules())
    net.train()
    assert all(module.training for module in net.modules())


def test_apply_visits_children_first(lib):
    visited = []
    net = lib.nn.Sequential(lib.nn.Linear(1, 1), lib.nn.Sequential(lib.nn.ReLU()))
    assert net.apply(lambda m: visited.append(type(m).__name__)) is net
    assert visited == ["Linear", "ReLU", "Sequential", "Sequential"]


def test_conversion_is_in_place_and_leaves_integers(lib):
    net = make_net(lib)
    weight = net.first.weight
    for convert, dtype in [
        (lambda m: m.double(), lib.float64),
        (lambda m: m.half(), lib.float16),
        (lambda m: m.bfloat16(), lib.bfloat16),
        (lambda m: m.float(), lib.float32),
        (lambda m: m.to(lib.float64), lib.float64),
        (lambda m: m.to("cpu", lib.float32), lib.float32),
        (lambda m: m.to(lib.ones(1, dtype=lib.float64)), lib.float64),
        (lambda m: m.to(dtype=lib.float32, device="cpu", non_blocking=True), lib.float32),
    ]:
        assert convert(net) is net
        assert net.first.weight is weight and weight.dtype == dtype
        assert net.norm.running_mean.dtype == dtype
        assert net.norm.num_batches_tracked.dtype == lib.int64
    assert weight.is_leaf and weight.requires_grad


def test_conversion_takes_gradients_along(lib):
    layer = lib.nn.Linear(2, 1)
    layer(lib.ones(1, 2)).sum().backward()
    layer.double()
    assert layer.weight.grad.dtype == lib.float64


def test_requires_grad_and_zero_grad(lib):
    layer = lib.nn.Linear(2, 1)
    layer(lib.ones(1, 2)).sum().backward()
    layer.zero_grad(set_to_none=False)
    assert layer.weight.grad.tolist() == [[0, 0]]
    layer.zero_grad()
    assert layer.weight.grad is None
    assert layer.requires_grad_(False) is layer
    assert not any(p.requires_grad for p in layer.parameters())


def test_repr_nests_and_indents():
    def build(lib):
        class Block(lib.nn.Module):
            def __init__(self):
                super().__init__()
                self.inner = lib.nn.Sequential(lib.nn.Linear(1, 2), lib.nn.Sequential())
                self.missing = None

            def extra_repr(self):
                return "one\ntwo"

        return lib.nn.ModuleList([Block(), Block(), lib.nn.ReLU()])

    assert repr(build(flambeau)) == repr(build(torch))


def test_module_without_forward_says_so(lib):
    with pytest.raises(NotImplementedError, match=r'Module \[Module\] is missing the required "forward"'):
        lib.nn.Module()()


def test_forward_on_the_instance_wins(lib):
    layer = Doubler(lib)
    layer.forward = lambda x: x + 1
    assert layer(lib.ones(1)).item() == 2


# State dictionaries


def test_state_dict_holds_detached_tensors_that_share_memory(lib):
    net = make_net(lib)
    state = net.state_dict()
    assert "scratch" not in state and "offset" in state
    assert not state["scale"].requires_grad
    assert state["scale"].data_ptr() == net.scale.data_ptr()
    assert net.state_dict(keep_vars=True)["scale"] is net.scale
    assert state._metadata["norm"] == {"version": 2}
    assert list(net.first.state_dict(prefix="p.")) == ["p.weight", "p.bias"]


def test_state_dict_goes_round(lib):
    net, other = make_net(lib), make_net(lib)
    result = other.load_state_dict(net.state_dict())
    assert repr(result) == "<All keys matched successfully>"
    for ours, theirs in zip(net.state_dict().values(), other.state_dict().values(), strict=True):
        assert bool((ours == theirs).all())


def test_loading_reports_all_that_is_wrong():
    messages = []
    for lib in (flambeau, torch):
        net = make_net(lib)
        state = net.state_dict()
        del state["scale"]
        state["first.weight"] = lib.zeros(4, 5)
        state["first.bias"] = "text"
        state["extra"] = lib.zeros(1)
        state["head.7.weight"] = lib.zeros(1)
        with pytest.raises(RuntimeError) as error:
            net.load_state_dict(state)
        messages.append(str(error.value))
    assert messages[0] == messages[1]
    assert "size mismatch for first.weight" in messages[0]


def test_loose_loading_returns_the_keys(lib):
    net = make_net(lib)
    result = net.load_state_dict({"scale": lib.zeros(2), "extra": lib.zeros(1)}, strict=False)
    assert "first.weight" in result.missing_keys
    assert result.unexpected_keys == ["extra"]
    assert net.scale.tolist() == [0, 0]


def test_assign_takes_the_tensors_themselves(lib):
    layer = lib.nn.Linear(2, 2)
    layer.bias.requires_grad_(False)
    state = {"weight": lib.ones(2, 2, dtype=lib.float64), "bias": lib.ones(2)}
    layer.load_state_dict(state, assign=True)
    assert layer.weight.dtype == lib.float64 and layer.weight.requires_grad
    assert layer.weight.data_ptr() == state["weight"].data_ptr()
    assert isinstance(layer.bias, lib.nn.Parameter) and not layer.bias.requires_grad


def test_one_element_loads_into_a_scalar(lib):
    net = lib.nn.Module()
    net.p = lib.nn.Parameter(lib.zeros(()))
    net.load_state_dict({"p": lib.ones(1)})
    assert net.p.item() == 1


def test_extra_state_is_saved_and_loaded(lib):
    class Counter(lib.nn.Module):
        count = 0

        def get_extra_state(self):
            return {"count": self.count}

        def set_extra_state(self, state):
            self.count = state["count"]

    counter, other = lib.nn.Sequential(Counter()), lib.nn.Sequential(Counter())
    counter[0].count = 3
    assert counter.state_dict() == {"0._extra_state": {"count": 3}}
    other.load_state_dict(counter.state_dict())
    assert other[0].count == 3
    with pytest.raises(RuntimeError, match="Missing key.*_extra_state"):
        other.load_state_dict({})


def test_hooks_of_saving_and_loading_run_in_order(lib):
    calls = []
    layer = lib.nn.Linear(1, 1)
    layer.register_state_dict_pre_hook(lambda m, prefix, keep: calls.append(("save", prefix, keep)))
    layer.register_state_dict_post_hook(lambda m, state, prefix, meta: state.update(extra=1))
    layer._register_state_dict_hook(lambda m, state, prefix, meta: dict(state, more=2))
    layer.register_load_state_dict_pre_hook(lambda m, state, *rest: (state.pop("extra"), state.pop("more")))
    layer.register_load_state_dict_post_hook(
        lambda m, keys: calls.append(("load", m is layer, list(keys[0])))
    )
    state = layer.state_dict()
    assert state["extra"] == 1 and state["more"] == 2
    layer.load_state_dict(state)
    assert calls == [("save", "", False), ("load", True, [])]


# Copies


def test_deepcopy_has_its_own_memory(lib):
    net = make_net(lib)
    twin = copy.deepcopy(net)
    assert repr(twin) == repr(net)
    assert twin.scale.data_ptr() != net.scale.data_ptr()
    assert isinstance(twin.scale, lib.nn.Parameter) and twin.scale.tolist() == net.scale.tolist()


def test_pickle_keeps_hooks_and_state(lib):
    layer = lib.nn.Linear(2, 2)
    layer.register_forward_hook(print_nothing)
    loaded = pickle.loads(pickle.dumps(layer))
    assert list(loaded._forward_hooks.values()) == [print_nothing]
    assert loaded.weight.tolist() == layer.weight.tolist() and loaded.weight.requires_grad


def print_nothing(module, args, output):
    return None


def test_setstate_completes_old_states(lib):
    layer = lib.nn.Linear(1, 1)
    state = layer.__getstate__()
    for key in ("_non_persistent_buffers_set", "_load_state_dict_post_hooks", "_backward_pre_hooks"):
        del state[key]
    old = lib.nn.Linear.__new__(lib.nn.Linear)
    old.__setstate__(state)
    assert old(lib.ones(1, 1)).shape == (1, 1)
    assert list(old.state_dict()) == ["weight", "bias"]


def test_share_memory_moves_every_tensor(lib):
    module = lib.nn.Sequential(lib.nn.Linear(1, 1), lib.nn.BatchNorm1d(1))
    weight, before = module[0].weight, module(lib.ones(2, 1)).tolist()
    assert module.share_memory() is module and module[0].weight is weight
    assert all(tensor.is_shared() for tensor in (*module.parameters(), *module.buffers()))
    assert module(lib.ones(2, 1)).tolist() == before


def test_compile_changes_no_result(lib):
    layer = Doubler(flambeau)
    assert layer.compile(fullgraph=True) is None
    assert layer(flambeau.ones(1)).item() == 2


def test_options_of_linear_cross_entropy(lib):
    options = lib.nn.LinearCrossEntropyOptions(batch_chunk_size=2)
    assert repr(options).endswith("batch_chunk_size=2, chunking_method='auto', acc_policy='auto', acc_dtype=None)")
    loss = lib.nn.LinearCrossEntropyLoss(3, 4, options=options)
    target = lib.tensor([0, 3, 1])
    plain = lib.nn.functional.cross_entropy(loss.linear(lib.ones(3, 3)), target)
    assert loss(lib.ones(3, 3), target).item() == pytest.approx(plain.item(), rel=1e-5)
    for wrong in ({"acc_policy": "best"}, {"chunking_method": "halves"}, {"chunking_method": "aspect_ratio:0"}, {"batch_chunk_size": 0}):
        with pytest.raises(ValueError):
            lib.nn.LinearCrossEntropyOptions(**wrong)
    with pytest.raises(ValueError, match="to match target batch_size"):
        lib.nn.LinearCrossEntropyLoss(3, 4)(lib.ones(2, 3), target)
