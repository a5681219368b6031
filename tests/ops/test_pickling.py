"""Copies and pickles of tensors keep what PyTorch keeps: strides, dtypes, gradients' wishes, classes and attributes."""

from __future__ import annotations

import copy
import pickle
import types

import pytest

import flambeau

torch = pytest.importorskip("torch")


class Labelled(flambeau.Tensor):
    """A subclass with an attribute of its own."""


def seen(tensor):
    """What a program can tell about a tensor."""
    return str(tensor.dtype), tuple(tensor.shape), tensor.stride(), tensor.storage_offset(), tensor.tolist(), tensor.requires_grad


def pickled(value, protocol=2):
    return pickle.loads(pickle.dumps(value, protocol))


MAKERS = [
    lambda m: m.arange(6.0).reshape(2, 3),
    lambda m: m.arange(6.0).reshape(2, 3).t(),
    lambda m: m.arange(6)[2:5],
    lambda m: m.tensor(1.5),
    lambda m: m.zeros(0, 3),
    lambda m: m.ones(2, dtype=m.bfloat16),
    lambda m: m.tensor([1j, 2.0]),
    lambda m: m.ones(2, requires_grad=True),
    lambda m: m.nn.Parameter(m.ones(2)),
    lambda m: m.nn.Parameter(m.ones(2), requires_grad=False),
    lambda m: m.ones(1).expand(4),
]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickled], ids=["copy", "deepcopy", "pickle"])
def test_copies_look_like_pytorchs(make, copied):
    ours, theirs = copied(make(flambeau)), copied(make(torch))
    assert seen(ours) == seen(theirs)
    assert type(ours).__name__ == type(theirs).__name__


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_protocol(protocol):
    x = flambeau.arange(6.0).reshape(2, 3).t()
    assert seen(pickled(x, protocol)) == seen(x)


def test_a_copy_shares_memory_and_a_deep_copy_does_not():
    x = flambeau.zeros(2)
    shallow, deep, through = copy.copy(x), copy.deepcopy(x), pickled(x)
    x.fill_(1)
    assert (shallow.tolist(), deep.tolist(), through.tolist()) == ([1, 1], [0, 0], [0, 0])


def test_sharing_survives_a_deep_copy():
    for module in (flambeau, torch):
        x = module.zeros(2, 2)
        whole, row, again = copy.deepcopy([x, x[1], x])
        row.fill_(3)
        assert whole.tolist() == [[0, 0], [3, 3]]
        assert again is whole
        assert x.tolist() == [[0, 0], [0, 0]]


def test_results_have_no_deep_copy_but_a_pickle_without_history():
    for module in (flambeau, torch):
        result = module.ones(2, requires_grad=True) * 2
        with pytest.raises(RuntimeError, match="graph leaves"):
            copy.deepcopy(result)
        assert pickled(result).grad_fn is None


def test_gradients_are_copied_along():
    for module in (flambeau, torch):
        x = module.ones(2, requires_grad=True)
        x.sum().backward()
        deep = copy.deepcopy(x)
        deep.grad.zero_()
        assert (x.grad.tolist(), deep.grad.tolist()) == ([1, 1], [0, 0])


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickled], ids=["copy", "deepcopy", "pickle"])
def test_subclasses_keep_class_and_attributes(copied):
    x = flambeau.ones(2).as_subclass(Labelled)
    x.label = ["a"]
    made = copied(x)
    assert (type(made), made.tolist(), made.label) == (Labelled, [1, 1], ["a"])
    assert (made.label is x.label) is (copied is copy.copy)


def test_what_stands_beside_tensors():
    x = flambeau.ones(1, 2)
    assert pickled(x.dtype) is flambeau.float32
    assert copy.deepcopy(x.dtype) is flambeau.float32
    assert pickled(x.shape) == (1, 2)
    assert pickled(x.device) == x.device


def public_functions():
    for namespace, functions in flambeau.ops.NAMESPACES.items():
        for name, function in functions.items():
            if isinstance(function, types.FunctionType):
                yield f"{namespace}.{name}", function


def test_public_functions_are_pickled_by_their_public_names():
    lost = [name for name, function in public_functions() if pickled(function) is not function]
    assert lost == []
    assert (flambeau.zeros.__name__, flambeau.add.__module__) == ("zeros", "flambeau")
    assert pickled(flambeau.nn.TransformerEncoderLayer(4, 2)).activation is flambeau.nn.functional.relu
