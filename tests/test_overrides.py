"""Subclasses of Tensor, ``__torch_function__``, modes and default devices, step by step as PyTorch has them."""

from __future__ import annotations

import copy
import importlib
import pickle
import threading

import pytest

import flambeau

torch = pytest.importorskip("torch")
LIBRARIES = pytest.mark.parametrize("lib", [flambeau, torch], ids=["flambeau", "torch"])


def overrides_of(lib):
    return importlib.import_module(f"{lib.__name__}.overrides")


class Ours(flambeau.Tensor):
    """A plain subclass."""


class Theirs(torch.Tensor):
    """The same of PyTorch's."""


KEPT = {
    "infix": lambda lib, s: s + 1,
    "reversed": lambda lib, s: 1 - s,
    "comparison": lambda lib, s: s == 1,
    "element": lambda lib, s: s[0],
    "sum": lambda lib, s: s.sum(),
    "stack": lambda lib, s: lib.stack([s, s]),
    "maximum of a dimension": lambda lib, s: s.max(0)[0],
    "split": lambda lib, s: s.split(2)[0],
    "composite": lambda lib, s: lib.nn.functional.gelu(s),
    "view": lambda lib, s: s.view(3, 1),
    "transposed": lambda lib, s: s.T,
    "cast": lambda lib, s: s.to(lib.float64),
    "clone": lambda lib, s: s.clone(),
    "detach": lambda lib, s: s.detach(),
    "data": lambda lib, s: s.data,
    "new": lambda lib, s: s.new_zeros(2),
    "like": lambda lib, s: lib.ones_like(s),
    "in place": lambda lib, s: s.add_(1),
    "as a mere tensor": lambda lib, s: s.as_subclass(lib.Tensor),
}


@pytest.mark.parametrize("name", KEPT)
def test_results_are_of_the_subclass(name):
    given = KEPT[name](flambeau, flambeau.ones(3).as_subclass(Ours))
    expected = KEPT[name](torch, torch.ones(3).as_subclass(Theirs))
    assert (type(given) is Ours) == (type(expected) is Theirs)
    assert given.tolist() == expected.tolist()


@LIBRARIES
def test_as_subclass_keeps_the_graph(lib):
    class Kind(lib.Tensor):
        pass

    x = lib.ones(3, requires_grad=True)
    (x.as_subclass(Kind) * 2).sum().backward()
    assert x.grad.tolist() == [2, 2, 2]
    with pytest.raises(TypeError):
        x.as_subclass(int)


