"""``GradScaler`` scales, skips and adapts as PyTorch's does."""

from __future__ import annotations

import pickle

import pytest

import flambeau

torch = pytest.importorskip("torch")


def train(library, gradients, **options):
    """Scales and parameters after steps with the given gradients of a loss ``w * g``."""
    weight = library.nn.Parameter(library.ones(2))
    optimizer = library.optim.SGD([weight], lr=0.5)
    scaler = library.amp.GradScaler("cpu", **options)
    seen = []
    for gradient in gradients:
        optimizer.zero_grad()
        scaler.scale((weight * library.tensor(gradient)).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        seen.append((scaler.get_scale(), weight.tolist(), scaler.state_dict()))
    return seen


OPTIONS = [{}, {"init_scale": 4.0, "growth_interval": 2}, {"growth_factor": 3.0, "backoff_factor": 0.25}, {"enabled": False}]


@pytest.mark.parametrize("options", OPTIONS)
def test_training(options):
    gradients = [1.0, 2.0, float("inf"), -1.0, float("nan"), 0.5, 0.25, 0.125]
    assert repr(train(flambeau, gradients, **options)) == repr(train(torch, gradients, **options))


def test_gradients_can_be_seen_unscaled():
    for library in (torch, flambeau):
        weight = library.nn.Parameter(library.ones(3))
        optimizer = library.optim.SGD([weight], lr=1.0)
        scaler = library.amp.GradScaler("cpu", init_scale=8.0)
        losses = scaler.scale([weight.sum(), (weight * 2).sum()])
        assert isinstance(losses, list)
        losses[1].backward()
        assert weight.grad.tolist() == [16, 16, 16]
        scaler.unscale_(optimizer)
        assert weight.grad.tolist() == [2, 2, 2]
        with pytest.raises(RuntimeError):
            scaler.unscale_(optimizer)
        scaler.step(optimizer)
        with pytest.raises(RuntimeError):
            scaler.step(optimizer)
        scaler.update(16.0)
        assert scaler.get_scale() == 16.0 and weight.tolist() == [-1, -1, -1]


def test_state_is_saved():
    for library in (torch, flambeau):
        scaler = library.amp.GradScaler("cpu", init_scale=32.0)
        scaler.scale(library.ones(()))
        again = pickle.loads(pickle.dumps(scaler))
        assert again.get_scale() == 32.0
        other = library.amp.GradScaler("cpu")
        other.load_state_dict(scaler.state_dict())
        assert other.state_dict() == scaler.state_dict()
        with pytest.raises(RuntimeError):
            other.load_state_dict({})


WRONG = [
    "G('cpu', growth_factor=1.0)", "G('cpu', backoff_factor=1.0)", "G('cpu').scale(3)", "G('cpu').update()",
    "G('cpu').step(None)", "G('cpu').step(None, closure=1)",
]  # fmt: skip


@pytest.mark.parametrize("call", WRONG)
def test_wrong_use_raises_pytorch_s_exception(call):
    with pytest.raises(Exception) as wanted:
        eval(call, {"G": torch.amp.GradScaler})
    with pytest.raises(wanted.type):
        eval(call, {"G": flambeau.amp.GradScaler})


def test_without_cuda_it_is_disabled():
    for library in (torch, flambeau):
        with pytest.warns(UserWarning):
            scaler = library.amp.GradScaler()
        assert not scaler.is_enabled() and scaler.get_scale() == 1.0 and scaler.state_dict() == {}
        assert scaler.scale(3) == 3
        with pytest.warns(FutureWarning):
            assert library.cpu.amp.GradScaler().is_enabled()


def test_half_precision_gradients_are_refused():
    for library in (torch, flambeau):
        weight = library.nn.Parameter(library.ones(2, dtype=library.float16))
        scaler = library.amp.GradScaler("cpu")
        scaler.scale(weight.sum()).backward()
        with pytest.raises(ValueError):
            scaler.unscale_(library.optim.SGD([weight], lr=1.0))
