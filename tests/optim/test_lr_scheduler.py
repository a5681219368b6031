"""Every schedule against PyTorch, epoch by epoch."""

from __future__ import annotations

import warnings

import pytest

torch = pytest.importorskip("torch")

import flambeau as fl  # noqa: E402
from flambeau import optim  # noqa: E402

LIBRARIES = [(fl, optim), (torch, torch.optim)]

SCHEDULES = [
    ("LambdaLR", {"lr_lambda": lambda epoch: 0.9**epoch}),
    ("MultiplicativeLR", {"lr_lambda": lambda epoch: 0.5 + 0.1 * (epoch % 3)}),
    ("StepLR", {"step_size": 3, "gamma": 0.5}),
    ("MultiStepLR", {"milestones": [2, 5, 5, 9], "gamma": 0.3}),
    ("ConstantLR", {"factor": 0.25, "total_iters": 4}),
    ("LinearLR", {"start_factor": 0.2, "end_factor": 0.8, "total_iters": 6}),
    ("ExponentialLR", {"gamma": 0.8}),
    ("PolynomialLR", {"total_iters": 7, "power": 2.0}),
    ("CosineAnnealingLR", {"T_max": 5, "eta_min": 0.01}),
    ("CosineAnnealingWarmRestarts", {"T_0": 3, "T_mult": 2, "eta_min": 0.02}),
    ("CosineAnnealingWarmRestarts", {"T_0": 4}),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.2, "step_size_up": 4}),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": [0.2, 0.3], "step_size_up": 2, "step_size_down": 3,
                  "mode": "triangular2"}),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.2, "step_size_up": 4, "mode": "exp_range", "gamma": 0.9}),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.2, "step_size_up": 4, "scale_fn": lambda x: 1 / (x + 1),
                  "scale_mode": "iterations", "cycle_momentum": False}),
    ("OneCycleLR", {"max_lr": 0.5, "total_steps": 21}),
    ("OneCycleLR", {"max_lr": [0.5, 0.7], "epochs": 3, "steps_per_epoch": 7, "three_phase": True}),
    ("OneCycleLR", {"max_lr": 0.5, "total_steps": 21, "anneal_strategy": "linear", "pct_start": 0.5}),
]  # fmt: skip


def build(library, module, optimizer="SGD"):
    options = {"momentum": 0.9} if optimizer == "SGD" else {}
    groups = [
        {"params": [library.ones(1, requires_grad=True)]},
        {"params": [library.ones(1, requires_grad=True)], "lr": 0.2},
    ]
    return getattr(module, optimizer)(groups, lr=0.1, **options)


def values(optimizer):
    return [(group["lr"], group.get("momentum"), group.get("betas")) for group in optimizer.param_groups]


def plain_state(scheduler):
    """What can be compared between libraries: no functions."""
    state = scheduler.state_dict()
    return {k: v for k, v in state.items() if not callable(v) and k != "_schedule_phases"}


@pytest.mark.parametrize("optimizer_name", ["SGD", "Adam"])
@pytest.mark.parametrize(("name", "options"), SCHEDULES)
def test_rates_of_twenty_epochs(name, options, optimizer_name):
    histories = []
    for library, module in LIBRARIES:
        optimizer = build(library, module, optimizer_name)
        scheduler = getattr(module.lr_scheduler, name)(optimizer, **options)
        history = [values(optimizer)]
        for _ in range(20):
            optimizer.step()
            scheduler.step()
            history.append(values(optimizer))
        histories.append((history, scheduler.get_last_lr(), plain_state(scheduler)))
    assert histories[0] == histories[1]


