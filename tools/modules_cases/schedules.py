"""Learning-rate schedules, alone and composed, thirty steps by both libraries."""

from __future__ import annotations

import copy
import importlib
from collections.abc import Callable
from typing import Any

from modules_cases.comparing import Report, attempt

STEPS = 30

# A schedule of ``(L, optimizer)``, where L is ``optim.lr_scheduler``, for an optimizer of one group.
SCHEDULES: dict[str, Callable[[Any, Any], Any]] = {
    "LambdaLR": lambda L, o: L.LambdaLR(o, lambda e: 0.95**e),
    "LambdaLR object": lambda L, o: L.LambdaLR(o, Decay(0.9)),
    "MultiplicativeLR": lambda L, o: L.MultiplicativeLR(o, lambda e: 0.95),
    "StepLR": lambda L, o: L.StepLR(o, 3, 0.5),
    "StepLR keyword": lambda L, o: L.StepLR(o, step_size=7),
    "MultiStepLR": lambda L, o: L.MultiStepLR(o, [2, 5, 5, 11], 0.3),
    "ConstantLR": lambda L, o: L.ConstantLR(o, 0.25, 6),
    "ConstantLR default": lambda L, o: L.ConstantLR(o),
    "LinearLR": lambda L, o: L.LinearLR(o, 0.2, 0.9, 8),
    "LinearLR default": lambda L, o: L.LinearLR(o),
    "LinearLR down": lambda L, o: L.LinearLR(o, 1.0, 0.1, 20),
    "LinearLR zero": lambda L, o: L.LinearLR(o, 0.0),
    "ExponentialLR": lambda L, o: L.ExponentialLR(o, 0.8),
    "PolynomialLR": lambda L, o: L.PolynomialLR(o, 12, 2.0),
    "PolynomialLR default": lambda L, o: L.PolynomialLR(o),
    "CosineAnnealingLR": lambda L, o: L.CosineAnnealingLR(o, 7, 0.01),
    "CosineAnnealingLR one": lambda L, o: L.CosineAnnealingLR(o, 1),
    "CosineAnnealingWarmRestarts": lambda L, o: L.CosineAnnealingWarmRestarts(o, 4, 2, 0.02),
    "CosineAnnealingWarmRestarts one": lambda L, o: L.CosineAnnealingWarmRestarts(o, 5),
    "CyclicLR": lambda L, o: L.CyclicLR(o, 0.01, 0.2, 4),
    "CyclicLR triangular2": lambda L, o: L.CyclicLR(o, 0.01, 0.2, 3, 5, "triangular2"),
    "CyclicLR exp_range": lambda L, o: L.CyclicLR(o, 0.01, 0.2, 3, mode="exp_range", gamma=0.9),
    "CyclicLR function": lambda L, o: L.CyclicLR(o, 0.01, 0.2, 3, scale_fn=lambda x: 1 / x, scale_mode="cycle"),
    "CyclicLR no momentum": lambda L, o: L.CyclicLR(o, 0.01, 0.2, 3, cycle_momentum=False),
    "CyclicLR momenta": lambda L, o: L.CyclicLR(o, [0.01], [0.2], 3, base_momentum=0.5, max_momentum=0.7),
    "OneCycleLR": lambda L, o: L.OneCycleLR(o, 0.3, 30),
    "OneCycleLR epochs": lambda L, o: L.OneCycleLR(o, 0.3, epochs=5, steps_per_epoch=8, pct_start=0.4),
    "OneCycleLR linear": lambda L, o: L.OneCycleLR(o, 0.3, 35, anneal_strategy="linear", three_phase=True),
    "OneCycleLR short": lambda L, o: L.OneCycleLR(o, 0.3, 10),
    "OneCycleLR divided": lambda L, o: L.OneCycleLR(o, 0.3, 40, div_factor=5, final_div_factor=7, cycle_momentum=False),
    "SequentialLR": lambda L, o: L.SequentialLR(o, [L.LinearLR(o, 0.1, 1.0, 5), L.CosineAnnealingLR(o, 10)], [5]),
    "SequentialLR three": lambda L, o: L.SequentialLR(
        o, [L.ConstantLR(o, 0.1, 20), L.ExponentialLR(o, 0.9), L.StepLR(o, 2, 0.5)], [4, 12]
    ),
    "SequentialLR warm restarts": lambda L, o: L.SequentialLR(
        o, [L.ConstantLR(o), L.CosineAnnealingWarmRestarts(o, 3)], [6]
    ),
    "ChainedScheduler": lambda L, o: L.ChainedScheduler([L.ConstantLR(o, 0.1, 4), L.ExponentialLR(o, 0.9)]),
    "ChainedScheduler optimizer": lambda L, o: L.ChainedScheduler([L.LinearLR(o), L.StepLR(o, 4)], optimizer=o),
    "ChainedScheduler nested": lambda L, o: L.ChainedScheduler(
        [L.SequentialLR(o, [L.ConstantLR(o), L.ExponentialLR(o, 0.9)], [3]), L.StepLR(o, 5)]
    ),
    "SWALR": lambda L, o: swa(L).SWALR(o, 0.05, 5),
    "SWALR linear": lambda L, o: swa(L).SWALR(o, [0.02], 4, "linear"),
    "SWALR at once": lambda L, o: swa(L).SWALR(o, 0.02, 0),
}
WRONG: dict[str, Callable[[Any, Any], Any]] = {
    "no optimizer": lambda L, o: L.StepLR(3, 1),
    "resumed without initial_lr": lambda L, o: L.StepLR(o, 1, last_epoch=3),
    "lambdas": lambda L, o: L.LambdaLR(o, [abs, abs]),
    "no lambda": lambda L, o: L.MultiplicativeLR(o, 0.5),
    "constant": lambda L, o: L.ConstantLR(o, 1.5),
    "linear start": lambda L, o: L.LinearLR(o, 1.5),
    "linear end": lambda L, o: L.LinearLR(o, 0.5, 1.5),
    "restarts": lambda L, o: L.CosineAnnealingWarmRestarts(o, 0),
    "restarts mult": lambda L, o: L.CosineAnnealingWarmRestarts(o, 3, 1.5),
    "restarts eta": lambda L, o: L.CosineAnnealingWarmRestarts(o, 3, eta_min="0"),
    "cyclic mode": lambda L, o: L.CyclicLR(o, 0.1, 0.2, mode="square"),
    "cyclic rates": lambda L, o: L.CyclicLR(o, [0.1, 0.2], 0.2),
    "one cycle steps": lambda L, o: L.OneCycleLR(o, 0.1),
    "one cycle negative": lambda L, o: L.OneCycleLR(o, 0.1, -3),
    "one cycle float": lambda L, o: L.OneCycleLR(o, 0.1, 3.5),
    "one cycle pct": lambda L, o: L.OneCycleLR(o, 0.1, 3, pct_start=1.5),
    "one cycle anneal": lambda L, o: L.OneCycleLR(o, 0.1, 3, anneal_strategy="cubic"),
    "plateau factor": lambda L, o: L.ReduceLROnPlateau(o, factor=1.0),
    "plateau mode": lambda L, o: L.ReduceLROnPlateau(o, mode="least"),
    "plateau threshold": lambda L, o: L.ReduceLROnPlateau(o, threshold_mode="best"),
    "plateau min": lambda L, o: L.ReduceLROnPlateau(o, min_lr=[0.1, 0.1]),
    "sequential none": lambda L, o: L.SequentialLR(o, [], []),
    "sequential milestones": lambda L, o: L.SequentialLR(o, [L.ConstantLR(o), L.ExponentialLR(o, 0.9)], [3, 4]),
    "sequential other": lambda L, o: L.SequentialLR(o, [L.ConstantLR(o), L.ExponentialLR(copy.deepcopy(o), 0.9)], [3]),
    "sequential plateau": lambda L, o: L.SequentialLR(o, [L.ConstantLR(o), L.ReduceLROnPlateau(o)], [3]),
    "chained none": lambda L, o: L.ChainedScheduler([]),
    "chained other": lambda L, o: L.ChainedScheduler([L.ConstantLR(o), L.ExponentialLR(copy.deepcopy(o), 0.9)]),
    "chained plateau": lambda L, o: L.ChainedScheduler([L.ReduceLROnPlateau(o)]),
    "swa strategy": lambda L, o: swa(L).SWALR(o, 0.1, anneal_strategy="cubic"),
    "swa epochs": lambda L, o: swa(L).SWALR(o, 0.1, -1),
    "swa rates": lambda L, o: swa(L).SWALR(o, [0.1, 0.2]),
}
PLATEAUS: dict[str, dict] = {
    "default": {},
    "quick": {"patience": 1, "factor": 0.5},
    "max": {"mode": "max", "patience": 2},
    "abs": {"threshold_mode": "abs", "threshold": 0.05, "patience": 1},
    "cooldown": {"patience": 0, "cooldown": 3, "factor": 0.3},
    "least": {"patience": 0, "min_lr": 0.03, "factor": 0.5},
    "eps": {"patience": 0, "eps": 0.02},
    "max abs": {"mode": "max", "threshold_mode": "abs", "patience": 0, "min_lr": [0.01]},
}