def recording(lib):
    """A class of tensors, and the list of the functions that were called on it."""
    calls = []

    class Recording(lib.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            calls.append(func.__name__)
            return super().__torch_function__(func, types, args, kwargs)

    return lib.ones(2, 2).as_subclass(Recording), calls


CALLS = {
    "infix": lambda lib, x: x + 1,
    "twice": lambda lib, x: (x * 2, x * 2),
    "matmul": lambda lib, x: x @ x,
    "reduction": lambda lib, x: x.sum(dim=1),
    "in place": lambda lib, x: x.add_(1),
    "list": lambda lib, x: lib.cat([x, lib.ones(2, 2)]),
    "second argument": lambda lib, x: lib.add(lib.ones(2, 2), x),
    "reading": lambda lib, x: x[0],
    "view": lambda lib, x: (x.view(4), x.view(4)),
    "reshape": lambda lib, x: x.reshape(4),
    "transpose": lambda lib, x: (x.t(), x.t()),
    "expand": lambda lib, x: x.expand(3, 2, 2),
    "split": lambda lib, x: x.split(1),
    "layer_norm": lambda lib, x: lib.nn.functional.layer_norm(x, (2,)),
    "softmax": lambda lib, x: lib.nn.functional.softmax(x, 0),
    "einsum": lambda lib, x: lib.einsum("ij,jk->ik", x, x),
    "tolist": lambda lib, x: x.tolist(),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_class_sees_each_public_call_once(name):
    seen = []
    for lib in (flambeau, torch):
        x, calls = recording(lib)
        calls.clear()
        CALLS[name](lib, x)
        seen.append(list(calls))
    assert seen[0] == seen[1]


def recorder(lib, calls, tag=""):
    class Recorder(overrides_of(lib).TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            calls.append(tag + func.__name__)
            return func(*args, **(kwargs or {}))

    return Recorder()


@pytest.mark.parametrize("name", [*CALLS, "ones", "rand", "tensor", "arange", "zero_"])
def test_a_mode_sees_each_public_call_once(name):
    made = {
        "ones": lambda lib, x: lib.ones(2),
        "rand": lambda lib, x: lib.rand(2),
        "tensor": lambda lib, x: lib.tensor([1.0]),
        "arange": lambda lib, x: lib.arange(3),
        "zero_": lambda lib, x: x.zero_(),
    }
    run = {**CALLS, **made}[name]
    seen = []
    for lib in (flambeau, torch):
        calls = []
        x = lib.ones(2, 2)
        run(lib, x)  # a signature that is known from before is seen all the same
        with recorder(lib, calls):
            run(lib, x)
            run(lib, x)
        run(lib, x)
        seen.append([c for c in calls if (name, c) not in {("list", "ones"), ("second argument", "ones")}])
    assert seen[0] == seen[1]


IN_PLACE = {
    "keywords only": lambda lib, x, y: x.addmm_(y, y, beta=2, alpha=3),
    "one keyword": lambda lib, x, y: x.add_(y, alpha=2),
    "an optional argument": lambda lib, x, y: x.clamp_(min=0),
    "a mode of division": lambda lib, x, y: x.div_(y, rounding_mode="floor"),
    "a value": lambda lib, x, y: x.addcmul_(y, y, value=2),
    "no keyword": lambda lib, x, y: x.mul_(y),
    "infix": lambda lib, x, y: x.__iadd__(y),
}


@pytest.mark.parametrize("name", IN_PLACE)
def test_a_mode_can_call_an_in_place_operator_with_what_it_was_offered(name):
    def run(lib):
        calls = []

        class Recorder(overrides_of(lib).TorchFunctionMode):
            def __torch_function__(self, func, types, args=(), kwargs=None):
                calls.append((len(args), kwargs or {}))
                return func(*args, **(kwargs or {}))

        x, y = lib.full((2, 2), 7.0), lib.full((2, 2), 2.0)
        with Recorder():
            IN_PLACE[name](lib, x, y)
        return calls, x.tolist()

    assert run(flambeau) == run(torch)


@LIBRARIES
def test_modes_nest_and_survive_exceptions(lib):
    calls = []
    x = lib.ones(2)
    with recorder(lib, calls, "a:"):
        with recorder(lib, calls, "b:"):
            x + 1
        x * 2
    with pytest.raises(ValueError), recorder(lib, calls, "c:"):
        raise ValueError
    x - 1
    assert calls == ["b:add", "a:add", "a:mul"]


@LIBRARIES
def test_an_error_of_a_mode_is_the_callers(lib):
    class Refusing(overrides_of(lib).TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            if func.__name__ == "add":
                raise KeyError("add")
            return func(*args, **(kwargs or {}))

    x = lib.ones(2)
    with Refusing():
        with pytest.raises(KeyError):
            lib.add(x, x)
        assert (x * 2).tolist() == [2, 2]
    assert (x + x).tolist() == [2, 2]


@LIBRARIES
def test_other_threads_are_not_in_the_mode(lib):
    calls, results = [], []
    x = lib.ones(2)
    with recorder(lib, calls):
        worker = threading.Thread(target=lambda: results.append((x + 5).tolist()))
        worker.start()
        worker.join()
    assert results == [[6, 6]] and "add" not in calls


class Duck:
    """Looks like a tensor to functions."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return func.__name__, [t.__name__ for t in types], len(args), sorted(kwargs or {})


DUCKS = {
    "add": lambda lib, d: lib.add(d, 1),
    "right operand": lambda lib, d: lib.ones(2) + d,
    "method's argument": lambda lib, d: lib.ones(2).add(d),
    "in place": lambda lib, d: lib.ones(2).mul_(d),
    "mean": lambda lib, d: lib.mean(d),
    "softmax": lambda lib, d: lib.softmax(d, dim=1)[0],
    "list": lambda lib, d: lib.cat([d, lib.ones(1)]),
    "matmul": lambda lib, d: lib.ones(2) @ d,
    "permute": lambda lib, d: lib.permute(d, (0,)),
    "comparison": lambda lib, d: lib.ones(2) == d,
    "like": lambda lib, d: lib.zeros_like(d),
}


@pytest.mark.parametrize("name", DUCKS)
def test_what_looks_like_a_tensor_takes_over(name):
    assert DUCKS[name](flambeau, Duck()) == DUCKS[name](torch, Duck())


@LIBRARIES
def test_helpers(lib):
    o = overrides_of(lib)
    plain, duck = lib.ones(1), Duck()
    assert o.has_torch_function([duck]) and not o.has_torch_function((plain,))
    assert o.has_torch_function_unary(duck) and o.has_torch_function_variadic(1, duck)
    assert o.is_tensor_like(duck) and o.is_tensor_like(plain) and not o.is_tensor_like(3)
    assert o.is_tensor_method_or_property(lib.Tensor.add) and not o.is_tensor_method_or_property(lib.nn.functional.linear)
    assert o.handle_torch_function(lib.add, (duck,), duck, 1)[0] == "add"
    assert o.resolve_name(lib.nn.functional.linear) == "torch.nn.functional.linear"
    assert o.wrap_torch_function(lambda x, scale: (x,))(lambda x, scale: x * scale)(plain, scale=3).item() == 3
    assert o.wrap_torch_function(lambda x: (x,))(repr)(duck)[0] == "repr"
    assert lib.nn.functional.linear in o.get_testing_overrides()
    assert o.get_testing_overrides()[lib.matmul](1, 2) == -1


@LIBRARIES
def test_a_default_device(lib):
    linear = lib.nn.Linear
    with lib.device("meta"):
        made = [lib.ones(2), lib.rand(3), lib.tensor([1]), lib.arange(3), lib.empty(2), lib.full((2,), 1), lib.eye(2),
                lib.randperm(3), lib.linspace(0, 1, 2), lib.randint(3, (2,)), linear(2, 2).weight, lib.as_tensor([1.0])]
        assert [m.device.type for m in made] == ["meta"] * len(made)
        assert lib.ones(2, device="cpu").device.type == "cpu"
        with lib.device("cpu"):
            assert lib.ones(2).device.type == "cpu"
        assert lib.get_default_device().type == "meta"
    assert lib.ones(2).device.type == "cpu"
    lib.set_default_device("meta")
    try:
        assert lib.ones(2).is_meta
    finally:
        lib.set_default_device(None)
    assert not lib.ones(2).is_meta


class Labelled(flambeau.Tensor):
    """A tensor with an attribute."""

    def __new__(cls, data, label):
        return flambeau.Tensor._make_subclass(cls, data)

    def __init__(self, data, label):
        self.label = label


def test_attributes_travel():
    labelled = Labelled(flambeau.ones(2), "x")
    for other in (copy.copy(labelled), copy.deepcopy(labelled), pickle.loads(pickle.dumps(labelled))):
        assert type(other) is Labelled and other.label == "x" and other.tolist() == [1, 1]
    parameter = flambeau.nn.Parameter(flambeau.ones(2))
    parameter.label = "y"
    loaded = pickle.loads(pickle.dumps(parameter))
    assert type(loaded) is flambeau.nn.Parameter and loaded.label == "y" and loaded.requires_grad


ASKED = {
    "shape": lambda lib, x: x.shape,
    "size": lambda lib, x: x.size(),
    "transposed": lambda lib, x: x.T,
    "item": lambda lib, x: x.sum().item(),
    "float": lambda lib, x: float(x.sum()),
    "bool": lambda lib, x: bool(x.sum()),
    "len": lambda lib, x: len(x),
    "power": lambda lib, x: x**2,
    "cast": lambda lib, x: x.double(),
    "data": lambda lib, x: x.data,
    "requires_grad_": lambda lib, x: x.clone().requires_grad_(),
}


@pytest.mark.parametrize("name", ASKED)
def test_modes_and_classes_are_asked_for_attributes_and_conversions(name):
    def seen(lib):
        x, by_class = recording(lib)
        by_mode = []
        by_class.clear()
        ASKED[name](lib, x)
        with recorder(lib, by_mode):
            ASKED[name](lib, lib.ones(2, 2))
        after = list(by_mode)
        ASKED[name](lib, lib.ones(2, 2))
        assert by_mode == after  # nobody is asked when the mode is over
        return by_class, [call for call in by_mode if call != "ones"]

    assert seen(flambeau) == seen(torch)


METHODS = {
    "add": lambda lib: (lambda x: x + 1, lib.Tensor.add),
    "radd": lambda lib: (lambda x: 1 + x, lib.Tensor.add),
    "sub": lambda lib: (lambda x: x.sub(1), lib.Tensor.sub),
    "torch.sub": lambda lib: (lambda x: lib.sub(x, 1), lib.sub),
    "rsub": lambda lib: (lambda x: 1 - x, lib.Tensor.__rsub__),
    "iadd": lambda lib: (lambda x: x.__iadd__(1), lib.Tensor.add_),
    "pow": lambda lib: (lambda x: x**2, lib.Tensor.__pow__),
    "matmul": lambda lib: (lambda x: x @ x, lib.Tensor.matmul),
    "sum": lambda lib: (lambda x: x.sum(0), lib.Tensor.sum),
    "torch.sum": lambda lib: (lambda x: lib.sum(x, 0), lib.sum),
    "view": lambda lib: (lambda x: x.view(4), lib.Tensor.view),
    "shape": lambda lib: (lambda x: x.shape, lib.Tensor.shape.__get__),
}


@pytest.mark.parametrize("name", METHODS)
@LIBRARIES
def test_a_class_is_given_the_function_that_was_called(lib, name):
    given = []

    class Keeping(lib.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            given.append(func)
            return super().__torch_function__(func, types, args, kwargs)

    call, expected = METHODS[name](lib)
    x = lib.ones(2, 2).as_subclass(Keeping)
    given.clear()
    call(x)
    assert given == [expected]


@LIBRARIES
def test_a_mode_finds_the_functions_of_tables_made_outside(lib):
    table = {lib.Tensor.item, lib.Tensor.__bool__, lib.Tensor.shape.__get__}
    found = []

    class Finding(overrides_of(lib).TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            found.append((func in table, func in (lib.Tensor.item, lib.Tensor.__bool__, lib.Tensor.shape.__get__)))
            return func(*args, **(kwargs or {}))

    x = lib.ones(1)
    with Finding():
        assert x.item() == 1 and bool(x) and x.shape == (1,)
    assert found == [(True, True)] * 3
