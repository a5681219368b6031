"""Registering and removing parametrizations, against PyTorch's."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from tests.nn.utils.pairs import LIBS, errors_agree, pair, states_agree, training_agrees

import flambeau


def of(lib, forward, right_inverse=None):
    """A parametrization with these two functions."""

    class Made(lib.nn.Module):
        def forward(self, *tensors):
            return forward(*tensors)

    if right_inverse is not None:
        Made.right_inverse = lambda self, value: right_inverse(value)
    return Made()


def symmetric(lib):
    return of(lib, lambda x: x.triu() + x.triu(1).mT, lambda x: x.triu())


def product(lib):
    return of(lib, lambda a, b: a @ b, lambda x: (x + 0, lib.eye(x.shape[1])))


def linear(lib, *parametrizations, name="weight", **options):
    layer = lib.nn.Linear(3, 3)
    for make in parametrizations:
        assert lib.nn.utils.parametrize.register_parametrization(layer, name, make(lib), **options) is layer
    return layer


@pytest.mark.parametrize("kinds", [[symmetric], [product], [product, symmetric], [symmetric, symmetric]])
def test_states_training_and_text(kinds):
    ours, theirs = pair(lambda lib: linear(lib, *kinds))
    assert repr(ours) == repr(theirs)
    assert [n for n, _ in ours.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    states_agree(ours, theirs)
    training_agrees(ours, theirs, (4, 3))
    ours.load_state_dict({name: flambeau.tensor(t.numpy()) for name, t in theirs.state_dict().items()})


@pytest.mark.parametrize("kind", [symmetric, product])
@pytest.mark.parametrize("leave_parametrized", [True, False])
def test_removal(kind, leave_parametrized):
    if kind is product and not leave_parametrized:
        errors_agree(lambda lib: lib.nn.utils.parametrize.remove_parametrizations(linear(lib, kind), "weight", False))
        return
    ours, theirs = pair(lambda lib: linear(lib, kind))
    for lib, module in zip(LIBS, (ours, theirs)):
        lib.nn.utils.parametrize.remove_parametrizations(module, "weight", leave_parametrized)
        assert type(module) is lib.nn.Linear and type(module.weight) is lib.nn.Parameter
        assert not hasattr(module, "parametrizations")
    training_agrees(ours, theirs, (4, 3))


def test_the_parameter_stays_the_same_object():
    parametrize = flambeau.nn.utils.parametrize
    layer = flambeau.nn.Linear(3, 3)
    weight = layer.weight
    parametrize.register_parametrization(layer, "weight", symmetric(flambeau))
    assert layer.parametrizations.weight.original is weight
    parametrize.remove_parametrizations(layer, "weight")
    assert layer.weight is weight
    np.testing.assert_array_equal(weight.detach().numpy(), weight.detach().numpy().T)


def test_assignment_goes_through_the_inverses():
    value = np.arange(9, dtype=np.float32).reshape(3, 3)

    def assigned(lib):
        layer = linear(lib, product, symmetric)
        layer.weight = lib.tensor(value)
        return layer

    states_agree(*pair(assigned))
    errors_agree(lambda lib: setattr(linear(lib, lambda lib: of(lib, abs)), "weight", lib.ones(3, 3)))
    errors_agree(lambda lib: setattr(linear(lib, symmetric), "weight", lib.nn.Parameter(lib.ones(3, 3))))


def test_buffers_stay_buffers():
    def made(lib):
        return lib.nn.utils.parametrize.register_parametrization(lib.nn.BatchNorm1d(3), "running_var", of(lib, abs))

    ours, theirs = pair(made)
    states_agree(ours, theirs)
    assert [n for n, _ in ours.named_buffers()] == [n for n, _ in theirs.named_buffers()]
    for lib, module in zip(LIBS, (ours, theirs)):
        lib.nn.utils.parametrize.remove_parametrizations(module, "running_var")
    states_agree(ours, theirs)
    assert type(ours.running_var) is flambeau.Tensor


def test_frozen_parameters_stay_frozen():
    layer = flambeau.nn.Linear(3, 3).requires_grad_(False)
    flambeau.nn.utils.parametrize.register_parametrization(layer, "weight", product(flambeau))
    assert not any(p.requires_grad for p in layer.parameters())


def test_cached_computes_once():
    calls = []
    layer = linear(flambeau, lambda lib: of(lib, lambda x: calls.append(1) or x * 2))
    calls.clear()
    parametrize = flambeau.nn.utils.parametrize
    with parametrize.cached():
        first = layer.weight
        with parametrize.cached():
            assert layer.weight is first
        assert layer.weight is first and len(calls) == 1
    assert layer.weight is not first and len(calls) == 2
    with pytest.raises(ZeroDivisionError), parametrize.cached():
        1 / 0
    assert layer.weight is not layer.weight


def test_asking():
    parametrize = flambeau.nn.utils.parametrize
    layer = linear(flambeau, symmetric)
    assert parametrize.is_parametrized(layer) and parametrize.is_parametrized(layer, "weight")
    assert not parametrize.is_parametrized(layer, "bias") and not parametrize.is_parametrized(layer, "missing")
    assert not parametrize.is_parametrized(flambeau.nn.Linear(2, 2))
    assert parametrize.type_before_parametrizations(layer) is flambeau.nn.Linear
    assert parametrize.type_before_parametrizations(flambeau.nn.ReLU()) is flambeau.nn.ReLU
    assert isinstance(layer, flambeau.nn.Linear) and type(layer).__name__ == "ParametrizedLinear"


def test_copies_are_apart():
    """A copy shares the class; changing which of its tensors are parametrized leaves the first module as it is."""
    parametrize = flambeau.nn.utils.parametrize
    layer = linear(flambeau, symmetric)
    copied = copy.deepcopy(layer)
    assert copied.parametrizations.weight.original is not layer.parametrizations.weight.original
    parametrize.register_parametrization(copied, "bias", flambeau.nn.Identity())
    parametrize.remove_parametrizations(copied, "weight")
    assert layer.weight.shape == copied.weight.shape and not parametrize.is_parametrized(layer, "bias")
    assert list(copied.state_dict()) == ["weight", "parametrizations.bias.original"]


def test_modules_are_not_pickled():
    errors_agree(lambda lib: pickle.dumps(linear(lib, symmetric)))


@pytest.mark.parametrize("kind", [symmetric, product])
def test_transfer(kind):
    def transferred(lib):
        source, target = linear(lib, kind), lib.nn.Linear(3, 3)
        assert lib.nn.utils.parametrize.transfer_parametrizations_and_params(source, target) is target
        assert target.parametrizations.weight[0] is source.parametrizations.weight[0]
        for ours, theirs in zip(
            target.parametrizations.weight.parameters(), source.parametrizations.weight.parameters()
        ):
            assert ours is theirs
        return target

    ours, theirs = pair(transferred)
    states_agree(ours, theirs)
    training_agrees(ours, theirs, (2, 3))
    errors_agree(
        lambda lib: lib.nn.utils.parametrize.transfer_parametrizations_and_params(
            linear(lib, kind), lib.nn.ReLU(), "bias"
        )
    )


def test_transfer_to_a_parametrized_module():
    def transferred(lib):
        parametrize = lib.nn.utils.parametrize
        source, target = linear(lib, symmetric), linear(lib, lambda lib: of(lib, lambda x: 2 * x))
        parametrize.transfer_parametrizations_and_params(source, target)
        parametrize.register_parametrization(target, "weight", of(lib, lambda x: x + 1))
        assert len(source.parametrizations.weight) == 1 and len(target.parametrizations.weight) == 3
        assert type(target).__name__ == "ParametrizedLinear"
        return target

    ours, theirs = pair(transferred)
    states_agree(ours, theirs)
    training_agrees(ours, theirs, (2, 3))


WRONG = {
    "shape": lambda lib: of(lib, lambda x: x[:2]),
    "dtype": lambda lib: of(lib, lambda x: x.double()),
    "no tensor": lambda lib: of(lib, lambda x: 3),
    "inverse of no tensor": lambda lib: of(lib, lambda x: x, lambda x: 3),
    "inverse of other dtype": lambda lib: of(lib, lambda x: x, lambda x: x.double()),
    "inverse of other shape": lambda lib: of(lib, lambda x: x, lambda x: x[:2]),
    "inverse of a mixed tuple": lambda lib: of(lib, lambda x: x, lambda x: (x, 3)),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_no_parametrization(kind):
    errors_agree(lambda lib: linear(lib, WRONG[kind]))
    errors_agree(lambda lib: linear(lib, symmetric, WRONG[kind]))


@pytest.mark.parametrize("kind", ["shape", "dtype"])
def test_unsafe_changes_shapes_and_dtypes(kind):
    ours, theirs = pair(lambda lib: linear(lib, WRONG[kind], unsafe=True))
    states_agree(ours, theirs)
    assert tuple(ours.weight.shape) == tuple(theirs.weight.shape) and str(ours.weight.dtype) == str(theirs.weight.dtype)


@pytest.mark.parametrize("returned", [lambda x: x, lambda x: (x,), lambda x: (x, 3), lambda x: (x.double(), x)])
def test_what_later_inverses_return(returned):
    def call(lib):
        inverses = iter([lambda x: (x, x), returned])
        layer = linear(lib, lambda lib: of(lib, lambda a, b: a, lambda x: next(inverses)(x)))
        layer.weight = lib.ones(3, 3)

    errors_agree(call)


def test_errors_of_names():
    errors_agree(lambda lib: linear(lib, symmetric, name="missing"))
    errors_agree(lambda lib: lib.nn.utils.parametrize.remove_parametrizations(linear(lib, symmetric), "bias"))
    errors_agree(lambda lib: lib.nn.utils.parametrize.remove_parametrizations(lib.nn.ReLU(), "weight"))
    errors_agree(lambda lib: lib.nn.utils.parametrize.ParametrizationList([], lib.ones(2)))
    errors_agree(lambda lib: delattr(linear(lib, symmetric), "weight"))