class Decay:
    """A callable with a state of its own."""

    def __init__(self, base: float) -> None:
        self.base = base

    def __call__(self, epoch: int) -> float:
        return self.base**epoch


def swa(L: Any) -> Any:
    return importlib.import_module(L.__name__.replace("lr_scheduler", "swa_utils"))


def run(report: Report) -> None:
    for name, make in SCHEDULES.items():
        if report.wants(name):
            for program in (alone, resumed, by_epoch, several_groups, tensor_rate, unordered, asked):
                report.compare(f"{name}[{program.__name__}]", lambda m: program(m, make))
    for name, make in WRONG.items():
        if report.wants("wrong " + name):
            report.compare(
                f"wrong {name}", lambda m: {"error": attempt(lambda: make(m.optim.lr_scheduler, optimizer(m)) and None)}
            )
    for name, options in PLATEAUS.items():
        if report.wants("ReduceLROnPlateau " + name):
            report.compare(f"ReduceLROnPlateau[{name}]", lambda m: plateau(m, options))


def optimizer(m: Any, rate: Any = 0.1, groups: int = 1) -> Any:
    params = [{"params": [m.nn.Parameter(m.ones(2))], "lr": rate * (i + 1) if i else rate} for i in range(groups)]
    return m.optim.SGD(params, lr=rate, momentum=0.9)


