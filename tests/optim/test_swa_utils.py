"""Averaged models and the schedule that leads to them, against PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau as fl

torch = pytest.importorskip("torch")


def swa(library):
    return __import__(f"{library.__name__}.optim.swa_utils", fromlist=["swa_utils"])


def net(library):
    library.manual_seed(0)
    return library.nn.Sequential(library.nn.Linear(3, 4), library.nn.BatchNorm1d(4), library.nn.Linear(4, 2).double())


AVERAGES = {
    "swa": lambda s: {},
    "ema": lambda s: {"avg_fn": s.get_ema_avg_fn(0.7)},
    "swa one by one": lambda s: {"avg_fn": s.get_swa_avg_fn()},
    "ema of lists": lambda s: {"multi_avg_fn": s.get_ema_multi_avg_fn(0.7), "use_buffers": True},
    "swa of lists": lambda s: {"multi_avg_fn": s.get_swa_multi_avg_fn(), "use_buffers": False},
    "own": lambda s: {"avg_fn": lambda average, current, count: 0.1 * average + current * count},
}


@pytest.mark.parametrize("how", AVERAGES)
def test_averages_along_a_training(how):
    states = []
    for library in (fl, torch):
        model = net(library)
        averaged = swa(library).AveragedModel(model, **AVERAGES[how](swa(library)))
        for step in range(4):
            with library.no_grad():
                for param in model.parameters():
                    param.add_(0.5 * step)
                model[1].running_mean.add_(step)
                model[1].num_batches_tracked.add_(step)
            averaged.update_parameters(model)
        states.append({key: value.numpy() for key, value in averaged.state_dict().items()})
    ours, theirs = states
    assert list(ours) == list(theirs)
    for key in ours:
        assert ours[key].dtype == theirs[key].dtype
        np.testing.assert_allclose(ours[key], theirs[key], rtol=1e-5, atol=1e-6, err_msg=key)


def test_update_bn_takes_the_means_over_all_batches():
    batches = np.random.default_rng(0).standard_normal((3, 5, 3)).astype(np.float32)
    means = []
    for library in (fl, torch):
        model = net(library)[:2].eval()
        swa(library).update_bn([(library.from_numpy(batch), 0) for batch in batches], model)
        assert not model.training and model[1].momentum == 0.1
        means.append((model[1].running_mean.numpy(), model[1].running_var.numpy()))
    for mine, theirs in zip(*means):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("options", [(0.05,), (0.02, 4, "linear"), ([0.02], 0)])
def test_swalr_goes_to_its_rate_and_stays(options):
    rates = []
    for library in (fl, torch):
        optimizer = library.optim.SGD([library.nn.Parameter(library.ones(1))], lr=0.3)
        schedule = swa(library).SWALR(optimizer, *options)
        rates.append([])
        for _ in range(12):
            optimizer.step()
            schedule.step()
            rates[-1].append(schedule.get_last_lr()[0])
    assert rates[0] == pytest.approx(rates[1])


def test_wrong_arguments():
    for library in (fl, torch):
        s = swa(library)
        with pytest.raises(ValueError, match="Invalid decay value 1.5"):
            s.get_ema_multi_avg_fn(1.5)
        with pytest.raises(AssertionError, match="Only one of"):
            s.AveragedModel(net(library), avg_fn=max, multi_avg_fn=max)
        with pytest.raises(ValueError, match="anneal_strategy must be one of"):
            s.SWALR(library.optim.SGD([library.ones(1)]), 0.1, anneal_strategy="cubic")
