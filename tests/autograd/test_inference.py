"""Inference mode: what is made in it can enter no graph and cannot be changed outside of it."""

from __future__ import annotations

import copy
import threading

import pytest

import flambeau as ours

torch = pytest.importorskip("torch")

CREATIONS = {
    "creation": lambda lib: lib.ones(3),
    "operator": lambda lib: lib.ones(3) * 2,
    "view": lambda lib: (lib.ones(4) * 2)[1:],
    "composite": lambda lib: lib.nn.functional.gelu(lib.ones(3)),
    "random": lambda lib: lib.rand(3),
    "clone": lambda lib: lib.ones(3).clone(),
}

USES = {
    "is_inference": lambda lib, t, x: t.is_inference(),
    "view is_inference": lambda lib, t, x: t[1:].is_inference(),
    "detach is_inference": lambda lib, t, x: t.detach().is_inference(),
    "data is_inference": lambda lib, t, x: t.data.is_inference(),
    "clone is_inference": lambda lib, t, x: t.clone().is_inference(),
    "deepcopy is_inference": lambda lib, t, x: copy.deepcopy(t).is_inference(),
    "result is_inference": lambda lib, t, x: (t + 1).is_inference(),
    "save for backward": lambda lib, t, x: (t * x).sum().item(),
    "not saved": lambda lib, t, x: lib.autograd.grad((t + x).sum(), x)[0].tolist(),
    "add_": lambda lib, t, x: t.add_(1).tolist(),
    "add_ of a view": lambda lib, t, x: t[1:].add_(1).tolist(),
    "fill_": lambda lib, t, x: t.fill_(1).tolist(),
    "copy_": lambda lib, t, x: t.copy_(lib.ones(3)).tolist(),
    "normal_": lambda lib, t, x: t.normal_().shape,
    "index": lambda lib, t, x: t.__setitem__(0, 5.0),
    "out=": lambda lib, t, x: lib.add(lib.ones(3), lib.ones(3), out=t).tolist(),
    "resize_": lambda lib, t, x: t.resize_(2).shape,
    "unsqueeze_": lambda lib, t, x: t.unsqueeze_(0).shape,
    "_version": lambda lib, t, x: t._version,
    "requires_grad_": lambda lib, t, x: t.requires_grad_().requires_grad,
    "write it to another": lambda lib, t, x: lib.zeros(3).copy_(t).is_inference(),
}


def outcome(lib, make, use):
    """What a use outside gives, or the type of its error."""
    with lib.inference_mode():
        tensor = make(lib)
    try:
        return use(lib, tensor, lib.ones(3, requires_grad=True))
    except RuntimeError as error:
        return type(error).__name__, str(error).split(".")[0].split(" not ")[0]


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("make", CREATIONS)
def test_as_pytorch(make, use):
    given, expected = (outcome(lib, CREATIONS[make], USES[use]) for lib in (ours, torch))
    if make == "random" and isinstance(expected, float):
        given, expected = round(given, 5), round(expected, 5)
    assert given == expected


@pytest.mark.parametrize("lib", [ours, torch], ids=["flambeau", "torch"])
def test_inside_all_is_allowed(lib):
    x = lib.ones(3, requires_grad=True)
    normal = lib.ones(3)
    with lib.inference_mode():
        made = (x * 2).add_(1)
        assert made.tolist() == [3, 3, 3] and not made.requires_grad
        assert normal.add_(1)._version == 1 and not normal.is_inference()
        assert not normal[1:].is_inference()
        assert x[1:].requires_grad
        with lib.enable_grad():
            assert not (x * 2).requires_grad
        with lib.inference_mode(False):
            assert (x * 2).requires_grad and not lib.ones(2).is_inference()
        assert lib.ones(2).is_inference()
    assert not lib.ones(2).is_inference() and lib.is_grad_enabled()


@pytest.mark.parametrize("lib", [ours, torch], ids=["flambeau", "torch"])
def test_a_view_made_inside_of_what_requires_grad(lib):
    x = lib.ones(3, requires_grad=True) * 1
    with lib.inference_mode():
        view = x[1:]
    with pytest.raises(RuntimeError, match="A view was created in inference mode and is being modified inplace"):
        view.add_(1)


def test_each_thread_has_its_own():
    inside, done = threading.Event(), threading.Event()
    seen = []

    def infer():
        with ours.inference_mode():
            inside.set()
            done.wait(10)
            seen.append((ours.ones(2) * 2).is_inference())

    worker = threading.Thread(target=infer)
    worker.start()
    inside.wait(10)
    assert not (ours.ones(2) * 2).is_inference()
    done.set()
    worker.join()
    assert seen == [True]


@pytest.mark.parametrize("lib", [ours, torch], ids=["flambeau", "torch"])
def test_views_of_parameters_made_in_inference_mode_tell_what_they_are(lib):
    with lib.inference_mode():
        weight = lib.ones(2, 3, requires_grad=True)
        view = weight.view(3, 2)
        assert not view.requires_grad and view.grad_fn is None and view.is_leaf


@pytest.mark.parametrize("lib", [ours, torch], ids=["flambeau", "torch"])
def test_memory_is_set_where_grad_mode_is_off(lib):
    x = lib.zeros(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="leaf Variable"):
        x.set_(lib.ones(3))
    with lib.no_grad():
        x.set_(lib.ones(3))
    assert x.tolist() == [1.0, 1.0, 1.0] and x.requires_grad