@pytest.mark.parametrize(("name", "options"), SCHEDULES)
def test_resuming_from_a_state_dict(name, options):
    optimizer = build(fl, optim)
    scheduler = getattr(optim.lr_scheduler, name)(optimizer, **options)
    for _ in range(3):
        optimizer.step()
        scheduler.step()
    other = build(fl, optim)
    resumed = getattr(optim.lr_scheduler, name)(other, **options)
    resumed.load_state_dict(scheduler.state_dict())
    other.load_state_dict(optimizer.state_dict())
    for _ in range(5):
        optimizer.step(), scheduler.step(), other.step(), resumed.step()
        assert values(other) == values(optimizer)


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("threshold_mode", ["rel", "abs"])
def test_plateau(mode, threshold_mode):
    metrics = [5, 4, 4, 4, 4, 3.9999, 3, 3, 3, 3, 3, 3, 6, 7, 7, 7, 7, 7]
    histories = []
    for library, module in LIBRARIES:
        optimizer = build(library, module)
        scheduler = module.lr_scheduler.ReduceLROnPlateau(
            optimizer,
            mode,
            patience=2,
            threshold=1e-3,
            threshold_mode=threshold_mode,
            cooldown=1,
            min_lr=2e-3,
        )
        history = []
        for metric in metrics:
            scheduler.step(metric)
            history.append(values(optimizer))
        histories.append((history, scheduler.get_last_lr(), plain_state(scheduler)))
    assert histories[0] == histories[1]


def test_sequential_and_chained():
    histories = []
    for library, module in LIBRARIES:
        schedules = module.lr_scheduler
        optimizer = build(library, module)
        sequence = schedules.SequentialLR(
            optimizer,
            [schedules.LinearLR(optimizer, total_iters=4), schedules.CosineAnnealingLR(optimizer, T_max=6)],
            milestones=[4],
        )
        other = build(library, module)
        chain = schedules.ChainedScheduler(
            [schedules.ConstantLR(other, total_iters=3), schedules.ExponentialLR(other, gamma=0.9)]
        )
        history = [(values(optimizer), values(other))]
        for _ in range(10):
            optimizer.step(), sequence.step(), other.step(), chain.step()
            history.append((values(optimizer), values(other)))
        histories.append((history, sequence.state_dict(), chain.state_dict()))
    assert histories[0] == histories[1]


def test_rate_in_a_tensor_is_filled_in_place():
    rate = fl.tensor(0.5)
    optimizer = optim.SGD([fl.ones(1, requires_grad=True)], lr=rate)
    scheduler = optim.lr_scheduler.StepLR(optimizer, 1)
    optimizer.step()
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] is rate and rate.item() == pytest.approx(0.05)


def test_order_of_steps_is_checked_once():
    optimizer = build(fl, optim)
    scheduler = optim.lr_scheduler.StepLR(optimizer, 1)
    with pytest.warns(UserWarning, match=r"lr_scheduler.step\(\)` before `optimizer.step"):
        scheduler.step()
    optimizer = build(fl, optim)
    scheduler = optim.lr_scheduler.StepLR(optimizer, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optimizer.step()
        scheduler.step()
    with pytest.warns(UserWarning, match="get_last_lr"):
        scheduler.get_lr()


def test_jumping_to_an_epoch_uses_the_closed_form():
    histories = []
    for library, module in LIBRARIES:
        optimizer = build(library, module)
        scheduler = module.lr_scheduler.StepLR(optimizer, 2)
        optimizer.step()
        with pytest.warns(UserWarning, match="epoch parameter"):
            scheduler.step(5)
        histories.append(values(optimizer))
    assert histories[0] == histories[1]


@pytest.mark.parametrize(
    ("name", "options", "error"),
    [
        ("ConstantLR", {"factor": 2.0}, ValueError),
        ("LinearLR", {"start_factor": 0.0}, ValueError),
        ("OneCycleLR", {"max_lr": 0.1}, ValueError),
        ("OneCycleLR", {"max_lr": 0.1, "total_steps": 0}, ValueError),
        ("OneCycleLR", {"max_lr": [0.1], "total_steps": 5}, ValueError),
        ("CosineAnnealingWarmRestarts", {"T_0": 0}, ValueError),
        ("LambdaLR", {"lr_lambda": [abs]}, ValueError),
        ("CyclicLR", {"base_lr": 0.1, "max_lr": 0.2, "mode": "square"}, ValueError),
        ("ReduceLROnPlateau", {"factor": 1.0}, ValueError),
        ("StepLR", {"step_size": 1, "last_epoch": 3}, KeyError),
    ],
)
def test_wrong_options(name, options, error):
    with pytest.raises(error):
        getattr(optim.lr_scheduler, name)(build(fl, optim), **options)


def test_only_optimizers_can_be_scheduled():
    with pytest.raises(TypeError, match="int is not an Optimizer"):
        optim.lr_scheduler.ExponentialLR(3, gamma=0.5)