def advance(opt: Any, schedule: Any, steps: int = STEPS) -> list:
    seen = [rates(opt, schedule)]
    for _ in range(steps):
        opt.step()
        failure = attempt(schedule.step)
        seen.append([*rates(opt, schedule), failure])
        if failure is not None:
            break
    return seen


def rates(opt: Any, schedule: Any) -> list:
    """Rates and momenta of the groups, and the last rates; copied, as a rate may be a tensor."""
    last = schedule.get_last_lr()
    pairs = [[g["lr"], g["momentum"]] for g in opt.param_groups]
    return copy.deepcopy([pairs, [getattr(r, "item", lambda r=r: r)() for r in last]])


def alone(m: Any, make: Callable) -> dict:
    opt = optimizer(m)
    schedule = make(m.optim.lr_scheduler, opt)
    return {"rates": advance(opt, schedule), "state": plain(schedule.state_dict()), "group": plain(opt.param_groups[0])}


def plain(state: dict) -> dict:
    """A state dict without what only its library can read."""
    return {key: value for key, value in state.items() if key not in ("params", "_scale_fn_ref", "_scale_fn_custom")}


def resumed(m: Any, make: Callable) -> dict:
    """Ten steps, then the states of optimizer and schedule go on in new ones."""
    first = optimizer(m)
    schedule = make(m.optim.lr_scheduler, first)
    advance(first, schedule, 9)
    second = optimizer(m)
    later = make(m.optim.lr_scheduler, second)
    second.load_state_dict(first.state_dict())
    later.load_state_dict(copy.deepcopy(schedule.state_dict()))
    return {"rates": advance(second, later, 8), "state": plain(later.state_dict())}


def by_epoch(m: Any, make: Callable) -> dict:
    opt = optimizer(m)
    schedule = make(m.optim.lr_scheduler, opt)
    opt.step()
    found = []
    for epoch in (1, 5, 2, 9):
        failure = attempt(lambda: schedule.step(epoch))
        found.append([rates(opt, schedule), failure])
    return {"rates": found}


def several_groups(m: Any, make: Callable) -> Any:
    opt = optimizer(m, groups=3)
    schedule = make(m.optim.lr_scheduler, opt)
    return {"rates": advance(opt, schedule, 12)}


def tensor_rate(m: Any, make: Callable) -> Any:
    opt = optimizer(m, m.tensor(0.1))
    schedule = make(m.optim.lr_scheduler, opt)
    return {"rates": advance(opt, schedule, 12), "rate": opt.param_groups[0]["lr"]}


def unordered(m: Any, make: Callable) -> dict:
    """The schedule before the optimizer, which warns."""
    opt = optimizer(m)
    schedule = make(m.optim.lr_scheduler, opt)
    schedule.step()
    schedule.step()
    return {"rates": rates(opt, schedule)}


def asked(m: Any, make: Callable) -> dict:
    """``get_lr`` outside ``step``, a last epoch to begin after, a copy."""
    opt = optimizer(m)
    schedule = make(m.optim.lr_scheduler, opt)
    advance(opt, schedule, 3)
    found = {
        "get_lr": attempt(schedule.get_lr),
        "epoch": schedule.last_epoch,
        "attributes": sorted(k for k in vars(schedule)),
    }
    again = attempt(lambda: copy.deepcopy(schedule))
    found["copy"] = again if isinstance(again, Exception) else again.get_last_lr()
    return found


def plateau(m: Any, options: dict) -> dict:
    opt = optimizer(m)
    schedule = m.optim.lr_scheduler.ReduceLROnPlateau(opt, **options)
    seen = []
    for step in range(STEPS):
        opt.step()
        schedule.step(m.tensor(1.0 / (1 + step // 4) + 0.1 * (step % 3)) if step % 2 else 1.0 / (1 + step // 4))
        seen.append([rates(opt, schedule), schedule.num_bad_epochs, schedule.best, schedule.in_cooldown])
    second = optimizer(m)
    later = m.optim.lr_scheduler.ReduceLROnPlateau(second)
    later.load_state_dict(schedule.state_dict())
    later.step(5.0)
    return {
        "seen": seen,
        "state": schedule.state_dict(),
        "later": later.state_dict(),
        "wrong": attempt(lambda: later.step("x")),
    }
