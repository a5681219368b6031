"""Pruning, against PyTorch's."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from tests.nn.utils.pairs import LIBS, errors_agree, pair, states_agree, training_agrees

import flambeau
import flambeau.nn.utils.prune

pytest.importorskip("torch.nn.utils.prune")

METHODS = {
    "identity": lambda p, m: p.identity(m, "weight"),
    "l1": lambda p, m: p.l1_unstructured(m, "weight", 0.3),
    "l1 none": lambda p, m: p.l1_unstructured(m, "weight", 0),
    "l1 all": lambda p, m: p.l1_unstructured(m, "weight", 1.0),
    "l1 bias": lambda p, m: p.l1_unstructured(m, "bias", 2),
    "random": lambda p, m: p.random_unstructured(m, "weight", 4),
    "random structured": lambda p, m: p.random_structured(m, "weight", 1, dim=0),
    "l2 structured": lambda p, m: p.ln_structured(m, "weight", 0.5, n=2, dim=1),
    "max structured": lambda p, m: p.ln_structured(m, "weight", 1, n=float("inf"), dim=-1),
    "l2 nothing": lambda p, m: p.ln_structured(m, "weight", 0.0, n=2, dim=0),
}


@pytest.mark.parametrize("first", METHODS)
def test_methods(first):
    ours, theirs = pair(lambda lib: METHODS[first](lib.nn.utils.prune, lib.nn.Linear(4, 3)))
    states_agree(ours, theirs)
    training_agrees(ours, theirs, (5, 4))


@pytest.mark.parametrize("second", ["l1", "random", "random structured", "l2 structured", "identity"])
@pytest.mark.parametrize("first", ["random", "l2 structured"])
def test_one_method_after_another(first, second):
    def pruned(lib):
        layer = lib.nn.Linear(6, 5)
        for method in (first, second):
            METHODS[method](lib.nn.utils.prune, layer)
        return layer

    ours, theirs = pair(pruned)
    states_agree(ours, theirs)
    container = next(iter(ours._forward_pre_hooks.values()))
    assert len(ours._forward_pre_hooks) == 1 and len(container) == 2 and len(list(container)) == 2


def test_of_convolutions():
    def pruned(lib):
        layer = lib.nn.Conv2d(3, 4, 2)
        lib.nn.utils.prune.ln_structured(layer, "weight", 2, n=1, dim=0)
        return lib.nn.utils.prune.ln_structured(layer, "weight", 1, n=2, dim=1)

    ours, theirs = pair(pruned)
    states_agree(ours, theirs)
    training_agrees(ours, theirs, (2, 3, 4, 4))


def test_removal_keeps_zeros_and_the_parameter():
    ours, theirs = pair(lambda lib: lib.nn.utils.prune.l1_unstructured(lib.nn.Linear(4, 3), "weight", 0.5))
    parameter = ours.weight_orig
    for lib, module in zip(LIBS, (ours, theirs)):
        assert lib.nn.utils.prune.is_pruned(lib.nn.Sequential(module))
        assert lib.nn.utils.prune.remove(module, "weight") is module
        assert not lib.nn.utils.prune.is_pruned(module)
    states_agree(ours, theirs)
    assert ours.weight is parameter and (ours.weight == 0).sum().item() == 6
    training_agrees(ours, theirs, (5, 4))


def test_custom_masks_and_scores():
    mask = np.eye(3, dtype=np.float32)
    scores = np.arange(9.0, 0.0, -1.0, dtype=np.float32).reshape(3, 3)

    def pruned(lib):
        layer = lib.nn.Linear(3, 3)
        lib.nn.utils.prune.l1_unstructured(layer, "weight", 3, importance_scores=lib.tensor(scores))
        return lib.nn.utils.prune.custom_from_mask(layer, "weight", lib.tensor(mask))

    ours, theirs = pair(pruned)
    states_agree(ours, theirs)
    assert ours.weight_mask.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 0]]


@pytest.mark.parametrize("method", ["L1Unstructured", "RandomUnstructured"])
def test_globally(method):
    def pruned(lib):
        net = lib.nn.Sequential(lib.nn.Linear(4, 5), lib.nn.Tanh(), lib.nn.Linear(5, 2))
        pairs = [(net[0], "weight"), (net[2], "weight"), (net[2], "bias")]
        kind = getattr(lib.nn.utils.prune, method)
        lib.nn.utils.prune.global_unstructured(pairs, kind, amount=0.4)
        scores = {pairs[0]: lib.arange(20.0).reshape(5, 4)}
        lib.nn.utils.prune.global_unstructured(tuple(pairs), kind, importance_scores=scores, amount=3)
        return net

    ours, theirs = pair(pruned)
    states_agree(ours, theirs)
    training_agrees(ours, theirs, (3, 4))


def test_tensors_alone():
    for amount in (0, 2, 0.5):
        results = []
        for lib in LIBS:
            method = lib.nn.utils.prune.L1Unstructured(amount)
            t = lib.tensor([4.0, -1.0, 3.0, 0.5])
            masked = method.prune(t, default_mask=lib.tensor([0.0, 1, 1, 1]))
            results.append(
                [method.prune(t).tolist(), masked.tolist(), method.prune(t, importance_scores=-1 / t).tolist()]
            )
        assert results[0] == results[1]


def first_column(lib):
    class FirstColumn(lib.nn.utils.prune.BasePruningMethod):
        PRUNING_TYPE = "unstructured"

        def compute_mask(self, t, default_mask):
            mask = default_mask.clone()
            mask[..., 0] = 0
            return mask

    return FirstColumn


def test_a_users_method():
    def pruned(lib):
        layer = lib.nn.Linear(4, 3)
        first_column(lib).apply(layer, "weight")
        return lib.nn.utils.prune.l1_unstructured(layer, "weight", 2)

    states_agree(*pair(pruned))


def test_the_weight_follows_a_loaded_state():
    layer = flambeau.nn.utils.prune.l1_unstructured(flambeau.nn.Linear(4, 3), "weight", 2)
    state = layer.state_dict()
    state["weight_mask"] = flambeau.zeros(3, 4)
    layer.load_state_dict(state)
    layer(flambeau.ones(1, 4))
    assert layer.weight.abs().sum().item() == 0


def test_copying_and_pickling():
    for lib in LIBS:
        layer = lib.nn.utils.prune.l1_unstructured(lib.nn.Linear(4, 3), "weight", 2)
        loaded = pickle.loads(pickle.dumps(layer))
        assert lib.nn.utils.prune.is_pruned(loaded) and loaded(lib.ones(1, 4)).shape == (1, 3)
        with pytest.raises(RuntimeError, match="deepcopy"):
            copy.deepcopy(layer)


AMOUNTS = [-1, 1.5, -0.5, "a", True, 100, None]
ERRORS = [
    *[lambda p, lib, a=a: p.l1_unstructured(lib.nn.Linear(4, 3), "weight", a) for a in AMOUNTS],
    *[lambda p, lib, a=a: p.random_structured(lib.nn.Linear(4, 3), "weight", a, 0) for a in AMOUNTS],
    lambda p, lib: p.ln_structured(lib.nn.Linear(4, 3), "bias", 1, 2, 0),
    lambda p, lib: p.ln_structured(lib.nn.Linear(4, 3), "weight", 1, 2, 2),
    lambda p, lib: p.ln_structured(lib.nn.Linear(4, 3), "weight", 1, 2, -3),
    lambda p, lib: p.l1_unstructured(lib.nn.Linear(4, 3), "missing", 1),
    lambda p, lib: p.l1_unstructured(lib.nn.Linear(4, 3, bias=False), "bias", 1),
    lambda p, lib: p.l1_unstructured(lib.nn.Linear(4, 3), "weight", 1, importance_scores=lib.ones(3)),
    lambda p, lib: p.L1Unstructured(1).prune(lib.ones(2), importance_scores=lib.ones(3)),
    lambda p, lib: p.custom_from_mask(lib.nn.Linear(4, 3), "weight", lib.ones(3)),
    lambda p, lib: p.remove(lib.nn.Linear(4, 3), "weight"),
    lambda p, lib: p.global_unstructured([], p.L1Unstructured, amount=1),
    lambda p, lib: p.global_unstructured([(lib.nn.Linear(4, 3), "bias")], p.LnStructured, amount=1, n=2),
    lambda p, lib: p.global_unstructured(
        [(lib.nn.Linear(4, 3), "bias")], p.L1Unstructured, importance_scores=3, amount=1
    ),
    lambda p, lib: p.BasePruningMethod(),
    lambda p, lib: p.L1Unstructured(1).apply_mask(lib.nn.Linear(2, 2)),
    lambda p, lib: p.PruningContainer(3),
    lambda p, lib: p.PruningContainer().add_pruning_method(3),
    lambda p, lib: p.PruningContainer().add_pruning_method(p.L1Unstructured(1)),
]


@pytest.mark.parametrize("number", range(len(ERRORS)))
def test_errors(number):
    errors_agree(lambda lib: ERRORS[number](lib.nn.utils.prune, lib))


def test_errors_leave_the_module_as_it_was():
    layer = flambeau.nn.Linear(4, 3)
    with pytest.raises(ValueError, match="smaller than the number"):
        flambeau.nn.utils.prune.l1_unstructured(layer, "weight", 100)
    assert list(layer.state_dict()) == ["weight", "bias"] and not flambeau.nn.utils.prune.is_pruned(layer)


@pytest.mark.parametrize("kind", ["structured", "other"])
def test_errors_of_types(kind):
    def call(lib):
        method = first_column(lib)
        method.PRUNING_TYPE = kind
        layer = lib.nn.utils.prune.identity(lib.nn.Linear(4, 3), "weight")
        method.apply(layer, "weight")

    errors_agree(call)
