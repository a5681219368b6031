"""A backward pass of a known form: the same gradients as the engine's own walk, at every turn, whatever happens in between."""

from __future__ import annotations

import pytest

import flambeau
from flambeau.lazy import window
from flambeau.ops import backward_pass

torch = pytest.importorskip("torch")


def net(lib, x, w, v):
    hidden = (x @ w).relu()
    return ((hidden @ v).sigmoid() * hidden.sum(1, keepdim=True)).mean() + hidden.t()[1].exp().sum()


def leaves(lib):
    made = [lib.arange(12.0).reshape(4, 3) / 7 - 0.6, lib.arange(6.0).reshape(3, 2) / 3 - 0.8, lib.ones(2, 5)]
    return [t.requires_grad_() for t in made]


def turns(lib, count: int, forget: bool = True, between=lambda lib, turn, tensors: None) -> list:
    tensors = leaves(lib)
    seen = []
    for turn in range(count):
        if forget:
            for t in tensors:
                t.grad = None
        between(lib, turn, tensors)
        net(lib, *tensors).backward()
        seen.append([t.grad.tolist() for t in tensors])
    return seen


def recorded_names() -> list[str]:
    return [instruction[0].operator.name for instruction in window.current.code]


def same(ours: list, theirs: list) -> None:
    for mine, other in zip(ours, theirs, strict=True):
        for a, b in zip(mine, other, strict=True):
            torch.testing.assert_close(torch.tensor(a), torch.tensor(b))


@pytest.mark.parametrize("forget", [True, False], ids=["fresh gradients", "accumulated gradients"])
def test_every_turn_gives_pytorchs_gradients(forget):
    same(turns(flambeau, 5, forget), turns(torch, 5, forget))


def test_the_bits_do_not_depend_on_how_often_a_form_was_seen():
    first, *others = turns(flambeau, 5)
    assert all(turn == first for turn in others)


@pytest.mark.skipif(window.EAGER, reason="nothing stays pending in eager mode")
def test_from_the_third_turn_on_backward_is_one_instruction():
    turns(flambeau, 3)
    tensors = leaves(flambeau)
    loss = net(flambeau, *tensors)
    before = len(recorded_names())
    loss.backward()
    assert recorded_names()[before:] == ["backward"]


def test_several_roots_and_given_gradients():
    def run(lib):
        seen = []
        for _ in range(4):
            x = lib.arange(3.0).requires_grad_()
            y, z = x.sin(), x * x
            lib.autograd.backward([y, z], [lib.ones(3), lib.arange(3.0)])
            seen.append([x.grad.tolist()])
        return seen

    same(run(flambeau), run(torch))


def test_a_tensor_used_several_times():
    def run(lib):
        seen = []
        for _ in range(4):
            x = lib.linspace(-1, 1, 5).requires_grad_()
            y = x.exp()
            for _ in range(3):
                y = y * x + y
            y.sum().backward()
            seen.append([x.grad.tolist()])
        return seen

    same(run(flambeau), run(torch))


def test_run_time_numbers_are_not_part_of_the_form():
    def run(lib):
        seen = []
        for turn in range(4):
            x = lib.arange(3.0).requires_grad_()
            (x * (turn + 0.5)).pow(turn + 1.0).sum().backward()
            seen.append([x.grad.tolist()])
        return seen

    same(run(flambeau), run(torch))


def hook_in_the_graph(lib, x):
    x = x * 2
    x.register_hook(lambda grad: grad * 10)
    return x


def hook_on_the_leaf(lib, x):
    x.register_hook(lambda grad: grad + 1)
    return x * 2


def retained(lib, x):
    y = x * 2
    y.retain_grad()
    x.kept = y
    return y


@pytest.mark.parametrize("watch", [hook_in_the_graph, hook_on_the_leaf, retained])
def test_hooks_see_every_pass(watch):
    def run(lib):
        seen = []
        for turn in range(6):
            x = lib.arange(3.0).requires_grad_()
            y = watch(lib, x) if turn >= 3 else x * 2
            (y * y).sum().backward()
            seen.append([x.grad.tolist(), x.kept.grad.tolist() if hasattr(x, "kept") else []])
        return seen

    same(run(flambeau), run(torch))


def test_saved_tensors_hooks_see_every_pass():
    def run(lib):
        packed, seen = [], []
        for turn in range(5):
            x = lib.arange(3.0).requires_grad_()
            if turn < 3:
                y = (x * x).sum()
            else:
                with lib.autograd.graph.saved_tensors_hooks(lambda t: packed.append(1) or t * 2, lambda t: t):
                    y = (x * x).sum()
            y.backward()
            seen.append([x.grad.tolist(), [float(len(packed) > 0)]])
        return seen

    same(run(flambeau), run(torch))


def write_to_saved(lib, x, y):
    y.mul_(2)


def pass_before(lib, x, y):
    y.sum().backward()


@pytest.mark.parametrize("spoil", [write_to_saved, pass_before])
def test_what_was_spoiled_is_refused(spoil):
    def run(lib):
        for turn in range(4):
            x = lib.arange(3.0).requires_grad_()
            y = x.exp()
            z = y.sum()
            if turn == 3:
                spoil(lib, x, y)
            z.backward()

    with pytest.raises(RuntimeError):
        run(flambeau)
    with pytest.raises(RuntimeError):
        run(torch)


def test_a_graph_that_is_kept_can_be_passed_again():
    def run(lib):
        seen = []
        for _ in range(4):
            x = lib.arange(3.0).requires_grad_()
            y = x.exp().sum()
            y.backward(retain_graph=True)
            y.backward()
            seen.append([x.grad.tolist()])
        return seen

    same(run(flambeau), run(torch))


def test_a_frozen_leaf_gets_no_gradient():
    def run(lib):
        seen = []
        for turn in range(4):
            x, w = lib.arange(3.0).requires_grad_(), lib.ones(3).requires_grad_()
            y = (x * w).sum()
            if turn == 3:
                w.requires_grad_(False)
            y.backward()
            seen.append([x.grad.tolist(), [] if w.grad is None else w.grad.tolist()])
        return seen

    same(run(flambeau), run(torch))


def test_forms_are_bounded(monkeypatch):
    monkeypatch.setattr(backward_pass, "MAX_FORMS", 8)
    monkeypatch.setattr(backward_pass, "_known", {})
    for size in range(1, 40):
        x = flambeau.ones(size).requires_grad_()
        x.exp().sum().backward()
    assert len(backward_pass._known) <= 8
